"""How fast a provider may be fed: a token bucket per provider name, shared by all processes through Redis.

One Lua script with the server's own clock, so that no worker's clock counts. Without Redis each process keeps a
bucket of its own with a part of the rate: slower than agreed, never faster.
"""

import logging
import time
from functools import lru_cache
from typing import Final, cast

import redis
from django.conf import settings
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# As many processes as may share a rate while none can see the others.
_PROCESSES: Final = 8
_PREFIX: Final = "newsroom:rate:"

# KEYS[1] bucket; ARGV: copies per second, copies wanted, longest wait in seconds, what this process last knew.
# The bucket keeps the moment up to which the rate is used up. It may be at most one second behind: the burst.
# A server that lost its memory would fill it again, so what the process knew counts as well, unless it lies so far
# ahead that the server's clock must have gone back.
# Answers the wait in milliseconds and the moment; minus the wait, and takes nothing, if it is longer than wanted.
_SCRIPT: Final = """
local now = redis.call('TIME')
local at = tonumber(now[1]) * 1000 + tonumber(now[2]) / 1000
local rate, wanted, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) * 1000
local used_up, known = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[4])
if known > used_up and known < at + 120000 then used_up = known end
if used_up < at - 1000 then used_up = at - 1000 end
local next_used_up = used_up + wanted * 1000 / rate
local wait = math.max(0, math.ceil(used_up - at))
if wait > longest then return {-wait, ARGV[4]} end
local kept = string.format('%.3f', next_used_up)
redis.call('SET', KEYS[1], kept, 'PX', math.ceil(next_used_up - at) + 5000)
return {wait, kept}
"""

_own: dict[str, float] = {}  # without Redis: by this process's clock
_known: dict[str, float] = {}  # what Redis said last: by its clock


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
        arguments = [f"{_PREFIX}{name}", *map(str, (rate, copies, longest_wait, _known.get(name, 0.0)))]
        answer = _redis().eval(_SCRIPT, 1, *arguments)
    except (RedisError, OSError) as error:
        logger.warning("No Redis for the rate of %s (%s): a part of it.", name, type(error).__name__)
        return _take_alone(name, copies=copies, rate=rate / _PROCESSES, longest_wait=longest_wait)
    wait, known = cast("tuple[int, bytes]", answer)
    _known[name] = float(known)
    return wait / 1000


def _take_alone(name: str, *, copies: int, rate: float, longest_wait: float) -> float:
    """The same bucket in this process's memory."""
    at = time.monotonic()
    used_up = max(_own.get(name, 0.0), at - 1.0)
    wait = max(0.0, used_up - at)
    if wait > longest_wait:
        return -wait
    _own[name] = used_up + copies / rate
    return wait
