"""What providers answered, written to a Redis stream before it is settled: it can only prove acceptance.

A worker that dies between answer and settling leaves this behind. Without Redis nothing is lost but that proof.
"""

import json
import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import redis
from django.conf import settings
from redis.exceptions import RedisError

from digests.delivery.runs import runs

logger = logging.getLogger(__name__)

_STREAM: Final = "newsroom:outcomes"
_MOST_ENTRIES: Final = 20_000
_PAGE: Final = 1_000
_REST_SECONDS: Final = 30.0  # a Redis that is away must not slow each call
_CLOCKS_DIFFER_BY: Final = timedelta(minutes=10)
_resting_until = 0.0


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.SEND_RATES_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


def note(attempt_id: UUID, accepted: Sequence[int]) -> None:
    """Write down whom the provider took in this attempt. Never raises."""
    global _resting_until
    if not accepted or time.monotonic() < _resting_until:
        return
    entry: dict[Any, Any] = {"attempt": str(attempt_id), "accepted": json.dumps(runs(sorted(accepted)))}
    try:
        _redis().xadd(_STREAM, entry, maxlen=_MOST_ENTRIES, approximate=True)
    except (RedisError, OSError):
        _resting_until = time.monotonic() + _REST_SECONDS
        logger.warning("No Redis for the journal of outcomes.", extra={"attempt": attempt_id})


def accepted(attempt_ids: Collection[UUID], *, since: datetime) -> dict[UUID, set[int]]:
    """Whom the journal proves to be taken, by attempt. Empty without Redis."""
    wanted = {str(one): one for one in attempt_ids}
    found: dict[UUID, set[int]] = {}
    start = str(int((since - _CLOCKS_DIFFER_BY).timestamp() * 1000))
    try:
        while wanted:
            page: Any = _redis().xrange(_STREAM, min=start, count=_PAGE)
            for entry_id, entry in page:
                start = f"({entry_id.decode()}"
                attempt = wanted.get(entry[b"attempt"].decode())
                if attempt is not None:
                    for low, high in json.loads(entry[b"accepted"]):
                        found.setdefault(attempt, set()).update(range(low, high))
            if len(page) < _PAGE:
                break
    except (RedisError, OSError):
        logger.warning("The journal of outcomes cannot be read.")
    return found
