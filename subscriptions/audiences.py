"""Who gets a digest: an audience as a small JSON value, the rows it stands for, and the last look before a copy goes.

An audience is always one newsletter. It is written down with the mailing, so what it means must stay readable
for as long as mailings are kept.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from newsroom.mail.addresses import address_hash
from subscriptions import suppression
from subscriptions.models import Newsletter, Subscription, SubscriptionQuerySet
from subscriptions.states import Cadence, SubscriptionState


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """What the hand-over needs to know of one subscription. A skip_reason means: do not mail, and why."""

    subscription_id: int
    address: str
    language: str
    since: date
    source: str
    skip_reason: str = ""


def for_newsletter(newsletter: Newsletter) -> dict[str, Any]:
    """Everybody who wants each digest of this newsletter."""
    return {"newsletter": newsletter.pk, "cadence": Cadence.EACH.value}


def _rows(audience: dict[str, Any], at: datetime) -> SubscriptionQuerySet:
    active = Subscription.objects.active().filter(newsletter_id=audience["newsletter"])
    return active.filter(cadence=audience["cadence"]).not_paused(at)


def count(audience: dict[str, Any], *, at: datetime) -> int:
    """How many copies a freeze at this moment would make. One query."""
    return _rows(audience, at).count()


def page(audience: dict[str, Any], *, after: int, limit: int, at: datetime) -> SubscriptionQuerySet:
    """The next subscriptions of the audience in order of id, behind `after`."""
    return _rows(audience, at).filter(pk__gt=after).order_by("pk")[:limit]


def select_sql(
    audience: dict[str, Any], at: datetime, *, after: int = 0, limit: int | None = None
) -> tuple[str, tuple[Any, ...]]:
    """SQL and parameters that select the ids of the audience in order, for an INSERT … SELECT.

    One column, `id`, of the subscription. Suppressions are no part of it: suppressing an address ends its
    subscriptions, and `deliverable` looks again at hand-over.
    """
    rows = _rows(audience, at).filter(pk__gt=after).order_by("pk").values("id")
    return (rows if limit is None else rows[:limit]).query.sql_with_params()


def deliverable(
    subscription_ids: Collection[int], *, newsletter: Newsletter, at: datetime
) -> dict[int, Deliverable]:
    """The last look before copies go: each id with its address, or with the reason to skip it.

    Queries: 2 (subscriptions with their subscribers, suppressions), whatever the size.
    Reasons: gone, erased, unsubscribed, paused, cadence, suppressed.
    """
    found = Subscription.objects.filter(pk__in=subscription_ids).select_related("subscriber")
    rows = {row.pk: row for row in found}
    # Hashed here and not read from the row: a row that came in past our services is checked all the same.
    hashes = {row.pk: address_hash(row.subscriber.address) for row in rows.values() if row.subscriber.address}
    suppressed = suppression.among(set(hashes.values()), newsletter=newsletter)
    return {
        pk: _look(pk, rows.get(pk), newsletter, is_suppressed=hashes.get(pk) in suppressed, at=at)
        for pk in subscription_ids
    }


def _look(
    pk: int, row: Subscription | None, newsletter: Newsletter, *, is_suppressed: bool, at: datetime
) -> Deliverable:
    if row is None or row.newsletter_id != newsletter.pk:
        return Deliverable(
            subscription_id=pk,
            address="",
            language=newsletter.language,
            since=at.date(),
            source="",
            skip_reason="gone",
        )
    reason = _skip_reason(row, at) or ("suppressed" if is_suppressed else "")
    return Deliverable(
        subscription_id=pk,
        address="" if reason else row.subscriber.sendable,
        language=row.subscriber.language,
        since=timezone.localdate(row.confirmed_at or row.requested_at),
        source=row.source,
        skip_reason=reason,
    )


def _skip_reason(row: Subscription, at: datetime) -> str:
    if not row.subscriber.address:
        return "erased"
    if row.state != SubscriptionState.ACTIVE:
        return "unsubscribed"
    if row.paused_until is not None and row.paused_until > at:
        return "paused"
    if row.cadence != Cadence.EACH:
        return "cadence"
    return ""
