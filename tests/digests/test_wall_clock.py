"""Times on the newsroom's clock: read across clock changes, and said so that nobody mistakes them."""

# ruff: noqa: DTZ001 — what people type has no zone

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from digests.wall_clock import BadWallClock, left, moment, offset, spoken

BERLIN, KOLKATA, ST_JOHNS = map(ZoneInfo, ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])


def test_a_time_is_said_with_weekday_zone_and_offset() -> None:
    when = dt.datetime(2026, 12, 1, 5, 0, tzinfo=dt.UTC)

    with translation.override("en"):
        assert spoken(when, BERLIN) == "Tue, December 1, 2026, 06:00 (UTC+1)"
    with translation.override("de"):
        assert spoken(when, BERLIN).startswith("Di., 1. Dezember 2026, 06:00")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [(BERLIN, "UTC+1"), (KOLKATA, "UTC+5:30"), (ST_JOHNS, "UTC−3:30"), (dt.UTC, "UTC+0")],
)
def test_an_offset_is_whole_hours_where_it_is(zone: dt.tzinfo, expected: str) -> None:
    assert offset(dt.datetime(2026, 12, 1, 12, 0, tzinfo=dt.UTC).astimezone(zone)) == expected


def test_a_typed_time_is_the_newsrooms() -> None:
    assert moment(dt.datetime(2026, 7, 1, 6, 0), BERLIN) == dt.datetime(2026, 7, 1, 4, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("typed", "word"),
    [(dt.datetime(2026, 3, 29, 2, 30), "does not exist"), (dt.datetime(2026, 10, 25, 2, 30), "comes twice")],
)
def test_a_time_that_a_clock_change_takes_or_doubles_is_refused_by_name(
    typed: dt.datetime, word: str
) -> None:
    with translation.override("en"), pytest.raises(BadWallClock, match=f"02:30 {word}"):
        moment(typed, BERLIN)


@pytest.mark.parametrize("minute", [(1, 59), (3, 0)])
def test_the_minutes_around_a_clock_change_are_taken(minute: tuple[int, int]) -> None:
    for month, day in [(3, 29), (10, 25)]:
        typed = dt.datetime(2026, month, day, *minute)
        assert moment(typed, BERLIN).astimezone(BERLIN).replace(tzinfo=None) == typed


@pytest.mark.parametrize(("seconds", "expected"), [(271, "4:31"), (7471, "2:04:31"), (-3, "0:00")])
def test_what_is_left_is_short(seconds: int, expected: str) -> None:
    at = dt.datetime(2026, 12, 1, 5, 0, tzinfo=dt.UTC)
    assert left(at + dt.timedelta(seconds=seconds), at) == expected


@pytest.mark.parametrize(
    ("hours", "expected"), [(47.99, "47:59:24"), (48, "2 days"), (71.9, "2 days"), (634_923, "26455 days")]
)
def test_what_is_far_is_left_in_days(hours: float, expected: str) -> None:
    at = dt.datetime(2026, 12, 1, 5, 0, tzinfo=dt.UTC)
    with translation.override("en"):
        assert left(at + dt.timedelta(hours=hours), at) == expected
