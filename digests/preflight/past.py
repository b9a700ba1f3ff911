"""What earlier digests of a newsletter had, as far as the rules ask."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef

from digests.doubles import Sent, sent_lately, sent_lately_of_each
from digests.models import Digest, Pick
from digests.states import DigestState


@dataclass(frozen=True, kw_only=True)
class Past:
    """sent: the number and time of the digest that had an article last; subject and headline: the newest digest's.

    events: by article, what told readers of the same event before. is_empty_week: nothing went out that a best-of could be the best of.
    """

    sent: Mapping[int, tuple[int | None, datetime]] = field(default_factory=dict)
    events: Mapping[int, Pick] = field(default_factory=dict)
    subject: str = ""
    headline: str = ""
    is_empty_week: bool = False


def look_back(digest: Digest, *, picks: Sequence[Pick], at: datetime, lately: Sent | None = None) -> Past:
    """What the digest's readers got before. lately: `doubles.sent_lately`, if it was asked.

    Queries: 1 or 2, and 1 more for a best-of.
    """
    repeats = sent_lately(digest, picks, at=at) if lately is None else lately
    sent = Digest.objects.alike(digest).filter(state=DigestState.HANDED_OVER).exclude(pk=digest.pk)
    newest = sent.order_by("-handed_over_at").values("pk")[:1]
    rows = Pick.objects.filter(digest__in=newest).values_list(
        "slot", "title", "article__title", "digest__subject", "digest__slots"
    )
    opening = sorted(rows, key=lambda row: _rank(row[0], row[4]))[:1]
    return Past(
        sent=_sent(repeats),
        events=repeats.event,
        subject=opening[0][3] if opening else "",
        headline=(opening[0][1] or opening[0][2]) if opening else "",
        is_empty_week=digest.pk in _without_week([digest]),
    )


def glance_back(
    digests: Collection[Digest], *, picks: Mapping[int, Sequence[Pick]], at: datetime
) -> dict[int, Past]:
    """The same for many digests, by digest, as are the picks; without the newest digest's words, which block nothing.

    Queries: 1, and 1 more for all best-ofs.
    """
    lately = sent_lately_of_each(digests, picks, at=at)
    without = _without_week(digests)
    return {
        digest.pk: Past(
            sent=_sent(lately[digest.pk]),
            events=lately[digest.pk].event,
            is_empty_week=digest.pk in without,
        )
        for digest in digests
    }


def _sent(lately: Sent) -> dict[int, tuple[int | None, datetime]]:
    return {
        article: (earlier.number, earlier.handed_over_at)
        for article, earlier in lately.itself.items()
        if earlier.handed_over_at
    }


def _without_week(digests: Iterable[Digest]) -> set[int]:
    """The best-ofs among them that have nothing to look back on. Queries: 1, none if there is no best-of."""
    week = Digest.objects.of_week(
        OuterRef("newsletter"), start=OuterRef("window_start"), end=OuterRef("window_end")
    )
    best_ofs = [digest.pk for digest in digests if digest.is_best_of]
    return set(Digest.objects.filter(~Exists(week), pk__in=best_ofs).values_list("pk", flat=True))


def _rank(slot: str, slots: list[dict[str, str]]) -> int:
    keys = [each["key"] for each in slots]
    return keys.index(slot) if slot in keys else len(keys)
