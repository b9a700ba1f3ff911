"""When each part of the machine was last seen alive. Written to the database alone, so that it works without Redis."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from newsroom.mail import incidents
from newsroom.mail.models import Heartbeat

QUEUE, JOB, WORKER = "queue:", "job:", "worker:"
"""What a name begins with: a queue through which beat, broker and worker reach each other; a job's good run; a worker."""

SCHEDULER = "scheduler"
FORGOTTEN_AFTER = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A part as it was last seen."""

    name: str
    beat_at: datetime
    facts: Mapping[str, Any]


def beat(name: str, *, at: datetime, facts: Mapping[str, Any] | None = None) -> None:
    """This part is alive at this time. Queries: 1, an upsert."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name[:120], beat_at=at, facts=dict(facts or {}))],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["beat_at", "facts"],
    )


def sign_off(name: str) -> None:
    """This part stopped as it was told to; nobody need look for it."""
    Heartbeat.objects.filter(name=name[:120]).delete()


def seen() -> dict[str, Beat]:
    """All parts by their names. Queries: 1."""
    rows = Heartbeat.objects.values_list("name", "beat_at", "facts")
    return {name: Beat(name=name, beat_at=beat_at, facts=facts) for name, beat_at, facts in rows}


def forget_workers(at: datetime) -> int:
    """Drop workers unseen for a day: they went without a word, and others do their work."""
    gone = Heartbeat.objects.filter(name__startswith=WORKER, beat_at__lt=at - FORGOTTEN_AFTER)
    return gone.delete()[0]


def standing_still(at: datetime) -> list[str]:
    """What has had no sign of life for two intervals: queues by their names, or the scheduler if it is all of them.

    What never had one was never started, and is the self-check's business. Queries: 1.
    """
    names = [QUEUE + queue for queue in settings.QUEUES]
    latest = dict(Heartbeat.objects.filter(name__in=names).values_list("name", "beat_at"))
    limit = at - timedelta(seconds=2 * settings.PULSE_SECONDS)
    lost = [name.removeprefix(QUEUE) for name in names if name in latest and latest[name] < limit]
    return [SCHEDULER] if lost and len(lost) == len(latest) else lost


def is_scheduler_still(at: datetime) -> bool:
    """Whether no queue has had a sign of life for two intervals; not before the first. Queries: 1."""
    return standing_still(at) == [SCHEDULER]


def watch_scheduler(at: datetime) -> bool:
    """Tell staff if the scheduler stands still; whether it does.

    For workers to call: with the scheduler away, nobody else looks. Queries: 1 while it beats.
    """
    if not is_scheduler_still(at):
        return False
    incidents.report(
        f"machine.{SCHEDULER}",
        title=_("The scheduler stands still"),
        text=_("Start “celery beat”: without it no digest is built, and nothing goes out by itself."),
        facts={"page": ["admin:self_check"]},
        at=at,
    )
    return True
