"""How long mail's records are kept: letters, what providers reported, incidents. In slices, each its own commit.

Numbers grow with time in these tables, so the oldest rows are the first: a slice is read by number and ends at the first
row that is young. Killed anywhere, the next run goes on where this one stopped.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction

from newsroom.mail.models import Heartbeat, Incident, Letter, ProviderEvent

SLICE = 5_000
_CURSOR = "retention: payloads"


def tidy(*, at: datetime, rows: int = SLICE) -> dict[str, int]:
    """Let go what is older than the settings say; how many rows of each kind. Safe to run twice, and to kill.

    rows: per slice. Queries: 2 per slice, and 7 when nothing is old.
    """
    kept = settings.KEPT_DAYS
    return {
        "letters": delete_older(Letter.objects.all(), "created_at", at - days(kept["letters"]), rows=rows),
        "events": delete_older(
            ProviderEvent.objects.all(), "received_at", at - days(kept["events"]), rows=rows
        ),
        "payloads": _empty_payloads(at - days(kept["payloads"]), at=at, rows=rows),
        "incidents": delete_in_slices(
            Incident.objects.filter(resolved_at__lt=at - days(kept["events"])), rows=rows
        ),
    }


def days(number: int) -> timedelta:
    """So many days."""
    return timedelta(days=number)


def delete_older(queryset: "models.QuerySet[Any]", field: str, before: datetime, *, rows: int = SLICE) -> int:
    """Delete from the oldest row on until one is younger than `before`, in slices; how many."""

    def oldest() -> list[int]:
        first = list(queryset.order_by("pk").values_list("pk", field)[:rows])
        return [number for number, time in first if time < before]

    return _in_slices(oldest, lambda numbers: queryset.filter(pk__in=numbers).delete(), rows=rows)


def delete_in_slices(queryset: "models.QuerySet[Any]", *, rows: int = SLICE) -> int:
    """Delete all of a queryset that an index finds, in slices; how many."""

    def some() -> list[int]:
        return list(queryset.order_by("pk").values_list("pk", flat=True)[:rows])

    return _in_slices(
        some, lambda numbers: queryset.model._default_manager.filter(pk__in=numbers).delete(), rows=rows
    )


def _in_slices(take: Callable[[], list[int]], drop: Callable[[list[int]], object], *, rows: int) -> int:
    gone = 0
    while True:
        numbers = take()
        if numbers:
            with transaction.atomic():
                drop(numbers)
        gone += len(numbers)
        if len(numbers) < rows:
            return gone


def _empty_payloads(before: datetime, *, at: datetime, rows: int) -> int:
    """Forget what providers sent word for word. The last number done is kept: nothing is looked at twice."""
    mark = Heartbeat.objects.filter(name=_CURSOR).first()
    after = int(mark.facts.get("event", 0)) if mark else 0
    emptied = 0
    while True:
        slice_ = (
            ProviderEvent.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "received_at")[:rows]
        )
        found = list(slice_)
        numbers = [number for number, received_at in found if received_at < before]
        if numbers:
            after = max(numbers)
            with transaction.atomic():
                ProviderEvent.objects.filter(pk__in=numbers).update(payload={})
                Heartbeat.objects.update_or_create(
                    name=_CURSOR, defaults={"beat_at": at, "facts": {"event": after}}
                )
        emptied += len(numbers)
        if len(numbers) < rows:
            return emptied
