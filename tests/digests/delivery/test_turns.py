"""When a batch may go: by newsletter, by family of mailboxes, and what becomes of the copies that may not yet."""

import dataclasses
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digests.delivery import auditing, claiming, limits, parting, pump, sizes, turns
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import BatchKind, BatchState
from newsroom.mail import providers
from newsroom.mail.provider_urls import ProviderConfig
from subscriptions.models import Newsletter, Subscriber
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_buckets(redis_url: str) -> Iterator[None]:
    limits._redis.cache_clear()
    yield
    limits._redis.cache_clear()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ProviderConfig]:
    def put(**values: object) -> ProviderConfig:
        config = dataclasses.replace(ProviderConfig(name="main", scheme="memory"), **values)  # type: ignore[arg-type]  # by case
        monkeypatch.setattr(providers, "config", lambda name: config)
        return config

    return put


def at_gmail(*numbers: int) -> None:
    """The readers of these numbers have their mailbox there."""
    for number, subscriber in enumerate(Subscriber.objects.order_by("pk")):
        if number in numbers:
            Subscriber.objects.filter(pk=subscriber.pk).update(address=f"reader{number}@gmail.com")


def forget() -> None:
    with redis.Redis.from_url(settings.SEND_RATES_URL) as client:
        client.flushall()


@pytest.mark.postgres
def test_copies_to_a_family_that_is_not_its_turn_wait_and_the_others_go(
    provider: ScriptedProvider, clock: Clock, configure: Callable[..., ProviderConfig]
) -> None:
    configure(families={"gmail": 0.5})
    mailing = make_sending(readers=40)
    at_gmail(3, 7, 8, 9, 30)
    limits.take([limits.Bucket(name="main:gmail", copies=20, rate=0.5, spent=lambda: -1.0)], longest_wait=60)

    pump.run(seconds=2, at_clock=clock)

    assert states(mailing) == {"accepted": 35, "waiting": 5}
    whole, rest, later = Batch.objects.order_by("pk")
    assert (whole.state, whole.size) == (BatchState.SPLIT, 0)
    assert (rest.state, rest.size, rest.accepted) == (BatchState.DONE, 35, 35)
    assert (later.state, later.kind, later.seqs) == (BatchState.READY, BatchKind.LIST, [3, 7, 8, 9, 30])
    assert 38 <= (later.not_before - clock()).total_seconds() <= 40
    assert_account_holds(mailing)

    forget()
    clock.pass_by(minutes=30)
    pump.run(seconds=2, at_clock=clock)
    assert states(mailing) == {"accepted": 40}
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)


def test_batch_of_nothing_but_that_family_is_given_back_whole(
    provider: ScriptedProvider, clock: Clock, configure: Callable[..., ProviderConfig]
) -> None:
    configure(families={"gmail": 0.5})
    make_sending(readers=3)
    at_gmail(0, 1, 2)
    limits.take([limits.Bucket(name="main:gmail", copies=20, rate=0.5, spent=lambda: -1.0)], longest_wait=60)

    pump.run(seconds=1, at_clock=clock)

    batch = Batch.objects.get()
    assert (batch.state, batch.idle_claims, provider.calls) == (BatchState.READY, 0, [])
    assert batch.not_before > clock()


def test_family_bucket_that_redis_lost_is_filled_by_the_readers_in_the_ledger(
    provider: ScriptedProvider, clock: Clock, configure: Callable[..., ProviderConfig]
) -> None:
    configure(families={"gmail": 0.1})
    mailing = make_sending(readers=60)
    at_gmail(0, 1, 2, 3, 55)
    pump.run(seconds=1, at_clock=clock)
    Batch.objects.filter(state=BatchState.READY).update(not_before=clock())
    forget()

    pump.run(seconds=1, at_clock=clock)

    assert states(mailing) == {"accepted": 59, "waiting": 1}
    later = Batch.objects.get(state=BatchState.READY)
    assert (later.lo, later.size) == (55, 1)
    assert 39 <= (later.not_before - clock()).total_seconds() <= 40


def test_provider_without_families_costs_no_query_and_no_question(
    clock: Clock, provider: ScriptedProvider, configure: Callable[..., ProviderConfig]
) -> None:
    config = configure()
    make_sending(readers=10)
    batch = claiming.claim(at=clock(), owner="me")
    assert batch is not None

    with CaptureQueriesContext(connection) as queries:
        found = turns.wait_for(batch, config, turns.Resting(), left=5, at_clock=clock)

    assert (found, len(queries)) == (batch, 0)


def test_newsletter_at_its_limit_lets_others_pass(
    provider: ScriptedProvider, clock: Clock, configure: Callable[..., ProviderConfig]
) -> None:
    configure()
    slow = make_sending(readers=300)
    Batch.objects.update(not_before=clock())
    Newsletter.objects.update(most_copies_per_hour=60)
    other = make_sending(readers=5)
    limits.take(
        [limits.Bucket(name=f"newsletter:{slow.newsletter_id}", copies=10, rate=1 / 60, spent=lambda: -1.0)],
        longest_wait=60,
    )

    began = time.monotonic()
    pump.run(seconds=30, at_clock=clock)

    assert time.monotonic() - began < 20
    assert (states(slow), states(other)) == ({"waiting": 300}, {"accepted": 5})
    first, *untouched = Batch.objects.filter(mailing=slow).order_by("pk")
    assert first.not_before > clock()
    assert [batch.fence for batch in untouched] == [0, 0, 0]


def test_newsletter_bucket_that_redis_lost_is_filled_by_its_calls(
    provider: ScriptedProvider, clock: Clock, configure: Callable[..., ProviderConfig]
) -> None:
    configure()
    mailing = make_sending(readers=120)
    pump.run(seconds=1, at_clock=clock)
    Newsletter.objects.update(most_copies_per_hour=60)
    forget()
    again = make_sending(readers=0, newsletter=mailing.newsletter)

    pump.run(seconds=1, at_clock=clock)

    assert states(again) == {"waiting": 120}


def test_batches_of_a_slow_newsletter_are_a_minutes_worth() -> None:
    mailing = make_sending(readers=0)
    Newsletter.objects.update(most_copies_per_hour=1_200)
    assert sizes.batch_size(Mailing.objects.get(pk=mailing.pk), "main") == 20
    Newsletter.objects.update(most_copies_per_hour=1)
    assert sizes.batch_size(Mailing.objects.get(pk=mailing.pk), "main") == 10


def test_batch_that_was_taken_back_is_not_parted(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = make_sending(readers=10)
    batch = claiming.claim(at=clock(), owner="me")
    assert batch is not None
    Batch.objects.update(state=BatchState.READY)

    assert parting.put_off(batch, {1, 2}, not_before=clock()) is None

    assert Batch.objects.count() == 1
    assert auditing.audit(mailing).holds
