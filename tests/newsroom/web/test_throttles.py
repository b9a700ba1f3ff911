"""Several limits in one go to Redis: the same counters as one at a time, and the same when it is away or was emptied."""

import time

import pytest
import redis

from newsroom.web import throttles
from newsroom.web.throttles import Act, allow, counted, first_refused

HOUR = 3600
NETWORK = Act("network", "203.0.113.7", 2, HOUR)
SITE = Act("site", "here", 5, HOUR)


def nothing() -> None:
    """Nobody knows more than the counters."""


def test_the_first_limit_that_is_passed_ends_it_and_what_follows_is_not_counted() -> None:
    answers = [first_refused([NETWORK, SITE], recall=nothing) for _time in range(4)]

    assert answers == [None, None, NETWORK, NETWORK]
    assert counted("site", "here", limit=5, seconds=HOUR) == 2


def test_it_counts_what_allow_counts() -> None:
    throttles.has_forgotten()
    assert allow("network", NETWORK.key, limit=2, seconds=HOUR)

    assert first_refused([NETWORK], recall=nothing) is None
    assert not allow("network", NETWORK.key, limit=2, seconds=HOUR)
    throttles.forget("network", NETWORK.key, limit=2, seconds=HOUR)
    assert first_refused([NETWORK], recall=nothing) is None


def test_what_is_older_than_the_window_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for _time in range(2):
        assert first_refused([NETWORK], recall=nothing) is None
    now = time.time()

    monkeypatch.setattr(time, "time", lambda: now + HOUR - 5)
    assert first_refused([NETWORK], recall=nothing) is NETWORK
    monkeypatch.setattr(time, "time", lambda: now + HOUR + 5)

    assert first_refused([NETWORK], recall=nothing) is None


def test_an_emptied_redis_is_told_once_before_it_counts(redis_url: str) -> None:
    told = []

    def recall() -> None:
        told.append(True)
        throttles.remember("network", NETWORK.key, 2, limit=2, seconds=HOUR)

    first_refused([SITE], recall=nothing)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()

    assert [first_refused([NETWORK], recall=recall) for _time in range(2)] == [NETWORK, NETWORK]
    assert told == [True]


def test_while_redis_is_away_and_once_it_is_back_somebody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    first_refused([SITE], recall=nothing)

    with monkeypatch.context() as patch:
        patch.setattr(throttles._Outage, "until", float("inf"))
        throttles._own().storage.reset()
        answers = [first_refused([NETWORK], recall=lambda: told.append(True)) for _time in range(3)]
    first_refused([SITE], recall=lambda: told.append(True))
    first_refused([SITE], recall=lambda: told.append(True))

    assert answers == [None, None, NETWORK]
    assert told == [True] * 4
