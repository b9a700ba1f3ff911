"""When a plan is due: weekdays and a wall-clock time in a zone, turned into moments, right across clock changes.

A wall-clock time that a clock change leaves out counts at the moment the clocks jump past it (02:30 becomes 03:30);
one that comes twice counts once, the first time (the reading of RFC 5545 §3.3.5).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")


class BadWeekdays(ValueError):
    """Something in the list is no weekday; the text names it."""


class BadZone(ValueError):
    """No time zone has this name."""


@lru_cache(maxsize=256)
def read_weekdays(text: str) -> frozenset[int]:
    """`mo,tu` as {0, 1}; Monday is 0. Raises BadWeekdays."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in WEEKDAYS:
            raise BadWeekdays(
                _("“%(name)s” is no weekday; known are %(known)s.")
                % {"name": name, "known": ", ".join(WEEKDAYS)}
            )
    return frozenset(WEEKDAYS.index(name) for name in names)


def short_days(text: str) -> str:
    """The weekdays as people write them, in the language of the moment: Mon–Fri, or Mon, Wed. Raises BadWeekdays."""
    days, parts = sorted(read_weekdays(text)), []
    while days:
        run = next(size for size in range(len(days), 0, -1) if days[size - 1] - days[0] == size - 1)
        names = [str(WEEKDAYS_ABBR[day]) for day in days[:run]]
        parts += [f"{names[0]}–{names[-1]}"] if run > 2 else names
        del days[:run]
    return ", ".join(parts)


def due_times(
    weekdays: str, at_time: time, zone_name: str, *, after: datetime, until: datetime
) -> list[datetime]:
    """The due times in (after, until] in order, aware UTC. Raises BadWeekdays or BadZone."""
    if until <= after:
        return []
    # A day more on both sides: the zone may be up to a day away from UTC.
    days = _days(
        after.astimezone(UTC).date() - timedelta(days=2), until.astimezone(UTC).date() + timedelta(days=2)
    )
    return [moment for moment in _moments(weekdays, at_time, zone_name, days) if after < moment <= until]


def next_due(weekdays: str, at_time: time, zone_name: str, *, after: datetime) -> datetime | None:
    """The first due time after this moment; None if the plan names no weekday."""
    # Nine days: a week, and one more on both sides for zones and clock changes.
    times = due_times(weekdays, at_time, zone_name, after=after, until=after + timedelta(days=9))
    return times[0] if times else None


def previous_due(weekdays: str, at_time: time, zone_name: str, *, at: datetime) -> datetime | None:
    """The last due time up to and including this moment; None if the plan names no weekday."""
    times = due_times(weekdays, at_time, zone_name, after=at - timedelta(days=9), until=at)
    return times[-1] if times else None


def is_due(weekdays: str, at_time: time, zone_name: str, *, at: datetime) -> bool:
    """Whether exactly this moment is a due time. Raises BadWeekdays or BadZone."""
    return previous_due(weekdays, at_time, zone_name, at=at) == at


def _moments(weekdays: str, at_time: time, zone_name: str, days: Iterator[date]) -> list[datetime]:
    wanted, place = read_weekdays(weekdays), zone(zone_name)
    # fold=0 is both rules at once: in a gap the offset before it counts, in an overlap the first of the two.
    # A set, because a zone that skipped a whole day (Apia, 2011) maps two wall-clock days to one moment.
    moments = {
        datetime.combine(day, at_time.replace(fold=0), tzinfo=place).astimezone(UTC)
        for day in days
        if day.weekday() in wanted
    }
    return sorted(moments)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of this name. Raises BadZone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise BadZone(_("“%(name)s” is no time zone.") % {"name": name}) from error
