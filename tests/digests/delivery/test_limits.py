"""The rate of a provider: shared through Redis, kept to without it."""

import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from digests.delivery import limits, pump
from digests.delivery.models import Batch
from digests.delivery.states import BatchState
from newsroom.mail import providers
from newsroom.mail.provider_urls import ProviderConfig
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider


def take(copies: int, *, rate: float = 100.0, longest_wait: float = 60.0, name: str = "main") -> float:
    return limits.take(name, copies=copies, rate=rate, longest_wait=longest_wait)


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SEND_RATES_URL", "redis://127.0.0.1:1/2")
    limits._redis.cache_clear()
    limits._own.clear()


@pytest.fixture(autouse=True)
def _fresh_connection() -> Iterator[None]:
    limits._redis.cache_clear()
    limits._known.clear()
    yield
    limits._redis.cache_clear()
    limits._known.clear()


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
    assert take(10**9, rate=0) == 0


def test_bucket_does_not_outlive_its_use(redis_url: str) -> None:
    take(200)

    with redis.Redis.from_url(settings.SEND_RATES_URL) as client:
        assert 0 < client.pttl("newsroom:rate:main") <= 6100


def test_redis_that_lost_its_memory_gives_no_second_burst(redis_url: str) -> None:
    take(300)

    with redis.Redis.from_url(settings.SEND_RATES_URL) as client:
        client.flushall()

    assert take(1) == pytest.approx(2.0, abs=0.2)


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
    limits.take("main", copies=1000, rate=10, longest_wait=200)
    make_sending(readers=120)
    Batch.objects.update(not_before=clock())

    began = time.monotonic()
    pump.run(seconds=5, at_clock=clock)

    batch, other = Batch.objects.order_by("pk")
    assert time.monotonic() - began < 1
    assert (batch.state, batch.idle_claims, provider.calls) == (BatchState.READY, 0, [])
    assert other.fence == 0
    assert 50 <= (batch.not_before - clock()).total_seconds() <= 60
