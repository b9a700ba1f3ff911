"""The articles a digest may take, ranked, each with what speaks for it.

For most digests they are what came in within its window; for a weekly best-of, what the digests of its week brought.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet, Value

from digests import weights
from digests.models import Digest, Mark, Pick, Plan
from digests.ranking import Facts, rank
from digests.selection import best_of
from digests.selection.best_of import Showing
from digests.states import CUTTING
from digests.weights import Weights
from newsroom.articles.models import Article, ArticleQuerySet
from newsroom.articles.states import Origin, Review
from subscriptions.models import Newsletter
from subscriptions.states import Cadence

_SECTION, _FEED = "section", "feed"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An article a digest may take.

    held_back: why nothing takes it by itself: embargo, unreviewed, picture, grace, sent, same_story, or empty.
    also: the others on the same event, if this one leads; leader: the one that leads, if it does not.
    sent_in: the digest that took it, or another article on the same event, before.
    mark: somebody on staff wants it.
    """

    article: Article
    score: float
    reasons: Mapping[str, float]
    held_back: str = ""
    also: tuple[Article, ...] = ()
    leader: Article | None = None
    sent_in: Digest | None = None
    mark: Mark | None = None


def candidates(
    newsletter: Newsletter,
    *,
    start: datetime,
    end: datetime,
    at: datetime,
    cadence: str = Cadence.EACH,
    tried: Weights | None = None,
) -> list[Candidate]:
    """Articles of the window [start, end) in the newsletter's language, best first, each with what speaks for it.

    Of a weekly best-of: those that its digests of the window held. Without withdrawn ones, and without bylines
    (`read_bylines`): most are never shown. tried: weights to rank by instead of the plan's. Queries: 4 whatever the
    size, 1 more for a best-of, and 1 if the newsletter's plans were not read with it.
    """
    plan = Plan.of(newsletter, cadence) or Plan(newsletter=newsletter, cadence=cadence)
    articles = window(newsletter, cadence=cadence, start=start, end=end)
    rows = {
        article.pk: article
        for article in articles.defer("body_html").select_related("section", "picture", "feed")
    }
    sent = _sent(plan, articles, start)
    marks = _marks(newsletter)
    shown = best_of.showings(newsletter, start=start, end=end) if plan.is_best_of else {}
    facts = _all_facts(plan, rows.values(), sent, marks, shown)
    ranked = rank(facts, at=at, weights=tried or weights.read(plan.weights, cadence=cadence))
    found = [
        Candidate(
            article=article,
            score=place.score,
            reasons=place.terms,
            held_back=_held_back(article, plan, at) or ("sent" if article.pk in sent else ""),
            sent_in=sent.get(article.pk),
            mark=marks.get(article.pk),
        )
        for place in ranked
        for article in (rows[place.key],)
    ]
    return _led(found, plan)


def window(
    newsletter: Newsletter, *, start: datetime, end: datetime, cadence: str = Cadence.EACH
) -> ArticleQuerySet:
    """What a digest of this window is chosen from, without withdrawn articles."""
    if cadence == Cadence.WEEKLY:
        return best_of.articles_of_week(newsletter, start=start, end=end)
    new = Article.objects.first_seen_between(start, end).in_language(newsletter.language)
    return new.filter(withdrawn_at__isnull=True)


def candidates_for(digest: Digest, *, at: datetime) -> list[Candidate]:
    """The candidates of a digest's own window and kind. Queries: as `candidates`."""
    return candidates(
        digest.newsletter, cadence=digest.cadence, start=digest.window_start, end=digest.window_end, at=at
    )


def count_new(digest: Digest, *, at: datetime) -> int:
    """How many articles of the window could be taken without a person; several on one event count once."""
    found = candidates_for(digest, at=at)
    return sum(not candidate.held_back for candidate in found)


def reasons_for(digest: Digest, article: Article, *, at: datetime) -> dict[str, float]:
    """The terms of an article's score in this digest; empty if it is no candidate. As many queries as candidates."""
    found = candidates_for(digest, at=at)
    return next((dict(each.reasons) for each in found if each.article.pk == article.pk), {})


