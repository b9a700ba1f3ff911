"""Stopping mail to an address, and taking it back."""

import pytest
from pytest_django import DjangoAssertNumQueries

from newsroom.mail.addresses import address_hash
from subscriptions import suppression
from subscriptions.models import ConsentEvent, Subscription, Suppression
from subscriptions.states import ConsentKind, SuppressionReason
from subscriptions.suppression import Stop
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_pending

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

HASH = address_hash("mia@example.org")


def test_stopping_an_address_ends_its_subscriptions_with_an_event_each() -> None:
    reader = make_subscriber(address="mia@example.org")
    make_subscription(newsletter=make_newsletter(), subscriber=reader)
    make_pending(make_newsletter(), reader)
    somebody = make_subscription(newsletter=make_newsletter())

    for _time in range(2):
        suppression.suppress(HASH, reason=SuppressionReason.HARD_BOUNCE, at=NOON)

    states = Subscription.objects.filter(subscriber=reader).values_list("state", "unsubscribed_at")
    assert set(states) == {("unsubscribed", NOON)}
    assert ConsentEvent.objects.filter(kind=ConsentKind.SUPPRESSED).count() == 2
    somebody.refresh_from_db()
    assert somebody.state == "active"
    assert Suppression.objects.count() == 1


def test_an_address_nobody_knows_can_be_stopped_before_it_comes() -> None:
    suppression.suppress(HASH, reason=SuppressionReason.MANUAL, note="lawyer's letter", at=NOON)

    assert suppression.is_suppressed(HASH)
    assert not suppression.is_suppressed(address_hash("tom@example.org"))


def test_a_stop_for_one_newsletter_leaves_the_others() -> None:
    first, second = make_newsletter(), make_newsletter()
    suppression.suppress(HASH, reason=SuppressionReason.UNSUBSCRIBED, newsletter=first, at=NOON)

    assert suppression.is_suppressed(HASH, newsletter=first)
    assert not suppression.is_suppressed(HASH, newsletter=second)
    assert not suppression.is_suppressed(HASH)


@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [
        (SuppressionReason.SOFT_BOUNCES, SuppressionReason.COMPLAINT, SuppressionReason.COMPLAINT),
        (SuppressionReason.COMPLAINT, SuppressionReason.SOFT_BOUNCES, SuppressionReason.COMPLAINT),
    ],
)
def test_the_weightier_reason_stays(
    earlier: SuppressionReason, later: SuppressionReason, kept: SuppressionReason
) -> None:
    suppression.suppress(HASH, reason=earlier, at=NOON)
    suppression.suppress(HASH, reason=later, at=NOON)

    assert Suppression.objects.get().reason == kept


@pytest.mark.parametrize("many", [3, 30])
def test_many_stops_cost_the_same_queries(
    many: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    newsletter, other = make_newsletter(), make_newsletter()
    readers = [make_subscriber() for _ in range(many)]
    for reader in readers:
        make_subscription(newsletter=newsletter, subscriber=reader)
        make_subscription(newsletter=other, subscriber=reader)
    stops = [
        Stop(address_hash=reader.address_hash, reason=SuppressionReason.HARD_BOUNCE) for reader in readers[1:]
    ]
    stops.append(
        Stop(
            address_hash=readers[0].address_hash,
            reason=SuppressionReason.UNSUBSCRIBED,
            newsletter=newsletter,
        )
    )

    # savepoint and its release, what is stopped already, the new stops, and once more what is; the subscriptions,
    # their end, and an event for each
    with django_assert_num_queries(8):
        suppression.suppress_all(stops, at=NOON)

    assert Suppression.objects.count() == many
    still = Subscription.objects.active()
    assert [(row.subscriber_id, row.newsletter_id) for row in still] == [(readers[0].pk, other.pk)]
    assert ConsentEvent.objects.filter(kind=ConsentKind.SUPPRESSED).count() == 2 * many - 1


def test_of_several_stops_at_once_the_weightiest_counts() -> None:
    reader = make_subscriber(address="mia@example.org")
    make_subscription(newsletter=make_newsletter(), subscriber=reader)
    reasons = [SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT, SuppressionReason.SOFT_BOUNCES]

    suppression.suppress_all([Stop(address_hash=HASH, reason=reason) for reason in reasons], at=NOON)

    assert Suppression.objects.get().reason == SuppressionReason.COMPLAINT
    assert ConsentEvent.objects.get(kind=ConsentKind.SUPPRESSED).form == "complaint"


def test_lifting_revives_nobody_and_is_recorded() -> None:
    reader = make_subscriber(address="mia@example.org")
    row = make_subscription(newsletter=make_newsletter(), subscriber=reader)
    stop = suppression.suppress(HASH, reason=SuppressionReason.COMPLAINT, at=NOON)

    suppression.lift(stop, note="pressed by mistake, wrote on 3 May", actor="petra", at=NOON)

    row.refresh_from_db()
    assert row.state == "unsubscribed"
    assert not suppression.is_suppressed(HASH)
    event = ConsentEvent.objects.get(kind=ConsentKind.CHANGED)
    assert (event.actor, event.facts["lifted"]) == ("petra", "complaint")
