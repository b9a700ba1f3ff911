"""What comes back of copies to readers who have moved since: it concerns the mailbox that the copy went to."""

import datetime as dt

import pytest
from pytest_django import DjangoAssertNumQueries

from digests.delivery import events, ledger, pump
from digests.delivery.models import Delivery
from newsroom.mail.addresses import address_hash
from subscriptions import consent
from subscriptions.models import Subscription, Suppression
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.digests.delivery.test_events import ids_of, report
from tests.factories import NOON
from tests.subscriptions import moving
from tests.subscriptions.moving import DAY, HOUR

pytestmark = pytest.mark.django_db


@pytest.fixture
def copy(provider: ScriptedProvider, clock: Clock) -> Delivery:
    """A copy that was taken at noon, whose reader then moves."""
    mailing = make_sending(readers=1)
    pump.run(seconds=30, at_clock=clock)
    return Delivery.objects.select_related("subscription__subscriber").get(pk=ids_of(mailing)[0])


def move(delivery: Delivery, to: str, *, at: dt.datetime) -> consent.Moved:
    reader = delivery.subscription.subscriber
    reader.language = "en"
    moving.ask(delivery.subscription, to, at=at)
    done = moving.confirm(at=at + HOUR)
    reader.refresh_from_db()
    return done


BAD_NEWS = [("bounced", "bounced"), ("complained", "spam"), ("unsubscribed", "")]


@pytest.mark.postgres
@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(("kind", "reject_reason"), BAD_NEWS)
def test_what_comes_back_of_a_copy_to_a_former_address_stops_that_address_alone(
    kind: str, reject_reason: str, is_named: bool, copy: Delivery, clock: Clock
) -> None:
    former = copy.subscription.subscriber.address_hash
    move(copy, "between@example.org", at=NOON + HOUR)
    move(copy, "mia.neu@example.org", at=NOON + 3 * HOUR)

    event = report(
        kind, delivery=copy.pk, reject_reason=reject_reason, address_hash=former if is_named else ""
    )
    events.apply(at=clock.pass_by(days=1))

    event.refresh_from_db()
    assert event.outcome == "suppressed"
    assert [stop.address_hash for stop in Suppression.objects.all()] == [former]
    assert Subscription.objects.active().get() == copy.subscription


def test_bounces_that_pass_are_counted_for_the_address_the_copy_went_to(copy: Delivery, clock: Clock) -> None:
    former = copy.subscription.subscriber.address_hash
    move(copy, "mia.neu@example.org", at=NOON)
    for day in range(15):
        report("bounced", delivery=copy.pk, reject_reason="timed_out", occurred_at=NOON + day * DAY)

    events.apply(at=clock())

    assert Suppression.objects.get().address_hash == former
    assert Subscription.objects.active().exists()


@pytest.mark.parametrize("named", ["present", "", "somebody else"])
def test_what_comes_back_of_a_copy_to_the_present_address_stops_it(
    named: str, provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=1)
    delivery = Delivery.objects.select_related("subscription__subscriber").get(pk=ids_of(mailing)[0])
    move(delivery, "mia.neu@example.org", at=NOON - DAY)
    pump.run(seconds=30, at_clock=clock)
    present = delivery.subscription.subscriber.address_hash
    hashes = {"present": present, "somebody else": address_hash("forwarded@example.org")}

    report("complained", delivery=delivery.pk, address_hash=hashes.get(named, ""))
    events.apply(at=clock())

    assert Suppression.objects.get().address_hash == present
    assert not Subscription.objects.active().exists()


def test_a_move_that_was_taken_back_belongs_to_the_past(copy: Delivery, clock: Clock) -> None:
    known = copy.subscription.subscriber.address_hash
    move(copy, "mia.neu@example.org", at=NOON + HOUR)
    moving.undo(at=NOON + 3 * HOUR)

    report("complained", delivery=copy.pk)
    events.apply(at=clock.pass_by(days=1))

    assert Suppression.objects.get().address_hash == known
    assert not Subscription.objects.active().exists()


@pytest.mark.postgres
@pytest.mark.parametrize("readers", [3, 9])
def test_readers_who_moved_cost_one_query_however_many(
    readers: int, provider: ScriptedProvider, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mailing = make_sending(readers=readers)
    pump.run(seconds=30, at_clock=clock)
    for number, delivery in enumerate(
        ledger.of_mailing(mailing.pk).select_related("subscription__subscriber")
    ):
        move(delivery, f"new.{number}@example.org", at=NOON + HOUR)
        report("complained", delivery=delivery.pk)

    # As of others, less two that end subscriptions and one outcome, and one more: where they read before.
    with django_assert_num_queries(15):
        events.apply(at=clock())

    assert Suppression.objects.count() == readers
    assert Subscription.objects.active().count() == readers