def _sent(plan: Plan, window: QuerySet[Article], start: datetime) -> dict[int, Digest]:
    """By article of the window: the last earlier digest for the same readers that told of the same event. Queries: 2."""
    earlier = (
        Pick.objects.filter(
            Q(article__in=window.values("pk"))
            | Q(article__cluster__in=window.filter(cluster__isnull=False).values("cluster")),
            digest__newsletter=plan.newsletter_id,
            digest__cadence=plan.cadence,
            digest__state__in=CUTTING,
            digest__window_end__lte=start,
        )
        .select_related("digest__newsletter", "article")
        .defer("digest__note", "digest__slots", "article__body_html")
        .order_by("digest__window_end")
    )
    by_article: dict[int, Digest] = {}
    by_cluster: dict[int, Digest] = {}
    for pick in earlier:
        by_article[pick.article_id] = pick.digest
        if pick.article.cluster_id:
            by_cluster[pick.article.cluster_id] = pick.digest
    clustered = window.filter(cluster__in=by_cluster).values_list("pk", "cluster_id") if by_cluster else ()
    return {key: by_cluster[cluster] for key, cluster in clustered} | by_article


def _marks(newsletter: Newsletter) -> dict[int, Mark]:
    """By article: the mark that nobody has settled. Queries: 1."""
    marks = Mark.objects.filter(newsletter=newsletter, dismissed_at__isnull=True).select_related("marked_by")
    return {mark.article_id: mark for mark in marks}


def _all_facts(
    plan: Plan,
    articles: Iterable[Article],
    sent: Mapping[int, Digest],
    marks: Mapping[int, Mark],
    shown: Mapping[int, Showing],
) -> list[Facts]:
    """Queries: 1, for favoured sections and trusted sources."""
    preferred = _preferred(plan) if plan.pk else set()
    return [
        Facts(
            key=article.pk,
            section=article.section_id,
            first_seen_at=article.first_seen_at,
            words=article.words,
            has_picture=article.picture is not None and article.picture.withdrawn_at is None,
            is_own=article.origin == Origin.STAFF,
            is_marked=article.pk in marks,
            is_favoured=(_SECTION, article.section_id) in preferred,
            is_trusted=(_FEED, article.feed_id) in preferred,
            is_used=article.pk in sent,
            place=shown[article.pk].place if article.pk in shown else 0.0,
            clicks=shown[article.pk].clicks if article.pk in shown else 0.0,
        )
        for article in articles
    ]


def _preferred(plan: Plan) -> set[tuple[str, int]]:
    """Favoured sections and trusted feeds, each with its kind. Queries: 1."""
    sections = plan.favoured_sections.order_by().values_list(Value(_SECTION), "pk")
    feeds = plan.trusted_feeds.order_by().values_list(Value(_FEED), "pk")
    return set(sections.union(feeds, all=True))


def _held_back(article: Article, plan: Plan, at: datetime) -> str:
    if article.embargo_until and article.embargo_until > at:
        return "embargo"
    if article.is_submission and article.review != Review.REVIEWED:
        return "unreviewed"
    if article.is_submission and _picture_is_unexplained(article):
        return "picture"
    if article.first_seen_at > at - timedelta(minutes=plan.grace_minutes):
        return "grace"
    return ""


def _picture_is_unexplained(article: Article) -> bool:
    """A picture that came with a submission and of which nobody says how it was made: a machine's has no label then."""
    picture = article.picture
    return picture is not None and not picture.digital_source and not article.picture_is_illustration


def _led(found: list[Candidate], plan: Plan) -> list[Candidate]:
    """One of each cluster leads: of those that may be taken the one from the better origin, then the better ranked."""
    order = {origin.strip(): place for place, origin in enumerate(plan.origin_order.split(","))}
    clusters: dict[int, list[Candidate]] = {}
    for each in found:
        if each.article.cluster_id:
            clusters.setdefault(each.article.cluster_id, []).append(each)
    led: dict[int, Candidate] = {}
    for members in clusters.values():
        if len(members) > 1:
            # Stable: members come best first.
            ordered = sorted(
                members, key=lambda each: (bool(each.held_back), order.get(each.article.origin, len(order)))
            )
            leader = ordered[0].article
            led[leader.pk] = replace(ordered[0], also=tuple(each.article for each in ordered[1:]))
            for each in ordered[1:]:
                led[each.article.pk] = replace(each, held_back=each.held_back or "same_story", leader=leader)
    return [led.get(each.article.pk, each) for each in found]
