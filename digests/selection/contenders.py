"""Which articles a digest may take, in their rank: a few columns of each, however many came in.

For most digests they are what came in within its window; for a weekly best-of, what the digests of its week brought.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef

from digests import marking, weights
from digests.credits import tells_of_a_machine
from digests.models import Digest, Mark, Pick, Plan
from digests.ranking import Facts, rank
from digests.selection import best_of
from digests.selection.best_of import Showing
from digests.states import CUTTING
from digests.weights import Weights
from newsroom.articles.credits import credit_of
from newsroom.articles.models import Article, ArticleQuerySet
from newsroom.articles.states import MACHINE_MADE, Origin, Review
from newsroom.web.keys import among
from subscriptions.models import Newsletter
from subscriptions.states import Cadence


class Columns(NamedTuple):
    """What ranking, holding back and narrowing a list look at of an article: its own columns and its relations'."""

    pk: int
    first_seen_at: datetime
    section_id: int | None
    section__name_de: str | None
    feed_id: int | None
    feed__title: str | None
    feed__url: str | None
    feed__picture_credit: str | None
    cluster_id: int | None
    origin: str
    review: str
    words: int
    embargo_until: datetime | None
    rights_notice: str
    is_sensitive: bool
    picture_id: int | None
    picture__withdrawn_at: datetime | None
    picture__digital_source: str | None
    picture__credit: str | None
    picture_is_illustration: bool
    is_favoured: bool
    """Whether the plan favours its section."""
    is_trusted: bool
    """Whether the plan trusts its feed."""

    @property
    def has_picture(self) -> bool:
        return self.picture_id is not None and self.picture__withdrawn_at is None

    @property
    def has_machine_picture(self) -> bool:
        return self.picture_is_illustration or self.picture__digital_source in MACHINE_MADE

    @property
    def picture_credit(self) -> str:
        return credit_of(
            self.picture__credit or "",
            is_machine_made=self.has_machine_picture,
            agreed=self.feed__picture_credit or "",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """An article in its rank, by its key.

    held_back: why nothing takes it by itself: rights, sensitive, embargo, unreviewed, picture, grace, sent,
    same_story, or empty.
    also: the others on the same event, if this one leads; leader: the one that leads, if it does not.
    sent_in: the digest that took it, or another article on the same event, before.
    mark: somebody on staff wants it. is_from_elsewhere: only for the mark's sake, it is not of the window.
    """

    columns: Columns
    score: float
    reasons: Mapping[str, float]
    held_back: str = ""
    also: tuple[int, ...] = ()
    leader: int | None = None
    sent_in: Digest | None = None
    mark: Mark | None = None
    is_from_elsewhere: bool = False

    @property
    def key(self) -> int:
        return self.columns.pk


def contenders(
    newsletter: Newsletter,
    *,
    start: datetime,
    end: datetime,
    at: datetime,
    cadence: str = Cadence.EACH,
    tried: Weights | None = None,
    with_marked: bool = False,
) -> list[Contender]:
    """Articles of the window [start, end) in the newsletter's language, best first, each with what speaks for it.

    With them those from before that grace or an embargo held back until then, so that nothing falls between two digests.
    Of a weekly best-of: those that its digests of the window held. Without withdrawn ones. tried: weights to rank by
    instead of the plan's. with_marked: also what somebody marked and these readers have not had, whenever it came in:
    for people to choose from. Queries: 3 whatever the size, 1 more for a best-of, and 1 if the newsletter's plans were
    not read with it.
    """
    plan = Plan.of(newsletter, cadence) or Plan(newsletter=newsletter, cadence=cadence)
    marks = _marks(newsletter, cadence=cadence)
    # Nothing takes what has just come in: what the last window ended with stands at the beginning of this one.
    since = start if plan.is_best_of else start - timedelta(minutes=plan.grace_minutes)
    articles = window(newsletter, cadence=cadence, start=since, end=end)
    if not plan.is_best_of:
        articles = articles | _free_again(newsletter, start=start, end=end)
    wanted = {key for key, mark in marks.items() if not mark.is_sent} if with_marked else set()
    if wanted:
        articles = articles | _elsewhere(newsletter, wanted)
    rows = {row[0]: Columns._make(row) for row in _preferring(articles, plan).values_list(*Columns._fields)}
    sent = _sent(plan, rows, start)
    shown = best_of.showings(newsletter, start=start, end=end) if plan.is_best_of else {}
    facts = _all_facts(plan, rows.values(), sent, marks, shown)
    ranked = rank(facts, at=at, weights=tried or weights.read(plan.weights, cadence=cadence))
    found = [
        Contender(
            columns=row,
            score=place.score,
            reasons=place.terms,
            held_back=_held_back(row, plan, at) or ("sent" if row.pk in sent else ""),
            sent_in=sent.get(row.pk),
            mark=marks.get(row.pk),
            is_from_elsewhere=row.pk in wanted
            and not (row.pk in shown if plan.is_best_of else _is_of_window(row, plan, start=start, end=end)),
        )
        for place in ranked
        for row in (rows[place.key],)
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


def _free_again(newsletter: Newsletter, *, start: datetime, end: datetime) -> ArticleQuerySet:
    """What came in before the window, and was under embargo until then."""
    ended = Article.objects.filter(embargo_until__gte=start, embargo_until__lt=end, first_seen_at__lt=start)
    # Not with "=": by the index that it has for that, SQLite would read every older article of the language.
    return ended.filter(language__iexact=newsletter.language, withdrawn_at__isnull=True)


def _is_of_window(row: Columns, plan: Plan, *, start: datetime, end: datetime) -> bool:
    """Whether `window`, begun by the grace earlier, or `_free_again` finds it."""
    is_new = start - timedelta(minutes=plan.grace_minutes) <= row.first_seen_at < end
    is_free_again = row.embargo_until is not None and start <= row.embargo_until < end
    return is_new or (is_free_again and row.first_seen_at < start)


def _sent(plan: Plan, rows: Mapping[int, Columns], start: datetime) -> dict[int, Digest]:
    """By article: the last earlier digest for the same readers that told of the same event. Queries: 1."""
    earlier = (
        Pick.objects.filter(
            digest__newsletter=plan.newsletter_id,
            digest__cadence=plan.cadence,
            digest__state__in=CUTTING,
            digest__window_end__lte=start,
        )
        .select_related("digest__newsletter", "article")
        .defer("digest__note", "digest__slots", "article__body_html")
    )
    clusters = {row.cluster_id for row in rows.values() if row.cluster_id}
    told = earlier.order_by().filter(article__in=among(rows))
    if clusters:
        # Not with "or" between them, for which PostgreSQL reads every article there is.
        told = told.union(earlier.order_by().filter(article__cluster__in=among(clusters)), all=True)
    by_article: dict[int, Digest] = {}
    by_cluster: dict[int, Digest] = {}
    for pick in sorted(told, key=lambda pick: pick.digest.window_end):
        by_article[pick.article_id] = pick.digest
        if pick.article.cluster_id:
            by_cluster[pick.article.cluster_id] = pick.digest
    of_event = {key: by_cluster[row.cluster_id] for key, row in rows.items() if row.cluster_id in by_cluster}
    return of_event | by_article


def _marks(newsletter: Newsletter, *, cadence: str) -> dict[int, Any]:
    """By article: the mark that nobody has settled, and whether it is sent. Queries: 1."""
    of_newsletter = Newsletter.objects.filter(pk=newsletter.pk)
    marks = marking.with_sent(marking.open_marks(of_newsletter), cadence=cadence).select_related("marked_by")
    return {mark.article_id: mark for mark in marks}


def _elsewhere(newsletter: Newsletter, wanted: Collection[int]) -> ArticleQuerySet:
    marked = Article.objects.filter(pk__in=wanted, withdrawn_at__isnull=True)
    return marked.in_language(newsletter.language)


def _preferring(articles: ArticleQuerySet, plan: Plan) -> ArticleQuerySet:
    """The articles with what the plan thinks of their sections and feeds; a plan that is not saved thinks nothing."""
    sections = Plan.favoured_sections.through._default_manager.filter(
        plan=plan.pk, section=OuterRef("section")
    )
    feeds = Plan.trusted_feeds.through._default_manager.filter(plan=plan.pk, feed=OuterRef("feed"))
    return articles.annotate(is_favoured=Exists(sections), is_trusted=Exists(feeds))


def _all_facts(
    plan: Plan,
    rows: Iterable[Columns],
    sent: Mapping[int, Digest],
    marks: Collection[int],
    shown: Mapping[int, Showing],
) -> list[Facts]:
    return [
        Facts(
            key=row.pk,
            section=row.section_id,
            first_seen_at=row.first_seen_at,
            words=row.words,
            has_picture=row.has_picture,
            is_own=row.origin == Origin.STAFF,
            is_marked=row.pk in marks,
            is_favoured=row.is_favoured,
            is_trusted=row.is_trusted,
            is_used=row.pk in sent,
            place=shown[row.pk].place if row.pk in shown else 0.0,
            clicks=shown[row.pk].clicks if row.pk in shown else 0.0,
        )
        for row in rows
    ]


def _held_back(row: Columns, plan: Plan, at: datetime) -> str:
    if row.rights_notice:
        return "rights"
    if row.embargo_until and row.embargo_until > at:
        return "embargo"
    if row.is_sensitive:
        return "sensitive"
    is_submission = row.origin == Origin.USER_SUBMISSION
    if is_submission and row.review != Review.REVIEWED:
        return "unreviewed"
    if row.has_picture and _picture_is_unexplained(row, is_submission=is_submission):
        return "picture"
    if row.first_seen_at > at - timedelta(minutes=plan.grace_minutes):
        return "grace"
    return ""


def _picture_is_unexplained(row: Columns, *, is_submission: bool) -> bool:
    """Whether readers may see a machine's picture without a word: its credit names one, or nobody says how it was made.

    The latter counts for submissions alone: of our own and our sources' pictures most are photographs.
    """
    if row.has_machine_picture:
        return False
    return tells_of_a_machine(row.picture_credit) or (is_submission and not row.picture__digital_source)


def _led(found: list[Contender], plan: Plan) -> list[Contender]:
    """One of each cluster leads: of those that may be taken the one from the better origin, then the better ranked."""
    order = {origin.strip(): place for place, origin in enumerate(plan.origin_order.split(","))}
    clusters: dict[int, list[Contender]] = {}
    for each in found:
        if each.columns.cluster_id:
            clusters.setdefault(each.columns.cluster_id, []).append(each)
    led: dict[int, Contender] = {}
    for members in clusters.values():
        if len(members) > 1:
            # Stable: members come best first.
            ordered = sorted(
                members, key=lambda each: (bool(each.held_back), order.get(each.columns.origin, len(order)))
            )
            leader = ordered[0].key
            led[leader] = replace(ordered[0], also=tuple(each.key for each in ordered[1:]))
            for each in ordered[1:]:
                led[each.key] = replace(each, held_back=each.held_back or "same_story", leader=leader)
    return [led.get(each.key, each) for each in found]
