"""How fast a provider may be fed: a token bucket per provider name, shared by all processes through Redis.

One Lua script with the server's own clock, so that no worker's clock counts. Without Redis each process keeps a
bucket of its own with a part of the rate: slower than agreed, never faster.
"""

import logging
import time
from functools import lru_cache
from typing import Final

import redis
from django.conf import settings
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# As many processes as may share a rate while none can see the others.
_PROCESSES: Final = 8
_PREFIX: Final = "newsroom:rate:"

# KEYS[1] bucket; ARGV: copies per second, copies wanted, longest wait in seconds.
# The bucket keeps the moment up to which the rate is used up. It may be at most one second behind: the burst.
# Answers the wait in milliseconds; minus that many, and takes nothing, if it is longer than wanted.
_SCRIPT: Final = """
local now = redis.call('TIME')
local at = tonumber(now[1]) * 1000 + tonumber(now[2]) / 1000
local rate, wanted, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) * 1000
local used_up = tonumber(redis.call('GET', KEYS[1]) or '0')
if used_up < at - 1000 then used_up = at - 1000 end
local next_used_up = used_up + wanted * 1000 / rate
local wait = math.max(0, math.ceil(used_up - at))
if wait > longest then return -wait end
redis.call('SET', KEYS[1], string.format('%.3f', next_used_up), 'PX', math.ceil(next_used_up - at) + 5000)
return wait
"""

_own: dict[str, float] = {}


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.SEND_RATES_URL, socket_timeout=2, socket_connect_timeout=2)


def take(name: str, *, copies: int, rate: float, longest_wait: float) -> float:
    """Seconds to wait before handing over so many copies; negative if longer than longest_wait: nothing taken.

    rate: copies per second; 0 means without limit.
    """
    if rate <= 0:
        return 0.0
    try:
        wait = _redis().eval(_SCRIPT, 1, f"{_PREFIX}{name}", str(rate), str(copies), str(longest_wait))
        return float(str(wait)) / 1000
    except (RedisError, OSError) as error:
        logger.warning("No Redis for the rate of %s (%s): a part of it.", name, type(error).__name__)
        return _take_alone(name, copies=copies, rate=rate / _PROCESSES, longest_wait=longest_wait)


def _take_alone(name: str, *, copies: int, rate: float, longest_wait: float) -> float:
    """The same bucket in this process's memory."""
    at = time.monotonic()
    used_up = max(_own.get(name, 0.0), at - 1.0)
    wait = max(0.0, used_up - at)
    if wait > longest_wait:
        return -wait
    _own[name] = used_up + copies / rate
    return wait
