"""What a weekly best-of is made of: the stories of the newsletter's digests that went out in its week, each once.

A digest belongs to the week in which it was handed over, so that weeks follow each other without a gap and no digest
is in two. What the desk wrote for a story comes along; an article that no digest had is picked by hand.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Sum

from digests.insights import LEAST_SHOWN
from digests.models import Digest, Pick
from newsroom.articles.models import Article, ArticleQuerySet
from subscriptions.models import Newsletter

CARRIED: Final = ("kicker", "title", "teaser", "alt", "link_label", "picture_id", "crop", "original")
"""The desk's own words and picture, and how the article read then: what changed since is shown beside it."""


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How an article was shown within the week. place: 1 in the first slot, a half in the second …

    clicks: 0 to 1, beside the article of the week that was followed most.
    """

    place: float
    clicks: float


def articles_of_week(newsletter: Newsletter, *, start: datetime, end: datetime) -> ArticleQuerySet:
    """The articles those digests held, each once; withdrawn ones left out."""
    week = Digest.objects.of_week(newsletter, start=start, end=end)
    picked = Pick.objects.filter(digest__in=week.values("pk"))
    return Article.objects.filter(pk__in=picked.values("article"), withdrawn_at__isnull=True)


def showings(newsletter: Newsletter, *, start: datetime, end: datetime) -> dict[int, Showing]:
    """By article: its best place of the week and how much it was followed. Queries: 1.

    Clicks are sums over readers, and none below the number that may be told: a rank must not tell more than a page.
    """
    week = Digest.objects.of_week(newsletter, start=start, end=end)
    rows = (
        Pick.objects.filter(digest__in=week.values("pk"))
        .order_by()
        .annotate(people=Sum("links__counts__people", default=0))
        .values_list("article_id", "slot", "digest__slots", "people")
    )
    places: dict[int, float] = defaultdict(float)
    clicks: dict[int, int] = defaultdict(int)
    for article, slot, slots, people in rows:
        places[article] = max(places[article], _place(slot, slots))
        clicks[article] += people
    told = {article: people for article, people in clicks.items() if people >= LEAST_SHOWN}
    most = max(told.values(), default=0)
    return {
        article: Showing(place=place, clicks=told[article] / most if article in told else 0.0)
        for article, place in places.items()
    }


def _place(slot: str, slots: Iterable[dict[str, Any]]) -> float:
    keys = [each["key"] for each in slots]
    return 1 / (1 + (keys.index(slot) if slot in keys else len(keys)))


def carried(digest: Digest, articles: Collection[int]) -> dict[int, dict[str, Any]]:
    """By article: what the last digest of the week that had it wrote for it. Queries: 1."""
    week = Digest.objects.of_week(digest.newsletter, start=digest.window_start, end=digest.window_end)
    rows = (
        Pick.objects.filter(digest__in=week.values("pk"), article__in=articles)
        .order_by("digest__handed_over_at")
        .values("article_id", *CARRIED)
    )
    return {row["article_id"]: {name: row[name] for name in CARRIED} for row in rows}
