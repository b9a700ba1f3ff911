"""Proof that comes later: an event or a late answer shows that a copy was accepted.

It lifts copies from waiting or held to accepted, and with them the batch that answers for them. Proof only ever
adds: whatever the order and however often it comes, the ledger ends the same.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from digests.delivery import ledger
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.runs import runs
from digests.delivery.states import (
    TERMINAL_MAILINGS,
    AttemptState,
    BatchState,
    DeliveryState,
    MailingState,
)

PROVABLE = (DeliveryState.WAITING, DeliveryState.HELD)
_MOST_RUNS = 50
# A batch in one of these is over as soon as all its copies are; one in another is brought to its end by its worker.
_WAITS_FOR_PROOF = (BatchState.UNKNOWN, BatchState.HELD)


def promote(mailing_id: int, numbers: Collection[int], *, by: str, at: datetime) -> int:
    """Mark copies accepted that the provider is now known to have taken. How many that changed.

    by: what proves it. Queries: 1 if nothing is to change, else about 5 and 2 per batch.
    """
    wanted = sorted(set(numbers))
    if not wanted or not _provable(mailing_id, wanted):
        return 0
    with transaction.atomic():
        cut_for = Batch.objects.filter(_cut_for(wanted), mailing=mailing_id)
        batches = list(cut_for.select_for_update().order_by("pk"))
        # Read again behind the lock: the batch's own worker may have been quicker.
        states = _provable(mailing_id, wanted)
        promoted: dict[Batch, list[int]] = {}
        for number, batch in ledger.owners(batches, states).items():
            promoted.setdefault(batch, []).append(number)
        for batch, taken in promoted.items():
            _promote(batch, taken, states, by=by, at=at)
        _carry_totals(mailing_id, states)
    return len(states)


def _cut_for(numbers: list[int]) -> Q:
    """Batches that may answer for these numbers, and few others: each is locked, and nobody can claim it meanwhile."""
    found = runs(numbers)
    if len(found) > _MOST_RUNS:
        found = [[numbers[0], numbers[-1] + 1]]
    conditions = Q()
    for low, high in found:
        conditions |= Q(lo__lt=high, hi__gt=low)
    return conditions


def _provable(mailing_id: int, numbers: list[int]) -> dict[int, str]:
    rows = ledger.of_numbers(mailing_id, numbers).filter(state__in=PROVABLE)
    return {ledger.number_of(pk): state for pk, state in rows.values_list("pk", "state")}


def _promote(batch: Batch, numbers: list[int], states: dict[int, str], *, by: str, at: datetime) -> None:
    rows = ledger.of_numbers(batch.mailing_id, sorted(numbers)).filter(state__in=PROVABLE)
    rows.update(state=DeliveryState.ACCEPTED, reason=f"proved by {by}"[:120])
    batch.accepted += len(numbers)
    batch.held -= sum(states[number] == DeliveryState.HELD for number in numbers)
    if batch.state in _WAITS_FOR_PROOF and ledger.decided(batch) == batch.size and not batch.held:
        batch.state = BatchState.DONE
        open_states = (AttemptState.UNKNOWN, AttemptState.HELD)
        Attempt.objects.filter(batch=batch, fence=batch.fence, state__in=open_states).update(
            state=AttemptState.DONE, ended_at=at, verdict_by=by[:40]
        )
    batch.save(update_fields=["accepted", "held", "state"])


def _carry_totals(mailing_id: int, states: dict[int, str]) -> None:
    """A mailing that has its totals already gets them corrected."""
    held = sum(state == DeliveryState.HELD for state in states.values())
    over = Mailing.objects.filter(pk=mailing_id, state__in=TERMINAL_MAILINGS, finished_at__isnull=False)
    if over.update(accepted=F("accepted") + len(states), held=F("held") - held):
        over.filter(state=MailingState.FINISHED_WITH_HELD, held=0).update(state=MailingState.FINISHED)
