"""What a pick has in common with another one, so that the desk looks twice: hints, nothing here forbids.

A double names the other items. The desk takes this one instead of another, or another instead of this one, or lets all
stand; what it let stand is kept with the pick. An article that the newsletter sent lately needs to say what it is: a
repeat or an update.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.models import Digest, Pick
from digests.states import DigestState
from newsroom.web.keys import among
from newsroom.web.tags import short_day

SENT_DAYS = 30
"""How long a reader remembers."""
MOST_BY_AUTHOR = 2
FEWEST_FOR_SECTION = 3
"""Two articles of one section are no pattern."""
MOST_LISTED = 3


@dataclass(frozen=True, kw_only=True)
class Double:
    """One thing a pick has in common with another.

    key: what is kept when the desk lets it stand. other: the pick it names, if it is in this digest.
    """

    kind: str
    key: str
    sentence: str
    other: Pick | None = None
    stands: bool = False


@dataclass(frozen=True, kw_only=True)
class Sent:
    """By article, what the digest's readers had lately. event: of another article that tells of the same."""

    itself: Mapping[int, Digest] = field(default_factory=dict)
    event: Mapping[int, Pick] = field(default_factory=dict)


def doubles(
    digest: Digest, picks: Sequence[Pick], *, at: datetime, sent: Sent | None = None
) -> dict[int, list[Double]]:
    """By pick, what it has in common with one before it in the digest or in one sent lately.

    picks come with their stories, see `stories.with_stories`. Queries: 1, none if `sent_lately` was asked before.
    """
    ordered = as_read(digest, picks)
    sent = sent_lately(digest, ordered, at=at) if sent is None else sent
    found: dict[int, list[Double]] = {}
    for index, pick in enumerate(ordered):
        for double in _of(pick, ordered[:index], is_last=index == len(ordered) - 1, sent=sent, at=at):
            found.setdefault(pick.pk, []).append(double)
    return found


def as_read(digest: Digest, picks: Sequence[Pick]) -> list[Pick]:
    """The picks in the order in which they are read."""
    order = {slot["key"]: number for number, slot in enumerate(digest.slots)}
    return sorted(picks, key=lambda pick: (order.get(pick.slot, len(order)), pick.position, pick.pk))


def listed(picks: Sequence[Pick]) -> str:
    """Their headlines in a sentence, and how many more there are."""
    shown = ", ".join(_("“%(title)s”") % {"title": pick} for pick in picks[:MOST_LISTED])
    if not (rest := len(picks) - MOST_LISTED) > 0:
        return shown
    # Translators: „Die Fähre“, „Der Kran“, „Das Licht“ und noch 2
    return ngettext("%(shown)s and %(number)d more", "%(shown)s and %(number)d more", rest) % {
        "shown": shown,
        "number": rest,
    }


def _of(pick: Pick, earlier: Sequence[Pick], *, is_last: bool, sent: Sent, at: datetime) -> Iterator[Double]:
    article = pick.article
    for other in earlier:
        if article.canonical_url and article.canonical_url == other.article.canonical_url:
            yield _double(pick, "url", other, _("The same address as “%(other)s”."))
        elif article.cluster_id and article.cluster_id == other.article.cluster_id:
            yield _double(pick, "cluster", other, _("Tells of the same event as “%(other)s”."))
        if (picture := _picture(pick)) and picture == _picture(other):
            yield _double(pick, "picture", other, _("Has the same picture as “%(other)s”."))
    yield from _by_one_author(pick, earlier)
    if is_last and (section := _one_section([*earlier, pick])):
        sentence = _("From one section with all others, %(section)s: %(others)s.") % {
            "section": section,
            "others": listed(earlier),
        }
        yield _standing(pick, Double(kind="section", key=key_of_section(pick), sentence=sentence))
    if digest := sent.itself.get(pick.article_id):
        sentence = _("Sent on %(date)s in %(digest)s already. Say whether it is a repeat or an update.")
        told = sentence % {"date": day_of(digest, at), "digest": digest}
        yield Double(kind="sent", key=f"sent:{digest.pk}", sentence=told, stands=bool(pick.label))
    if former := sent.event.get(pick.article_id):
        # Translators: Vom selben Ereignis erzählte schon „Die Fähre“ am 3. Mai in Morgenpost 12.
        sentence = _("“%(other)s” told of the same event on %(date)s in %(digest)s already.")
        told = sentence % {"other": former, "date": day_of(former.digest, at), "digest": former.digest}
        yield Double(kind="event", key=key_of_event(former), sentence=told, stands=event_stands(pick, former))


def day_of(digest: Digest, at: datetime) -> str:
    """On which day readers got it."""
    return short_day(digest.handed_over_at, at) if digest.handed_over_at else "–"


