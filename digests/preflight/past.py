"""What earlier digests of a newsletter had, as far as the rules ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from digests.doubles import Sent, sent_lately
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
        sent={
            article: (earlier.number, earlier.handed_over_at)
            for article, earlier in repeats.itself.items()
            if earlier.handed_over_at
        },
        events=repeats.event,
        subject=opening[0][3] if opening else "",
        headline=(opening[0][1] or opening[0][2]) if opening else "",
        is_empty_week=digest.is_best_of and not _has_week(digest),
    )


def _has_week(digest: Digest) -> bool:
    week = Digest.objects.of_week(digest.newsletter, start=digest.window_start, end=digest.window_end)
    return week.exists()


def _rank(slot: str, slots: list[dict[str, str]]) -> int:
    keys = [each["key"] for each in slots]
    return keys.index(slot) if slot in keys else len(keys)
