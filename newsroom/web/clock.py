"""The database's clock: the one time that all processes on all machines share."""

from datetime import UTC, datetime

from django.db import connection


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
