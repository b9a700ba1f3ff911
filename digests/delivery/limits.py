"""How fast a provider may be fed: a token bucket per provider name, shared by all processes through Redis.

One Lua script with the server's own clock, so that no worker's clock counts. A bucket that Redis does not know is
filled as the ledger says, never as if nothing had been taken. Without Redis each process keeps a bucket of its own
with a part of the rate: slower than agreed, never faster.
"""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, cast

import redis
from django.conf import settings
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# As many processes as may share a rate while none can see the others.
_PROCESSES: Final = 8
_PREFIX: Final = "newsroom:rate:"

# KEYS[1] bucket; ARGV: copies per second, copies wanted, longest wait in seconds, and for how many seconds from now
# the rate is used up by other accounts, or nothing.
# The bucket keeps the moment up to which the rate is used up. It may be at most one second behind: the burst.
# Answers whether there is a bucket, and the wait in milliseconds; minus the wait, and takes nothing, if it is longer
# than wanted. Without a bucket, and without being told, it takes nothing: whoever asks has to look elsewhere first.
_SCRIPT: Final = """
local now = redis.call('TIME')
local at = tonumber(now[1]) * 1000 + tonumber(now[2]) / 1000
local rate, wanted, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) * 1000
local kept = redis.call('GET', KEYS[1])
if not kept and ARGV[4] == '' then return {0, 0} end
local used_up = math.max(tonumber(kept or '0'), at - 1000)
if ARGV[4] ~= '' then used_up = math.max(used_up, at + tonumber(ARGV[4]) * 1000) end
local next_used_up = used_up + wanted * 1000 / rate
local wait = math.max(0, math.ceil(used_up - at))
if wait > longest then return {1, -wait} end
redis.call('SET', KEYS[1], string.format('%.3f', next_used_up), 'PX', math.ceil(next_used_up - at) + 5000)
return {1, wait}
"""

_own: dict[str, float] = {}  # without Redis: by this process's clock


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.SEND_RATES_URL, socket_timeout=2, socket_connect_timeout=2)


def take(name: str, *, copies: int, rate: float, longest_wait: float, spent: Callable[[], float]) -> float:
    """Seconds to wait before handing over so many copies; negative if longer than longest_wait: nothing taken.

    rate: copies per second; 0 means without limit. spent: for how many seconds from now the rate is used up by the
    ledger; asked only where Redis has no bucket, as after an idle time or when it lost its memory.
    """
    if rate <= 0:
        return 0.0
    try:
        is_known, wait = _ask(name, rate, copies, longest_wait, "")
        if not is_known:
            _, wait = _ask(name, rate, copies, longest_wait, spent())
    except (RedisError, OSError) as error:
        logger.warning("No Redis for the rate of %s (%s): a part of it.", name, type(error).__name__)
        return _take_alone(name, copies=copies, rate=rate / _PROCESSES, longest_wait=longest_wait)
    return wait / 1000


def _ask(name: str, *arguments: float | str) -> tuple[int, int]:
    answer = _redis().eval(_SCRIPT, 1, f"{_PREFIX}{name}", *map(str, arguments))
    return cast("tuple[int, int]", answer)


def _take_alone(name: str, *, copies: int, rate: float, longest_wait: float) -> float:
    """The same bucket in this process's memory."""
    at = time.monotonic()
    used_up = max(_own.get(name, 0.0), at - 1.0)
    wait = max(0.0, used_up - at)
    if wait > longest_wait:
        return -wait
    _own[name] = used_up + copies / rate
    return wait
