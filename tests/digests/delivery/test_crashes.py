"""A worker dies at every named point; a fresh one and the sweep bring the mailing to its end all the same."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import OperationalError

from digests.delivery import control, freezing, pump, steps, sweeping
from digests.delivery.models import Batch
from digests.delivery.states import BatchState, MailingState
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_mailing
from tests.digests.delivery.scripted import Answer, Gone, ScriptedProvider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

READERS = 130
# Until these are committed nothing has gone out, so nobody needs to be held.
BEFORE_THE_CALL = (
    steps.FROZE_PAGE,
    steps.PAGE_COMMITTED,
    steps.CUT,
    steps.FROZEN,
    steps.CLAIMED,
    steps.CHECKED,
    steps.CALLING_WRITTEN,
    steps.SETTLED,
    steps.COMPLETED,
)


def dying_at(step: str, time: int) -> Callable[[str], None]:
    seen = 0

    def reached(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == time:
            raise Gone

    return reached


def bring_to_an_end(mailing_id: int, clock: Clock) -> None:
    """What workers and beat would do after the crash, with time passing."""
    for _ in range(8):
        sweeping.sweep(at=clock())
        pump.run(seconds=30, at_clock=clock)
        clock.pass_by(seconds=settings.DELIVERY_LEASE_SECONDS + settings.DELIVERY_MARGIN_SECONDS + 1)
    clock.pass_by(seconds=settings.DELIVERY_UNKNOWN_SECONDS)
    for _ in range(3):
        sweeping.sweep(at=clock())
        pump.run(seconds=30, at_clock=clock)


def work(mailing_id: int, clock: Clock) -> None:
    mailing = freezing.freeze(mailing_id, at=clock(), page_rows=40)
    control.start(mailing, at=clock())
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())


@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.parametrize("step", steps.ALL)
def test_worker_killed_at_any_step_sends_nothing_twice_and_loses_nobody(
    step: str, time: int, provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = make_mailing(readers=READERS)
    with monkeypatch.context() as patched:
        patched.setattr(steps, "reached", dying_at(step, time))
        try:
            work(mailing.pk, clock)
        except Gone:
            pass
        else:
            assert time == 2, f"{step!r} was never reached"

    bring_to_an_end(mailing.pk, clock)

    mailing.refresh_from_db()
    assert mailing.state in (MailingState.FINISHED, MailingState.FINISHED_WITH_HELD)
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)
    if step in BEFORE_THE_CALL:
        assert states(mailing) == {"accepted": READERS}
    # at most what was in one call
    assert mailing.held <= 100


@pytest.mark.parametrize("answer", [scripted.die_before_taking, scripted.die_after_taking])
def test_worker_killed_inside_the_call_leaves_one_batch_unknown_and_never_resends_it(
    answer: Answer, provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.extend([scripted.accept, answer])
    mailing = make_mailing(readers=READERS)

    with pytest.raises(Gone):
        work(mailing.pk, clock)
    bring_to_an_end(mailing.pk, clock)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted, mailing.held) == (MailingState.FINISHED_WITH_HELD, 50, 80)
    assert len(provider.calls) == 2
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)


def test_database_away_for_a_moment_after_the_call_does_not_lose_the_outcome(
    provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OperationalError("gone"), OperationalError("gone")]

    def reached(name: str) -> None:
        if name == steps.SETTLING and failures:
            raise failures.pop()

    monkeypatch.setattr(steps, "reached", reached)
    mailing = make_mailing(readers=20)

    work(mailing.pk, clock)

    assert failures == []
    assert Batch.objects.get().state == BatchState.DONE
    assert states(mailing) == {"accepted": 20}
    assert len(provider.calls) == 1
