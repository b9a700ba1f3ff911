"""Wake-ups for the engine's tasks, sent after commit. A lost one costs seconds: beat and the sweep look anyway."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# A wake-up that nobody took by then says nothing new.
EXPIRES_SECONDS = 30


def wake_freeze(mailing_id: int) -> None:
    """Somebody should freeze this mailing now."""
    _send("delivery.freeze", mailing_id)


def wake_pump() -> None:
    """There is work for a pump."""
    _send("delivery.pump")


def wake_sweep() -> None:
    """There is something to tidy up before the next sweep is due."""
    _send("delivery.sweep")


def _send(task: str, *arguments: int) -> None:
    transaction.on_commit(lambda: _publish(task, *arguments))


def _publish(task: str, *arguments: int) -> None:
    try:
        current_app.send_task(task, args=arguments, expires=EXPIRES_SECONDS, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("No broker for %s (%s): the next sweep does it.", task, type(error).__name__)
