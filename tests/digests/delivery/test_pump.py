"""A whole mailing, from its audience to the last outcome."""

import datetime as dt
from collections.abc import Sequence

import pytest
from django.conf import settings as django_settings

from digests.delivery import circuits, control, freezing, ledger, pump, queue, remedies, sweeping
from digests.delivery.models import Attempt, Batch, Delivery, ProviderState
from digests.delivery.states import (
    AttemptState,
    BatchKind,
    BatchState,
    Circuit,
    DeliveryState,
    MailingState,
)
from newsroom.mail import providers
from newsroom.mail.models import Incident
from newsroom.mail.providers.base import HandOver
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import Copy
from subscriptions.models import Subscription
from subscriptions.states import SubscriptionState
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_mailing, make_sending
from tests.digests.delivery.scripted import ScriptedProvider

pytestmark = pytest.mark.django_db


def run(clock: Clock, seconds: float = 30) -> int:
    return pump.run(seconds=seconds, at_clock=clock)


@pytest.mark.postgres
def test_whole_mailing_reaches_every_reader_once_through_the_memory_provider(clock: Clock) -> None:
    memory = providers.provider("main")
    assert isinstance(memory, MemoryProvider)
    memory.outbox.clear()
    mailing = make_mailing(readers=130)

    frozen = freezing.freeze(mailing.pk, at=clock())
    control.start(frozen, at=clock())
    run(clock)
    sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, mailing.frozen, mailing.accepted) == (MailingState.FINISHED, 130, 130)
    assert len({kept.copy.address for kept in memory.outbox}) == len(memory.outbox) == 130
    one = memory.outbox[0].raw.decode()
    assert "List-Unsubscribe: <https://news.example.org/u/" in one
    assert "4. April 2026" in one
    assert_account_holds(mailing)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_is_called(
    provider: ScriptedProvider, clock: Clock
) -> None:
    make_sending(readers=60)

    run(clock)

    assert len(provider.calls) == 2
    assert not provider.was_in_transaction