def event_stands(pick: Pick, former: Pick) -> bool:
    """Whether the desk knows that readers had the event before: it let it stand, or tells of an update."""
    return bool(pick.label) or key_of_event(former) in pick.let_stand


def key_of_author(author: int) -> str:
    return f"author:{author}"


def key_of_section(pick: Pick) -> str:
    return f"section:{pick.article.section_id}"


def key_of_event(former: Pick) -> str:
    return f"event:{former.digest_id}"


def _by_one_author(pick: Pick, earlier: Sequence[Pick]) -> Iterator[Double]:
    authors = {byline.author_id: byline.author.name for byline in pick.article.bylines.all()}
    for author, name in authors.items():
        theirs = [
            other
            for other in earlier
            if any(byline.author_id == author for byline in other.article.bylines.all())
        ]
        if len(theirs) >= MOST_BY_AUTHOR:
            sentence = _("Article %(number)d by %(name)s, after %(others)s.") % {
                "number": len(theirs) + 1,
                "name": name,
                "others": listed(theirs),
            }
            double = Double(kind="author", key=key_of_author(author), sentence=sentence, other=theirs[-1])
            yield _standing(pick, double)


def _one_section(picks: Sequence[Pick]) -> str:
    sections = Counter(pick.article.section for pick in picks)
    (section, size) = sections.most_common(1)[0]
    return str(section) if section and size == len(picks) >= FEWEST_FOR_SECTION else ""


def _picture(pick: Pick) -> int | None:
    return pick.picture_id or pick.article.picture_id


def _double(pick: Pick, kind: str, other: Pick, sentence: str) -> Double:
    told = sentence % {"other": other}
    return _standing(pick, Double(kind=kind, key=f"{kind}:{other.pk}", sentence=told, other=other))


def _standing(pick: Pick, double: Double) -> Double:
    return replace(double, stands=double.key in pick.let_stand)


def sent_lately(
    digest: Digest, picks: Sequence[Pick], *, at: datetime, told: Iterable[Pick] | None = None
) -> Sent:
    """What the last digests to the same readers within SENT_DAYS had of these picks and of what they tell of.

    told: the picks of digests that went out with any of it, with both, if they were read before. Queries: 1, or none.
    """
    since = at - timedelta(days=SENT_DAYS)
    if told is None:
        told = _sent_since(since, picks, newsletters={digest.newsletter_id})
    itself: dict[int, Pick] = {}
    of_event: dict[int, Pick] = {}
    for each in sorted(
        (each for each in told if _had(digest, each, since=since)),
        key=lambda each: each.digest.handed_over_at or since,
    ):
        itself[each.article_id] = each
        if each.article.cluster_id:
            of_event[each.article.cluster_id] = each
    return Sent(
        itself={
            pick.article_id: itself[pick.article_id].digest for pick in picks if pick.article_id in itself
        },
        event={
            pick.article_id: of_event[cluster]
            for pick in picks
            if (cluster := pick.article.cluster_id) in of_event and pick.article_id not in itself
        },
    )


def sent_lately_of_each(
    digests: Collection[Digest], picks: Mapping[int, Sequence[Pick]], *, at: datetime
) -> dict[int, Sent]:
    """What `sent_lately` finds for each of these digests, by digest, as are the picks. Queries: 1."""
    everything = [pick for digest in digests for pick in picks.get(digest.pk, ())]
    newsletters = {digest.newsletter_id for digest in digests}
    told = list(_sent_since(at - timedelta(days=SENT_DAYS), everything, newsletters=newsletters))
    return {digest.pk: sent_lately(digest, picks.get(digest.pk, ()), at=at, told=told) for digest in digests}


def _had(digest: Digest, told: Pick, *, since: datetime) -> bool:
    former = told.digest
    return (
        (former.newsletter_id, former.cadence) == (digest.newsletter_id, digest.cadence)
        and former.pk != digest.pk
        and former.handed_over_at is not None
        and former.handed_over_at > since
    )


def _sent_since(since: datetime, picks: Collection[Pick], *, newsletters: Collection[int]) -> Iterable[Pick]:
    """Picks of the same articles or events in digests of these newsletters that went out after this moment."""
    clusters = {pick.article.cluster_id for pick in picks if pick.article.cluster_id}
    out = (
        Pick.objects.filter(
            digest__newsletter__in=newsletters,
            digest__state=DigestState.HANDED_OVER,
            digest__handed_over_at__gt=since,
        )
        .select_related("digest__newsletter", "article")
        .only(
            "title",
            "article__title",
            "article__cluster",
            "digest__handed_over_at",
            "digest__number",
            "digest__cadence",
            "digest__newsletter__name",
        )
    )
    told = out.order_by().filter(article__in=among({pick.article_id for pick in picks}))
    if clusters:
        # Not with "or" between them, for which PostgreSQL reads every pick there is.
        told = told.union(out.order_by().filter(article__cluster__in=among(clusters)), all=True)
    return told
