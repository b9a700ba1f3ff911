"""Hands batches over, one after the other, until there are none or the time is up.

claim → last look → attempt committed → call → settle. No transaction is open while a provider is called, and
whatever stops a worker in between is told apart afterwards: no attempt means certainly not sent, an attempt
without an end means unknown.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection

from digests.delivery import (
    circuits,
    claiming,
    control,
    journal,
    parting,
    queue,
    quotas,
    settling,
    steps,
    turns,
)
from digests.delivery.errors import QuotaUsedUp
from digests.delivery.loading import Load, Mails, load
from digests.delivery.models import Attempt, Batch
from digests.delivery.remedies import decide
from newsroom.mail import providers
from newsroom.mail.errors import ProviderError
from newsroom.mail.providers.base import HandOver, OneByOne, Provider, not_offered
from newsroom.mail.verdicts import Verdict

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
# An outcome is worth more than a slice: the database gets some seconds to come back.
_SETTLE_TRIES = 6
# Copies of a call whose offers are written down nowhere.
MOST_UNLOGGED = 25


def run(*, provider: str | None = None, seconds: float, at_clock: Clock) -> int:
    """Hand over due batches for so many seconds, one at the least; how many were handed over.

    provider: only batches for this name. at_clock: asked at each transition, the database's clock in earnest.
    Wakes a next pump when the time is up before the work is.
    """
    until = time.monotonic() + seconds
    owner = f"{socket.gethostname()}:{os.getpid()}"
    mails = Mails()
    resting = turns.Resting()
    handed = 0
    left = seconds
    while found := _next(provider or "", owner=owner, resting=resting, at=at_clock()):
        batch, was_trial = found
        part = _in_turn(batch, resting, left=left, at_clock=at_clock)
        if part is not None:
            handed += _hand_over(part, mails, was_trial=was_trial, at_clock=at_clock)
        if (left := until - time.monotonic()) <= 0:
            queue.wake_pump()
            break
    return handed


def _next(provider: str, *, owner: str, resting: turns.Resting, at: datetime) -> tuple[Batch, bool] | None:
    """The next batch that may really go, and whether it is a trial of a provider that was not used."""
    while True:
        closed_off, on_trial = circuits.unusable(at=at)
        batch = claiming.claim(
            at=at,
            owner=owner,
            provider=provider,
            without=closed_off | resting.providers,
            without_newsletters=resting.newsletters,
        )
        if batch is None:
            return None
        steps.reached(steps.CLAIMED)
        if control.is_late(batch.mailing, at):
            claiming.give_back(batch, not_before=batch.not_before)
            control.pause_late(batch.mailing, at=at)
        elif batch.provider not in on_trial:
            return batch, False
        elif circuits.try_again(batch.provider, at=at):
            return batch, True
        else:
            claiming.give_back(batch, not_before=batch.not_before)


def _in_turn(batch: Batch, resting: turns.Resting, *, left: float, at_clock: Clock) -> Batch | None:
    """What of the batch may go now, once its turn has come; what may not, or whose provider nobody knows, is given back."""
    try:
        config = providers.config(batch.provider)
    except ProviderError as error:
        circuits.open_circuit(batch.provider, because=str(error), at=at_clock())
        claiming.give_back(batch, not_before=batch.not_before)
        return None
    if config.quota is not None:
        part = _within_quota(batch, config.quota, resting, at=at_clock())
        if part is None:
            return None
        batch = part
    return turns.wait_for(batch, config, resting, left=left, at_clock=at_clock)


def _within_quota(batch: Batch, quota: int, resting: turns.Resting, *, at: datetime) -> Batch | None:
    """What the provider's day has room for; the rest, or all of it, waits for the next day."""
    left = quotas.left(batch.provider, quota=quota, at=at)
    if left >= batch.size:
        return batch
    if left:
        # None: nothing of it waits any more, or it was taken back; the call finds that out.
        return parting.keep(batch, left, not_before=quotas.next_day(at)) or batch
    resting.providers.add(batch.provider)
    claiming.give_back(batch, not_before=batch.not_before)
    quotas.rest_until_tomorrow(batch.provider, at=at)
    return None