@pytest.mark.postgres
def test_slice_that_is_over_at_once_hands_one_batch_over_and_wakes_the_next(
    provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[bool] = []
    monkeypatch.setattr(queue, "wake_pump", lambda: woken.append(True))
    make_sending(readers=250)
    woken.clear()

    assert run(clock, seconds=0) == 1
    assert [len(numbers) for _, numbers, _ in provider.calls] == [50]
    assert woken == [True]


def test_first_readers_go_alone_and_the_rest_waits_for_their_outcome(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.append(scripted.throttle)
    mailing = make_sending(readers=250)

    run(clock)
    assert [len(numbers) for _, numbers, _ in provider.calls] == [50]

    clock.pass_by(seconds=41)
    run(clock)
    assert [len(numbers) for _, numbers, _ in provider.calls] == [50, 50, 100, 100]
    assert states(mailing) == {"accepted": 250}


def test_mailing_whose_first_copies_are_all_refused_stops_and_calls_a_person(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.always = scripted.by_number(dict.fromkeys(range(1000), Verdict.REJECTED))
    mailing = make_sending(readers=120)

    run(clock)
    run(clock)

    mailing.refresh_from_db()
    assert mailing.state == MailingState.PAUSED
    assert states(mailing) == {"rejected": 50, "waiting": 70}
    assert Incident.objects.filter(key=f"delivery.canary.{mailing.pk}").exists()

    provider.always = scripted.accept
    control.resume(mailing, at=clock(), by=None)
    run(clock)
    assert states(mailing) == {"rejected": 50, "accepted": 70}


def test_reader_who_left_between_freeze_and_sending_is_skipped_with_the_reason(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    left = Subscription.objects.order_by("pk")[3]
    Subscription.objects.filter(pk=left.pk).update(state=SubscriptionState.UNSUBSCRIBED)

    run(clock)

    delivery = Delivery.objects.get(mailing=mailing, subscription=left)
    assert (delivery.state, delivery.reason) == (DeliveryState.SKIPPED, "unsubscribed")
    assert provider.taken[delivery.pk] == 0
    assert states(mailing) == {"accepted": 9, "skipped": 1}
    assert Attempt.objects.get().seqs == [[0, 3], [4, 10]]
    assert_account_holds(mailing)


def test_batch_of_readers_who_all_left_is_done_without_a_call(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=70)
    Subscription.objects.update(state=SubscriptionState.UNSUBSCRIBED)

    run(clock)
    sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert provider.calls == []
    assert (mailing.state, mailing.skipped) == (MailingState.FINISHED, 70)


@pytest.mark.postgres
def test_one_bad_reader_is_found_by_halving_and_only_that_one_is_rejected(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.always = scripted.refuse_these(77)
    mailing = make_sending(readers=150)

    run(clock)
    sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted, mailing.rejected) == (MailingState.FINISHED, 149, 1)
    delivery = Delivery.objects.get(mailing=mailing, state=DeliveryState.REJECTED)
    assert delivery.seq == 77
    assert delivery.reason == "HTTP 400: to is not valid, r…@example.org"
    assert len(provider.calls) <= 2 + 2 * 7
    assert Batch.objects.filter(state=BatchState.SPLIT).exists()
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)


@pytest.mark.postgres
def test_partial_answer_leaves_lists_for_those_to_retry_and_those_unknown(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.append(
        scripted.by_number(
            {2: Verdict.REJECTED, 4: Verdict.UNKNOWN, 7: Verdict.NOT_SENT, 9: Verdict.NOT_SENT}
        )
    )
    mailing = make_sending(readers=12)

    run(clock)

    whole, retry, unknown = Batch.objects.order_by("pk")
    assert (whole.state, whole.size, whole.accepted, whole.rejected) == (BatchState.DONE, 9, 8, 1)
    assert (retry.kind, retry.seqs, retry.state, retry.tries) == (BatchKind.LIST, [7, 9], BatchState.READY, 1)
    assert retry.not_before == clock() + dt.timedelta(seconds=10)
    assert (unknown.lo, unknown.size, unknown.state) == (4, 1, BatchState.UNKNOWN)
    assert Delivery.objects.get(mailing=mailing, state=DeliveryState.REJECTED).reason == "550 r…@example.org"
    assert_account_holds(mailing)

    clock.pass_by(seconds=10)
    run(clock)
    assert states(mailing) == {"accepted": 10, "rejected": 1, "waiting": 1}
    assert_no_lie(mailing, provider)


def test_call_without_answer_makes_batch_and_attempt_unknown_and_is_never_repeated(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.append(scripted.accept_without_answer)
    mailing = make_sending(readers=10)

    run(clock)
    assert Batch.objects.get().state == BatchState.UNKNOWN
    assert Attempt.objects.get().state == AttemptState.UNKNOWN
    clock.pass_by(seconds=django_settings.DELIVERY_UNKNOWN_SECONDS - 1)
    sweeping.sweep(at=clock())
    run(clock)
    assert states(mailing) == {"waiting": 10}

    clock.pass_by(seconds=2)
    sweeping.sweep(at=clock())
    run(clock)
    sweeping.sweep(at=clock())

    mailing.refresh_from_db()
    assert (mailing.state, mailing.held) == (MailingState.FINISHED_WITH_HELD, 10)
    assert set(Delivery.objects.values_list("reason", flat=True)) != {""}
    assert Incident.objects.filter(key=f"delivery.held.{mailing.pk}").exists()
    assert len(provider.calls) == 1
    assert_account_holds(mailing)


def test_refused_connections_are_tried_five_times_with_longer_waits_then_held(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.always = scripted.no_connection
    mailing = make_sending(readers=10)

    waits = []
    for _ in range(6):
        run(clock)
        batch = Batch.objects.get()
        waits.append((batch.not_before - clock()).total_seconds())
        clock.at = max(clock.at, batch.not_before)

    assert waits[:4] == [10, 30, 90, 270]
    assert len(provider.calls) == remedies.MOST_TRIES
    assert Batch.objects.get().state == BatchState.HELD
    assert states(mailing) == {"held": 10}
    sweeping.sweep(at=clock())
    assert_account_holds(mailing)


def test_after_a_long_wait_one_call_at_a_time_tries_how_it_goes(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.extend([scripted.accept, scripted.throttle_long, scripted.throttle_long])
    mailing = make_sending(readers=450)
    run(clock)
    clock.pass_by(seconds=599)
    assert run(clock) == 0

    clock.pass_by(seconds=2)
    run(clock)
    assert len(provider.calls) == 3  # the one trial, sent away again
    clock.pass_by(seconds=601)
    assert circuits.try_again("main", at=clock())  # another worker's call is on its way
    assert run(clock) == 0
    assert states(mailing) == {"accepted": 50, "waiting": 400}

    clock.pass_by(minutes=4)  # that worker is gone
    run(clock)
    assert states(mailing) == {"accepted": 450}
    assert ProviderState.objects.get().circuit == Circuit.CLOSED
    assert not Incident.objects.exists()
    assert_no_lie(mailing, provider)


def test_being_told_to_wait_holds_the_provider_back_and_costs_no_try(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.script.extend([scripted.accept, scripted.throttle])
    mailing = make_sending(readers=250)

    run(clock)

    assert len(provider.calls) == 2
    assert ProviderState.objects.get().not_before == clock() + dt.timedelta(seconds=40)
    assert set(Batch.objects.values_list("tries", flat=True)) == {0}
    clock.pass_by(seconds=39)
    assert run(clock) == 0
    clock.pass_by(seconds=2)
    run(clock)
    assert states(mailing) == {"accepted": 250}


def test_wrong_key_opens_the_circuit_after_one_call_and_heals_when_repaired(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.always = scripted.refuse_key
    mailing = make_sending(readers=120)

    run(clock)
    run(clock)

    assert len(provider.calls) == 1
    assert ProviderState.objects.get().circuit == Circuit.OPEN
    incident = Incident.objects.get(key="delivery.provider.main")
    assert incident.resolved_at is None

    provider.always = scripted.accept
    clock.pass_by(minutes=5)
    run(clock)
    incident.refresh_from_db()
    assert incident.resolved_at == clock()
    assert ProviderState.objects.get().circuit == Circuit.CLOSED
    assert states(mailing) == {"accepted": 120}
    assert set(Batch.objects.values_list("tries", flat=True)) == {0}


def test_calls_that_keep_ending_without_an_answer_open_the_circuit(
    provider: ScriptedProvider, clock: Clock
) -> None:
    provider.always = scripted.no_answer
    make_sending(readers=950)

    run(clock)
    run(clock)

    assert len(provider.calls) == 3
    assert Batch.objects.filter(state=BatchState.UNKNOWN).count() == 3


def test_fault_in_an_adapter_counts_as_unknown_and_is_not_swallowed(
    provider: ScriptedProvider, clock: Clock
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("fault")

    provider.script.append(fail)  # type: ignore[arg-type]  # it never answers
    mailing = make_sending(readers=5)

    with pytest.raises(KeyError):
        run(clock)

    assert Batch.objects.get().state == BatchState.UNKNOWN
    assert Attempt.objects.get().response == "KeyError: 'fault'"
    assert_account_holds(mailing)


def test_no_address_is_kept_with_a_call_or_a_copy(provider: ScriptedProvider, clock: Clock) -> None:
    def complain(itself: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        address = copies[0].address
        outcomes = scripted.alike(copies, Verdict.REJECTED, f"no such user {address}")
        return HandOver(outcomes=outcomes, response=f"550 <{address}> unknown")

    provider.script.append(complain)
    make_sending(readers=3)

    run(clock)

    kept = [
        *Attempt.objects.values_list("response", flat=True),
        *Delivery.objects.values_list("reason", flat=True),
    ]
    assert len(kept) == 4
    assert all("r…@example.org" in text and "reader." not in text for text in kept)


def test_worker_that_slept_past_its_deadline_does_not_call_any_more(
    provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sending(readers=5)
    monkeypatch.setattr(django_settings, "DELIVERY_CALL_SECONDS", -1)

    run(clock)

    assert provider.calls == []
    assert Attempt.objects.get().state == AttemptState.NOT_SENT


def test_provider_that_is_no_longer_configured_is_not_called_and_staff_hear_of_it(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=5)
    Batch.objects.update(provider="former")

    run(clock)

    assert Incident.objects.filter(key="delivery.provider.former").exists()
    assert (Batch.objects.get().state, provider.calls) == (BatchState.READY, [])
    assert states(mailing) == {"waiting": 5}


def test_numbers_of_a_delivery_are_its_mailing_and_its_place(provider: ScriptedProvider) -> None:
    mailing = make_sending(readers=3)

    ids = list(ledger.of_mailing(mailing.pk).values_list("pk", flat=True))

    assert ids == [mailing.pk * 2**32 + seq for seq in range(3)]
    assert [ledger.number_of(pk) for pk in ids] == [0, 1, 2]
    assert {ledger.mailing_of(pk) for pk in ids} == {mailing.pk}
