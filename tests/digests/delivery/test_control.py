"""Start, stop, continue, end, and what never happens without a person."""

import datetime as dt
from collections.abc import Sequence

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from digests.delivery import claiming, control, freezing, pump, sweeping
from digests.delivery.errors import MailingInWrongState
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import BatchState, MailingState
from newsroom.mail.models import Incident
from newsroom.mail.providers.base import HandOver
from newsroom.mail.wire import Copy
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import LATE_LIMIT, Clock, make_mailing, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TOO_LATE = dt.timedelta(seconds=LATE_LIMIT + 1)


@pytest.fixture
def editor() -> User:
    return User.objects.create_user("anna", "anna@example.org", is_staff=True)


def send_first_batch(clock: Clock) -> None:
    """The first readers' batch, and not one more."""
    pump.run(seconds=0, at_clock=clock)


def test_stopped_mailing_sends_nothing_more_and_goes_on_where_it_stopped(
    provider: ScriptedProvider, clock: Clock, editor: User
) -> None:
    mailing = make_sending(readers=250)
    send_first_batch(clock)

    control.pause(mailing, because="wrong headline", at=clock(), by=editor)
    pump.run(seconds=30, at_clock=clock)
    assert states(mailing) == {"accepted": 50, "waiting": 200}
    assert mailing.paused_because == "wrong headline"

    control.resume(mailing, at=clock(), by=editor)
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted) == (MailingState.FINISHED, 250)
    assert_no_lie(mailing, provider)
    assert [entry.user_id for entry in LogEntry.objects.all()] == [editor.pk, editor.pk]


def test_stopping_twice_keeps_the_first_reason_and_what_is_over_cannot_be_stopped(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    control.pause(mailing, because="first", at=NOON)
    control.pause(mailing, because="second", at=NOON)
    assert mailing.paused_because == "first"

    control.end(mailing, at=NOON)
    control.end(mailing, at=NOON)
    for act in (
        lambda: control.pause(mailing, because="", at=NOON),
        lambda: control.resume(mailing, at=NOON, by=None),
        lambda: control.start(mailing, at=NOON),
    ):
        with pytest.raises(MailingInWrongState):
            act()
    mailing.refresh_from_db()
    assert mailing.state == MailingState.ENDED


def test_ended_mailing_cancels_what_waits_and_keeps_what_went(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=250)
    send_first_batch(clock)

    control.end(mailing, at=clock())
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted, mailing.cancelled) == (MailingState.ENDED, 50, 200)
    assert mailing.finished_at == clock()
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(scripted.accept, {"accepted": 10}), (scripted.no_connection, {"cancelled": 10})],
)
def test_call_begun_before_the_end_keeps_its_outcome_and_is_not_tried_again(
    answer: scripted.Answer, expected: dict[str, int], provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)

    def end_meanwhile(itself: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        control.end(Mailing.objects.get(pk=mailing.pk), at=clock())
        return answer(itself, copies)

    provider.script.append(end_meanwhile)
    pump.run(seconds=30, at_clock=clock)

    assert states(mailing) == expected
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert mailing.finished_at == clock()
    assert_account_holds(mailing)


def test_batch_claimed_when_the_mailing_ends_is_cancelled_by_the_sweep(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    assert claiming.claim(at=clock(), owner="worker") is not None

    control.end(mailing, at=clock())
    assert states(mailing) == {"waiting": 10}
    for _ in range(2):
        clock.pass_by(minutes=2)
        sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert (mailing.cancelled, Batch.objects.get().state) == (10, BatchState.CANCELLED)
    assert mailing.finished_at is not None


@pytest.mark.parametrize("rows", [7, 100])
def test_mailing_ended_while_it_is_frozen_cancels_what_the_ledger_has(
    rows: int, provider: ScriptedProvider
) -> None:
    mailing = make_mailing(readers=20)
    freezing._page(mailing.pk, at=NOON, rows=rows)

    control.end(mailing, at=NOON)
    freezing.freeze(mailing.pk, at=NOON)
    sweeping.sweep(at=NOON)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.cancelled) == (MailingState.ENDED, min(rows, 20))
    assert mailing.finished_at == NOON
    assert_account_holds(mailing)


def test_mailing_stopped_while_it_is_frozen_goes_on_freezing_when_continued(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_mailing(readers=20)
    freezing._page(mailing.pk, at=NOON, rows=7)
    control.pause(mailing, because="wait", at=NOON)
    assert freezing.freeze(mailing.pk, at=NOON).frozen == 7

    control.resume(mailing, at=NOON, by=None)
    assert mailing.state == MailingState.FREEZING
    assert freezing.freeze(mailing.pk, at=NOON).frozen == 20
    assert_account_holds(mailing)


def test_ready_mailing_is_started_by_the_sweep_but_not_when_it_is_late(provider: ScriptedProvider) -> None:
    soon = freezing.freeze(make_mailing(readers=5).pk, at=NOON)
    sweeping.sweep(at=NOON + dt.timedelta(minutes=1))
    soon.refresh_from_db()
    assert soon.state == MailingState.SENDING

    late = freezing.freeze(make_mailing(readers=5).pk, at=NOON)
    sweeping.sweep(at=NOON + TOO_LATE)
    late.refresh_from_db()
    assert (late.state, bool(late.paused_because)) == (MailingState.PAUSED, True)
    assert Incident.objects.filter(key=f"delivery.late.{late.pk}").exists()


def test_mailing_idle_past_its_late_limit_as_after_a_restore_is_not_sent_by_a_pump(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)

    clock.at = NOON + TOO_LATE
    pump.run(seconds=30, at_clock=clock)

    mailing.refresh_from_db()
    assert provider.calls == []
    assert mailing.state == MailingState.PAUSED
    assert Batch.objects.get().state == BatchState.READY
    assert Batch.objects.get().idle_claims == 0

    control.resume(mailing, at=clock(), by=None)
    pump.run(seconds=30, at_clock=clock)
    assert states(mailing) == {"accepted": 10}
    assert Incident.objects.get(key=f"delivery.late.{mailing.pk}").resolved_at == clock()


def test_late_mailing_with_nothing_left_to_send_is_finished_and_not_stopped(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    pump.run(seconds=30, at_clock=clock)

    sweeping.sweep(at=NOON + TOO_LATE)

    mailing.refresh_from_db()
    assert mailing.state == MailingState.FINISHED
