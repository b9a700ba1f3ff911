"""A provider out of order hands on what it did not come to, and nothing else."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digests.delivery import circuits, claiming, control, failing_over, ledger, pump, sweeping
from digests.delivery.models import Batch, Mailing, ProviderState
from digests.delivery.states import BatchState, Circuit
from newsroom.mail.models import Incident
from newsroom.mail.providers.base import Capabilities, HandOver
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import Copy
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

Install = Callable[[ScriptedProvider], ScriptedProvider]


@pytest.fixture(autouse=True)
def _two_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MAIL_PROVIDERS", "main=memory://?failover=spare,spare=memory://")


@pytest.fixture
def spare(_two_providers: None, install: Install) -> ScriptedProvider:
    return install(ScriptedProvider("spare", batch_size=100))


@pytest.fixture
def main(_two_providers: None, install: Install) -> ScriptedProvider:
    return install(ScriptedProvider("main", batch_size=100))


def unreachable(provider: ScriptedProvider, copies: list[Copy]) -> HandOver:
    outcomes = scripted.alike(copies, Verdict.NOT_SENT, "no connection: refused")
    return HandOver(outcomes=outcomes, is_unreachable=True)


def run(clock: Clock) -> None:
    pump.run(seconds=10, at_clock=clock)


def open_main(clock: Clock, *, ago: float = 121) -> None:
    """The circuit has been open for so many seconds, and was found closed again just now."""
    circuits.open_circuit("main", because="HTTP 401", at=clock() - dt.timedelta(seconds=ago))
    circuits.open_circuit("main", because="HTTP 401", at=clock())


def test_mailing_ends_by_the_other_provider_and_nobody_gets_it_twice(
    main: ScriptedProvider, spare: ScriptedProvider, clock: Clock
) -> None:
    main.script.extend([scripted.accept, scripted.accept, scripted.refuse_key])
    mailing = make_sending(readers=450)
    run(clock)
    assert states(mailing) == {"accepted": 150, "waiting": 300}

    sweeping.sweep(at=clock.pass_by(seconds=119))
    run(clock)
    assert spare.calls == []

    sweeping.sweep(at=clock.pass_by(seconds=1))
    run(clock)

    assert states(mailing) == {"accepted": 450}
    assert len(main.taken) == 150
    assert sorted((main.taken + spare.taken).values()) == [1] * 450
    assert Incident.objects.get(key="delivery.failover.main").facts["mailings"] == [mailing.pk]
    assert_account_holds(mailing)


def test_what_is_in_hand_or_unknown_stays_where_it_is(
    main: ScriptedProvider, spare: ScriptedProvider, clock: Clock
) -> None:
    make_sending(readers=450)
    Batch.objects.update(not_before=clock())
    kept = {}
    for state in (BatchState.LEASED, BatchState.CALLING, BatchState.UNKNOWN, BatchState.DONE):
        batch = claiming.claim(at=clock(), owner="me")
        assert batch is not None
        Batch.objects.filter(pk=batch.pk).update(state=state)
        kept[batch.pk] = "main"
    open_main(clock)

    assert failing_over.move(at=clock()) == 1

    assert dict(Batch.objects.exclude(state=BatchState.READY).values_list("pk", "provider")) == kept
    assert Batch.objects.get(state=BatchState.READY).provider == "spare"


def test_batch_proved_not_sent_moves_with_its_tries_forgotten_and_the_gate_stays_shut(
    main: ScriptedProvider, spare: ScriptedProvider, clock: Clock
) -> None:
    make_sending(readers=250)
    first = Batch.objects.order_by("pk")[0]
    Batch.objects.filter(pk=first.pk).update(tries=4, not_before=clock() + dt.timedelta(minutes=4))
    open_main(clock)

    failing_over.move(at=clock())

    rows = list(Batch.objects.order_by("pk").values_list("provider", "tries", "not_before"))
    assert rows == [("spare", 0, clock()), ("spare", 0, ledger.GATED), ("spare", 0, ledger.GATED)]


def test_batch_too_large_for_the_other_provider_is_cut_smaller(
    main: ScriptedProvider, install: Install, clock: Clock
) -> None:
    small = install(ScriptedProvider("spare", batch_size=30))
    mailing = make_sending(readers=150)
    open_main(clock)

    failing_over.move(at=clock())
    run(clock)

    assert states(mailing) == {"accepted": 150}
    assert max(len(numbers) for _, numbers, _ in small.calls) == 30
    assert not main.calls
    assert_account_holds(mailing)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda clock: circuits.open_circuit("spare", because="HTTP 401", at=clock()),
        lambda clock: ProviderState.objects.update(circuit=Circuit.HALF_OPEN),
        lambda clock: ProviderState.objects.update(opened_until=clock()),
        lambda clock: ProviderState.objects.update(open_since=clock() - dt.timedelta(seconds=119)),
        lambda clock: circuits.close_circuit("main", at=clock()),
        lambda clock: control.pause(Mailing.objects.get(), because="wait", at=clock()),
    ],
    ids=["spare is out of order", "trial under way", "trial is due", "not long enough", "works", "stopped"],
)
def test_nothing_moves_while(
    spoil: Callable[[Clock], object],
    main: ScriptedProvider,
    spare: ScriptedProvider,
    clock: Clock,
) -> None:
    make_sending(readers=60)
    open_main(clock)
    spoil(clock)

    assert failing_over.move(at=clock()) == 0
    assert set(Batch.objects.values_list("provider", flat=True)) == {"main"}


def test_provider_that_cannot_carry_the_list_headers_takes_nothing_over_and_staff_hear_of_it(
    main: ScriptedProvider, spare: ScriptedProvider, clock: Clock
) -> None:
    spare.capabilities = Capabilities(
        batch_size=100,
        max_bytes=10**7,
        personal_headers=True,
        one_call_per_reader=False,
        keeps_list_headers=False,
    )
    make_sending(readers=60)
    open_main(clock)

    assert failing_over.move(at=clock()) == 0

    assert Incident.objects.get(key="delivery.failover.main").severity == "error"
    assert set(Batch.objects.values_list("provider", flat=True)) == {"main"}


def test_provider_that_works_again_gets_the_next_mailing_by_a_trial(
    main: ScriptedProvider, spare: ScriptedProvider, clock: Clock
) -> None:
    open_main(clock)
    clock.pass_by(minutes=6)
    mailing = make_sending(readers=60, at=clock())

    sweeping.sweep(at=clock())
    run(clock)

    assert (states(mailing), spare.calls) == ({"accepted": 60}, [])
    assert ProviderState.objects.get().open_since is None


def test_nobody_listening_opens_the_circuit_and_costs_no_try(
    main: ScriptedProvider, spare: ScriptedProvider, clock: Clock
) -> None:
    main.always = unreachable  # type: ignore[assignment]  # a list will do
    mailing = make_sending(readers=40)
    for _ in range(4):
        run(clock)
        clock.pass_by(seconds=10)

    assert len(main.calls) == 3
    assert Batch.objects.get().tries == 0
    assert ProviderState.objects.get().circuit == Circuit.OPEN

    for _ in range(12):
        sweeping.sweep(at=clock.pass_by(seconds=10))
        run(clock)
    assert states(mailing) == {"accepted": 40}
    assert_account_holds(mailing)


def test_two_unreached_calls_after_one_that_was_taken_are_no_outage(
    main: ScriptedProvider, clock: Clock
) -> None:
    main.script.extend([scripted.accept, unreachable, unreachable])  # type: ignore[list-item]  # a list will do
    make_sending(readers=250)

    run(clock)

    assert len(main.calls) == 3
    assert not ProviderState.objects.filter(circuit=Circuit.OPEN).exists()


def test_one_query_while_all_is_well(main: ScriptedProvider, spare: ScriptedProvider, clock: Clock) -> None:
    make_sending(readers=60)

    with CaptureQueriesContext(connection) as queries:
        failing_over.move(at=clock())

    assert len(queries) == 1  # whether the provider was given up
