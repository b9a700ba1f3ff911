"""Leaving, coming back, other settings: what each act does to the rows, the record and the mail."""

import datetime as dt
from collections.abc import Callable

import pytest

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from subscriptions import consent, suppression
from subscriptions.errors import NothingToPause, UndoExpired
from subscriptions.models import ConsentEvent, Subscription
from subscriptions.states import ConsentKind, SubscriptionState, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_pending
from tests.subscriptions.test_consent import ask, confirmations

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


# --- Leaving and coming back ----------------------------------------------------------------------------------


def test_leaving_is_recorded_once_however_often_it_is_asked_for() -> None:
    row = make_subscription(newsletter=make_newsletter())

    first = consent.unsubscribe(row, how="one-click", network_address="192.0.2.1", at=NOON)
    second = consent.unsubscribe(row, how="one-click", network_address="192.0.2.1", at=NOON + DAY)

    assert (first, second) == (True, False)
    row.refresh_from_db()
    assert (row.state, row.unsubscribed_at) == (SubscriptionState.UNSUBSCRIBED, NOON)
    assert ConsentEvent.objects.filter(kind=ConsentKind.UNSUBSCRIBED).count() == 1
    assert not Letter.objects.exists()  # no farewell


def test_leaving_cancels_a_request_that_waits() -> None:
    row = make_pending(make_newsletter())

    assert consent.unsubscribe(row, how="/u/", network_address="", at=NOON)

    assert Subscription.objects.get().state == SubscriptionState.UNSUBSCRIBED


def test_undo_within_a_day_restores_the_former_settings_exactly() -> None:
    until = NOON + 9 * DAY
    row = make_subscription(newsletter=make_newsletter(), paused_until=until)
    confirmed_at = row.confirmed_at
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON)

    assert consent.restore(
        row, how="/u/", network_address="192.0.2.1", at=NOON + DAY - dt.timedelta(seconds=1)
    )
    assert not consent.restore(row, how="/u/", network_address="192.0.2.1", at=NOON + DAY)  # done already

    row.refresh_from_db()
    assert (row.state, row.paused_until, row.confirmed_at) == (SubscriptionState.ACTIVE, until, confirmed_at)
    event = ConsentEvent.objects.get(kind=ConsentKind.RESTORED)
    assert event.network_address == "192.0.2.1"


def test_after_a_day_only_a_new_sign_up_helps() -> None:
    row = make_subscription(newsletter=make_newsletter())
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON)

    with pytest.raises(UndoExpired):
        consent.restore(row, how="/u/", network_address="", at=NOON + DAY)


def _by_complaint(row: Subscription) -> None:
    assert row.subscriber.address
    suppression.suppress(address_hash(row.subscriber.address), reason=SuppressionReason.COMPLAINT, at=NOON)


def _by_staff(row: Subscription) -> None:
    consent.unsubscribe(row, how="admin", network_address=None, at=NOON, actor="petra", because="asked")


@pytest.mark.parametrize("end", [_by_complaint, _by_staff])
def test_undo_is_only_for_ones_own_leaving(end: Callable[[Subscription], None]) -> None:
    row = make_subscription(newsletter=make_newsletter())
    end(row)
    row.refresh_from_db()

    with pytest.raises(UndoExpired):
        consent.restore(row, how="/u/", network_address="", at=NOON)

    assert not Subscription.objects.active().exists()


def test_a_cancelled_request_cannot_be_undone_into_a_subscription() -> None:
    row = make_pending(make_newsletter())
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON)

    with pytest.raises(UndoExpired):
        consent.restore(row, how="/u/", network_address="", at=NOON)


def test_undo_of_a_cancelled_request_does_not_reach_back_to_an_older_agreement() -> None:
    newsletter = make_newsletter()
    reader = make_subscriber(address="mia@example.org")
    row = make_subscription(newsletter=newsletter, subscriber=reader)
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON)
    ask("mia@example.org", newsletter, at=NOON + dt.timedelta(minutes=1))
    row.refresh_from_db()
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON + dt.timedelta(minutes=2))

    with pytest.raises(UndoExpired):
        consent.restore(row, how="/u/", network_address="", at=NOON + dt.timedelta(minutes=3))


