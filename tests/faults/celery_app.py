"""The workers' Celery module: Newsroom's own, with the killer and short waits put into each process."""

from dataclasses import replace
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
    from newsroom.mail.providers import smtp_session

    killer.install()
    _look_soon()
    freezing.freeze.__kwdefaults__ = {"page_rows": 500}  # so that a ledger has several pages
    circuits._OPEN_FOR = circuits._UNREACHABLE_FOR = timedelta(seconds=3)
    circuits._TRIAL = timedelta(seconds=8)
    remedies._FIRST_WAIT_SECONDS = 0.3  # type: ignore[misc, assignment]  # a constant in earnest
    remedies._LONGEST_WAIT = 3.0  # type: ignore[misc]  # likewise
    smtp_session.BACK_OFF_SECONDS = smtp_session.RATE_LIMITED_SECONDS = 1.0


# Accounts of which the engine knows for certain soon: `records` can be searched, `again` knows a call for the same;
# `brief` has forgotten it before one may ask. All others are as in earnest, and so their copies are held.
_KNOWN_SOON = frozenset({"records", "again", "brief"})
SEARCH_LAG_SECONDS = 6
_BRIEF_REPLAY_SECONDS = 8


def _look_soon() -> None:
    """Looks each second, and lags of seconds, at the accounts that are there for it."""
    from digests.delivery import ladder
    from newsroom.mail import providers

    next_look, provider_of = ladder._next_look, providers.provider

    def soon(attempt: Any, at: Any) -> Any:
        return at + timedelta(seconds=1) if attempt.provider in _KNOWN_SOON else next_look(attempt, at)

    def impatient(name: str) -> Any:
        found = provider_of(name)
        if name == "records":
            found.capabilities = replace(found.capabilities, search_lag_seconds=SEARCH_LAG_SECONDS)
        if name == "brief":
            found.capabilities = replace(found.capabilities, replay_seconds=_BRIEF_REPLAY_SECONDS)
        return found

    ladder._next_look, providers.provider = soon, impatient
    ladder._CONFIRM_AFTER = timedelta(seconds=1.5)  # type: ignore[misc]  # a constant in earnest
