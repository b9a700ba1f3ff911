"""Due times: one per wanted day, in order, once in each clock change."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digests.recurrence import (
    WEEKDAYS,
    BadWeekdays,
    BadZone,
    due_times,
    is_due,
    next_due,
    previous_due,
    read_weekdays,
    zone,
)

DAILY = "mo,tu,we,th,fr,sa,su"
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
)

BEGINNING = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
moments = st.integers(0, 15 * 365 * 24 * 60).map(lambda minutes: BEGINNING + dt.timedelta(minutes=minutes))
weekday_lists = st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True).map(",".join)
clock_times = st.times().map(lambda time: time.replace(second=0, microsecond=0))


def test_weekdays_are_read_whatever_their_order_and_spacing() -> None:
    assert read_weekdays(" fr, MO ") == frozenset({0, 4})
    assert read_weekdays("") == frozenset()


def test_an_unknown_weekday_and_an_unknown_zone_are_named() -> None:
    with pytest.raises(BadWeekdays, match="“di”"):
        read_weekdays("mo,di")
    with pytest.raises(BadZone, match="“Europe/Lindenufer”"):
        zone("Europe/Lindenufer")


@given(
    weekdays=weekday_lists,
    time=clock_times,
    place=st.sampled_from(ZONES),
    start=moments,
    days=st.integers(0, 40),
)
def test_due_times_rise_and_come_once_per_wanted_local_day(
    weekdays: str, time: dt.time, place: str, start: dt.datetime, days: int
) -> None:
    until = start + dt.timedelta(days=days)

    times = due_times(weekdays, time, place, after=start, until=until)

    assert all(earlier < later for earlier, later in pairwise(times))
    assert all(start < moment <= until for moment in times)
    local = [moment.astimezone(ZoneInfo(place)) for moment in times]
    assert len({moment.date() for moment in local}) == len(local)
    assert {moment.weekday() for moment in local} <= read_weekdays(weekdays)
    whole_days = {
        (start.astimezone(ZoneInfo(place)) + dt.timedelta(days=number)).date() for number in range(1, days)
    }
    wanted = {day for day in whole_days if day.weekday() in read_weekdays(weekdays)}
    assert wanted <= {moment.date() for moment in local}


@given(weekdays=weekday_lists, time=clock_times, place=st.sampled_from(ZONES), at=moments)
def test_the_next_and_the_previous_due_time_leave_nothing_between_them(
    weekdays: str, time: dt.time, place: str, at: dt.datetime
) -> None:
    before, after = previous_due(weekdays, time, place, at=at), next_due(weekdays, time, place, after=at)

    assert before is not None
    assert after is not None
    assert before <= at < after
    assert due_times(weekdays, time, place, after=before, until=after) == [after]


@given(time=clock_times, place=st.sampled_from(ZONES), start=moments, cut=st.integers(0, 30 * 24 * 60))
def test_cutting_a_span_in_two_loses_and_doubles_nothing(
    time: dt.time, place: str, start: dt.datetime, cut: int
) -> None:
    middle, end = start + dt.timedelta(minutes=cut), start + dt.timedelta(days=30)

    parts = due_times(DAILY, time, place, after=start, until=middle) + due_times(
        DAILY, time, place, after=middle, until=end
    )

    assert parts == due_times(DAILY, time, place, after=start, until=end)


CLOCK_CHANGES = [
    # Clocks jump from 2 to 3; 02:30 does not exist and counts as 03:30.
    ("Europe/Berlin", dt.date(2026, 3, 29), dt.time(2, 30), "2026-03-29T01:30"),
    ("Europe/Berlin", dt.date(2026, 3, 29), dt.time(6, 0), "2026-03-29T04:00"),
    ("America/New_York", dt.date(2026, 3, 8), dt.time(2, 30), "2026-03-08T07:30"),
    ("America/New_York", dt.date(2026, 3, 8), dt.time(6, 0), "2026-03-08T10:00"),
    # Clocks go back; 02:30 and 01:30 come twice, and the first one counts.
    ("Europe/Berlin", dt.date(2026, 10, 25), dt.time(2, 30), "2026-10-25T00:30"),
    ("Europe/Berlin", dt.date(2026, 10, 25), dt.time(6, 0), "2026-10-25T05:00"),
    ("America/New_York", dt.date(2026, 11, 1), dt.time(1, 30), "2026-11-01T05:30"),
    ("America/New_York", dt.date(2026, 11, 1), dt.time(6, 0), "2026-11-01T11:00"),
]


@pytest.mark.parametrize(("place", "day", "time", "wanted"), CLOCK_CHANGES)
def test_a_night_of_clock_change_has_one_due_time(
    place: str, day: dt.date, time: dt.time, wanted: str
) -> None:
    midnight = dt.datetime.combine(day, dt.time(0), tzinfo=ZoneInfo(place))
    next_midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(0), tzinfo=ZoneInfo(place))

    times = due_times(DAILY, time, place, after=midnight, until=next_midnight)

    assert times == [dt.datetime.fromisoformat(wanted).replace(tzinfo=dt.UTC)]
    assert is_due(DAILY, time, place, at=times[0])
    assert not is_due(DAILY, time, place, at=times[0] + dt.timedelta(hours=1))


def test_a_day_that_a_zone_skipped_does_not_double_the_next_one() -> None:
    """Samoa went from 29 to 31 December 2011."""
    start = dt.datetime(2011, 12, 28, 12, tzinfo=dt.UTC)

    times = due_times(DAILY, dt.time(6), "Pacific/Apia", after=start, until=start + dt.timedelta(days=4))

    assert times == sorted(set(times))
    assert [moment.astimezone(ZoneInfo("Pacific/Apia")).day for moment in times] == [28, 29, 31, 1]


def test_a_plan_without_weekdays_is_never_due() -> None:
    assert next_due("", dt.time(6), "UTC", after=dt.datetime(2026, 5, 4, tzinfo=dt.UTC)) is None
    assert previous_due("", dt.time(6), "UTC", at=dt.datetime(2026, 5, 4, tzinfo=dt.UTC)) is None
