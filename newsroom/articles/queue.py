"""The way from services to tasks: a wake-up after commit, lost without harm, since the beat looks every minute."""

import logging

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)


def wake_feeds() -> None:
    """Once the present transaction is committed, let a worker look for due feeds now."""
    transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    try:
        current_app.send_task("articles.poll_feeds", expires=60, retry=False)
    except Exception as error:  # whatever the broker's client raises: the beat looks again
        logger.warning("A wake-up for articles.poll_feeds is lost: %s.", type(error).__name__)
