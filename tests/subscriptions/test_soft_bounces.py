"""Bounces that pass, counted by days: many over weeks stop mail, a few do not."""

from datetime import date, timedelta

import pytest

from newsroom.mail.addresses import address_hash
from subscriptions import soft_bounces
from subscriptions.models import SoftBounces, Suppression
from subscriptions.states import SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

HASH = address_hash("mia@example.org")
FIRST = date(2026, 5, 4)


def bounce(*days: int, delivered: int | None = None) -> set[str]:
    """What follows from bounces on these days, counted from the first."""
    arrived = {} if delivered is None else {HASH: FIRST + timedelta(days=delivered)}
    return soft_bounces.note(
        {HASH: {FIRST + timedelta(days=day) for day in days}}, delivered=arrived, at=NOON
    )


@pytest.mark.parametrize(
    ("every", "stopped_at"), [(1, 14), (7, 35), (2, 14)], ids=["daily", "weekly", "every second day"]
)
def test_mail_stops_after_two_weeks_of_daily_and_six_of_weekly_bounces(every: int, stopped_at: int) -> None:
    make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address="mia@example.org"))

    told = {day: bool(bounce(day)) for day in range(0, stopped_at + 1, every)}

    assert [day for day, is_stopped in told.items() if is_stopped] == [stopped_at]
    stop = Suppression.objects.get()
    assert (stop.reason, stop.address_hash) == (SuppressionReason.SOFT_BOUNCES, HASH)
    assert stop.note == f"bounced on {stopped_at // every + 1} days since 2026-05-04"


def test_a_mailbox_that_is_full_for_some_days_now_and_then_goes_on() -> None:
    for day in (0, 1, 2, 3, 40, 41, 80, 81):
        assert not bounce(day)

    assert not Suppression.objects.exists()


def test_many_bounces_of_one_day_are_one_day() -> None:
    for _time in range(20):
        bounce(0)

    assert SoftBounces.objects.get().days == ["2026-05-04"]


def test_mail_that_arrived_clears_the_account() -> None:
    bounce(0, 1, 2, 3, 4, 5)
    assert not soft_bounces.note({}, delivered={HASH: FIRST + timedelta(days=6)}, at=NOON)

    assert not SoftBounces.objects.exists()
    assert not bounce(7)
    assert not bounce(8, delivered=5)
    assert len(SoftBounces.objects.get().days) == 2


def test_what_is_long_ago_is_forgotten() -> None:
    bounce(0)
    bounce(120)

    assert SoftBounces.objects.get().days == [(FIRST + timedelta(days=120)).isoformat()]
