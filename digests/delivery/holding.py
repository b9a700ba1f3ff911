"""Brings the copies of a batch to a stop that only a person or a proof can end."""

from datetime import datetime

from django.db import transaction

from digests.delivery import canary, ledger
from digests.delivery.models import Attempt, Batch
from digests.delivery.states import AttemptState, BatchState, DeliveryState

_HOLDABLE = (BatchState.LEASED, BatchState.UNKNOWN)


def hold(batch: Batch, *, because: str, at: datetime) -> bool:
    """Hold what waits of a claimed or unknown batch, with a reason. False if it moved on meanwhile."""
    with transaction.atomic():
        mine = Batch.objects.select_for_update().filter(
            pk=batch.pk, state=batch.state, fence=batch.fence, state__in=_HOLDABLE
        )
        locked = mine.first()
        if locked is None:
            return False
        waiting = ledger.of_batch(locked).filter(state=DeliveryState.WAITING)
        locked.held += waiting.update(state=DeliveryState.HELD, reason=because[:120])
        locked.state = BatchState.HELD if locked.held else BatchState.DONE
        locked.owner, locked.lease_until = "", None
        locked.save(update_fields=["held", "state", "owner", "lease_until"])
        _close_call(batch, at=at)
        if canary.is_canary(locked):
            canary.judge(locked.mailing_id, at=at)
    return True


def _close_call(batch: Batch, *, at: datetime) -> None:
    """The call that nobody could prove anything about; when its answer came, if one did, stays as it was."""
    calls = Attempt.objects.select_for_update().filter(
        batch=batch, fence=batch.fence, state=AttemptState.UNKNOWN
    )
    for attempt in calls:
        attempt.state, attempt.verdict_by = AttemptState.HELD, "no proof"
        attempt.ended_at = attempt.ended_at or at
        attempt.evidence = {**attempt.evidence, "held_at": at.isoformat()}
        attempt.save(update_fields=["state", "verdict_by", "ended_at", "evidence"])
