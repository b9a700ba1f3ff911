"""Winning a batch, committing the attempt before the call, and giving back what was not called.

Each is a compare-and-set on (state, fence): of many workers one wins, and one that was away too long loses.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from digests.delivery import canary, ledger, quotas, steps
from digests.delivery.models import Attempt, Batch
from digests.delivery.runs import runs
from digests.delivery.states import BatchState, DeliveryState, MailingState


def claim(
    *,
    at: datetime,
    owner: str,
    provider: str = "",
    without: Collection[str] = (),
    without_newsletters: Collection[int] = (),
) -> Batch | None:
    """Win the next due batch of a mailing that is being sent, and commit.

    provider: only this one's; without: not these ones', nor those of these newsletters. The lease is DELIVERY_LEASE_SECONDS long, then the sweep
    takes the batch back. Queries: 2, whatever the size of the ledger.
    """
    due = Batch.objects.filter(
        state=BatchState.READY, not_before__lte=at, mailing__state=MailingState.SENDING
    ).order_by("not_before", "pk")
    if provider:
        due = due.filter(provider=provider)
    if without:
        due = due.exclude(provider__in=without)
    if without_newsletters:
        due = due.exclude(mailing__newsletter__in=without_newsletters)
    # On PostgreSQL workers step over each other's candidate; SQLite has one writer at a time anyway.
    skip_locked = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        batch = (
            due.select_related("mailing__newsletter")
            .select_for_update(of=("self",), skip_locked=skip_locked)
            .first()
        )
        if batch is None or not _move(
            batch,
            BatchState.READY,
            BatchState.LEASED,
            fence=batch.fence + 1,
            owner=owner[:120],
            lease_until=at + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS),
            idle_claims=batch.idle_claims + 1,
        ):
            return None
    return batch


def begin(
    batch: Batch,
    *,
    attempt_id: UUID,
    offered: Sequence[int],
    skipped: Mapping[str, Sequence[int]],
    digest: str,
    at: datetime,
) -> Attempt | None:
    """Commit that a call is about to be made, and who is left out of it and why.

    Nothing may go out before this returns an attempt. None: the batch was taken back or the mailing stopped.
    Raises QuotaUsedUp if the provider's day has not so many copies left; nothing was written then.
    """
    deadline = at + timedelta(seconds=settings.DELIVERY_CALL_SECONDS + settings.DELIVERY_MARGIN_SECONDS)
    with transaction.atomic():
        if not _move(
            batch,
            BatchState.LEASED,
            BatchState.CALLING,
            mailing__state=MailingState.SENDING,
            lease_until=deadline,
            idle_claims=0,
        ):
            return None
        quotas.take(batch.provider, len(offered), at=at)
        attempt = Attempt.objects.create(
            pk=attempt_id,
            batch=batch,
            fence=batch.fence,
            provider=batch.provider,
            payload_digest=digest,
            seqs=runs(offered),
            size=len(offered),
            calling_at=at,
            deadline_at=deadline,
        )
        _skip(batch, skipped)
        steps.reached(steps.CALLING_WRITTEN)
    return attempt


def finish_without_call(batch: Batch, *, skipped: Mapping[str, Sequence[int]], at: datetime) -> bool:
    """Nobody of this batch is to be mailed: done, without a call. False if the batch was taken back."""
    with transaction.atomic():
        if not _move(batch, BatchState.LEASED, BatchState.DONE, mailing__state=MailingState.SENDING):
            return False
        _skip(batch, skipped)
        if canary.is_canary(batch):
            canary.judge(batch.mailing_id, at=at)
    return True


def give_back(batch: Batch, *, not_before: datetime) -> bool:
    """Return a batch that was not called, without holding the claim against it."""
    return _move(
        batch,
        BatchState.LEASED,
        BatchState.READY,
        not_before=not_before,
        idle_claims=max(batch.idle_claims - 1, 0),
    )


def _move(
    batch: Batch,
    before: BatchState,
    after: BatchState,
    *,
    mailing__state: MailingState | None = None,
    **values: object,
) -> bool:
    mine = Batch.objects.filter(pk=batch.pk, state=before, fence=batch.fence)
    if mailing__state is not None:
        mine = mine.filter(mailing__state=mailing__state)
    if not mine.update(state=after, **values):
        return False
    batch.state = after
    for name, value in values.items():
        setattr(batch, name, value)
    return True


def _skip(batch: Batch, skipped: Mapping[str, Sequence[int]]) -> None:
    """One UPDATE per reason; there are as many reasons as `deliverable` knows."""
    count = 0
    for reason, numbers in sorted(skipped.items()):
        waiting = ledger.of_numbers(batch.mailing_id, numbers).filter(state=DeliveryState.WAITING)
        count += waiting.update(state=DeliveryState.SKIPPED, reason=reason[:120])
    if count:
        Batch.objects.filter(pk=batch.pk).update(skipped=F("skipped") + count)