def _hand_over(batch: Batch, mails: Mails, *, was_trial: bool, at_clock: Clock) -> bool:
    """One batch from its claim to its outcome. Whether it is settled."""
    provider = providers.provider(batch.provider)
    with _logged(provider) as call:
        if isinstance(provider, OneByOne) and call.log is None and batch.size > MOST_UNLOGGED:
            # If this worker died, the whole call would be unknown: so it is a small one.
            batch = parting.keep(batch, MOST_UNLOGGED, not_before=batch.not_before) or batch
        at = at_clock()
        loaded = load(batch, mails, at=at)
        steps.reached(steps.CHECKED)
        if not loaded.copies:
            return claiming.finish_without_call(batch, skipped=loaded.skipped, at=at)
        began = time.monotonic()
        try:
            attempt = claiming.begin(
                batch,
                attempt_id=call.attempt_id,
                offered=[copy.seq for copy in loaded.copies],
                skipped=loaded.skipped,
                digest=loaded.digest,
                at=at,
            )
        except QuotaUsedUp:  # another was quicker; the next claim sees what is left
            attempt = None
        if attempt is None:
            claiming.give_back(batch, not_before=batch.not_before)
            return False
        steps.reached(steps.CALLING)
        try:
            answer = _call(provider, loaded, call, began=began)
        except Exception as error:
            # A fault of ours, or a time limit: it may have been sent all the same.
            answer = HandOver(outcomes={}, response=f"{type(error).__name__}: {error}")
            _settle(attempt, loaded, answer, tries=batch.tries, was_trial=was_trial, at_clock=at_clock)
            raise
    if call.log is None:
        journal.note(
            attempt.pk,
            [seq for seq, outcome in answer.outcomes.items() if outcome.verdict is Verdict.ACCEPTED],
        )
    steps.reached(steps.HANDED_OVER)
    return _settle(attempt, loaded, answer, tries=batch.tries, was_trial=was_trial, at_clock=at_clock)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A call about to be made, and its journal if its copies are offered one by one."""

    attempt_id: UUID
    log: journal.CallLog | None


@contextmanager
def _logged(provider: Provider) -> Iterator[_Call]:
    attempt_id = uuid4()
    log = journal.begin(attempt_id) if isinstance(provider, OneByOne) else None
    try:
        yield _Call(attempt_id=attempt_id, log=log)
    finally:
        if log is not None:
            log.close()


def _call(provider: Provider, loaded: Load, call: _Call, *, began: float) -> HandOver:
    """The call itself, within what is left of its deadline; a worker that slept past it does not call any more."""
    assert loaded.mail is not None
    seconds = settings.DELIVERY_CALL_SECONDS - (time.monotonic() - began)
    if seconds <= 0:
        late = not_offered("the worker was away past the deadline")
        return HandOver(outcomes={copy.seq: late for copy in loaded.copies})
    if call.log is not None and isinstance(provider, OneByOne):
        return provider.hand_over_logged(
            loaded.mail, loaded.copies, attempt_id=call.attempt_id, seconds=seconds, log=call.log
        )
    return provider.hand_over(loaded.mail, loaded.copies, attempt_id=call.attempt_id, seconds=seconds)


def _settle(
    attempt: Attempt, loaded: Load, answer: HandOver, *, tries: int, was_trial: bool, at_clock: Clock
) -> bool:
    """Write the outcome down, through a short absence of the database; settling twice changes nothing."""
    offered = [copy.seq for copy in loaded.copies]
    for once_more in range(_SETTLE_TRIES):
        try:
            at = at_clock()
            decision = decide(offered, answer, tries=tries, at=at)
            settled = settling.settle(attempt, decision, answer, at=at)
            break
        except (OperationalError, InterfaceError):
            if once_more == _SETTLE_TRIES - 1 or connection.in_atomic_block:
                raise
            logger.warning("The outcome of a call waits for the database.", extra={"attempt": attempt.pk})
            connection.close()
            time.sleep(0.2 * 2**once_more)
    steps.reached(steps.SETTLED)
    try:
        circuits.learn(attempt.provider, decision, answer, was_trial=was_trial, at=at)
    except DatabaseError:
        logger.exception("What a call taught is lost.", extra={"attempt": attempt.pk})
    return settled
