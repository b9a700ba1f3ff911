"""Takes some copies out of a claimed batch, so that the others can go now.

A batch with children owns no waiting copy, so both parts become batches of their own, and the whole keeps what it
had decided.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.db import transaction

from digests.delivery import ledger, settling
from digests.delivery.models import Batch
from digests.delivery.states import BatchState, DeliveryState


def put_off(batch: Batch, later: Collection[int], *, not_before: datetime) -> Batch | None:
    """Let these numbers of a claimed batch wait until a time. The rest, claimed under the same lease.

    None: the batch was taken back meanwhile, or all that it has left are to wait; nothing was changed then.
    Queries: 5.
    """
    return _part(batch, lambda waiting: [number for number in waiting if number in later], not_before)


def keep(batch: Batch, copies: int, *, not_before: datetime) -> Batch | None:
    """Let all but the first so many waiting copies of a claimed batch wait until a time; otherwise as `put_off`."""
    return _part(batch, lambda waiting: waiting[copies:], not_before)


def _part(batch: Batch, later: Callable[[list[int]], list[int]], not_before: datetime) -> Batch | None:
    with transaction.atomic():
        mine = Batch.objects.select_for_update().filter(
            pk=batch.pk, state=BatchState.LEASED, fence=batch.fence
        )
        whole = mine.first()
        if whole is None:
            return None
        rows = ledger.of_batch(whole).filter(state=DeliveryState.WAITING).order_by("pk")
        waiting = [ledger.number_of(pk) for pk in rows.values_list("pk", flat=True)]
        waits = later(waiting)
        now = sorted(set(waiting).difference(waits))
        if not now:
            return None
        rest = _child(whole, now, not_before=whole.not_before)
        rest.state, rest.fence, rest.owner = BatchState.LEASED, 1, whole.owner
        rest.lease_until, rest.idle_claims = whole.lease_until, whole.idle_claims
        rest.save()
        if waits:
            _child(whole, waits, not_before=not_before).save()
        whole.size -= len(waiting)
        whole.owner, whole.lease_until, whole.state = "", None, settling.state_of(whole)
        whole.save(update_fields=["size", "owner", "lease_until", "state"])
    rest.mailing = batch.mailing
    return rest


def _child(whole: Batch, numbers: Sequence[int], *, not_before: datetime) -> Batch:
    child = ledger.new_batch(
        numbers,
        mailing_id=whole.mailing_id,
        provider=whole.provider,
        not_before=not_before,
        parent=whole,
    )
    child.tries = whole.tries
    return child
