"""The workers' Celery module: Newsroom's own, with the killer and short waits put into each process."""

from datetime import timedelta
from typing import Any

from celery.signals import worker_process_init

from newsroom.celery import app
from tests.faults import killer

__all__ = ["app"]


@worker_process_init.connect(weak=False)
def prepare(**_: Any) -> None:
    """Short waits and small pages where the engine's are not settings."""
    from digests.delivery import circuits, freezing, remedies
    from newsroom.mail.providers import smtp

    killer.install()
    freezing.freeze.__kwdefaults__ = {"page_rows": 500}  # so that a ledger has several pages
    circuits._OPEN_FOR = circuits._UNREACHABLE_FOR = timedelta(seconds=3)
    circuits._TRIAL = timedelta(seconds=8)
    remedies._FIRST_WAIT_SECONDS = 0.3  # type: ignore[misc, assignment]  # a constant in earnest
    remedies._LONGEST_WAIT = 3.0  # type: ignore[misc]  # likewise
    smtp.BACK_OFF_SECONDS = 1.0
