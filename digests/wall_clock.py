"""Times as the newsroom's clock shows them: read from what somebody typed, and said in a sentence."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from digests.countdown import is_far, span
from digests.models import Plan
from subscriptions.models import Newsletter
from subscriptions.states import Cadence

_DAYS = {"de": "EEE, d. MMMM y"}
_DAY = "EEE, MMMM d, y"


class BadWallClock(ValueError):
    """The time does not stand for one moment, as in a night when the clocks are changed; the text says why."""


def zone_of(newsletter: Newsletter) -> ZoneInfo:
    """The zone of the newsletter's plan, else the site's. Queries: 1, and none if its plans were read with it."""
    # The plan of every digest comes first; a best-of goes by the same newsroom's clock.
    plan = Plan.of(newsletter) or Plan.of(newsletter, Cadence.WEEKLY)
    return ZoneInfo(plan.zone if plan else settings.TIME_ZONE)


def moment(typed: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clocks of the zone show this. Raises BadWallClock if none or two do."""
    first, second = (typed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    try:
        universal = first.astimezone(UTC)
    except OverflowError as error:  # within a day of the first or the last that there is
        raise BadWallClock(_("That time is too far away. Choose another time.")) from error
    if universal.astimezone(zone).replace(tzinfo=None, fold=0) != typed:
        raise BadWallClock(
            _("%(time)s does not exist on that day: the clocks are put forward. Choose another time.")
            % {"time": f"{typed:%H:%M}"}
        )
    if first.utcoffset() != second.utcoffset():
        raise BadWallClock(
            _("%(time)s comes twice on that day: the clocks are put back. Choose another time.")
            % {"time": f"{typed:%H:%M}"}
        )
    return first


def spoken(when: datetime, zone: ZoneInfo) -> str:
    """`Di., 1. Dezember 2026, 06:00 Uhr (UTC+1)`: day, time and offset where the newsroom is."""
    here = when.astimezone(zone)
    language = (get_language() or settings.LANGUAGE_CODE).partition("-")[0]
    # Translators: „Di., 1. Dezember 2026, 06:00 Uhr (UTC+1)“
    return _("%(day)s, %(time)s (%(offset)s)") % {
        "day": format_date(here, _DAYS.get(language, _DAY), locale=language),
        "time": f"{here:%H:%M}",
        "offset": offset(here),
    }


def offset(here: datetime) -> str:
    """`UTC+1`, `UTC−3:30`."""
    shift = here.utcoffset()
    minutes = round(shift.total_seconds() / 60) if shift else 0
    hours, rest = divmod(abs(minutes), 60)
    sign = "−" if minutes < 0 else "+"
    return f"UTC{sign}{hours}:{rest:02}" if rest else f"UTC{sign}{hours}"


def left(when: datetime, at: datetime) -> str:
    """`4:31`, `2:04:31`: how long until then; `3 days` from two of them on, `0:00` once it is over."""
    if is_far(when - at):
        return span(when - at)
    minutes, seconds = divmod(max(0, round((when - at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
