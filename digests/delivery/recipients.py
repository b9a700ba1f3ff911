"""Whom a mailing is for: an audience, or those of it who had an earlier mailing.

The audience says who wants mail and knows no mailings; who had one is the ledger's to say. Written down with the
mailing, the restriction stands beside the audience's own words.
"""

from datetime import datetime
from typing import Any, Final

from django.db import connection

from digests.delivery import ledger
from digests.delivery.models import Delivery, Mailing
from digests.delivery.states import DeliveryState, MailingState
from subscriptions import audiences

_HAD: Final = "had_mailing"


def of_those_who_had(mailing: Mailing) -> dict[str, Any]:
    """Everybody whose copy of this mailing was accepted, or is held, and who still wants digests as often as it was for.

    Of a held copy nobody knows whether it arrived: who may have read something wrong is told, too.
    """
    cadence = mailing.audience["cadence"]
    return {**audiences.for_newsletter(mailing.newsletter, cadence=cadence), _HAD: mailing.pk}


def being_counted() -> set[int]:
    """The mailings whose readers are just being frozen into another one: their ledgers are still asked. One query."""
    counting = Mailing.objects.filter(
        state__in=[MailingState.FREEZING, MailingState.PAUSED], frozen_at__isnull=True
    )
    return {audience[_HAD] for audience in counting.values_list("audience", flat=True) if _HAD in audience}


def count(audience: dict[str, Any], *, at: datetime) -> int:
    """How many copies a freeze at this moment would make. One query."""
    if _HAD not in audience:
        return audiences.count(audience, at=at)
    sql, parameters = select_sql(audience, at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql}) AS reader", parameters)  # noqa: S608 — our own SQL
        return int(cursor.fetchone()[0])


def select_sql(
    audience: dict[str, Any], at: datetime, *, after: int = 0, limit: int | None = None
) -> tuple[str, tuple[Any, ...]]:
    """SQL and parameters that select subscriptions in order of id, as `audiences.select_sql` does."""
    if _HAD not in audience:
        return audiences.select_sql(audience, at, after=after, limit=limit)
    sql, parameters = audiences.select_sql(audience, at, after=after)
    first = ledger.first_id(audience[_HAD])
    # A copy is found by the index of a reader's copies: one look per reader, whatever the ledger's size.
    had = (
        f"SELECT 1 FROM {Delivery._meta.db_table} AS copy WHERE copy.subscription_id = wants.id"  # noqa: S608
        " AND copy.id >= %s AND copy.id < %s AND copy.state IN (%s, %s)"
    )
    restricted = f"SELECT wants.id FROM ({sql}) AS wants WHERE EXISTS ({had}) ORDER BY wants.id"  # noqa: S608
    parameters = (
        *parameters,
        first,
        ledger.first_id(audience[_HAD] + 1),
        DeliveryState.ACCEPTED.value,
        DeliveryState.HELD.value,
    )
    return (restricted, parameters) if limit is None else (f"{restricted} LIMIT %s", (*parameters, limit))
