"""The way from services to tasks: wake-ups, sent after commit. A lost one costs seconds: the beat looks anyway."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 30


def wake_send_links() -> None:
    """Somebody waits for the link to her settings."""
    transaction.on_commit(lambda: _publish("subscriptions.send_links"), robust=True)


def wake_imports() -> None:
    """A file of readers is to be tried or taken in."""
    transaction.on_commit(lambda: _publish("subscriptions.run_imports"), robust=True)


def _publish(task: str) -> None:
    try:
        current_app.send_task(task, expires=EXPIRES_SECONDS, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("No broker for %s (%s): the beat does it.", task, type(error).__name__)
