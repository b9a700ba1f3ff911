"""The articles a digest may take, ranked, each with what speaks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digests.models import Digest, Mark, Pick
from digests.ranking import Facts, rank
from digests.states import CUTTING
from newsroom.articles.models import Article
from newsroom.articles.states import Origin, Review
from subscriptions.models import Newsletter

GRACE = timedelta(minutes=10)
"""An article younger than this is still being corrected: nothing takes it by itself."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An article a digest may take. held_back: why nothing takes it by itself (empty, embargo, grace, unreviewed)."""

    article: Article
    score: float
    reasons: Mapping[str, float]
    held_back: str = ""


def candidates(newsletter: Newsletter, *, start: datetime, end: datetime, at: datetime) -> list[Candidate]:
    """Articles of the window in the newsletter's language, best first, each with what speaks for it.

    Without withdrawn ones and without those that another digest of this newsletter took. Queries: 4.
    """
    window = Article.objects.first_seen_between(start, end).in_language(newsletter.language)
    taken = Pick.objects.filter(
        digest__newsletter=newsletter, digest__state__in=CUTTING, digest__window_end__lte=start
    )
    articles = (
        window.filter(withdrawn_at__isnull=True).exclude(pk__in=taken.values("article_id")).with_byline()
    )
    marked = set(
        Mark.objects.filter(newsletter=newsletter, dismissed_at__isnull=True).values_list(
            "article_id", flat=True
        )
    )
    rows = {article.pk: article for article in articles}
    ranked = rank((_facts(article, marked) for article in rows.values()), at=at)
    return [
        Candidate(
            article=rows[place.key],
            score=place.score,
            reasons=place.terms,
            held_back=_held_back(rows[place.key], at),
        )
        for place in ranked
    ]


def count_new(digest: Digest, *, at: datetime) -> int:
    """How many articles of the window could be taken without a person."""
    found = candidates(digest.newsletter, start=digest.window_start, end=digest.window_end, at=at)
    return sum(not candidate.held_back for candidate in found)


def _facts(article: Article, marked: set[int]) -> Facts:
    return Facts(
        key=article.pk,
        section=article.section_id,
        first_seen_at=article.first_seen_at,
        words=article.words,
        has_picture=article.picture is not None and article.picture.withdrawn_at is None,
        is_own=article.origin == Origin.STAFF,
        is_marked=article.pk in marked,
    )


def _held_back(article: Article, at: datetime) -> str:
    if article.embargo_until and article.embargo_until > at:
        return "embargo"
    if article.is_submission and article.review != Review.REVIEWED:
        return "unreviewed"
    if article.first_seen_at > at - GRACE:
        return "grace"
    return ""
