"""The articles a digest may take, ranked, each with what speaks for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from digests.models import Digest, Mark
from digests.selection.contenders import Contender, contenders
from digests.weights import Weights
from newsroom.articles.models import Article
from subscriptions.models import Newsletter
from subscriptions.states import Cadence


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An article a digest may take: a contender with its article. also, leader: as there, with their articles."""

    article: Article
    score: float
    reasons: Mapping[str, float]
    held_back: str = ""
    also: tuple[Article, ...] = ()
    leader: Article | None = None
    sent_in: Digest | None = None
    mark: Mark | None = None
    is_from_elsewhere: bool = False


def candidates(
    newsletter: Newsletter,
    *,
    start: datetime,
    end: datetime,
    at: datetime,
    cadence: str = Cadence.EACH,
    tried: Weights | None = None,
) -> list[Candidate]:
    """All contenders with their articles, without bylines (`read_bylines`): most are never shown.

    Queries: 1 more than `contenders`.
    """
    return with_articles(contenders(newsletter, start=start, end=end, at=at, cadence=cadence, tried=tried))


def with_articles(found: Iterable[Contender]) -> list[Candidate]:
    """These contenders with their articles, and those of the same event. One that was deleted meanwhile is left out.

    Queries: 1.
    """
    found = list(found)
    keys = {key for each in found for key in (each.key, each.leader, *each.also) if key is not None}
    articles = Article.objects.defer("body_html").select_related("section", "picture", "feed").in_bulk(keys)
    return [
        Candidate(
            article=articles[each.key],
            score=each.score,
            reasons=each.reasons,
            held_back=each.held_back,
            also=tuple(articles[key] for key in each.also if key in articles),
            leader=articles.get(each.leader or 0),
            sent_in=each.sent_in,
            mark=each.mark,
            is_from_elsewhere=each.is_from_elsewhere,
        )
        for each in found
        if each.key in articles
    ]


def candidates_for(digest: Digest, *, at: datetime) -> list[Candidate]:
    """The candidates of a digest's own window and kind. Queries: as `candidates`."""
    return with_articles(_contenders_for(digest, at=at))


def count_new(digest: Digest, *, at: datetime) -> int:
    """How many articles of the window could be taken without a person; several on one event count once."""
    return sum(not each.held_back for each in _contenders_for(digest, at=at))


def reasons_for(digest: Digest, article: Article, *, at: datetime) -> dict[str, float]:
    """The terms of an article's score in this digest; empty if it is no candidate. Queries: as `contenders`."""
    found = _contenders_for(digest, at=at, with_marked=True)
    return next((dict(each.reasons) for each in found if each.key == article.pk), {})


def _contenders_for(digest: Digest, *, at: datetime, with_marked: bool = False) -> list[Contender]:
    return contenders(
        digest.newsletter,
        cadence=digest.cadence,
        start=digest.window_start,
        end=digest.window_end,
        at=at,
        with_marked=with_marked,
    )
