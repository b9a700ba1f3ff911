"""The ledger's arithmetic: which rows a number, a list of numbers or a batch stands for.

A batch that has children owns no waiting copy: it keeps what it decided itself, its children have the rest.
Every writer locks in one order, so that none waits for another in a circle: batch, attempt, deliveries, mailing.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from django.db.models import QuerySet

from digests.delivery.models import SEQ_BITS, Batch, Delivery
from digests.delivery.runs import is_one_run
from digests.delivery.states import BatchKind, BatchState
from newsroom.web import keys

# A batch with this time waits for the first readers' batch to go well.
GATED: Final = datetime(9999, 1, 1, tzinfo=UTC)
COUNTS: Final = ("accepted", "rejected", "skipped", "held", "cancelled")


def first_id(mailing_id: int) -> int:
    """The id of the mailing's copy number 0."""
    return mailing_id << SEQ_BITS


def number_of(delivery_id: int) -> int:
    """The number of a copy in its mailing."""
    return delivery_id & ((1 << SEQ_BITS) - 1)


def mailing_of(delivery_id: int) -> int:
    """The mailing of a copy."""
    return delivery_id >> SEQ_BITS


def of_mailing(mailing_id: int) -> QuerySet[Delivery]:
    """All rows of a mailing; a range of the primary key."""
    return Delivery.objects.filter(pk__gte=first_id(mailing_id), pk__lt=first_id(mailing_id + 1))


def of_numbers(mailing_id: int, numbers: Sequence[int]) -> QuerySet[Delivery]:
    """The rows of these ascending numbers; a range of the key where they have no gap."""
    first = first_id(mailing_id)
    if is_one_run(numbers):
        return Delivery.objects.filter(pk__gte=first + numbers[0], pk__lte=first + numbers[-1])
    return Delivery.objects.filter(pk__in=keys.among([first + number for number in numbers]))


def numbers_of(batch: Batch) -> Sequence[int]:
    """What the batch was cut for, ascending; children may have taken some of it over."""
    return range(batch.lo, batch.hi) if batch.seqs is None else list(batch.seqs)


def of_batch(batch: Batch) -> QuerySet[Delivery]:
    """The rows the batch was cut for."""
    return of_numbers(batch.mailing_id, numbers_of(batch))


def new_batch(
    numbers: Sequence[int],
    *,
    mailing_id: int,
    provider: str,
    not_before: datetime,
    parent: Batch | None = None,
) -> Batch:
    """A ready batch, not yet saved, for ascending numbers: a range where they have no gap, else a list."""
    whole = is_one_run(numbers)
    return Batch(
        mailing_id=mailing_id,
        kind=BatchKind.RANGE if whole else BatchKind.LIST,
        lo=numbers[0],
        hi=numbers[-1] + 1,
        seqs=None if whole else list(numbers),
        size=len(numbers),
        state=BatchState.READY,
        not_before=not_before,
        provider=provider,
        parent=parent,
    )


def decided(batch: Batch) -> int:
    """How many copies the batch has brought to an end itself."""
    return batch.accepted + batch.rejected + batch.skipped + batch.held + batch.cancelled


def owners(batches: Iterable[Batch], numbers: Iterable[int]) -> dict[int, Batch]:
    """Which batch answers for each number: the youngest that was cut for it."""
    wanted = set(numbers)
    found: dict[int, Batch] = {}
    for batch in sorted(batches, key=lambda one: one.pk):
        found.update((number, batch) for number in wanted.intersection(numbers_of(batch)))
    return found
