"""How often somebody may do something: counted in Redis for all processes, in this process while Redis is away."""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# After a failure Redis is left alone for this long: visitors do not wait for a connect timeout each.
REST_SECONDS = 10.0


# As good as for ever: who finds this in Redis knows that it was not emptied since.
_MARK = RateLimitItemPerSecond(1, 366 * 24 * 60 * 60, namespace="newsroom")


class _Outage:
    until = 0.0
    was_noticed = False


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
    is_new = _ask(lambda counter: counter.hit(_MARK, "memory"))
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
def _own() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())
