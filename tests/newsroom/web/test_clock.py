"""The database's clock, asked and reckoned."""

import datetime as dt
import time

import pytest
from pytest_django import DjangoAssertNumQueries

from newsroom.web import clock

pytestmark = pytest.mark.django_db


def test_it_is_asked_every_ten_seconds_and_reckoned_in_between(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(clock._Known, "answer", None)
    began = time.monotonic()

    with django_assert_num_queries(1):
        first = clock.reckoned()
        assert dt.timedelta(0) <= clock.reckoned() - first < dt.timedelta(seconds=1)
        monkeypatch.setattr(time, "monotonic", lambda: began + 9)
        assert dt.timedelta(seconds=8) < clock.reckoned() - first <= dt.timedelta(seconds=9)
    monkeypatch.setattr(time, "monotonic", lambda: began + 15)
    with django_assert_num_queries(1):
        assert clock.reckoned() - first < dt.timedelta(seconds=8)  # the database's word counts, not ours


def test_both_say_the_same() -> None:
    assert abs(clock.reckoned() - clock.now()) < dt.timedelta(seconds=1)
