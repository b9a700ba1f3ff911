"""The journal of a call: what it proves of copies that are offered one by one, and what it must not be taken to prove."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import pytest
import redis
from django.conf import settings

from digests.delivery import journal, pump, sweeping
from digests.delivery.models import Attempt, Batch, Mailing
from newsroom.mail.providers.base import CUT_SHORT, HandOver, OfferLog, not_offered
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import CompiledMail, Copy
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import Gone, ScriptedProvider

READERS = 20
ATTEMPT = uuid.UUID(int=7)
Then = Callable[["OneByOneProvider", Copy], Verdict]


@pytest.fixture(autouse=True)
def _fresh(redis_url: str) -> Iterator[None]:
    def forget() -> None:
        journal._redis.cache_clear()
        journal._resting_until = 0.0

    forget()
    yield
    forget()


@pytest.fixture
def server() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.SEND_RATES_URL) as client:
        yield client


class OneByOneProvider(ScriptedProvider):
    """Offers each copy by itself, and does at the numbers in `then` what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = dataclasses.replace(self.capabilities, one_call_per_reader=True)
        self.then: dict[int, Then] = {}

    def hand_over_logged(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float, log: OfferLog
    ) -> HandOver:
        self.calls.append((attempt_id, [copy.seq for copy in copies], seconds))
        outcomes: dict[int, Outcome] = {}
        for copy in copies:
            if CUT_SHORT in {outcome.reason for outcome in outcomes.values()} or not log.offering(copy.seq):
                outcomes[copy.seq] = not_offered(CUT_SHORT)
                continue
            verdict = self.then.pop(copy.seq, take)(self, copy)
            outcomes[copy.seq] = Outcome(verdict=verdict, reason="as told")
            log.answered(copy.seq, is_taken=verdict is Verdict.ACCEPTED)
        return HandOver(
            outcomes=outcomes, is_cut_short=any(found.reason == CUT_SHORT for found in outcomes.values())
        )


def take(provider: OneByOneProvider, copy: Copy) -> Verdict:
    provider.take([copy])
    return Verdict.ACCEPTED


def take_and_die(provider: OneByOneProvider, copy: Copy) -> Verdict:
    provider.take([copy])
    raise Gone


def die(provider: OneByOneProvider, copy: Copy) -> Verdict:
    raise Gone


def refuse(provider: OneByOneProvider, copy: Copy) -> Verdict:
    return Verdict.NOT_SENT


@pytest.fixture
def one_by_one(install: Callable[[ScriptedProvider], ScriptedProvider]) -> OneByOneProvider:
    provider = OneByOneProvider()
    install(provider)
    return provider


def work(clock: Clock) -> None:
    """A worker for some seconds; it may die."""
    try:
        pump.run(seconds=10, at_clock=clock)
    except Gone:
        return


def come_to_rest(clock: Clock) -> None:
    for _ in range(4):
        clock.pass_by(minutes=2)
        sweeping.sweep(at=clock())
        work(clock)
    clock.pass_by(minutes=70)
    sweeping.sweep(at=clock())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("last_act", [take_and_die, die])
def test_a_worker_that_dies_between_copies_leaves_one_of_them_unknown(
    last_act: Then, one_by_one: OneByOneProvider, clock: Clock
) -> None:
    one_by_one.then = {7: last_act}
    mailing = make_sending(readers=READERS)

    work(clock)
    come_to_rest(clock)

    assert states(mailing) == {"accepted": READERS - 1, "held": 1}
    assert mailing.deliveries.get(state="held").seq == 7
    assert len(one_by_one.calls) == 2
    assert_no_lie(mailing, one_by_one)
    assert_account_holds(mailing)


@pytest.mark.django_db(transaction=True)
def test_copies_that_the_server_refused_before_the_worker_died_are_offered_again(
    one_by_one: OneByOneProvider, clock: Clock
) -> None:
    one_by_one.then = {2: refuse, 3: refuse, 7: die}
    mailing = make_sending(readers=READERS)

    work(clock)
    come_to_rest(clock)

    assert states(mailing) == {"accepted": READERS - 1, "held": 1}
    assert_no_lie(mailing, one_by_one)
    assert_account_holds(mailing)


@pytest.mark.django_db(transaction=True)
def test_an_emptied_redis_ends_the_call_and_costs_nobody_a_copy_or_a_try(
    one_by_one: OneByOneProvider, clock: Clock, server: redis.Redis
) -> None:
    def flush(provider: OneByOneProvider, copy: Copy) -> Verdict:
        server.flushall()
        return take(provider, copy)

    one_by_one.then = {5: flush}
    mailing = make_sending(readers=READERS)

    work(clock)

    assert states(mailing) == {"accepted": READERS}
    assert [numbers for _attempt, numbers, _seconds in one_by_one.calls] == [
        list(range(READERS)),
        list(range(6, READERS)),
    ]
    assert set(Batch.objects.values_list("tries", flat=True)) == {0}
    assert_no_lie(mailing, one_by_one)


