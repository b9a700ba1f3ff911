"""Of many workers one wins a batch, and one that lost it can do no harm."""

import datetime as dt
import threading
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from digests.delivery import claiming, control, ledger, pump, settling, sweeping
from digests.delivery.errors import FenceBroken
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.remedies import decide
from digests.delivery.states import AttemptState, BatchState, MailingState
from newsroom.mail.models import Incident
from newsroom.mail.providers.base import HandOver
from newsroom.mail.verdicts import Outcome, Verdict
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def claimed(at: dt.datetime = NOON) -> Batch:
    batch = claiming.claim(at=at, owner="worker")
    assert batch is not None
    return batch


def begun(batch: Batch, at: dt.datetime = NOON) -> Attempt:
    attempt = claiming.begin(
        batch, attempt_id=uuid4(), offered=list(ledger.numbers_of(batch)), skipped={}, digest="d", at=at
    )
    assert attempt is not None
    return attempt


def settle(attempt: Attempt, verdict: Verdict, *, count: int, at: dt.datetime = NOON) -> bool:
    answer = HandOver(outcomes={n: Outcome(verdict=verdict, reason="said so") for n in range(count)})
    return settling.settle(attempt, decide(list(range(count)), answer, tries=0, at=at), answer, at=at)


def open_all(mailing: Mailing) -> None:
    Batch.objects.filter(mailing=mailing).update(not_before=NOON)


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_win_the_same_batch(provider: ScriptedProvider) -> None:
    provider.capabilities = type(provider.capabilities)(
        batch_size=5, max_bytes=10**7, personal_headers=True, one_call_per_reader=False
    )
    open_all(make_sending(readers=100))
    won: list[int] = []
    errors: list[BaseException] = []
    together = threading.Barrier(4)

    def work() -> None:
        try:
            together.wait(timeout=10)
            while batch := claiming.claim(at=NOON, owner=threading.current_thread().name):
                won.append(batch.pk)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    assert len(won) == len(set(won)) == 20
    assert set(Batch.objects.values_list("state", "fence")) == {(BatchState.LEASED, 1)}


@pytest.mark.postgres(only=True)
@pytest.mark.django_db(transaction=True)
def test_worker_steps_over_a_batch_that_another_is_just_taking(provider: ScriptedProvider) -> None:
    open_all(make_sending(readers=120))
    first, second = Batch.objects.order_by("pk")
    won: list[int] = []

    def work() -> None:
        batch = claiming.claim(at=NOON, owner="other")
        won.append(0 if batch is None else batch.pk)
        connections.close_all()

    with transaction.atomic():
        Batch.objects.select_for_update().get(pk=first.pk)
        other = threading.Thread(target=work)
        other.start()
        other.join(timeout=20)

    assert won == [second.pk]


@pytest.mark.django_db(transaction=True)
def test_pumps_at_once_hand_everything_over_once(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = make_sending(readers=600)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            pump.run(seconds=20, at_clock=clock)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    pump.run(seconds=0, at_clock=clock)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    pump.run(seconds=20, at_clock=clock)
    sweeping.sweep(at=clock())

    assert errors == []
    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted) == (MailingState.FINISHED, 600)
    assert_no_lie(mailing, provider)
    assert_account_holds(mailing)


def test_lease_that_ran_out_without_a_call_is_ready_again_and_the_late_worker_loses(
    provider: ScriptedProvider,
) -> None:
    make_sending(readers=5)
    slow = claimed()

    later = NOON + dt.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1)
    sweeping.sweep(at=later)
    quick = claimed(later)

    assert quick.fence == slow.fence + 1
    assert claiming.begin(slow, attempt_id=uuid4(), offered=[0], skipped={}, digest="", at=later) is None
    assert not claiming.give_back(slow, not_before=later)
    assert begun(quick, later).fence == 2
    assert Attempt.objects.count() == 1


def test_lease_that_has_not_run_out_is_the_workers_alone(provider: ScriptedProvider) -> None:
    make_sending(readers=5)
    batch = claimed()

    just_before = NOON + dt.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS - 1)
    sweeping.sweep(at=just_before)

    assert claiming.claim(at=just_before, owner="another") is None
    assert begun(batch, just_before).fence == 1


