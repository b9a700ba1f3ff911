"""Sign-ups compared with what is usual here: many more in an hour, or far fewer that are confirmed, and staff hear of it.

Attack mode goes by fixed limits and acts by itself; this goes by the newsroom's own weeks and only tells, because a
mention on television looks the same. What is usual is worked out once an hour and kept.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Count, F, Q
from django.db.models.functions import TruncHour
from django.utils.translation import gettext as _

from newsroom.mail import heartbeats, incidents
from newsroom.mail.models import Heartbeat, Incident
from newsroom.mail.states import Severity
from subscriptions.consent import attack
from subscriptions.models import Confirmation

JUMP_KEY = "sign-up-jump"
SHARE_KEY = "sign-up-share"
TIMES_THE_USUAL = 5
# Below these nothing is told: a small newsroom's ten after three is no jump, and of twenty nobody can say a share.
LEAST_IN_AN_HOUR = 50
LEAST_FOR_A_SHARE = 50
SHARP_FALL = 0.5
WEEKS = timedelta(days=28)
LEAST_DAYS = 7  # before that nobody knows what is usual

_NOTE = "sign-ups: usual"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Whoever resolved it knows; it is not told again at once while it goes on.
_QUIET = timedelta(hours=6)
_PAGE = ["admin:subscriptions_newsletter_changelist"]


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What is usual. by_hour: letters to confirm in each hour of the day, UTC; none while too few days are known.

    share, lately: how many of a hundred letters were confirmed, over the weeks and over the last day; None: too few.
    """

    by_hour: list[float]
    share: float | None
    lately: float | None


def watch(*, at: datetime) -> None:
    """Tell staff of a jump or a fall, and resolve what is over. Queries: at most 6, and 4 more once an hour."""
    usual = _usual(at)
    _watch_jump(usual, at=at)
    _watch_share(usual, at=at)


def _watch_jump(usual: Usual, *, at: datetime) -> None:
    if not usual.by_hour:
        return
    # The last sixty minutes lie in two hours of the day.
    expected = max(usual.by_hour[at.hour], usual.by_hour[(at - _HOUR).hour])
    most = max(LEAST_IN_AN_HOUR, int(expected * TIMES_THE_USUAL))
    if not _came_more(than=most, at=at):
        incidents.resolve(JUMP_KEY, at=at)
    elif _is_news(JUMP_KEY, at=at) and attack.since(at) is None:
        incidents.report(
            JUMP_KEY,
            title=_("Many more sign-ups than usual"),
            text=_(
                "More than %(most)d letters to confirm were asked for within an hour; usual at this time of day are "
                "%(usual)d. If nothing of yours was mentioned anywhere, it may be robots: a newsletter takes no more "
                "sign-ups once “takes sign-ups” is switched off on its page. This resolves itself when it is over."
            )
            % {"most": most, "usual": round(expected)},
            severity=Severity.WARNING,
            facts={"most": most, "usual": round(expected, 1), "page": _PAGE},
            at=at,
        )


def _watch_share(usual: Usual, *, at: datetime) -> None:
    has_fallen = (
        usual.share is not None and usual.lately is not None and usual.lately < usual.share * SHARP_FALL
    )
    if not has_fallen:
        incidents.resolve(SHARE_KEY, at=at)
    elif _is_news(SHARE_KEY, at=at):
        incidents.report(
            SHARE_KEY,
            title=_("Far fewer sign-ups are confirmed than usual"),
            text=_(
                "Of a hundred letters to confirm of the last day %(lately)d were followed; usual are %(usual)d. Either "
                "the letters do not arrive (try one yourself, and look at Letters), or robots enter other people’s addresses: "
                "then switch off “takes sign-ups” for a while. This resolves itself when it is over."
            )
            % {"lately": round(usual.lately or 0), "usual": round(usual.share or 0)},
            severity=Severity.WARNING,
            facts={"lately": usual.lately, "usual": usual.share, "page": _PAGE},
            at=at,
        )


def _is_news(key: str, *, at: datetime) -> bool:
    """Not while it is open, and not soon after somebody resolved it. One query."""
    return not Incident.objects.filter(key=key, opened_at__gt=at - _QUIET).exists()


def _came_more(*, than: int, at: datetime) -> bool:
    """Whether more letters were asked for in the last hour. One query, by number: the table has no index by time."""
    newest = Confirmation.objects.order_by("-pk").values_list("created_at", flat=True)
    return any(time > at - _HOUR for time in newest[than : than + 1])


def _usual(at: datetime) -> Usual:
    kept = Heartbeat.objects.filter(name=_NOTE, beat_at__gt=at - _HOUR).first()
    if kept:
        return Usual(**kept.facts)
    usual = Usual(
        by_hour=_by_hour(at),
        share=_share(since=at - WEEKS, until=at - 2 * _DAY),
        # Who was asked within this hour may only now be looking.
        lately=_share(since=at - _DAY - _HOUR, until=at - _HOUR),
    )
    facts: Mapping[str, Any] = asdict(usual)
    heartbeats.beat(_NOTE, at=at, facts=facts)
    return usual


def _by_hour(at: datetime) -> list[float]:
    """The median of each hour of the day, which a single flood does not lift. One query, over four weeks of letters."""
    until = at.replace(minute=0, second=0, microsecond=0)
    rows = (
        Confirmation.objects.filter(created_at__gte=until - WEEKS, created_at__lt=until - _HOUR)
        .annotate(hour=TruncHour("created_at"))
        .values_list("hour")
        .annotate(number=Count("pk"))
    )
    found = dict(rows)
    if not found:
        return []
    days = (until - min(found)).days
    if days < LEAST_DAYS:
        return []
    by_hour: list[list[int]] = [[] for _hour in range(24)]
    for ago in range(2, days * 24 + 2):
        hour = until - ago * _HOUR
        by_hour[hour.hour].append(found.get(hour, 0))
    return [median(numbers) for numbers in by_hour]


def _share(*, since: datetime, until: datetime) -> float | None:
    """Of a hundred letters asked for in this time, how many led to a confirmed subscription. One query."""
    confirmed = Q(subscriptions__confirmed_at__gte=F("created_at"))
    counts = Confirmation.objects.filter(created_at__gte=since, created_at__lt=until).aggregate(
        asked=Count("pk", distinct=True), confirmed=Count("pk", distinct=True, filter=confirmed)
    )
    if counts["asked"] < LEAST_FOR_A_SHARE:
        return None
    return float(round(100 * counts["confirmed"] / counts["asked"], 1))
