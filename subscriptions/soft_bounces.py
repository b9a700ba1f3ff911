"""Bounces that pass: one means nothing, many over weeks mean that nobody is there any more.

Counted are days, not bounces, and a day's weight halves every fifteen days. Mail stops when there are five days, which
weigh three and lie a fortnight apart at least: with a daily newsletter after two weeks, with a weekly one in the sixth
week; a mailbox that is full during a holiday goes on. Mail that arrived clears the account. A reader's own new double opt-in lifts
the stop (`suppression.LIFTED_BY_CONFIRMING`), and so can staff.
"""

import math
from collections.abc import Mapping, Set
from datetime import date, datetime, timedelta
from typing import Final

from newsroom.web.keys import among
from subscriptions import suppression
from subscriptions.models import SoftBounces
from subscriptions.states import SuppressionReason
from subscriptions.suppression import Stop

HALF_LIFE_DAYS: Final = 15
LIMIT: Final = 3.0
FEWEST_DAYS: Final = 5
SHORTEST_SPAN: Final = timedelta(days=14)
_KEPT_DAYS: Final = 90
_NOTE: Final = "bounced on %d days since %s"


def weight(days: Set[date]) -> float:
    """What these days weigh on the last of them."""
    last = max(days)
    return sum(math.pow(0.5, (last - day).days / HALF_LIFE_DAYS) for day in days)


def is_too_much(days: Set[date]) -> bool:
    """Whether so many days mean that mail should stop."""
    if len(days) < FEWEST_DAYS:
        return False
    return max(days) - min(days) >= SHORTEST_SPAN and weight(days) >= LIMIT


def note(bounced: Mapping[str, Set[date]], *, delivered: Mapping[str, date], at: datetime) -> set[str]:
    """Keep the days on which mail to these addresses bounced; stop mail where it is too much. Whom that stopped.

    delivered: addresses whose mail arrived, and when last: earlier days no longer count. In a transaction of the
    caller's. Queries: 1, and a constant number if anything is to be written.
    """
    hashes = bounced.keys() | delivered.keys()
    if not hashes:
        return set()
    rows = {
        row.address_hash: row
        for row in SoftBounces.objects.select_for_update()
        .filter(address_hash__in=among(hashes))
        .order_by("pk")
    }
    changed: list[SoftBounces] = []
    gone: list[SoftBounces] = []
    stops: list[Stop] = []
    for address_hash in sorted(bounced.keys() | rows.keys()):
        row = rows.get(address_hash) or SoftBounces(address_hash=address_hash)
        days = _counted(row, bounced.get(address_hash, set()), delivered.get(address_hash))
        row.days = [day.isoformat() for day in sorted(days)]
        (changed if days else gone).append(row)
        if address_hash in bounced and is_too_much(days):
            stops.append(_stop(address_hash, days))
    SoftBounces.objects.bulk_create(
        changed, update_conflicts=True, update_fields=["days"], unique_fields=["address_hash"]
    )
    SoftBounces.objects.filter(pk__in=[row.pk for row in gone if row.pk]).delete()
    suppression.suppress_all(stops, at=at)
    return {stop.address_hash for stop in stops}


def _counted(row: SoftBounces, new: Set[date], delivered: date | None) -> set[date]:
    days = {date.fromisoformat(day) for day in row.days} | new
    if delivered is not None:
        days = {day for day in days if day > delivered}
    return {day for day in days if (max(days) - day).days <= _KEPT_DAYS}


def _stop(address_hash: str, days: Set[date]) -> Stop:
    return Stop(
        address_hash=address_hash,
        reason=SuppressionReason.SOFT_BOUNCES,
        note=_NOTE % (len(days), min(days).isoformat()),
    )
