"""Moments as addresses and forms carry them, which anybody may have written."""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime


def moment_in(text: str) -> datetime | None:
    """The moment in UTC; None of what is none, names no zone, or lies beyond the years that there are."""
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
