"""What earlier digests of a newsletter had, as far as the rules ask."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digests.models import Digest, Pick
from digests.states import DigestState

REPEAT_DAYS = 30
"""An article that comes again sooner must say why."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """sent: the number and time of the digest that had an article last; subject and headline: the newest digest's.

    is_empty_week: nothing went out that a best-of could be the best of.
    """

    sent: Mapping[int, tuple[int | None, datetime]] = field(default_factory=dict)
    subject: str = ""
    headline: str = ""
    is_empty_week: bool = False


def look_back(digest: Digest, *, articles: Collection[int], at: datetime) -> Past:
    """What the digest's readers got before. Queries: 2, and 1 more for a best-of."""
    sent = Digest.objects.alike(digest).filter(state=DigestState.HANDED_OVER).exclude(pk=digest.pk)
    repeats = (
        Pick.objects.filter(
            article__in=articles,
            digest__in=sent.filter(handed_over_at__gt=at - timedelta(days=REPEAT_DAYS)),
        )
        .order_by("digest__handed_over_at")
        .values_list("article_id", "digest__number", "digest__handed_over_at")
    )
    newest = sent.order_by("-handed_over_at").values("pk")[:1]
    rows = Pick.objects.filter(digest__in=newest).values_list(
        "slot", "title", "article__title", "digest__subject", "digest__slots"
    )
    opening = sorted(rows, key=lambda row: _rank(row[0], row[4]))[:1]
    return Past(
        sent={article: (number, when) for article, number, when in repeats if when},
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
