"""What Celery tells of its workers and jobs, written down as heartbeats; connected when the apps are ready.

Nothing here may stop a worker: a database that is away is logged, and the next beat tries again.
"""

import logging
import os
import time
from typing import Any

from celery.signals import heartbeat_sent, task_success, worker_ready, worker_shutdown
from django.conf import settings
from django.db import DatabaseError, connection

from newsroom.mail import heartbeats
from newsroom.web import clock

logger = logging.getLogger(__name__)

_last: dict[tuple[int, str], float] = {}


@worker_ready.connect
@heartbeat_sent.connect
def worker_is_alive(sender: Any = None, **kwargs: Any) -> None:
    """Each worker process, a few times a minute. sender: the consumer, or what beats for it.

    It looks for the scheduler as well, because with that away no task would.
    """
    name = _worker_name(sender)
    if name and _is_time(heartbeats.WORKER + name):
        _beat(heartbeats.WORKER + name)
        _watch_scheduler()
        # Forked children would share the socket of a connection that stays open here.
        _close()


@worker_shutdown.connect
def worker_goes(sender: Any = None, **kwargs: Any) -> None:
    """It stops because it was told to."""
    try:
        heartbeats.sign_off(heartbeats.WORKER + _worker_name(sender))
    except DatabaseError as error:
        logger.warning("A worker could not sign off: %s.", type(error).__name__)
    finally:
        _close()


@task_success.connect
def job_is_done(sender: Any = None, **kwargs: Any) -> None:
    """The last good run of each job of the beat; of the quick ones a few times a minute."""
    task = str(getattr(sender, "name", ""))
    is_scheduled = task in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    if is_scheduled and _is_time(heartbeats.JOB + task):
        _beat(heartbeats.JOB + task)


def _worker_name(sender: Any) -> str:
    """`celery@host`, whether Celery's consumer sends or the dispatcher of its heart."""
    for owner in (sender, getattr(sender, "eventer", None), getattr(sender, "controller", None)):
        if name := getattr(owner, "hostname", None):
            return str(name)
    return ""


def _is_time(name: str) -> bool:
    """Whether this process last wrote it down long enough ago; it counts as written now."""
    key, passed = (os.getpid(), name), time.monotonic()
    if passed - _last.get(key, float("-inf")) < settings.HEARTBEAT_SECONDS:
        return False
    _last[key] = passed
    return True


def _beat(name: str) -> None:
    try:
        heartbeats.beat(name, at=clock.now(), facts={"pid": os.getpid()})
    except DatabaseError as error:
        logger.warning("A heartbeat of %s is lost: %s.", name, type(error).__name__)


def _watch_scheduler() -> None:
    try:
        heartbeats.watch_scheduler(clock.now())
    except DatabaseError as error:
        logger.warning("Nobody could look for the scheduler: %s.", type(error).__name__)


def _close() -> None:
    if not connection.in_atomic_block:
        connection.close()
