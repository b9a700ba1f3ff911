"""How often somebody may do something: counted in Redis for all processes, in this process while Redis is away."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.commands.core import Script
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# After a failure Redis is left alone for this long: visitors do not wait for a connect timeout each.
REST_SECONDS = 10.0


# As good as for ever: who finds this in Redis knows that it was not emptied since.
_MARK = RateLimitItemPerSecond(1, 366 * 24 * 60 * 60, namespace="newsroom")
_MARK_OF = ("memory",)


class _Outage:
    until = 0.0
    was_noticed = False


# What `limits` asks Redis for one counter, for several in one go: the first that is full ends it. -1 if Redis was emptied.
_IN_TURN = """
if redis.call('exists', KEYS[1]) == 0 then return -1 end
local now = tonumber(ARGV[1])
for turn = 1, #KEYS - 1 do
    local key, limit, seconds = KEYS[turn + 1], tonumber(ARGV[2 * turn]), tonumber(ARGV[2 * turn + 1])
    local oldest = redis.call('lindex', key, limit - 1)
    if oldest and tonumber(oldest) >= now - seconds then return turn end
    redis.call('lpush', key, ARGV[1])
    redis.call('ltrim', key, 0, limit - 1)
    redis.call('expire', key, seconds)
end
return 0
"""
_EMPTIED = -1


@dataclass(frozen=True)
class Act:
    """One act of `key` in `scope`, of which there may be `limit` in `seconds`."""

    scope: str
    key: str
    limit: int
    seconds: int


def first_refused(acts: Sequence[Act], *, recall: Callable[[], None]) -> Act | None:
    """Count each of these as `allow` does, and in their order; gives the first that is over its limit and ends there.

    recall: `remember`s what has_forgotten() says is lost, before anything is counted. One way to Redis.
    """
    if not _Outage.was_noticed and not is_away():
        turn = _ask(lambda counter: _counted_in_turn(counter, acts))
        if turn != _EMPTIED:
            return acts[turn - 1] if turn else None
    if has_forgotten():
        recall()
    for act in acts:
        if not allow(act.scope, act.key, limit=act.limit, seconds=act.seconds):
            return act
    return None


def allow(scope: str, key: str, *, limit: int, seconds: int) -> bool:
    """Count one act of `key` in `scope`; False once more than `limit` happened in the last `seconds`."""
    item = _item(limit, seconds)
    return _ask(lambda counter: counter.hit(item, scope, key))


def forget(scope: str, key: str, *, limit: int, seconds: int) -> None:
    """Count the acts of `key` in `scope` anew."""
    item = _item(limit, seconds)
    _own().clear(item, scope, key)
    if not is_away():
        _ask(lambda counter: counter.clear(item, scope, key))


def has_forgotten() -> bool:
    """Whether counts are missing that somebody may know from elsewhere: true once after Redis was emptied or away.

    While it is away it is always true: each process then counts for itself, and none knows of the others.
    """
    is_new = _ask(lambda counter: counter.hit(_MARK, *_MARK_OF))
    if is_away():
        _Outage.was_noticed = True
        return True
    is_back, _Outage.was_noticed = _Outage.was_noticed, False
    return is_new or is_back


def counted(scope: str, key: str, *, limit: int, seconds: int) -> int:
    """How often `allow` said yes within the last `seconds`."""
    item = _item(limit, seconds)
    return limit - _ask(lambda counter: counter.get_window_stats(item, scope, key)).remaining


def remember(scope: str, key: str, happened: int, *, limit: int, seconds: int) -> None:
    """Count at least so many acts, `limit` at most: what somebody else had kept count of. Safe to repeat."""
    item = _item(limit, seconds)
    missing = min(happened, limit) - counted(scope, key, limit=limit, seconds=seconds)
    if missing > 0:
        _ask(lambda counter: counter.hit(item, scope, key, cost=missing))


def is_away() -> bool:
    """Whether Redis failed a moment ago and is left alone."""
    return time.monotonic() < _Outage.until


def _counted_in_turn(counter: MovingWindowRateLimiter, acts: Sequence[Act]) -> int:
    """Which of the acts was refused, from 1 on; 0 for none, _EMPTIED if that is not Redis' to say now."""
    storage = counter.storage
    if not isinstance(storage, RedisStorage):
        return _EMPTIED
    keys, sizes = [_MARK.key_for(*_MARK_OF)], []
    for act in acts:
        keys.append(_item(act.limit, act.seconds).key_for(act.scope, act.key))
        sizes += [act.limit, act.seconds]
    return int(_in_turn()([storage.prefixed_key(key) for key in keys], [time.time(), *sizes]))


def _item(limit: int, seconds: int) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit, seconds, namespace="newsroom")


def _ask(question: Callable[[MovingWindowRateLimiter], Answer]) -> Answer:
    """Redis if it is there, else this process."""
    if not is_away():
        try:
            return question(_shared())
        except (RedisError, OSError) as error:
            _Outage.until = time.monotonic() + REST_SECONDS
            logger.warning("Limits are counted per process: Redis is away (%s).", type(error).__name__)
    return question(_own())


@cache
def _shared() -> MovingWindowRateLimiter:
    location = str(settings.CACHES["default"]["LOCATION"])
    return MovingWindowRateLimiter(
        storage_from_string(location, socket_timeout=1.0, socket_connect_timeout=1.0)
    )


@cache
def _in_turn() -> Script:
    storage = _shared().storage
    assert isinstance(storage, RedisStorage)
    script: Script = storage.storage.register_script(_IN_TURN)
    return script


@cache
def _own() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())