@pytest.mark.django_db(transaction=True)
def test_a_redis_emptied_before_the_worker_died_proves_nothing(
    one_by_one: OneByOneProvider, clock: Clock, server: redis.Redis
) -> None:
    def flush_and_die(provider: OneByOneProvider, copy: Copy) -> Verdict:
        server.flushall()
        return take_and_die(provider, copy)

    one_by_one.then = {5: flush_and_die}
    mailing = make_sending(readers=READERS)

    work(clock)
    come_to_rest(clock)

    assert states(mailing) == {"held": READERS}
    assert len(one_by_one.calls) == 1
    assert_account_holds(mailing)


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_came_back_with_an_older_state_proves_whom_it_names_and_nothing_more(
    one_by_one: OneByOneProvider, clock: Clock, server: redis.Redis
) -> None:
    one_by_one.then = {7: take_and_die}
    mailing = make_sending(readers=READERS)
    work(clock)
    [key] = server.keys("newsroom:call:*")
    server.ltrim(key, 0, 7)  # the copies up to number 3 and what was heard of them
    server.lset(key, 0, "server:another process")

    come_to_rest(clock)

    assert states(mailing) == {"accepted": 3, "held": READERS - 3}
    assert len(one_by_one.calls) == 1
    assert_account_holds(mailing)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_slept_past_the_look_offers_nothing_more(
    one_by_one: OneByOneProvider, clock: Clock
) -> None:
    def sleep(provider: OneByOneProvider, copy: Copy) -> Verdict:
        clock.pass_by(minutes=2)
        sweeping.sweep(at=clock())  # the deadline is over: unknown, and looked for in the journal
        return take(provider, copy)

    one_by_one.then = {7: sleep}
    mailing = make_sending(readers=READERS)

    work(clock)
    come_to_rest(clock)

    assert states(mailing) == {"accepted": READERS}
    assert_no_lie(mailing, one_by_one)
    assert_account_holds(mailing)


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_calls_are_small(
    one_by_one: OneByOneProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SEND_RATES_URL", "redis://127.0.0.1:1/2")
    calls: list[int] = []

    def hand_over(
        mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        calls.append(len(copies))
        one_by_one.take(copies)
        accepted = Outcome(verdict=Verdict.ACCEPTED)
        return HandOver(outcomes={copy.seq: accepted for copy in copies})

    monkeypatch.setattr(one_by_one, "hand_over", hand_over)
    mailing = make_sending(readers=120)

    for _ in range(4):
        work(clock)
        clock.pass_by(seconds=20)

    assert states(mailing) == {"accepted": 120}
    assert max(calls) == 25
    assert_account_holds(mailing)


def test_what_was_read_is_not_written_to_any_more() -> None:
    log = journal.begin(ATTEMPT)
    assert log is not None
    assert log.offering(0)
    log.answered(0, is_taken=True)
    assert log.offering(1)

    found = journal.read([ATTEMPT])[ATTEMPT]

    assert (found.accepted, found.in_flight, found.is_whole) == (frozenset({0}), frozenset({1}), True)
    assert not log.offering(2)
    assert journal.read([ATTEMPT])[ATTEMPT] == found
    log.close()


def test_a_call_made_at_once_proves_whom_it_names_only() -> None:
    journal.note(ATTEMPT, [3, 4, 5, 9])

    found = journal.read([ATTEMPT])[ATTEMPT]

    assert (found.accepted, found.is_whole) == (frozenset({3, 4, 5, 9}), False)


def test_a_journal_does_not_stay_for_ever(server: redis.Redis) -> None:
    log = journal.begin(ATTEMPT)
    assert log is not None
    log.close()
    journal.note(uuid.UUID(int=8), [1])
    journal.read([ATTEMPT])

    left = [server.ttl(key) for key in server.keys("newsroom:call:*")]

    assert len(left) == 2
    assert all(0 < seconds <= 2 * 24 * 60 * 60 for seconds in left)


@pytest.mark.django_db(transaction=True)
def test_the_look_keeps_what_the_journal_said_with_the_attempt(
    one_by_one: OneByOneProvider, clock: Clock
) -> None:
    one_by_one.then = {7: take_and_die}
    mailing: Mailing = make_sending(readers=READERS)
    work(clock)
    clock.pass_by(minutes=2)
    sweeping.sweep(at=clock())

    attempt = Attempt.objects.order_by("calling_at")[0]
    assert attempt.verdict_by == "journal"
    assert attempt.evidence["unknown"] == [[7, 8]]
    assert states(mailing) == {"accepted": 7, "waiting": READERS - 7}
