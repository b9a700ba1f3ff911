"""The way from services to tasks: wake-ups, sent after commit, and lost without harm.

What is due stands in the database, and the beat looks there every few seconds; a wake-up only makes it sooner.
"""

import logging
from functools import partial

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)


def wake_letters() -> None:
    """Once the present transaction is committed, let a worker look for due letters now."""
    transaction.on_commit(partial(_wake, "mail.send_letters"), robust=True)


def wake_tell_staff() -> None:
    """Once the present transaction is committed, let a worker tell staff about new incidents now."""
    transaction.on_commit(partial(_wake, "mail.tell_staff"), robust=True)


def _wake(task: str) -> None:
    try:
        current_app.send_task(task, expires=60, retry=False)
    except Exception as error:  # whatever the broker's client raises: the sweep sends later
        logger.warning("A wake-up for %s is lost: %s.", task, type(error).__name__)
