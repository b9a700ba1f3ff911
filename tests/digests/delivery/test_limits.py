"""The rate of a provider: shared through Redis, kept to without it."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest
import redis
from django.conf import settings

from digests.delivery import limits, pump
from digests.delivery.models import Batch
from digests.delivery.states import BatchState
from newsroom.mail import providers
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import HandOver
from newsroom.mail.wire import Copy
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider, accept


def idle() -> float:
    """What the ledger says of a provider that was not called for a while."""
    return -1.0


def take(
    copies: int,
    *,
    rate: float = 100.0,
    longest_wait: float = 60.0,
    name: str = "main",
    spent: Callable[[], float] = idle,
) -> float:
    turn = limits.take(
        [limits.Bucket(name=name, copies=copies, rate=rate, spent=spent)], longest_wait=longest_wait
    )
    return -turn.too_far[name] if turn.too_far else turn.wait


def forget() -> None:
    """Redis loses its memory."""
    with redis.Redis.from_url(settings.SEND_RATES_URL) as client:
        client.flushall()


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SEND_RATES_URL", "redis://127.0.0.1:1/2")
    limits._redis.cache_clear()
    limits._own.clear()


@pytest.fixture(autouse=True)
def _fresh_connection() -> Iterator[None]:
    limits._redis.cache_clear()
    yield
    limits._redis.cache_clear()


def test_copies_beyond_the_rate_wait_their_turn() -> None:
    assert take(100) == 0
    assert 0 <= take(100) <= 0.01
    assert take(300) == pytest.approx(1.0, abs=0.1)
    assert take(1) == pytest.approx(4.0, abs=0.1)


def test_wait_that_is_too_long_takes_nothing() -> None:
    take(300)
    assert take(1000, longest_wait=1.0) == pytest.approx(-2.0, abs=0.1)
    assert take(1) == pytest.approx(2.0, abs=0.1)


def test_each_name_has_a_rate_of_its_own_and_no_rate_means_no_wait() -> None:
    take(1000)
    assert take(10, name="spare") == 0
    assert limits.take([], longest_wait=1.0) == limits.Turn()


def test_bucket_does_not_outlive_its_use(redis_url: str) -> None:
    take(200)

    with redis.Redis.from_url(settings.SEND_RATES_URL) as client:
        assert 0 < client.pttl("newsroom:rate:main") <= 6100


@pytest.mark.usefixtures("redis_url")
def test_bucket_that_redis_lost_is_as_full_as_the_ledger_says() -> None:
    take(300)
    forget()

    assert take(100, spent=lambda: 2.0) == pytest.approx(2.0, abs=0.1)
    assert take(1, spent=idle) == pytest.approx(3.0, abs=0.1)


@pytest.mark.usefixtures("redis_url")
def test_ledger_is_asked_only_about_a_bucket_that_redis_does_not_know() -> None:
    asked: list[str] = []

    def spent() -> float:
        asked.append("the ledger")
        return 0.0

    take(10, spent=spent)
    take(10, spent=spent)
    assert len(asked) == 1

    forget()
    take(10, spent=spent)
    assert len(asked) == 2


@pytest.mark.usefixtures("redis_url")
def test_two_that_asked_the_ledger_at_once_do_not_undo_each_others_turn() -> None:
    def spent_while_another_takes() -> float:
        take(300)
        return 0.5

    assert take(100, spent=spent_while_another_takes) == pytest.approx(2.0, abs=0.1)


@pytest.mark.usefixtures("redis_url")
def test_turn_too_far_off_by_the_ledger_takes_nothing() -> None:
    assert take(10, longest_wait=1.0, spent=lambda: 9.0) == pytest.approx(-9.0, abs=0.1)
    assert take(10, spent=idle) == 0


def bucket(name: str, copies: int, *, rate: float = 100.0) -> limits.Bucket:
    return limits.Bucket(name=name, copies=copies, rate=rate, spent=idle)


@pytest.mark.usefixtures("redis_url")
def test_turn_in_several_buckets_is_in_the_slowest_or_in_none() -> None:
    limits.take([bucket("main", 300), bucket("main:gmail", 30, rate=10)], longest_wait=9.0)

    first = limits.take([bucket("main", 1), bucket("newsletter:1", 100)], longest_wait=9.0)
    refused = limits.take([bucket("main:gmail", 1, rate=10), bucket("newsletter:1", 500)], longest_wait=1.5)
    after = limits.take([bucket("newsletter:1", 1)], longest_wait=9.0)

    assert first.wait == pytest.approx(2.0, abs=0.1)
    assert refused.too_far == {"main:gmail": pytest.approx(2.0, abs=0.1)}
    assert after.wait == pytest.approx(0.0, abs=0.1)


@pytest.mark.usefixtures("without_redis")
def test_without_redis_a_turn_in_several_buckets_is_in_all_or_none_as_well() -> None:
    limits.take([bucket("main:gmail", 30, rate=80)], longest_wait=9.0)

    refused = limits.take([bucket("main:gmail", 1, rate=80), bucket("main", 500)], longest_wait=1.5)

    assert refused.too_far == {"main:gmail": pytest.approx(2.0, abs=0.1)}
    assert limits.take([bucket("main", 1)], longest_wait=0.0).wait == 0


@pytest.mark.usefixtures("without_redis")
def test_without_redis_a_process_keeps_to_a_part_of_the_rate() -> None:
    assert take(25, rate=80) == 0
    assert take(10, rate=80) == pytest.approx(1.5, abs=0.1)
    assert take(10, rate=80, longest_wait=0.5) == pytest.approx(-2.5, abs=0.1)


@pytest.mark.django_db
def test_pump_gives_a_batch_back_when_its_turn_is_far_off(
    provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = ProviderConfig(name="main", scheme="memory", rate=10)
    monkeypatch.setattr(providers, "config", lambda name: slow)
    take(1000, rate=10, longest_wait=200)
    make_sending(readers=120)
    Batch.objects.update(not_before=clock())

    began = time.monotonic()
    pump.run(seconds=30, at_clock=clock)

    batch, other = Batch.objects.order_by("pk")
    assert time.monotonic() - began < 20
    assert (batch.state, batch.idle_claims, provider.calls) == (BatchState.READY, 0, [])
    assert other.fence == 0
    assert 50 <= (batch.not_before - clock()).total_seconds() <= 60


@pytest.mark.django_db
@pytest.mark.postgres
@pytest.mark.usefixtures("redis_url")
def test_pump_that_finds_redis_emptied_waits_for_the_calls_in_the_ledger(
    provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        providers, "config", lambda name: ProviderConfig(name="main", scheme="memory", rate=10)
    )
    make_sending(readers=120)
    began = time.monotonic()

    def accept_and_forget(scripted: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        forget()
        return accept(scripted, copies)

    provider.script.append(accept_and_forget)

    pump.run(seconds=3, at_clock=clock)

    rest = Batch.objects.order_by("pk").last()
    assert time.monotonic() - began < 3
    assert [len(numbers) for _, numbers, _ in provider.calls] == [50]
    assert rest is not None
    assert 2 <= (rest.not_before - clock()).total_seconds() <= 5