def test_late_worker_settles_an_unknown_call_once_and_not_twice(provider: ScriptedProvider) -> None:
    mailing = make_sending(readers=5)
    attempt = begun(claimed())
    sweeping.sweep(at=NOON + dt.timedelta(minutes=5))
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.UNKNOWN

    assert settle(attempt, Verdict.ACCEPTED, count=5)
    assert not settle(attempt, Verdict.ACCEPTED, count=5)
    assert not settle(attempt, Verdict.REJECTED, count=5)

    assert states(mailing) == {"accepted": 5}
    assert Batch.objects.get().accepted == 5
    assert_account_holds(mailing)


def test_late_proof_for_copies_already_held_is_still_written_down(provider: ScriptedProvider) -> None:
    mailing = make_sending(readers=5)
    attempt = begun(claimed())
    sweeping.sweep(at=NOON + dt.timedelta(minutes=5))
    sweeping.sweep(at=NOON + dt.timedelta(minutes=5, seconds=settings.DELIVERY_UNKNOWN_SECONDS + 1))
    mailing.refresh_from_db()
    assert (mailing.state, mailing.held) == (MailingState.FINISHED_WITH_HELD, 5)

    assert not settle(attempt, Verdict.ACCEPTED, count=5)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted, mailing.held) == (MailingState.FINISHED, 5, 0)
    assert_account_holds(mailing)


def test_open_attempt_whose_batch_is_held_by_another_is_loud(provider: ScriptedProvider) -> None:
    make_sending(readers=5)
    attempt = begun(claimed())
    Batch.objects.update(fence=7)

    with pytest.raises(FenceBroken):
        settle(attempt, Verdict.ACCEPTED, count=5)

    attempt.refresh_from_db()
    assert attempt.state == AttemptState.CALLING
    sweeping.sweep(at=NOON + dt.timedelta(minutes=5))
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.HELD
    assert Incident.objects.filter(key=f"delivery.fence.{attempt.batch_id}").exists()


def test_batch_claimed_again_and_again_without_a_call_is_held_and_reported(
    provider: ScriptedProvider,
) -> None:
    mailing = make_sending(readers=5)
    at = NOON
    for _ in range(sweeping.MOST_IDLE_CLAIMS + 1):
        claimed(at)
        at += dt.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1)
        sweeping.sweep(at=at)

    assert claiming.claim(at=at, owner="worker") is None
    assert states(mailing) == {"held": 5}
    assert Incident.objects.filter(key=f"delivery.stuck.{mailing.pk}").exists()
    assert_account_holds(mailing)


def test_mailing_stopped_between_claim_and_call_is_not_called(provider: ScriptedProvider) -> None:
    mailing = make_sending(readers=5)
    batch = claimed()

    control.pause(mailing, because="a person said so", at=NOON)

    assert claiming.begin(batch, attempt_id=uuid4(), offered=[0], skipped={}, digest="", at=NOON) is None
    assert not Attempt.objects.exists()


def test_claim_passes_over_what_is_not_due_and_providers_not_wanted(provider: ScriptedProvider) -> None:
    make_sending(readers=5)

    assert claiming.claim(at=NOON, owner="worker", without=["main"]) is None
    assert claiming.claim(at=NOON, owner="worker", provider="spare") is None
    Batch.objects.update(not_before=NOON + dt.timedelta(seconds=1))
    assert claiming.claim(at=NOON, owner="worker") is None
    assert claiming.claim(at=NOON + dt.timedelta(seconds=1), owner="worker", provider="main") is not None


@pytest.mark.parametrize("readers", [40, 400])
def test_claim_and_settle_cost_the_same_whatever_the_size(readers: int, provider: ScriptedProvider) -> None:
    provider.capabilities = type(provider.capabilities)(
        batch_size=1000, max_bytes=10**7, personal_headers=True, one_call_per_reader=False
    )
    mailing = make_sending(readers=readers)
    open_all(mailing)
    if readers > 50:
        claimed()

    with CaptureQueriesContext(connection) as claim_queries:
        batch = claimed()
    attempt = begun(batch)
    numbers = list(ledger.numbers_of(batch))
    answer = HandOver(outcomes={n: Outcome(verdict=Verdict.ACCEPTED) for n in numbers})
    decision = decide(numbers, answer, tries=0, at=NOON)
    with CaptureQueriesContext(connection) as settle_queries:
        settling.settle(attempt, decision, answer, at=NOON)

    # the candidate, the compare-and-set
    assert len([q for q in claim_queries if "SAVEPOINT" not in q["sql"]]) == 2
    own = [q for q in settle_queries if "SAVEPOINT" not in q["sql"]]
    # lock the batch, close the attempt, copies accepted, batch, the mailing's sign of life; first batch: its judge
    assert len(own) == 5 + (readers <= 50)
