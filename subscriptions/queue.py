"""The way from services to tasks: wake-ups, sent after commit. A lost one costs seconds: the beat looks anyway."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from newsroom.web import throttles

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 30
# Whoever signs up after a worker was woken and before it looks is seen by it: one wake-up is enough for all of them.
# Counted with the limits of sign-ups, in the same way to Redis, and so a moment before the row is there: a worker that
# looks in between leaves it to the beat.
WOKEN = throttles.Act("wake-up", "sign-ups", limit=1, seconds=5)


def wake_send_links() -> None:
    """Somebody waits for the link to her settings."""
    transaction.on_commit(lambda: _publish("subscriptions.send_links"), robust=True)


def wake_sign_ups() -> None:
    """Somebody signed up, the first since a worker looked."""
    transaction.on_commit(lambda: _publish("subscriptions.decide_sign_ups"), robust=True)


def begin_sign_ups() -> None:
    """A worker is about to look: who signs up from now on has to wake one again."""
    throttles.forget(WOKEN.scope, WOKEN.key, limit=WOKEN.limit, seconds=WOKEN.seconds)


def wake_imports() -> None:
    """A file of readers is to be tried or taken in."""
    transaction.on_commit(lambda: _publish("subscriptions.run_imports"), robust=True)


def _publish(task: str) -> None:
    try:
        current_app.send_task(task, expires=EXPIRES_SECONDS, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("No broker for %s (%s): the beat does it.", task, type(error).__name__)
