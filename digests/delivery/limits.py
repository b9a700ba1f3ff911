"""How fast copies may go: token buckets by name, shared by all processes through Redis; a turn is in several at once.

One Lua script with the server's own clock, so that no worker's clock counts. A bucket that Redis does not know is
filled as the ledger says, never as if nothing had been taken. Without Redis each process keeps a bucket of its own
with a part of the rate: slower than agreed, never faster.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, cast

import redis
from django.conf import settings
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# As many processes as may share a rate while none can see the others.
_PROCESSES: Final = 8
_PREFIX: Final = "newsroom:rate:"

# KEYS: the buckets; ARGV: longest wait in seconds, then for each bucket its rate in copies per second, the copies
# wanted, and for how many seconds from now the rate is used up by other accounts, or nothing.
# A bucket keeps the moment up to which its rate is used up. It may be at most one second behind: the burst.
# Answers a word and a number per bucket. 'unknown': 1 where there is no bucket, and nothing was told about it; whoever
# asks has to look elsewhere first. 'far': waits in milliseconds, and one is longer than wanted. Both take nothing.
# 'taken': the waits, from all buckets.
_SCRIPT: Final = """
local now = redis.call('TIME')
local at = tonumber(now[1]) * 1000 + tonumber(now[2]) / 1000
local longest = tonumber(ARGV[1]) * 1000
local unknown, waits, next_used_up = {'unknown'}, {'taken'}, {}
for i, key in ipairs(KEYS) do
  local rate, wanted, told = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), ARGV[3 * i + 1]
  local kept = redis.call('GET', key)
  unknown[i + 1] = 0
  if not kept and told == '' then unknown[1], unknown[i + 1] = 'is', 1 end
  local used_up = math.max(tonumber(kept or '0'), at - 1000)
  if told ~= '' then used_up = math.max(used_up, at + tonumber(told) * 1000) end
  next_used_up[i] = used_up + wanted * 1000 / rate
  waits[i + 1] = math.max(0, math.ceil(used_up - at))
  if waits[i + 1] > longest then waits[1] = 'far' end
end
if unknown[1] == 'is' then unknown[1] = 'unknown' return unknown end
if waits[1] == 'far' then return waits end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.3f', next_used_up[i]), 'PX', math.ceil(next_used_up[i] - at) + 5000)
end
return waits
"""

_own: dict[str, float] = {}  # without Redis: by this process's clock


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Copies to be taken from one limit."""

    name: str
    copies: int
    rate: float  # copies per second
    # For how many seconds from now the rate is used up by the ledger. Asked only where Redis has no bucket, as after
    # an idle time or when it lost its memory.
    spent: Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """When so many copies may go: after `wait` seconds; or, if some buckets are too far off, nothing was taken."""

    wait: float = 0.0
    too_far: dict[str, float] = field(default_factory=dict)  # seconds, by bucket


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.SEND_RATES_URL, socket_timeout=2, socket_connect_timeout=2)


def take(buckets: Sequence[Bucket], *, longest_wait: float) -> Turn:
    """A turn in all of these buckets, or in none if one of them is farther off than longest_wait seconds."""
    if not buckets:
        return Turn()
    try:
        word, *numbers = _ask(buckets, longest_wait, ["" for _ in buckets])
        if word == b"unknown":
            told = [
                str(bucket.spent()) if number else "" for bucket, number in zip(buckets, numbers, strict=True)
            ]
            _, *numbers = _ask(buckets, longest_wait, told)
    except (RedisError, OSError) as error:
        logger.warning(
            "No Redis for the rate of %s (%s): a part of it.", buckets[0].name, type(error).__name__
        )
        return _take_alone(buckets, longest_wait=longest_wait)
    return _turn(buckets, numbers, longest_wait=longest_wait)


def _ask(buckets: Sequence[Bucket], longest_wait: float, told: Sequence[str]) -> list[Any]:
    arguments = [str(longest_wait)]
    for bucket, seconds in zip(buckets, told, strict=True):
        arguments += [str(bucket.rate), str(bucket.copies), seconds]
    names = [f"{_PREFIX}{bucket.name}" for bucket in buckets]
    return cast("list[Any]", _redis().eval(_SCRIPT, len(names), *names, *arguments))


def _turn(buckets: Sequence[Bucket], waits: Sequence[float], *, longest_wait: float) -> Turn:
    """waits: in milliseconds, compared as the script compares them."""
    too_far = {
        bucket.name: wait / 1000
        for bucket, wait in zip(buckets, waits, strict=True)
        if wait > longest_wait * 1000
    }
    return Turn(too_far=too_far) if too_far else Turn(wait=max(waits) / 1000)


def _take_alone(buckets: Sequence[Bucket], *, longest_wait: float) -> Turn:
    """The same buckets in this process's memory, with a part of each rate."""
    at = time.monotonic()
    used_up = [max(_own.get(bucket.name, 0.0), at - 1.0) for bucket in buckets]
    waits = [max(0.0, until - at) * 1000 for until in used_up]
    turn = _turn(buckets, waits, longest_wait=longest_wait)
    if not turn.too_far:
        for bucket, until in zip(buckets, used_up, strict=True):
            _own[bucket.name] = until + bucket.copies * _PROCESSES / bucket.rate
    return turn
