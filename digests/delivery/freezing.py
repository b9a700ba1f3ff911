"""Freezes an audience into the ledger: pages of INSERT … SELECT, then batches, then counts that must agree.

Restartable after each page, and safe in two processes at once: the mailing's row is locked for a page, the cursor
and the count on it say where the next page begins.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, Min, Subquery

from digests.delivery import canary, control, ledger, queue, recipients, sizes, steps
from digests.delivery.errors import FreezeMismatch, UnknownRendition
from digests.delivery.models import Batch, Delivery, Mailing, MailingRendition, Rendition
from digests.delivery.states import DeliveryState, MailingState
from newsroom.mail import providers
from newsroom.mail.wire import Envelope
from subscriptions.models import Newsletter

PAGE_ROWS = 20_000
MOST_VARIANTS = 8


def create(
    *,
    newsletter: Newsletter,
    title: str,
    renditions: Mapping[int, Rendition],
    envelope: Envelope,
    provider: str = "",
    audience: dict[str, Any],
    at: datetime,
    late_limit: int,
) -> Mailing:
    """A mailing that waits to be frozen. late_limit: seconds it may be idle before a person is asked.

    The caller binds it to what is sent in the same transaction; the freeze is woken when that commits.
    Raises UnknownRendition if variant 0 is missing or there are more than eight, UnknownProvider.
    """
    if 0 not in renditions or not set(renditions) <= set(range(MOST_VARIANTS)):
        raise UnknownRendition(f"Variants {sorted(renditions)}: wanted 0, and at most 0 to 7.")
    name = providers.config(provider or providers.default_name()).name
    with transaction.atomic():
        mailing = Mailing.objects.create(
            newsletter=newsletter,
            title=title,
            audience=audience,
            envelope=envelope.to_json(),
            provider=name,
            late_limit_seconds=late_limit,
            created_at=at,
            active_at=at,
        )
        MailingRendition.objects.bulk_create(
            MailingRendition(mailing=mailing, variant=variant, rendition=rendition)
            for variant, rendition in sorted(renditions.items())
        )
        queue.wake_freeze(mailing.pk)
    return mailing


def freeze(mailing_id: int, *, at: datetime, page_rows: int = PAGE_ROWS) -> Mailing:
    """Write the ledger to its end and cut it into batches; the mailing is then ready. Safe to run twice.

    Queries: 3 per page, and a handful at the end. One that is late stops and waits for a person.
    A mailing that was stopped or ended meanwhile is left as it is.
    """
    mailing = Mailing.objects.get(pk=mailing_id)
    if mailing.state == MailingState.FREEZING and control.is_late(mailing, at):
        return control.pause_late(mailing, at=at)
    while _page(mailing_id, at=at, rows=page_rows):
        steps.reached(steps.PAGE_COMMITTED)
    _cut(mailing_id, at=at)
    steps.reached(steps.FROZEN)
    mailing.refresh_from_db()
    return mailing


def _locked(mailing_id: int) -> Mailing | None:
    """The mailing, if it is still being frozen; its row is ours until the transaction ends."""
    freezing = Mailing.objects.filter(pk=mailing_id, state=MailingState.FREEZING)
    return freezing.select_for_update().first()


def _page(mailing_id: int, *, at: datetime, rows: int) -> bool:
    """One page, one transaction. Whether there may be another."""
    with transaction.atomic():
        mailing = _locked(mailing_id)
        if mailing is None:
            return False
        written = _insert(mailing, at=at, rows=rows)
        if written:
            last = Delivery.objects.filter(pk=ledger.first_id(mailing_id) + mailing.frozen + written - 1)
            Mailing.objects.filter(pk=mailing_id).update(
                cursor=Subquery(last.values("subscription_id")), frozen=mailing.frozen + written, active_at=at
            )
        steps.reached(steps.FROZE_PAGE)
    return written == rows


def _insert(mailing: Mailing, *, at: datetime, rows: int) -> int:
    """The next readers as rows of the ledger; how many."""
    sql, parameters = recipients.select_sql(mailing.audience, at, after=mailing.cursor, limit=rows)
    table = Delivery._meta.db_table
    first = ledger.first_id(mailing.pk) + mailing.frozen
    with connection.cursor() as cursor:
        # The names are our own, every value is a parameter.
        cursor.execute(
            f"INSERT INTO {table} (id, mailing_id, subscription_id, variant, state, reason)"  # noqa: S608
            f" WITH reader (id) AS ({sql})"
            " SELECT %s + row_number() OVER (ORDER BY reader.id) - 1, %s, reader.id, 0, %s, '' FROM reader",
            [*parameters, first, mailing.pk, DeliveryState.WAITING.value],
        )
        return int(cursor.rowcount)


def _cut(mailing_id: int, *, at: datetime) -> None:
    """Verify the ledger and cut it into batches, in one transaction with the state."""
    with transaction.atomic():
        mailing = _locked(mailing_id)
        if mailing is None:
            return
        _verify(mailing)
        size = sizes.batch_size(mailing, mailing.provider)
        Batch.objects.bulk_create(
            (
                ledger.new_batch(
                    numbers,
                    mailing_id=mailing_id,
                    provider=mailing.provider,
                    not_before=ledger.GATED if numbers[0] else at,
                )
                for numbers in _ranges(mailing.frozen, size=size)
            ),
            batch_size=500,
        )
        Mailing.objects.filter(pk=mailing_id).update(state=MailingState.READY, frozen_at=at, active_at=at)
        steps.reached(steps.CUT)


def _verify(mailing: Mailing) -> None:
    """The ledger has as many rows as were counted, numbered without a gap."""
    found = ledger.of_mailing(mailing.pk).aggregate(rows=Count("pk"), low=Min("pk"), high=Max("pk"))
    span = found["high"] - found["low"] + 1 if found["rows"] else 0
    begins = not found["rows"] or found["low"] == ledger.first_id(mailing.pk)
    if not begins or not (found["rows"] == span == mailing.frozen):
        raise FreezeMismatch(mailing_id=mailing.pk, counted=mailing.frozen, found=found["rows"])


def _ranges(frozen: int, *, size: int) -> Iterator[range]:
    """The first readers' small batch, then the rest in equal parts."""
    first = min(canary.SIZE, size, frozen)
    if first:
        yield range(first)
    for low in range(first, frozen, size):
        yield range(low, min(low + size, frozen))
