"""Feeds, polled politely: asked only for news, left alone when they ask for it, followed when they move."""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from newsroom.articles import feed_text, intake, links, pictures, queue
from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Article, Feed
from newsroom.articles.states import FeedRights
from newsroom.mail import incidents
from newsroom.mail.states import Severity
from newsroom.web.errors import FetchError, RefusedByServer
from newsroom.web.fetching import Fetched, fetch

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.8, */*;q=0.1"
LONGEST_GAP = timedelta(hours=24)
LEASE = timedelta(minutes=5)
TELL_AFTER_FAILURES = 8
PICTURES_PER_CHECK = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What one check of a feed came to; `error` is a sentence or empty."""

    feed: Feed
    new: int = 0
    known: int = 0
    error: str = ""


def poll(*, at: datetime, limit: int = 20, allow: frozenset[str] = frozenset()) -> list[Checked]:
    """Check the feeds that are due, at most `limit`, the longest waiting first. Safe with many workers."""
    due = Feed.objects.due(at).order_by("next_check_at")[:limit]
    return [check(feed, at=at, allow=allow) for feed in due if _claim(feed, at)]


def check(
    feed: Feed,
    *,
    at: datetime,
    allow: frozenset[str] = frozenset(),
    jitter: Callable[[], float] = random.random,
) -> Checked:
    """Ask the feed for news and take them in. Never raises for trouble with the feed: the row says what it was; only
    the end of the worker's time goes on to its task.

    No transaction is open while the network answers. allow: private host:port pairs that may be fetched.
    jitter: a number from 0 to 1, so that feeds of one failed server do not all come back at once.
    """
    try:
        answer = fetch(feed.url, accept=ACCEPT, etag=feed.etag, last_modified=feed.last_modified, allow=allow)
    except RefusedByServer as refusal:
        if refusal.status == 410:
            return _gone(feed, at)
        return _failed(feed, str(refusal), at, jitter, refusal.retry_after)
    except FetchError as error:
        return _failed(feed, str(error), at, jitter)
    if answer.status == 304:
        return _unchanged(feed, at)
    try:
        read = feed_text.read(
            answer.body, url=answer.url, content_type=str(answer.headers.get("content-type", ""))
        )
    except feed_text.Unreadable as error:
        sentence = _("What %(url)s answered is no feed: %(reason)s.") % {"url": feed.url, "reason": error}
        return _failed(feed, sentence, at, jitter)
    except SoftTimeLimitExceeded:
        # The worker has no time left; the next check of this feed must not come after the lease, but later each time.
        sentence = _("What %(url)s answered takes too long to read.") % {"url": feed.url}
        _failed(feed, sentence, at, jitter)
        raise
    with transaction.atomic():
        feed = _follow(feed, answer, at)
        taken = intake.take_in_all(read.articles, feed=feed, at=at)
        _succeeded(feed, answer, title=read.title, minutes_to_live=read.minutes_to_live, at=at)
    new = [(article, draft) for (article, is_new), draft in zip(taken, read.articles, strict=True) if is_new]
    if feed.rights != FeedRights.HEADLINE:
        fetch_pictures(new, allow=allow)
    return Checked(feed=feed, new=len(new), known=len(taken) - len(new))


def check_soon(feed: Feed, *, at: datetime) -> None:
    """Let a worker check the feed now, whatever its plan was; also wakes one that had stopped."""
    Feed.objects.filter(pk=feed.pk).update(next_check_at=at, is_active=True, gone_at=None)
    queue.wake_feeds()


def apply_rights(feed: Feed) -> int:
    """After a feed's rights were narrowed: take away what may no longer be kept. Returns how many articles."""
    articles = Article.objects.filter(feed=feed)
    match feed.rights:
        case FeedRights.HEADLINE:
            articles = articles.exclude(teaser="", body_html="", picture=None)
            return articles.update(teaser="", body_html="", headings=[], picture=None, picture_alt="")
        case FeedRights.TEASER:
            return articles.exclude(body_html="").update(body_html="", headings=[])
        case _:
            return 0


def fetch_pictures(
    articles: Iterable[tuple[Article, ArticleDraft]], *, allow: frozenset[str] = frozenset()
) -> None:
    """Fetch the pictures of new articles, a few per check; one that cannot be had leaves its article without."""
    wanted = [(article, draft) for article, draft in articles if draft.picture_url and not article.picture_id]
    for article, draft in wanted[:PICTURES_PER_CHECK]:
        try:
            answer = fetch(draft.picture_url, accept="image/*", seconds=10, allow=allow)
            picture = pictures.keep(answer.body, credit=draft.picture_credit, source_url=draft.picture_url)
        except (FetchError, PictureError) as error:
            logger.info("A feed's picture was left out: %s", error, extra={"article_id": article.pk})
            continue
        Article.objects.filter(pk=article.pk).update(picture=picture)


def _claim(feed: Feed, at: datetime) -> bool:
    """Of many workers one wins: the check moves ahead by a lease, and the sweep after it finds it done."""
    unclaimed = Feed.objects.filter(pk=feed.pk).filter(
        Q(next_check_at=feed.next_check_at) if feed.next_check_at else Q(next_check_at__isnull=True)
    )
    return unclaimed.update(next_check_at=at + LEASE) == 1


def _unchanged(feed: Feed, at: datetime) -> Checked:
    """Nothing new: only the times of checking move."""
    feed.last_checked_at = feed.last_good_at = at
    feed.next_check_at = at + timedelta(minutes=feed.interval_minutes)
    changed = ["last_checked_at", "last_good_at", "next_check_at"]
    if feed.failures:
        feed.failures, feed.last_error = 0, ""
        changed += ["failures", "last_error"]
        incidents.resolve(f"feed-failing:{feed.pk}", at=at)
    feed.save(update_fields=changed)
    return Checked(feed=feed)


def _follow(feed: Feed, answer: Fetched, at: datetime) -> Feed:
    """A feed that moved for good (301, 308) gets its new address; if another row has it, that row takes over."""
    moved_to = answer.permanent_url
    if not moved_to or moved_to == feed.url or len(moved_to) > 1000:
        return feed
    if other := Feed.objects.filter(url=moved_to).first():
        _stop_for(feed, other, at)
        return other
    logger.warning("A feed moved for good.", extra={"feed_id": feed.pk, "old": feed.url, "new": moved_to})
    feed.url = moved_to
    return feed


def _stop_for(feed: Feed, other: Feed, at: datetime) -> None:
    """The feed says that it is the other one now. Within one site its articles move as well; a stranger could put
    whatever it wrote under a name that is trusted, so there staff hear of it and the articles stay."""
    sentence = _("Moved to an address that we check already: %s") % other.url
    feed.is_active = False
    feed.last_checked_at = at
    feed.last_error = sentence[:500]
    feed.save()
    logger.warning("A feed moved to one that is known.", extra={"feed_id": feed.pk, "other_id": other.pk})
    if links.are_one_site(feed.url, other.url):
        Article.objects.filter(feed=feed).update(feed=other)
        return
    incidents.report(
        f"feed-moved:{feed.pk}",
        title=_("The feed %s leads to another source") % feed,
        text=_(
            "%(url)s now leads for good to %(other)s, which we check already. We no longer check the old address; what came from it keeps its source."
        )
        % {"url": feed.url, "other": other.url},
        severity=Severity.WARNING,
        facts={"feed_id": feed.pk, "other_id": other.pk},
        at=at,
    )


def _succeeded(feed: Feed, answer: Fetched, *, title: str, minutes_to_live: int, at: datetime) -> None:
    # Sent back byte for byte, or not at all: half an ETag would be a wrong one.
    etag, last_modified = str(answer.headers.get("etag", "")), str(answer.headers.get("last-modified", ""))
    feed.etag = etag if len(etag) <= 500 and etag.isascii() else ""
    feed.last_modified = last_modified if len(last_modified) <= 200 and last_modified.isascii() else ""
    feed.title = feed.title or title
    feed.last_checked_at = feed.last_good_at = at
    feed.next_check_at = at + timedelta(minutes=max(feed.interval_minutes, minutes_to_live))
    had_failures, feed.failures, feed.last_error = feed.failures, 0, ""
    feed.save()
    if had_failures:
        incidents.resolve(f"feed-failing:{feed.pk}", at=at)


def _failed(
    feed: Feed, sentence: str, at: datetime, jitter: Callable[[], float], retry_after: float | None = None
) -> Checked:
    """Each failure doubles the gap, at most to a day; what the server asks for goes before."""
    feed.failures += 1
    gap = min(LONGEST_GAP, timedelta(minutes=feed.interval_minutes) * 2 ** min(feed.failures, 12))
    gap *= 0.75 + 0.25 * jitter()
    if retry_after:
        gap = max(gap, timedelta(seconds=retry_after))
    feed.last_checked_at = at
    feed.next_check_at = at + gap
    feed.last_error = sentence[:500]
    feed.save(update_fields=["failures", "last_checked_at", "next_check_at", "last_error"])
    if feed.failures == TELL_AFTER_FAILURES:
        incidents.report(
            f"feed-failing:{feed.pk}",
            title=_("The feed %s cannot be read") % feed,
            text=sentence,
            severity=Severity.WARNING,
            facts={"feed_id": feed.pk, "failures": feed.failures},
            at=at,
        )
    return Checked(feed=feed, error=sentence)


def _gone(feed: Feed, at: datetime) -> Checked:
    """410: the publisher took it away on purpose (RFC 9110 §15.5.11). We stop, and tell."""
    sentence = _("%s is gone for good, says its server; no more checks.") % feed.url
    feed.gone_at = feed.last_checked_at = at
    feed.next_check_at = None
    feed.last_error = sentence[:500]
    feed.save(update_fields=["gone_at", "last_checked_at", "next_check_at", "last_error"])
    incidents.report(
        f"feed-gone:{feed.pk}",
        title=_("The feed %s is gone") % feed,
        text=sentence,
        severity=Severity.WARNING,
        facts={"feed_id": feed.pk},
        at=at,
    )
    return Checked(feed=feed, error=sentence)
