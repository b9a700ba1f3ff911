"""What a former address still leads to: an old list brings nobody back, and only staff find who had it."""

from collections.abc import Callable

import pytest

from newsroom.mail.addresses import address_hash
from subscriptions import consent, privacy, retention, suppression, transfer
from subscriptions.models import Sender, Subscriber, Subscription, Suppression
from subscriptions.states import SubscriptionState, SuppressionReason
from subscriptions.transfer import LineResult
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_pending
from tests.subscriptions.moving import DAY, NEW, OLD, ask, confirm, reading, undo

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def moved() -> Subscription:
    """A subscription whose reader has moved from OLD to NEW."""
    row = reading()
    ask(row)
    confirm()
    row.subscriber.refresh_from_db()
    return row


def taken_in(row: Subscription, address: str = OLD, *, is_dry_run: bool = False) -> LineResult:
    """What becomes of a line with this address in a list of the same newsletter."""
    report = transfer.import_subscribers(
        f"email\n{address}\n",
        newsletter=row.newsletter,
        basis="Double opt-in of 2024",
        actor="petra",
        at=NOON + 9 * DAY,
        is_dry_run=is_dry_run,
    )
    return report.lines[0].result


def _reads_on(row: Subscription) -> None:
    pass


def _leaves(row: Subscription) -> None:
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON + 2 * DAY)


def _is_erased(row: Subscription) -> None:
    privacy.erase_reader(row.subscriber, actor="", at=NOON + 2 * DAY)


def _was_erased_before_former_addresses_were_stopped(row: Subscription) -> None:
    _is_erased(row)
    Suppression.objects.filter(address_hash=address_hash(OLD)).delete()


def _is_forgotten_with_the_proof(row: Subscription) -> None:
    _leaves(row)
    Sender.objects.update(proof_kept_years=1)
    assert privacy.forget_ended(at=NOON.replace(year=NOON.year + 3)) == 1


@pytest.mark.parametrize("is_dry_run", [True, False])
@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (_reads_on, LineResult.ALREADY),
        (_leaves, LineResult.LEFT),
        (_is_erased, LineResult.SUPPRESSED),
        (_was_erased_before_former_addresses_were_stopped, LineResult.LEFT),
        (_is_forgotten_with_the_proof, LineResult.SUPPRESSED),
    ],
)
def test_who_moved_does_not_come_back_by_an_old_list(
    act: Callable[[Subscription], None], expected: LineResult, is_dry_run: bool
) -> None:
    row = moved()
    act(row)
    readers = Subscriber.objects.count()

    assert taken_in(row, is_dry_run=is_dry_run) is expected

    assert Subscriber.objects.count() == readers
    assert not Subscriber.objects.filter(address=OLD).exists()


def test_a_reader_who_became_another_does_not_come_back_by_an_old_list() -> None:
    row = reading()
    make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address=NEW.casefold()))
    ask(row)
    confirm()

    assert taken_in(row) is LineResult.LEFT
    retention.tidy(at=NOON + 8 * DAY)

    assert taken_in(row) is LineResult.SUPPRESSED
    assert Subscription.objects.active().filter(newsletter=row.newsletter).count() == 1


@pytest.mark.parametrize("state", [SubscriptionState.PENDING, None])
def test_who_did_not_agree_where_she_reads_now_may_come_by_a_list(state: SubscriptionState | None) -> None:
    row = moved()
    other = make_newsletter()
    if state:
        make_pending(other, row.subscriber, requested_at=NOON)
    elsewhere = Subscription(newsletter=other)

    assert taken_in(elsewhere) is LineResult.TAKEN


def test_who_moved_back_is_known_by_the_address_she_has() -> None:
    row = moved()
    undo()

    assert taken_in(row) is LineResult.ALREADY
    assert taken_in(row, NEW) is LineResult.ALREADY


def test_an_address_that_is_somebody_elses_by_now_is_that_readers() -> None:
    row = moved()
    make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address=OLD))

    assert taken_in(row) is LineResult.TAKEN


def test_erasing_her_stops_no_reader_who_has_her_former_address_by_now() -> None:
    row = moved()
    theirs = make_subscription(newsletter=row.newsletter, subscriber=make_subscriber(address=OLD))

    privacy.erase_reader(row.subscriber, actor="", at=NOON + 2 * DAY)

    theirs.refresh_from_db()
    assert theirs.state == SubscriptionState.ACTIVE
    assert [stop.address_hash for stop in Suppression.objects.all()] == [address_hash(NEW.casefold())]


def test_a_former_address_that_was_erased_may_come_back_by_its_own_confirmation() -> None:
    row = moved()
    privacy.erase_reader(row.subscriber, actor="", at=NOON + 2 * DAY)

    assert suppression.is_suppressed(address_hash(OLD))
    assert not suppression.unliftable(address_hash(OLD))
    assert {stop.reason for stop in Suppression.objects.all()} == {SuppressionReason.ERASED}
