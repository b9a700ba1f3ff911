"""Whether news comes in: feeds that nobody checks, that cannot be read, and that fell silent."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min
from django.utils.translation import gettext as _

from digests.countdown import span
from digests.self_check.lines import Colour, Line, by_age
from newsroom.articles.models import Article, Feed

OVERDUE, LONG_OVERDUE = timedelta(minutes=15), timedelta(hours=1)
FAILING, LONG_FAILING = timedelta(hours=1), timedelta(hours=6)
SILENT_TIMES = 3
_USUAL_OVER = timedelta(days=60)
_FEWEST = 5
_SHORTEST = timedelta(days=1)


def feeds(*, at: datetime) -> Iterator[Line]:
    """A line for each feed that is overdue, fails or is silent, else one for all of them. Queries: 2."""
    found = list(Feed.objects.filter(is_active=True, gone_at__isnull=True).only(
        "title", "url", "next_check_at", "failures", "last_good_at", "last_error",
        "interval_minutes",
    ))  # fmt: skip
    gaps = _gaps(found, at=at)
    lines = [
        line
        for feed in found
        for line in (_overdue(feed, at=at), _failing(feed, at=at), _silent(feed, gaps, at=at))
        if line
    ]
    if lines:
        yield from lines
        return
    yield Line(
        key="feeds",
        colour=Colour.GREEN,
        title=_("Feeds"),
        says=_("%(number)d are checked in time and bring news as usual.") % {"number": len(found)}
        if found
        else _("There are none."),
    )


def _overdue(feed: Feed, *, at: datetime) -> Line | None:
    if feed.next_check_at is None or at - feed.next_check_at <= OVERDUE:
        return None
    late = at - feed.next_check_at
    return Line(
        key=f"feed.overdue.{feed.pk}",
        colour=by_age(late, yellow=OVERDUE, red=LONG_OVERDUE),
        title=str(feed),
        says=_("Its check is %(span)s overdue.") % {"span": span(late)},
        remedy=_("Nobody checks feeds: look at the job articles.poll_feeds on this page."),
        page=("admin:articles_feed_change", feed.pk),
    )


def _failing(feed: Feed, *, at: datetime) -> Line | None:
    """It is checked, ever more seldom, and every check since the last good one failed.

    Where it is meant to be checked once a day, one failure is not six hours of them. Of one that never was good nobody
    knows since when it fails.
    """
    if not feed.failures:
        return None
    if feed.last_good_at is None:
        colour = Colour.YELLOW
        # Translators: Der Feed konnte noch nie gelesen werden: %(error)s
        says = _("It could never be read: %(error)s") % {"error": feed.last_error}
    else:
        since, gap = at - feed.last_good_at, timedelta(minutes=feed.interval_minutes)
        colour = by_age(since, yellow=max(FAILING, gap), red=max(LONG_FAILING, 2 * gap))
        # Translators: Zuletzt gelesen vor %(span)s; seitdem: %(error)s
        says = _("Last read %(span)s ago; since then: %(error)s") % {
            "span": span(since),
            "error": feed.last_error,
        }
    if colour == Colour.GREEN:
        return None
    return Line(
        key=f"feed.failing.{feed.pk}",
        colour=colour,
        title=str(feed),
        says=says,
        # Translators: Öffnen Sie die Adresse des Feeds im Browser: …
        remedy=_(
            "Open its address in a browser: if it moved, enter the new one; if its server is down, ask the publisher."
        ),
        page=("admin:articles_feed_change", feed.pk),
    )


def _silent(feed: Feed, gaps: Mapping[int, Mapping[str, Any]], *, at: datetime) -> Line | None:
    """Nothing new for three times the usual gap between its articles, and for a day at least."""
    known = gaps.get(feed.pk)
    if known is None or known["number"] < _FEWEST:
        return None
    usual = (known["last"] - known["first"]) / (known["number"] - 1)
    silence = at - known["last"]
    if silence <= max(SILENT_TIMES * usual, _SHORTEST):
        return None
    return Line(
        key=f"feed.silent.{feed.pk}",
        colour=Colour.YELLOW,
        title=str(feed),
        says=_("Nothing new for %(span)s; usually something comes every %(usual)s.")
        % {"span": span(silence), "usual": span(usual)},
        remedy=feed.last_error or _("Look at the source: has its feed moved, or is it only a quiet week?"),
        page=("admin:articles_feed_change", feed.pk),
    )


def _gaps(found: list[Feed], *, at: datetime) -> Mapping[int, Mapping[str, Any]]:
    rows = (
        Article.objects.filter(feed__in=[feed.pk for feed in found], first_seen_at__gt=at - _USUAL_OVER)
        .order_by()
        .values("feed")
        .annotate(number=Count("pk"), first=Min("first_seen_at"), last=Max("first_seen_at"))
    )
    return {row["feed"]: row for row in rows}
