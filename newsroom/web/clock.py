"""The database's clock: the one time that all processes on all machines share."""

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

# How long an answer of the database is reckoned on from: two clocks part by less than a millisecond meanwhile.
_KEPT_SECONDS = 10.0


class _Known:
    # One value, so that no thread reckons from one answer by the time of another.
    answer: tuple[datetime, float] | None = None


def now() -> datetime:
    """The database's present time, aware UTC. Queries: 1. Edges call it once and hand it down as `at`."""
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp()" if postgres else "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"
        )
        (value,) = cursor.fetchone()
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def reckoned() -> datetime:
    """The database's present time to some milliseconds: asked at most every ten seconds, reckoned in between.

    For edges that are pressed very often and compare this time with nothing closer than seconds. Leases, fences and
    whatever must follow another moment in order take `now`. Queries: 0 or 1.
    """
    if _Known.answer is not None:
        at, since = _Known.answer
        passed = time.monotonic() - since
        if passed < _KEPT_SECONDS:
            return at + timedelta(seconds=passed)
    at = now()
    _Known.answer = at, time.monotonic()
    return at
