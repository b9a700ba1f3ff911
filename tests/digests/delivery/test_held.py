"""What a person may decide about held copies, and that it is written down who did."""

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from digests.delivery import control, held, pump, sweeping
from digests.delivery.errors import MailingInWrongState, NotHeld
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.states import AttemptState, BatchState, MailingState
from newsroom.mail.models import Incident
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor() -> User:
    return User.objects.create_user("anna", "anna@example.org", is_staff=True)


@pytest.fixture
def mailing(provider: ScriptedProvider, clock: Clock) -> Mailing:
    """Seventy copies of which the last twenty are held."""
    provider.script.extend([scripted.accept, scripted.no_answer])
    mailing = make_sending(readers=70)
    pump.run(seconds=30, at_clock=clock)
    clock.pass_by(seconds=settings.DELIVERY_UNKNOWN_SECONDS + 1)
    sweeping.sweep(at=clock())
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted, mailing.held) == (MailingState.FINISHED_WITH_HELD, 50, 20)
    return mailing


def held_batch() -> Batch:
    return Batch.objects.get(state=BatchState.HELD)


def test_copies_marked_accepted_finish_the_mailing(mailing: Mailing, editor: User, clock: Clock) -> None:
    count = held.mark_accepted(held_batch(), by=editor, because="seen in the log", at=clock())

    mailing.refresh_from_db()
    assert (count, mailing.state, mailing.accepted, mailing.held) == (20, MailingState.FINISHED, 70, 0)
    assert not Batch.objects.filter(state=BatchState.HELD).exists()
    assert Attempt.objects.filter(state=AttemptState.HELD).count() == 0
    assert Incident.objects.get(key=f"delivery.held.{mailing.pk}").resolved_at == clock()
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.action_time) == (editor.pk, clock())
    assert "seen in the log" in entry.change_message
    assert_account_holds(mailing)


def test_copies_sent_again_open_the_mailing_and_finish_it_once_more(
    mailing: Mailing, editor: User, provider: ScriptedProvider, clock: Clock
) -> None:
    again = held.send_again(held_batch(), by=editor, because="not in their log", at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, again.size, again.state) == (MailingState.SENDING, 20, BatchState.READY)
    assert_account_holds(mailing)
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted, mailing.held) == (MailingState.FINISHED, 70, 0)
    assert [len(numbers) for _, numbers, _ in provider.calls] == [50, 20, 20]
    assert LogEntry.objects.get().user_id == editor.pk
    assert_account_holds(mailing)


def test_copies_left_alone_stay_held_and_the_incident_is_over(
    mailing: Mailing, editor: User, clock: Clock
) -> None:
    held.leave(held_batch(), by=editor, because="too old", at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, states(mailing)) == (
        MailingState.FINISHED_WITH_HELD,
        {"accepted": 50, "held": 20},
    )
    assert Incident.objects.get(key=f"delivery.held.{mailing.pk}").resolved_at == clock()
    assert LogEntry.objects.get().user_id == editor.pk


def test_batch_that_holds_nothing_cannot_be_decided(mailing: Mailing, editor: User, clock: Clock) -> None:
    done = Batch.objects.get(state=BatchState.DONE)

    for act in (held.mark_accepted, held.send_again, held.leave):
        with pytest.raises(NotHeld):
            act(done, by=editor, because="", at=clock())

    assert not LogEntry.objects.exists()


def test_copies_of_an_ended_mailing_are_not_sent_again(
    provider: ScriptedProvider, editor: User, clock: Clock
) -> None:
    provider.script.append(scripted.no_answer)
    mailing = make_sending(readers=5)
    pump.run(seconds=30, at_clock=clock)
    control.end(mailing, at=clock())
    clock.pass_by(seconds=settings.DELIVERY_UNKNOWN_SECONDS + 1)
    sweeping.sweep(at=clock())

    with pytest.raises(MailingInWrongState):
        held.send_again(held_batch(), by=editor, because="", at=clock())

    assert states(mailing) == {"held": 5}
