"""The rate by the ledger: what calls made and claims in hand leave of it."""

import datetime as dt
import random
from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digests.delivery import claiming, spending
from digests.delivery.models import Attempt, Batch
from digests.delivery.states import AttemptState, BatchState
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(provider: ScriptedProvider, clock: Clock) -> Batch:
    """A claimed batch of 50 copies, with four of 100 beside it."""
    make_sending(readers=450)
    Batch.objects.update(not_before=clock())
    batch = claiming.claim(at=clock(), owner="me")
    assert batch is not None
    return batch


def call(*, ago: float, size: int, provider: str = "main") -> Attempt:
    batch = Batch.objects.order_by("-pk")[0]
    at = NOON - dt.timedelta(seconds=ago)
    return Attempt.objects.create(
        batch=batch,
        fence=Attempt.objects.count() + 100,
        provider=provider,
        state=AttemptState.DONE,
        size=size,
        calling_at=at,
        deadline_at=at,
    )


def lease(number: int, **values: object) -> None:
    """Another worker has the batch of this number in hand."""
    batch = Batch.objects.order_by("pk")[number]
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.LEASED, **values)


def test_idle_provider_has_its_burst(mine: Batch) -> None:
    assert spending.ahead(mine, rate=100, at=NOON) == -1

    call(ago=20, size=500)
    assert spending.ahead(mine, rate=100, at=NOON) == -1


@pytest.mark.postgres
def test_calls_of_the_last_seconds_use_up_the_rate_whatever_came_of_them(mine: Batch) -> None:
    call(ago=2, size=100)
    call(ago=1, size=300)
    Attempt.objects.update(state=AttemptState.NOT_SENT)

    assert spending.ahead(mine, rate=100, at=NOON) == 2


def test_one_large_call_at_a_slow_rate_counts_for_as_long_as_it_takes(mine: Batch) -> None:
    call(ago=600, size=1000)

    assert spending.ahead(mine, rate=1, at=NOON) == 400


def test_calls_of_other_providers_and_of_a_clock_set_back_since_do_not_count(mine: Batch) -> None:
    call(ago=0, size=1000, provider="spare")
    call(ago=-3600, size=1000)

    assert spending.ahead(mine, rate=100, at=NOON) == -1


def test_what_others_claimed_before_counts_and_what_they_claimed_after_does_not(mine: Batch) -> None:
    assert mine.lease_until is not None
    lease(1, lease_until=mine.lease_until - dt.timedelta(seconds=3))
    lease(2, lease_until=mine.lease_until + dt.timedelta(seconds=3))
    lease(3, lease_until=mine.lease_until - dt.timedelta(seconds=3), provider="spare")
    lease(4, lease_until=NOON - dt.timedelta(seconds=1))

    assert spending.ahead(mine, rate=100, at=NOON) == 1


def test_of_workers_that_claim_at_the_same_moment_one_need_not_wait(clock: Clock, mine: Batch) -> None:
    second = claiming.claim(at=clock(), owner="second")
    third = claiming.claim(at=clock(), owner="third")
    assert second is not None
    assert third is not None

    waits = [spending.ahead(batch, rate=100, at=NOON) for batch in (mine, second, third)]
    assert waits == [-1, 0.5, 1.5]


@pytest.mark.postgres
def test_two_queries_however_many_calls_there_were(mine: Batch) -> None:
    for ago in range(150):
        call(ago=ago, size=100)

    # claims of others; the last calls
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ahead = spending.ahead(mine, rate=100, at=NOON)

    assert len(queries) == 2
    assert 1 <= ahead <= 2


def _bucket(turns: Sequence[tuple[float, int]], *, rate: float) -> tuple[float, list[float]]:
    """The true bucket: takes at these seconds; until when the rate is used up, and when each call may begin."""
    until, begins = -1.0, []
    for at, size in turns:
        until = max(until, at - 1)
        begins.append(max(at, until))
        until += size / rate
    return until, begins


@pytest.mark.parametrize("seed", range(40))
def test_account_is_never_more_generous_than_the_bucket_was(seed: int) -> None:
    dice = random.Random(seed)
    rate, at, turns = dice.choice([5.0, 50.0, 200.0]), 0.0, []
    for _ in range(dice.randint(1, 120)):
        at += dice.choice([0.0, 0.01, 0.1, dice.random() * 3])
        turns.append((at, dice.choice([1, 25, 100])))
    until, begins = _bucket(turns, rate=rate)
    # From its turn to its record a call takes a while, so that calls overtake each other.
    late = sorted((begin + dice.random() * 0.2, turn) for turn, begin in enumerate(begins))
    calls = [(NOON + dt.timedelta(seconds=when), turns[turn][1]) for when, turn in late]
    since = dice.randrange(len(calls))
    left_out = sum(turns[turn][1] for _, turn in late[:since] if turn > late[since][1])

    found = spending.used_up(calls[since:], rate=rate)

    assert found is not None
    assert (found - NOON).total_seconds() >= until - left_out / rate - 1e-5
    assert (found - NOON).total_seconds() <= max(until, late[-1][0] - 1) + 1.5 + 100 / rate
