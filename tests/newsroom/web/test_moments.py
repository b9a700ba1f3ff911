"""Moments that stand in addresses and forms: whatever somebody writes there, it is a moment or nothing."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom.web.moments import moment_in


def test_a_moment_is_read_in_utc() -> None:
    read = moment_in("2026-12-01T06:00:00+01:00")

    assert read == dt.datetime(2026, 12, 1, 5, tzinfo=dt.UTC)
    assert read is not None
    assert read.tzinfo is dt.UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "²", "2026-12-01", "2026-12-01T06:00:00", "2026-02-31T10:00:00Z",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_of_ours_is_none(text: str) -> None:
    assert moment_in(text) is None


@given(st.text(max_size=60) | st.datetimes(timezones=st.timezones()).map(dt.datetime.isoformat))
def test_it_never_raises(text: str) -> None:
    read = moment_in(text)
    assert read is None or read.tzinfo is dt.UTC
