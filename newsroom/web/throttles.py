"""How often somebody may do something: counted in Redis for all processes, in this process while Redis is away."""

import logging
import time
from functools import cache

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# After a failure Redis is left alone for this long: visitors do not wait for a connect timeout each.
REST_SECONDS = 10.0


class _Outage:
    until = 0.0


def allow(scope: str, key: str, *, limit: int, seconds: int) -> bool:
    """Count one act of `key` in `scope`; False once more than `limit` happened in the last `seconds`."""
    item = RateLimitItemPerSecond(limit, seconds, namespace="newsroom")
    if time.monotonic() >= _Outage.until:
        try:
            return _shared().hit(item, scope, key)
        except (RedisError, OSError) as error:
            _Outage.until = time.monotonic() + REST_SECONDS
            logger.warning("Limits are counted per process: Redis is away (%s).", type(error).__name__)
    return _own().hit(item, scope, key)


def forget(scope: str, key: str, *, limit: int, seconds: int) -> None:
    """Count the acts of `key` in `scope` anew."""
    item = RateLimitItemPerSecond(limit, seconds, namespace="newsroom")
    _own().clear(item, scope, key)
    if time.monotonic() >= _Outage.until:
        try:
            _shared().clear(item, scope, key)
        except (RedisError, OSError) as error:
            _Outage.until = time.monotonic() + REST_SECONDS
            logger.warning("Limits are counted per process: Redis is away (%s).", type(error).__name__)


@cache
def _shared() -> MovingWindowRateLimiter:
    location = str(settings.CACHES["default"]["LOCATION"])
    return MovingWindowRateLimiter(
        storage_from_string(location, socket_timeout=1.0, socket_connect_timeout=1.0)
    )


@cache
def _own() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())
