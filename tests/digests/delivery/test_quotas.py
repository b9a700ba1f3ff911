"""The daily quota: never exceeded, given back where it is certain, waited for until midnight."""

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connections

from digests.delivery import claiming, ladder, ledger, pump, quotas, steps, sweeping
from digests.delivery.errors import QuotaUsedUp
from digests.delivery.models import Attempt, Batch, Mailing, QuotaDay
from digests.delivery.states import AttemptState, BatchState, MailingState
from newsroom.mail import providers
from newsroom.mail.models import Incident
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import Capabilities, Found
from newsroom.mail.verdicts import Verdict
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

# Noon in UTC is 14 o'clock in Berlin.
MIDNIGHT = NOON.replace(hour=22)


@pytest.fixture
def quota(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def put(copies: int) -> None:
        config = dataclasses.replace(ProviderConfig(name="main", scheme="memory"), quota=copies)
        monkeypatch.setattr(providers, "config", lambda name: config)

    return put


def used() -> int:
    return QuotaDay.objects.get().used


def test_mailing_stops_at_the_quota_and_goes_on_after_midnight(
    provider: ScriptedProvider, clock: Clock, quota: Callable[[int], None]
) -> None:
    quota(130)
    mailing = make_sending(readers=250)

    pump.run(seconds=5, at_clock=clock)

    assert (states(mailing), used()) == ({"accepted": 130, "waiting": 120}, 130)
    assert set(Batch.objects.filter(state=BatchState.READY).values_list("not_before", flat=True)) == {
        MIDNIGHT
    }
    incident = Incident.objects.get(key="delivery.quota.main")
    assert incident.facts["mailings"] == [mailing.pk]

    sweeping.sweep(at=clock.pass_by(hours=9, minutes=59))
    assert pump.run(seconds=5, at_clock=clock) == 0
    assert Mailing.objects.get().state == MailingState.SENDING

    clock.pass_by(minutes=1)
    pump.run(seconds=5, at_clock=clock)
    assert states(mailing) == {"accepted": 250}
    assert list(QuotaDay.objects.order_by("day").values_list("day", "used")) == [
        (dt.date(2026, 5, 4), 130),
        (dt.date(2026, 5, 5), 120),
    ]
    incident.refresh_from_db()
    assert incident.resolved_at is not None
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)


def test_what_was_certainly_not_sent_is_given_back_to_its_day(
    provider: ScriptedProvider, clock: Clock, quota: Callable[[int], None]
) -> None:
    quota(1000)
    provider.script.append(scripted.by_number({1: Verdict.NOT_SENT, 2: Verdict.NOT_SENT, 3: Verdict.UNKNOWN}))
    make_sending(readers=10)

    pump.run(seconds=5, at_clock=clock)

    assert used() == 8


def test_what_the_providers_records_prove_not_taken_is_given_back(
    provider: ScriptedProvider, clock: Clock, quota: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quota(1000)
    provider.capabilities = Capabilities(
        batch_size=100, max_bytes=10**7, personal_headers=True, one_call_per_reader=False, can_search=True
    )
    monkeypatch.setattr(
        ScriptedProvider,
        "search",
        lambda self, **values: Found(tokens=frozenset(), is_complete=True),
        raising=False,
    )
    provider.script.append(scripted.no_answer)
    make_sending(readers=10)
    pump.run(seconds=5, at_clock=clock)
    assert used() == 10

    for _ in range(3):
        clock.pass_by(minutes=6)
        ladder.look(at=clock())

    assert Attempt.objects.get().state == AttemptState.NOT_SENT
    assert used() == 0


def test_quota_set_at_noon_counts_the_calls_of_the_morning(
    provider: ScriptedProvider, clock: Clock, quota: Callable[[int], None]
) -> None:
    mailing = make_sending(readers=150)
    pump.run(seconds=5, at_clock=clock)
    Attempt.objects.filter(size=50).update(calling_at=NOON - dt.timedelta(days=1))

    quota(120)

    assert quotas.left("main", quota=120, at=clock()) == 20
    assert states(mailing) == {"accepted": 150}


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        (dt.datetime(2026, 10, 24, 21, 59, tzinfo=dt.UTC), dt.datetime(2026, 10, 24, 22, 0, tzinfo=dt.UTC)),
        (dt.datetime(2026, 10, 24, 22, 0, tzinfo=dt.UTC), dt.datetime(2026, 10, 25, 23, 0, tzinfo=dt.UTC)),
    ],
)
def test_next_day_begins_at_midnight_of_the_site_through_the_change_of_the_clocks(
    at: dt.datetime, begins: dt.datetime
) -> None:
    assert django_settings.TIME_ZONE == "Europe/Berlin"
    assert quotas.next_day(at) == begins


def test_provider_without_a_quota_has_no_account(provider: ScriptedProvider, clock: Clock) -> None:
    make_sending(readers=60)

    pump.run(seconds=5, at_clock=clock)

    assert not QuotaDay.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_workers_that_race_for_the_last_copies_never_go_over(
    provider: ScriptedProvider, quota: Callable[[int], None]
) -> None:
    quota(55)
    provider.capabilities = Capabilities(
        batch_size=10, max_bytes=10**7, personal_headers=True, one_call_per_reader=False
    )
    make_sending(readers=100)
    Batch.objects.update(not_before=NOON)
    lost: list[str] = []
    errors: list[BaseException] = []
    together = threading.Barrier(4)

    def work() -> None:
        try:
            batches = [claiming.claim(at=NOON, owner=threading.current_thread().name) for _ in range(2)]
            together.wait(timeout=20)
            for batch in batches:
                assert batch is not None
                numbers = list(ledger.numbers_of(batch))
                try:
                    claiming.begin(
                        batch, attempt_id=uuid4(), offered=numbers, skipped={}, digest="d", at=NOON
                    )
                except QuotaUsedUp as error:
                    lost.append(error.provider)
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
    assert (used(), len(lost)) == (50, 3)
    assert sum(Attempt.objects.values_list("size", flat=True)) == 50
    assert Batch.objects.filter(state=BatchState.CALLING).count() == 5


def test_worker_whose_copies_another_took_meanwhile_hands_over_what_is_left(
    provider: ScriptedProvider, clock: Clock, quota: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quota(40)
    mailing = make_sending(readers=30)

    def another_is_quicker(step: str) -> None:
        if step == steps.CHECKED and not provider.calls:
            QuotaDay.objects.update(used=20)

    monkeypatch.setattr(steps, "reached", another_is_quicker)
    pump.run(seconds=5, at_clock=clock)

    assert [len(numbers) for _, numbers, _ in provider.calls] == [20]
    assert (states(mailing), used()) == ({"accepted": 20, "waiting": 10}, 40)
    assert Batch.objects.get(state=BatchState.READY).not_before == MIDNIGHT
    assert_account_holds(mailing)
