"""How far a rate is used up, worked out from the ledger: for when Redis knows nothing of it.

A server that is new, was emptied or forgot an idle bucket must not be taken for a full one, so the calls that were
made, and those about to be made, are gone through once more.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet

from digests.delivery import ledger
from digests.delivery.models import Attempt, Batch
from digests.delivery.states import BatchState
from newsroom.mail.families import family_of

# Where the account begins no burst is granted, so it may begin anywhere; it goes back far enough that calls of
# several workers which overtook each other between their turn and their record stand in it together.
_CALLS: Final = 100
_COUNTED_CALLS: Final = 20
_MINUTES = timedelta(minutes=10)
_DAY = timedelta(days=1)
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
    claimed = _claimed_before(batch, at=at).filter(provider=batch.provider).values_list("size", flat=True)
    sizes = list(claimed)
    calls = _calls(at=at).filter(provider=batch.provider).values_list("calling_at", "size")
    return _ahead(list(calls[:_CALLS]), sizes, rate=rate, at=at)


def ahead_of_newsletter(batch: Batch, *, rate: float, at: datetime) -> float:
    """The same for all calls of the batch's newsletter in the last day, whichever provider they went to."""
    newsletter = batch.mailing.newsletter_id
    claimed = _claimed_before(batch, at=at).filter(mailing__newsletter=newsletter)
    sizes = list(claimed.values_list("size", flat=True))
    calls = _calls(at=at).filter(batch__mailing__newsletter=newsletter, calling_at__gte=at - _DAY)
    return _ahead(list(calls.values_list("calling_at", "size")[:_CALLS]), sizes, rate=rate, at=at)


def ahead_of_family(batch: Batch, family: str, *, rate: float, at: datetime) -> float:
    """The same for the copies to one family of mailboxes at the batch's provider, counted reader by reader.

    Cost: a query for each of the last calls of the last minutes; some 0.2 s where they were large.
    """
    claimed = [
        _count(family, other.mailing_id, ledger.numbers_of(other))
        for other in _claimed_before(batch, at=at).filter(provider=batch.provider)
    ]
    calls = _calls(at=at).filter(provider=batch.provider, calling_at__gte=at - _MINUTES)
    rows = calls.values_list("calling_at", "batch__mailing", "seqs")[:_COUNTED_CALLS]
    counted = [
        (calling_at, _count(family, mailing, [number for low, high in seqs for number in range(low, high)]))
        for calling_at, mailing, seqs in rows
    ]
    return _ahead([call for call in counted if call[1]], claimed, rate=rate, at=at)


def _ahead(calls: list[tuple[datetime, int]], claimed: list[int], *, rate: float, at: datetime) -> float:
    """calls: the latest first."""
    until = used_up([*reversed(calls), *((at, size) for size in claimed)], rate=rate)
    free = at - _BURST
    return (max(until or free, free) - at).total_seconds()


def _calls(*, at: datetime) -> QuerySet[Attempt]:
    return Attempt.objects.filter(calling_at__lte=at + _SKEW).order_by("-calling_at")


def _claimed_before(batch: Batch, *, at: datetime) -> QuerySet[Batch]:
    """What others have in hand and may have been given a turn for.

    Of several workers that wake up together one is the first and finds nobody before it, else each would wait for
    all the others.
    """
    before = Q(lease_until__lt=batch.lease_until) | Q(lease_until=batch.lease_until, pk__lt=batch.pk)
    return Batch.objects.filter(before, state=BatchState.LEASED, lease_until__gte=at)


def _count(family: str, mailing_id: int, numbers: Sequence[int]) -> int:
    rows = ledger.of_numbers(mailing_id, numbers)
    addresses = rows.values_list("subscription__subscriber__address", flat=True)
    return sum(family_of(address or "") == family for address in addresses)


def used_up(calls: Iterable[tuple[datetime, int]], *, rate: float) -> datetime | None:
    """Until when calls of so many copies use up the rate, gone through in their order; None if there are none.

    A call is never before its turn, so this is never earlier than what the bucket knew.
    """
    until: datetime | None = None
    for calling_at, size in calls:
        free = calling_at if until is None else max(until, calling_at - _BURST)
        until = free + timedelta(seconds=size / rate)
    return until
