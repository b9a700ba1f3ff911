"""What happens in a call, written to Redis while it happens, so that a worker's death leaves few copies unknown.

One list per attempt, for two days. It can prove two things:

- that copies were accepted: an entry says so;
- where copies are offered one by one, that the others were never offered. Each copy is written down, and Redis has
  answered, before a byte of it leaves. Whoever reads the list takes it away first, and a list that is gone is not
  written to: so a worker that slept, or a server that was emptied, offers nothing more in that call. And the list
  begins with the id of the server process: one that came back with an older state is another process, whose list
  proves nobody not offered.

Without Redis nothing is lost but that proof; copies are then offered in smaller calls.
"""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import redis
from django.conf import settings
from redis.exceptions import RedisError

from digests.delivery.runs import runs

logger = logging.getLogger(__name__)

_PREFIX: Final = "newsroom:call:"
_SERVER: Final = "server:"
_READ: Final = ":read"
_KEPT_SECONDS: Final = 2 * 24 * 60 * 60
_REST_SECONDS: Final = 30.0  # a Redis that is away must not slow each call
_resting_until = 0.0


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What the journal knows of a call."""

    accepted: frozenset[int] = frozenset()
    in_flight: frozenset[int] = frozenset()  # offered, and nothing was heard of them
    is_whole: bool = False  # whoever is neither accepted nor in flight was not taken


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.SEND_RATES_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


class CallLog:
    """The journal of one call whose copies are offered one by one. Used by one thread."""

    def __init__(self, attempt_id: UUID, line: redis.Connection) -> None:
        self._attempt_id, self._line = attempt_id, line
        self._key = f"{_PREFIX}{attempt_id}"
        self._heard: list[str] = []
        self.is_lost = False

    def offering(self, seq: int) -> bool:
        """Write down that this copy is about to be offered. False: it must not be, nor any later one of the call.

        One round trip to Redis, some 0.1 ms.
        """
        return self._push(*self._heard, str(seq))

    def answered(self, seq: int, *, is_taken: bool) -> None:
        """What was heard of the copy; written down with the next one that is offered."""
        self._heard.append(f"+{seq}" if is_taken else f"-{seq}")

    def close(self) -> None:
        """Write down what is not yet, and free the connection. Never raises."""
        if self._heard:
            self._push(*self._heard)
        _redis().connection_pool.release(self._line)

    def _push(self, *entries: str) -> bool:
        if self.is_lost:
            return False
        try:
            # Half the price of a client's own command; a link that breaks is the end of this journal.
            packed = self._line.pack_command("RPUSHX", self._key, *entries)  # type: ignore[no-untyped-call]  # theirs
            self._line.send_packed_command(packed)  # type: ignore[no-untyped-call]  # theirs
            self.is_lost = not self._line.read_response()
        except (RedisError, OSError):
            self._line.disconnect()  # type: ignore[no-untyped-call]  # theirs
            self.is_lost = True
        if self.is_lost:
            _rest("The journal of a call is gone.", self._attempt_id)
        self._heard.clear()
        return not self.is_lost


def begin(attempt_id: UUID) -> CallLog | None:
    """A journal for a call about to begin; None without Redis. `close` it."""
    if _is_resting():
        return None
    key = f"{_PREFIX}{attempt_id}"
    try:
        with _redis().pipeline(transaction=True) as pipe:
            pipe.info("server")
            server = pipe.execute()[0]["run_id"]
            pipe.rpush(key, f"{_SERVER}{server}")
            pipe.expire(key, _KEPT_SECONDS)
            pipe.execute()
        return CallLog(attempt_id, _redis().connection_pool.get_connection())
    except (RedisError, OSError, KeyError):
        _rest("No Redis for the journal of calls.", attempt_id)
        return None


def note(attempt_id: UUID, accepted: Sequence[int]) -> None:
    """Write down whom the provider took in a call that was made at once. Never raises."""
    if not accepted or _is_resting():
        return
    entries = [f"+{low}-{high}" for low, high in runs(sorted(accepted))]
    key = f"{_PREFIX}{attempt_id}"
    try:
        with _redis().pipeline(transaction=False) as pipe:
            pipe.rpush(key, *entries)
            pipe.expire(key, _KEPT_SECONDS)
            pipe.execute()
    except (RedisError, OSError):
        _rest("No Redis for the journal of calls.", attempt_id)


def read(attempt_ids: Collection[UUID]) -> dict[UUID, Noted]:
    """What is known of each call; from now on nothing more is offered in it. Without Redis: nothing is known."""
    ids = list(attempt_ids)
    if not ids:
        return {}
    try:
        with _redis().pipeline(transaction=True) as pipe:  # all of it in one server's one moment
            pipe.info("server")
            for one in ids:
                key = f"{_PREFIX}{one}"
                pipe.renamenx(key, f"{key}{_READ}")
                pipe.lrange(f"{key}{_READ}", 0, -1)
            answers: list[Any] = pipe.execute(raise_on_error=False)
    except (RedisError, OSError):
        logger.warning("The journal of calls cannot be read.")
        return {}
    server = answers[0].get("run_id", "") if isinstance(answers[0], dict) else ""
    lists = answers[2::2]
    return {
        one: _noted([entry.decode() for entry in found], server=server)
        for one, found in zip(ids, lists, strict=True)
        if isinstance(found, list) and found
    }


def _noted(entries: Iterable[str], *, server: str) -> Noted:
    accepted: set[int] = set()
    in_flight: set[int] = set()
    written_by = ""
    for entry in entries:
        if entry.startswith(_SERVER):
            written_by = entry.removeprefix(_SERVER)
        elif entry.startswith("+"):
            low, _, high = entry[1:].partition("-")
            accepted.update(range(int(low), int(high) if high else int(low) + 1))
        elif entry.startswith("-"):
            in_flight.discard(int(entry[1:]))
        else:
            in_flight.add(int(entry))
    return Noted(
        accepted=frozenset(accepted),
        in_flight=frozenset(in_flight - accepted),
        is_whole=bool(server) and written_by == server,
    )


def _is_resting() -> bool:
    return time.monotonic() < _resting_until


def _rest(what: str, attempt_id: UUID) -> None:
    global _resting_until
    _resting_until = time.monotonic() + _REST_SECONDS
    logger.warning(what, extra={"attempt": attempt_id})
