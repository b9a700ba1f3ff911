"""Whether the machine runs: the beat, each queue, workers, jobs, what waits, room on disk, the database's shape."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.countdown import span
from digests.delivery.models import Batch
from digests.delivery.states import BatchState, MailingState
from digests.self_check.lines import Colour, Line, by_age, seen
from newsroom.mail import heartbeats
from newsroom.mail.heartbeats import JOB, QUEUE, WORKER, Beat
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.mail.states import LetterState

SLOW, STUCK = timedelta(minutes=5), timedelta(minutes=15)
LONG_QUEUE, FULL_QUEUE = 1_000, 10_000
LITTLE_ROOM, NO_ROOM = 0.10, 0.05
_JOBS_SEEN_LATE = timedelta(minutes=15)


def alive(beats: Mapping[str, Beat], *, at: datetime) -> Iterator[Line]:
    """The scheduler, then each queue, then the workers. No queries."""
    limit = timedelta(seconds=2 * settings.PULSE_SECONDS)
    pulses = {queue: beats.get(QUEUE + queue) for queue in settings.QUEUES}
    newest = max((beat.beat_at for beat in pulses.values() if beat), default=None)
    is_still = newest is None or at - newest > limit
    yield Line(
        key=heartbeats.SCHEDULER,
        colour=Colour.RED if is_still else Colour.GREEN,
        title=_("Scheduler"),
        says=seen(newest, at=at) if newest else _("Never seen."),
        remedy=_("Start “celery beat”: without it no digest is built, and nothing goes out by itself.")
        if is_still
        else "",
    )
    for queue, beat in pulses.items():
        is_lost = beat is None or at - beat.beat_at > limit
        yield Line(
            key=f"queue.{queue}",
            colour=Colour.RED if is_lost else Colour.GREEN,
            title=_("Queue “%(queue)s”") % {"queue": queue},
            says=seen(beat.beat_at, at=at) if beat else _("Never seen."),
            remedy=_("Start a worker for this queue, or free the one that hangs in it.") if is_lost else "",
        )
    yield from _workers(beats, at=at)


def _workers(beats: Mapping[str, Beat], *, at: datetime) -> Iterator[Line]:
    limit = timedelta(seconds=2 * settings.PULSE_SECONDS)
    workers = {name.removeprefix(WORKER): beat for name, beat in beats.items() if name.startswith(WORKER)}
    for name, beat in sorted(workers.items()):
        is_lost = at - beat.beat_at > limit
        yield Line(
            key=f"worker.{name}",
            # Its queue is red if nobody else does its work.
            colour=Colour.YELLOW if is_lost else Colour.GREEN,
            title=_("Worker %(name)s") % {"name": name},
            says=seen(beat.beat_at, at=at),
            remedy=_("It went without signing off. Look at its log; after a day it is forgotten.")
            if is_lost
            else "",
        )


def jobs(beats: Mapping[str, Beat], *, at: datetime) -> Iterator[Line]:
    """The last good run of each job of the beat. No queries."""
    rhythms: dict[str, float] = {}
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        rhythms[entry["task"]] = min(float(entry["schedule"]), rhythms.get(entry["task"], float("inf")))
    for task, seconds in sorted(rhythms.items()):
        rhythm = timedelta(seconds=max(seconds, settings.PULSE_SECONDS))
        beat = beats.get(JOB + task)
        colour = Colour.YELLOW
        if beat:
            colour = by_age(at - beat.beat_at, yellow=2 * rhythm, red=max(5 * rhythm, _JOBS_SEEN_LATE))
        yield Line(
            key=f"job.{task}",
            colour=colour,
            title=task,
            says=_("Last good run %(span)s ago.") % {"span": span(max(at - beat.beat_at, timedelta(0)))}
            if beat
            else _("No good run yet."),
            remedy=_("Look for its name in the workers' logs: it fails, or it does not come to its turn.")
            if colour != Colour.GREEN
            else "",
        )


def waiting(*, at: datetime) -> Iterator[Line]:
    """How long the oldest of each kind of work waits already. Queries: 3."""
    letters = Letter.objects.filter(state=LetterState.WAITING, not_before__lte=at)
    events = ProviderEvent.objects.filter(applied_at__isnull=True)
    batches = Batch.objects.filter(
        state=BatchState.READY, not_before__lte=at, mailing__state=MailingState.SENDING
    )
    kinds = (
        ("letters", _("Letters to readers"), letters.aggregate(oldest=Min("not_before"))["oldest"]),
        (
            "events",
            _("Reports of providers"),
            # By the key: the index of what is new has no time.
            events.order_by("pk").values_list("received_at", flat=True).first(),
        ),
        ("batches", _("Copies of digests"), batches.aggregate(oldest=Min("not_before"))["oldest"]),
    )
    for key, title, oldest in kinds:
        age = at - oldest if oldest else timedelta(0)
        colour = by_age(age, yellow=SLOW, red=STUCK)
        yield Line(
            key=f"waiting.{key}",
            colour=colour,
            title=title,
            says=_("The oldest waits for %(span)s.") % {"span": span(age)} if oldest else _("Nothing waits."),
            remedy=_("Workers are too few or a provider does not answer: look at open incidents.")
            if colour != Colour.GREEN
            else "",
        )


def broker() -> Line:
    """How many wake-ups wait in Redis; that it is away is no more than yellow. At most a second or two."""
    try:
        with redis.Redis.from_url(
            settings.CELERY_BROKER_URL, socket_timeout=1, socket_connect_timeout=1
        ) as client:
            length = sum(int(client.llen(queue)) for queue in settings.QUEUES)
    except (redis.RedisError, OSError):
        return Line(
            key="broker",
            colour=Colour.YELLOW,
            title=_("Wake-ups in Redis"),
            says=_("Redis does not answer. Sign-ups go on; mail waits until it is back."),
            remedy=_("Start Redis, or look at REDIS_URL."),
        )
    colour = Colour.RED if length > FULL_QUEUE else Colour.YELLOW if length > LONG_QUEUE else Colour.GREEN
    return Line(
        key="broker",
        colour=colour,
        title=_("Wake-ups in Redis"),
        says=ngettext("%(number)d waits.", "%(number)d wait.", length) % {"number": length},
        remedy=_("Workers do not keep up; start more of them.") if colour != Colour.GREEN else "",
    )


def room() -> Iterator[Line]:
    """Free space where pictures and our own files are kept."""
    for key, title, folder in (
        ("media", _("Room for pictures"), Path(settings.MEDIA_ROOT)),
        ("var", _("Room for our own files"), settings.BASE_DIR / "var"),
    ):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        usage = shutil.disk_usage(there)
        free = usage.free / usage.total if usage.total else 0.0
        colour = Colour.RED if free < NO_ROOM else Colour.YELLOW if free < LITTLE_ROOM else Colour.GREEN
        yield Line(
            key=f"room.{key}",
            colour=colour,
            title=title,
            says=_("%(percent)d %% free, %(gigabytes)s GB.")
            % {"percent": int(free * 100), "gigabytes": number_format(usage.free / 1e9, 1)},
            remedy=_("Make room or a larger disk: a full one stops the database too, if it lies there.")
            if colour != Colour.GREEN
            else "",
        )


def migrations() -> Line:
    """Whether the database has the shape that this version expects. Queries: about 2."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    number = len(plan)
    return Line(
        key="migrations",
        colour=Colour.RED if number else Colour.GREEN,
        title=_("Shape of the database"),
        says=ngettext("%(number)d migration is missing.", "%(number)d migrations are missing.", number)
        % {"number": number}
        if number
        else _("As this version expects it."),
        remedy=_("Run “manage.py migrate”, then restart the workers.") if number else "",
    )
