"""How far a provider's rate is used up, worked out from the ledger: for when Redis knows nothing of it.

A server that is new, was emptied or forgot an idle bucket must not be taken for a full one, so the calls that were
made, and those about to be made, are gone through once more.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from digests.delivery.models import Attempt, Batch
from digests.delivery.states import BatchState

# Where the account begins no burst is granted, so it may begin anywhere; it goes back far enough that calls of
# several workers which overtook each other between their turn and their record stand in it together.
_CALLS: Final = 100
_BURST = timedelta(seconds=1)
# Calls begun while the account is made belong to it; later ones are of a clock that was set back since.
_SKEW = timedelta(seconds=5)


def ahead(batch: Batch, *, rate: float, at: datetime) -> float:
    """Seconds from `at` until this provider's rate is free again, as if this claimed batch were not there.

    rate: copies per second. At least -1, the burst. Rather too long than too short: what others claimed before this
    batch counts as if it had its turn already, what was refused counts as what was taken. Queries: 2, each along an
    index.
    """
    # The claims first: one that becomes a call between the two queries is then counted twice and not left out.
    claimed = _claimed_before(batch, at=at)
    calls = list(
        Attempt.objects.filter(provider=batch.provider, calling_at__lte=at + _SKEW)
        .order_by("-calling_at")
        .values_list("calling_at", "size")[:_CALLS]
    )
    until = used_up([*reversed(calls), *((at, size) for size in claimed)], rate=rate)
    free = at - _BURST
    return (max(until or free, free) - at).total_seconds()


def _claimed_before(batch: Batch, *, at: datetime) -> list[int]:
    """Sizes of what others have in hand and may have been given a turn for.

    Of several workers that wake up together one is the first and finds nobody before it, else each would wait for
    all the others.
    """
    before = Q(lease_until__lt=batch.lease_until) | Q(lease_until=batch.lease_until, pk__lt=batch.pk)
    leased = Batch.objects.filter(
        before, state=BatchState.LEASED, provider=batch.provider, lease_until__gte=at
    )
    return list(leased.values_list("size", flat=True))


def used_up(calls: Iterable[tuple[datetime, int]], *, rate: float) -> datetime | None:
    """Until when calls of so many copies use up the rate, gone through in their order; None if there are none.

    A call is never before its turn, so this is never earlier than what the bucket knew.
    """
    until: datetime | None = None
    for calling_at, size in calls:
        free = calling_at if until is None else max(until, calling_at - _BURST)
        until = free + timedelta(seconds=size / rate)
    return until
