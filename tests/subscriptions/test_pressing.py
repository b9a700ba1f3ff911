"""One-click in one statement leaves behind what leaving by hand does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsroom.web import clock, tokens
from subscriptions import consent
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from subscriptions.states import ConsentKind
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, path_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PAUSED = NOON + timedelta(days=3, microseconds=120_000)


def left_behind(row: Subscription) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is kept of a subscription that ended, without what tells one reader from another."""
    kept: dict[str, Any] = dict(Subscription.objects.values().get(pk=row.pk))
    events = ConsentEvent.objects.filter(subscriber=row.subscriber_id, kind=ConsentKind.UNSUBSCRIBED)
    event: dict[str, Any] = dict(events.values().get())
    for values in (kept, event):
        for name in ("id", "subscriber_id"):
            del values[name]
    assert event.pop("address") == row.subscriber.address
    before = event["facts"]["before"]
    for name in ("paused_until", "confirmed_at", "requested_at"):
        before[name] = before[name] and datetime.fromisoformat(before[name])
    return kept, event


@pytest.fixture
def newsletter() -> Newsletter:
    return make_newsletter()


@pytest.mark.parametrize(
    "values",
    [
        {"confirmed_at": NOON},
        {"cadence": "weekly", "paused_until": PAUSED, "confirmed_at": NOON - timedelta(days=700)},
        {"state": "pending", "confirmed_at": None},
    ],
)
@pytest.mark.parametrize("network_address", ["2001:db8::1", "198.51.100.7", None])
def test_a_press_leaves_the_same_behind_as_leaving_by_hand(
    values: dict[str, Any], network_address: str | None, newsletter: Newsletter
) -> None:
    pressed, left = (
        make_subscription(newsletter=newsletter, subscriber=make_subscriber(language="en"), **values)
        for _each in range(2)
    )

    assert consent.press(pressed.pk, network_address=network_address, at=NOON) == "en"
    assert consent.unsubscribe(left, how=consent.ONE_CLICK, network_address=network_address, at=NOON)

    assert left_behind(pressed) == left_behind(left)
    assert left_behind(pressed)[0]["state"] == "unsubscribed"


def test_a_press_is_undone_to_the_microsecond(newsletter: Newsletter) -> None:
    row = make_subscription(newsletter=newsletter, cadence="weekly", paused_until=PAUSED, confirmed_at=PAUSED)
    before = Subscription.objects.values().get(pk=row.pk)

    consent.press(row.pk, network_address=None, at=NOON)
    row = Subscription.objects.select_related("subscriber", "newsletter").get(pk=row.pk)

    assert consent.restore(row, how="/u/", network_address=None, at=NOON + timedelta(hours=23))
    assert Subscription.objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize("state", ["unsubscribed", "lapsed"])
def test_a_press_of_what_is_not_open_does_nothing(state: str, newsletter: Newsletter) -> None:
    row = make_subscription(newsletter=newsletter, state=state)
    before = Subscription.objects.values().get(pk=row.pk)

    assert consent.press(row.pk, network_address=None, at=NOON) is None
    assert consent.press(row.pk + 1, network_address=None, at=NOON) is None

    assert Subscription.objects.values().get(pk=row.pk) == before
    assert not ConsentEvent.objects.filter(kind=ConsentKind.UNSUBSCRIBED).exists()


def test_a_press_is_one_statement(newsletter: Newsletter) -> None:
    url = path_of(tokens.leave_url(make_subscription(newsletter=newsletter).pk))
    clock.reckoned()  # looked at some seconds ago

    with CaptureQueriesContext(connection) as queries:
        answer = fresh_client().post(url, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    # SQLite, which writes in no statement that reads as well: subscription with reader; savepoint; update; event; release.
    assert len(queries) == (1 if connection.vendor == "postgresql" else 5)
