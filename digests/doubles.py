"""What a pick has in common with another one, so that the desk looks twice: hints, nothing here forbids.

A double names the other items. The desk takes this one instead of another, or another instead of this one, or lets all
stand; what it let stand is kept with the pick. An article that the newsletter sent lately needs to say what it is: a
repeat or an update.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.models import Digest, Pick
from digests.states import DigestState
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


def doubles(
    digest: Digest, picks: Sequence[Pick], *, at: datetime, sent: Mapping[int, Digest] | None = None
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


def _of(
    pick: Pick, earlier: Sequence[Pick], *, is_last: bool, sent: Mapping[int, Digest], at: datetime
) -> Iterator[Double]:
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
        yield _standing(pick, Double(kind="section", key=f"section:{article.section_id}", sentence=sentence))
    if (digest := sent.get(pick.article_id)) and digest.handed_over_at:
        sentence = _("Sent on %(date)s in %(digest)s already. Say whether it is a repeat or an update.")
        told = sentence % {"date": short_day(digest.handed_over_at, at), "digest": digest}
        yield Double(kind="sent", key=f"sent:{digest.pk}", sentence=told, stands=bool(pick.label))


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
            double = Double(kind="author", key=f"author:{author}", sentence=sentence, other=theirs[-1])
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
    digest: Digest,
    picks: Sequence[Pick],
    *,
    at: datetime,
    told: Mapping[int, Sequence[Digest]] | None = None,
) -> dict[int, Digest]:
    """By article, the last digest to the same readers that went out with it within SENT_DAYS.

    told: by article all digests that went out with it, newest first, if they were read before. Queries: 1, or none.
    """
    since = at - timedelta(days=SENT_DAYS)
    if told is not None:
        return {
            article: each
            for article, digests in told.items()
            for each in reversed(digests)
            if (each.newsletter_id, each.cadence) == (digest.newsletter_id, digest.cadence)
            and each.pk != digest.pk
            and each.handed_over_at
            and each.handed_over_at > since
        }
    earlier = _sent_since(since, picks).filter(
        digest__newsletter=digest.newsletter_id, digest__cadence=digest.cadence
    )
    rows = earlier.exclude(digest=digest.pk).order_by("digest__handed_over_at")
    return {pick.article_id: pick.digest for pick in rows}


def sent_lately_of_each(
    digests: Collection[Digest], picks: Mapping[int, Sequence[Pick]], *, at: datetime
) -> dict[int, dict[int, Digest]]:
    """What `sent_lately` finds for each of these digests, by digest, as are the picks. Queries: 1."""
    everything = [pick for digest in digests for pick in picks.get(digest.pk, ())]
    earlier = _sent_since(at - timedelta(days=SENT_DAYS), everything).filter(
        digest__newsletter__in={digest.newsletter_id for digest in digests}
    )
    told = defaultdict(list)
    for pick in earlier.order_by("-digest__handed_over_at"):
        told[pick.article_id].append(pick.digest)
    found = {}
    for digest in digests:
        own = picks.get(digest.pk, ())
        theirs = {pick.article_id: told[pick.article_id] for pick in own if pick.article_id in told}
        found[digest.pk] = sent_lately(digest, own, at=at, told=theirs)
    return found


def _sent_since(since: datetime, picks: Iterable[Pick]) -> QuerySet[Pick]:
    """Picks of the same articles in digests that went out after this moment."""
    rows = Pick.objects.filter(
        article__in={pick.article_id for pick in picks},
        digest__state=DigestState.HANDED_OVER,
        digest__handed_over_at__gt=since,
    )
    return rows.select_related("digest__newsletter").only(
        "article_id",
        "digest__handed_over_at",
        "digest__number",
        "digest__cadence",
        "digest__newsletter__name",
    )
