"""Recounts a mailing from its rows and names every disagreement. Reads only.

accepted + rejected + skipped + held + cancelled + waiting = frozen, and each number of the ledger belongs to
exactly one batch that counts it. One pass over the ledger: about 2 s and 16 MB for a million copies.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from digests.delivery import ledger
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.states import (
    OPEN_BATCHES,
    TERMINAL_MAILINGS,
    AttemptState,
    BatchState,
    DeliveryState,
    MailingState,
)

_NAMED_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What the rows say. No problems: the account holds."""

    mailing_id: int
    state: str
    frozen: int
    counts: dict[str, int]
    forgotten_at: datetime | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems


def audit(mailing: Mailing) -> Audit:
    """Recount, at any time. Queries: 4, of which one walks the ledger in order of its key; 2 once it is forgotten."""
    with _snapshot():
        row = Mailing.objects.get(pk=mailing.pk)
        return _recount(row) if row.account is None else _of_closed(row)


@contextmanager
def _snapshot() -> Iterator[None]:
    """One moment for all queries, so that a worker writing meanwhile is seen before or after, never between."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _recount(mailing: Mailing) -> Audit:
    problems: list[str] = []
    batches = {batch.pk: batch for batch in Batch.objects.filter(mailing=mailing).order_by("pk")}
    owner = _owners(mailing, batches, problems)
    tally, rows = _read(mailing, owner, problems)
    counts = {state.value: 0 for state in DeliveryState}
    for (_, state), number in tally.items():
        counts[state] = counts.get(state, 0) + number
    _check_batches(mailing, batches, owner, tally, problems)
    _check_mailing(mailing, owner, counts, rows, problems)
    return Audit(
        mailing_id=mailing.pk, state=mailing.state, frozen=mailing.frozen, counts=counts, problems=problems
    )


def _of_closed(mailing: Mailing) -> Audit:
    """A mailing whose copies are forgotten, or just being forgotten: its totals, recounted before the first one went."""
    counts = {name: int(getattr(mailing, name)) for name in ledger.COUNTS}
    counts[DeliveryState.WAITING.value] = 0
    problems = []
    if (decided := sum(counts.values())) != mailing.frozen:
        problems.append(f"Mailing {mailing.pk} froze {mailing.frozen} readers, its totals say {decided}.")
    if mailing.copies_forgotten_at is not None and ledger.of_mailing(mailing.pk).exists():
        problems.append(f"Mailing {mailing.pk} says its copies are forgotten, the ledger has some.")
    return Audit(
        mailing_id=mailing.pk,
        state=mailing.state,
        frozen=mailing.frozen,
        counts=counts,
        forgotten_at=mailing.copies_forgotten_at,
        problems=problems,
    )


def _owners(mailing: Mailing, batches: dict[int, Batch], problems: list[str]) -> "array[int]":
    """For each number the batch that answers for it: parents hand on to their children, nobody else overlaps."""
    owner = array("q", bytes(8 * mailing.frozen))
    for batch in batches.values():
        for number in ledger.numbers_of(batch):
            if not 0 <= number < mailing.frozen:
                problems.append(f"Batch {batch.pk} covers number {number}, the ledger ends before.")
                break
            if owner[number] != (batch.parent_id or 0):
                problems.append(
                    f"Number {number} is covered by batch {owner[number]} and by batch {batch.pk}."
                )
                break
            owner[number] = batch.pk
    return owner


def _read(mailing: Mailing, owner: "array[int]", problems: list[str]) -> tuple[Counter[tuple[int, str]], int]:
    """Walk the ledger: numbers without a gap, readers in order and so none twice; count by batch and state."""
    tally: Counter[tuple[int, str]] = Counter()
    expected, reader = 0, 0
    rows = (
        ledger.of_mailing(mailing.pk)
        .order_by("pk")
        .values_list("pk", "mailing_id", "subscription_id", "state")
    )
    for pk, mailing_id, subscription_id, state in rows.iterator(chunk_size=10_000):
        number = ledger.number_of(pk)
        if number != expected:
            problems.append(f"Delivery {pk}: number {expected} was expected, {number} follows.")
        if subscription_id <= reader:
            problems.append(f"Delivery {pk}: subscription {subscription_id} is out of order or there twice.")
        if mailing_id != mailing.pk:
            problems.append(f"Delivery {pk}: it says mailing {mailing_id}.")
        expected, reader = number + 1, subscription_id
        tally[owner[number] if number < mailing.frozen else 0, state] += 1
    return tally, sum(tally.values())


def _check_batches(
    mailing: Mailing,
    batches: dict[int, Batch],
    owner: "array[int]",
    tally: Counter[tuple[int, str]],
    problems: list[str],
) -> None:
    owned = Counter(owner)
    for batch in batches.values():
        if owned[batch.pk] != batch.size:
            problems.append(f"Batch {batch.pk} says {batch.size} copies, it answers for {owned[batch.pk]}.")
        for name in ledger.COUNTS:
            found, said = tally[batch.pk, name], getattr(batch, name)
            if found != said:
                named = _rows(mailing, owner, batch.pk, name) if found > said else ""
                problems.append(f"Batch {batch.pk} says {said} {name}, the ledger {found}{named}.")
        waiting = tally[batch.pk, DeliveryState.WAITING.value]
        if waiting and batch.state not in OPEN_BATCHES:
            named = _rows(mailing, owner, batch.pk, DeliveryState.WAITING.value)
            problems.append(f"Batch {batch.pk} is {batch.state}, {waiting} of its copies wait{named}.")
        if batch.held and batch.state not in (BatchState.HELD, *OPEN_BATCHES):
            problems.append(f"Batch {batch.pk} is {batch.state} and holds {batch.held} copies.")


def _rows(mailing: Mailing, owner: "array[int]", batch_id: int, state: str) -> str:
    """Some of the rows in a state that their batch does not know of."""
    rows = ledger.of_mailing(mailing.pk).filter(state=state).order_by("pk").values_list("pk", flat=True)
    mine = (pk for pk in rows.iterator() if owner[ledger.number_of(pk)] == batch_id)
    named = [str(pk) for pk, _ in zip(mine, range(_NAMED_ROWS), strict=False)]
    return f" (deliveries {', '.join(named)}{' …' if len(named) == _NAMED_ROWS else ''})"


def _check_mailing(
    mailing: Mailing, owner: "array[int]", counts: dict[str, int], rows: int, problems: list[str]
) -> None:
    if rows != mailing.frozen:
        problems.append(f"Mailing {mailing.pk} froze {mailing.frozen} readers, its ledger has {rows}.")
    unknown_states = set(counts) - {state.value for state in DeliveryState}
    problems.extend(
        f"Mailing {mailing.pk}: {counts[name]} rows in state {name!r}." for name in unknown_states
    )
    if 0 in owner and mailing.state != MailingState.FREEZING and (mailing.frozen_at or mailing.finished_at):
        problems.append(f"Mailing {mailing.pk}: number {owner.index(0)} is covered by no batch.")
    if mailing.finished_at is None:
        return
    open_calls = Attempt.objects.filter(
        batch__mailing=mailing, state__in=(AttemptState.CALLING, AttemptState.UNKNOWN)
    )
    problems.extend(
        f"Attempt {pk} is open in a closed mailing." for pk in open_calls.values_list("pk", flat=True)
    )
    problems.extend(
        f"Mailing {mailing.pk} says {getattr(mailing, name)} {name}, the ledger {counts[name]}."
        for name in ledger.COUNTS
        if getattr(mailing, name) != counts[name]
    )
    if mailing.state in TERMINAL_MAILINGS and counts[DeliveryState.WAITING.value]:
        problems.append(f"Mailing {mailing.pk} is {mailing.state}, copies wait.")