# --- Settings -------------------------------------------------------------------------------------------------


def test_a_pause_ends_by_itself_and_is_recorded() -> None:
    row = make_subscription(newsletter=make_newsletter())
    until = NOON + dt.timedelta(weeks=2)

    consent.pause(row, until=until, how="/preferences/", network_address="", at=NOON)

    assert not Subscription.objects.active().not_paused(until - dt.timedelta(seconds=1)).exists()
    assert Subscription.objects.active().not_paused(until).exists()
    event = ConsentEvent.objects.get(kind=ConsentKind.CHANGED)
    assert event.facts == {"what": "paused_until", "before": "", "after": until.isoformat()}


@pytest.mark.parametrize("days", [0, -1, 368])
def test_a_pause_lies_between_now_and_a_year(days: int) -> None:
    row = make_subscription(newsletter=make_newsletter())

    with pytest.raises(ValueError, match="within a year"):
        consent.pause(
            row, until=NOON + dt.timedelta(days=days), how="/preferences/", network_address="", at=NOON
        )


def test_only_a_subscription_that_runs_can_pause() -> None:
    row = make_pending(make_newsletter())

    with pytest.raises(NothingToPause):
        consent.pause(row, until=NOON + DAY, how="/preferences/", network_address="", at=NOON)


def test_leaving_while_paused_works() -> None:
    row = make_subscription(newsletter=make_newsletter(), paused_until=NOON + DAY)

    assert consent.unsubscribe(row, how="/u/", network_address="", at=NOON)


def test_settings_switch_off_at_once_and_on_only_by_letter() -> None:
    reads, new = make_newsletter(name="Abendpost"), make_newsletter(name="Morgenpost")
    reader = make_subscriber(address="mia@example.org")
    make_subscription(newsletter=reads, subscriber=reader)

    changes = consent.change_settings(
        reader,
        newsletters=[reads, new],
        wanted={new.pk},
        pauses={},
        language="en",
        how="/preferences/",
        network_address="",
        at=NOON,
    )

    told = [(change.newsletter and change.newsletter.name, change.before, change.after) for change in changes]
    assert told == [("Abendpost", "on", "off"), ("Morgenpost", "off", "asked"), (None, "de", "en")]
    states = dict(Subscription.objects.values_list("newsletter__name", "state"))
    assert states == {"Abendpost": "unsubscribed", "Morgenpost": "pending"}
    (letter,) = confirmations()
    assert (letter.language, "Morgenpost" in letter.text, "Abendpost" in letter.text) == ("en", True, False)


def test_settings_saved_unchanged_change_nothing() -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter)
    events = ConsentEvent.objects.count()

    changes = consent.change_settings(
        row.subscriber,
        newsletters=[newsletter],
        wanted={newsletter.pk},
        pauses={newsletter.pk: None},
        language="de",
        how="/preferences/",
        network_address="",
        at=NOON,
    )

    assert changes == []
    assert ConsentEvent.objects.count() == events


def test_switching_on_again_within_a_day_is_an_undo() -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter)
    consent.unsubscribe(row, how="/preferences/", network_address="", at=NOON)

    consent.change_settings(
        row.subscriber,
        newsletters=[newsletter],
        wanted={newsletter.pk},
        pauses={},
        language="de",
        how="/preferences/",
        network_address="",
        at=NOON + dt.timedelta(hours=1),
    )

    row.refresh_from_db()
    assert row.state == SubscriptionState.ACTIVE
    assert not Letter.objects.exists()


def test_what_the_limits_forbid_is_not_said_to_be_asked() -> None:
    names = ["Abendpost", "Morgenpost", "Reise", "Kultur"]
    newsletters = [make_newsletter(name=name) for name in names]
    reader = make_subscriber(address="mia@example.org")

    told = []
    for hour, newsletter in enumerate(newsletters):
        told += consent.change_settings(
            reader,
            newsletters=[newsletter],
            wanted={newsletter.pk},
            pauses={},
            language="de",
            how="/preferences/",
            network_address="",
            at=NOON + hour * HOUR,
        )

    assert [change.after for change in told] == ["asked", "asked", "asked", "not asked"]
    assert Letter.objects.count() == 3
    assert not Subscription.objects.filter(newsletter=newsletters[-1]).exists()
