"""Knows a scanner that passes for a browser by its haste: no reader follows many links of a mail within a second.

What is kept for it is kept in Redis for ten seconds, under a hash of network and digest whose key is random and
drawn anew each day. It cannot be turned back into an address, and no two days of it can be joined.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Final

import redis
from django.conf import settings
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

MOST_LINKS: Final = 3
"""So many links of one digest may be followed from one network within one second."""

_PREFIX: Final = "newsroom:burst:"
_KEPT_SECONDS: Final = 10
_DAY_SECONDS: Final = 24 * 60 * 60
_REST_SECONDS: Final = 30.0  # readers do not wait for a Redis that is away
_resting_until = 0.0


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    location = str(settings.CACHES["default"]["LOCATION"])
    return redis.Redis.from_url(location, socket_timeout=0.2, socket_connect_timeout=0.2)


def others(link_id: int, *, digest_id: int, network: str, at: datetime) -> Collection[int] | None:
    """Note that the link was followed. None: no haste; else the links that must not have been a reader's either.

    Those are named once, when it shows; for what follows in the same second they are empty. Two round trips to
    Redis, 0.2 ms; without Redis everybody is a reader.
    """
    global _resting_until
    if time.monotonic() < _resting_until:
        return None
    try:
        return _others(link_id, digest_id=digest_id, network=network, at=at)
    except (RedisError, OSError) as error:
        _resting_until = time.monotonic() + _REST_SECONDS
        logger.warning("Nobody can be known by haste: Redis is away (%s).", type(error).__name__)
        return None


def _others(link_id: int, *, digest_id: int, network: str, at: datetime) -> Collection[int] | None:
    second = int(at.timestamp())
    known_by = f"{network} {digest_id} {second}".encode()
    marker = hashlib.blake2b(known_by, digest_size=16, key=_salt(second // _DAY_SECONDS)).hexdigest()
    with _redis().pipeline(transaction=True) as pipe:
        pipe.sadd(f"{_PREFIX}{marker}", link_id)
        pipe.smembers(f"{_PREFIX}{marker}")
        pipe.expire(f"{_PREFIX}{marker}", _KEPT_SECONDS)
        is_new, members, _ = pipe.execute()
    if len(members) <= MOST_LINKS:
        return None
    is_the_one_too_many = is_new and len(members) == MOST_LINKS + 1
    return {int(member) for member in members} - {link_id} if is_the_one_too_many else frozenset()


def _salt(day: int) -> bytes:
    """The day's random key, the same in all processes."""
    name = f"{_PREFIX}salt:{day}"
    with _redis().pipeline(transaction=True) as pipe:
        pipe.set(name, secrets.token_bytes(32), nx=True, ex=_DAY_SECONDS)
        pipe.get(name)
        _, salt = pipe.execute()
    return bytes(salt)
