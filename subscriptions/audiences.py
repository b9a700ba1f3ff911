"""Who gets a digest: an audience as a small JSON value, the rows it stands for, and the last look before a copy goes.

An audience is always one newsletter and one cadence: whoever wants each digest, or whoever wants the weekly best-of.
It is written down with the mailing, so what it means must stay readable for as long as mailings are kept.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, F, Max, Q, Subquery
from django.db.models.functions import TruncDate
from django.utils import timezone

from newsroom.mail.addresses import address_hash
from newsroom.web.keys import among
from subscriptions import sources, suppression
from subscriptions.models import (
    Newsletter,
    Subscription,
    SubscriptionQuerySet,
    Suppression,
    sendable_form,
)
from subscriptions.states import Cadence, SubscriptionState


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """What the hand-over needs to know of one subscription. A skip_reason means: do not mail, and why.

    since: the day she signed up; of no worth unless is_dated.
    """

    subscription_id: int
    address: str
    language: str
    since: date
    source: str
    skip_reason: str = ""
    address_hash: str = ""
    is_dated: bool = True
    paused_until: datetime | None = None


def for_newsletter(newsletter: Newsletter, *, cadence: str = Cadence.EACH) -> dict[str, Any]:
    """Everybody who wants each digest of this newsletter, or everybody who wants its weekly best-of."""
    return {"newsletter": newsletter.pk, "cadence": Cadence(cadence).value}


def _rows(audience: dict[str, Any], at: datetime) -> SubscriptionQuerySet:
    active = Subscription.objects.active().filter(newsletter_id=audience["newsletter"])
    return active.filter(cadence=audience["cadence"]).not_paused(at)


def count(audience: dict[str, Any], *, at: datetime) -> int:
    """How many copies a freeze at this moment would make. One query."""
    return _rows(audience, at).count()


def reach(audience: dict[str, Any], *, at: datetime) -> tuple[int, dict[str, int]]:
    """`count`, and who signed up and gets no copy at this moment, by reason: how many; reasons without any are left out.

    Each subscription counts once. Reasons: pending, paused, the other cadence (each or weekly), suppressed. Queries: 1.
    """
    rows = Subscription.objects.filter(newsletter_id=audience["newsletter"])
    active = Q(state=SubscriptionState.ACTIVE)
    is_paused = Q(paused_until__gt=at)
    # From the short list's side: suppressing an address ends its subscriptions.
    hashes = Suppression.objects.of_mail().filter(Q(newsletter=None) | Q(newsletter=audience["newsletter"]))
    ended = rows.filter(
        state=SubscriptionState.UNSUBSCRIBED, subscriber__address_hash__in=hashes.values("address_hash")
    ).exclude(subscriber__address_hash="")
    suppressed = ended.order_by().values("newsletter").annotate(number=Count("pk")).values("number")
    counts = rows.aggregate(
        copies=Count("pk", filter=active & ~is_paused & Q(cadence=audience["cadence"])),
        pending=Count("pk", filter=Q(state=SubscriptionState.PENDING)),
        paused=Count("pk", filter=active & is_paused),
        **{
            other: Count("pk", filter=active & ~is_paused & Q(cadence=other))
            for other in Cadence.values
            if other != audience["cadence"]
        },
        # One number for all rows: the database works it out once.
        suppressed=Max(Subquery(suppressed)),
    )
    copies = counts.pop("copies")
    return copies, {reason: number for reason, number in counts.items() if number}


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
    subscription_ids: Collection[int], *, newsletter: Newsletter, at: datetime, cadence: str = Cadence.EACH
) -> dict[int, Deliverable]:
    """The last look before copies go: each id with its address, or with the reason to skip it.

    cadence: the audience's. Who was frozen for each digest and chose the weekly best-of meanwhile is skipped: she asked
    for less and was told from when, and the next best-of has what she misses here. Who was frozen for the best-of and
    chose each digest meanwhile still gets it: she had none of that week's digests, so that skipping her would leave a
    week out, and what comes from now on is new to her.

    Queries: 2 (subscriptions with their subscribers, suppressions), whatever the size. About 10 µs a copy.
    Reasons: gone, erased, unsubscribed, paused, cadence, suppressed.
    """
    # Values and no models: every copy of every mailing passes here, and with models and hashing it was five times slower.
    found = Subscription.objects.filter(pk__in=among(subscription_ids), newsletter=newsletter).values_list(
        "pk",
        "state",
        "paused_until",
        "cadence",
        TruncDate("requested_at", tzinfo=timezone.get_current_timezone()),
        # Both are the time of the import for a line that had neither; asking and confirming take two moments.
        ExpressionWrapper(Q(requested_at=F("confirmed_at")), BooleanField()),
        "source",
        "subscriber__address",
        "subscriber__typed_address",
        "subscriber__address_hash",
        "subscriber__language",
    )
    rows = {row[0]: row for row in found}
    # A row that came in past our services may lack its hash: it is checked all the same.
    hashes = {pk: row[9] or address_hash(row[7]) for pk, row in rows.items() if row[7]}
    suppressed = suppression.among(set(hashes.values()), newsletter=newsletter)
    looks: dict[int, Deliverable] = {}
    for pk in subscription_ids:
        if pk not in rows:
            looks[pk] = _gone(pk, newsletter, at)
            continue
        _, state, paused_until, wants, since, is_one_moment, source, address, typed, _, language = rows[pk]
        reason = _skip_reason(address, state, paused_until, at)
        if not reason and wants == Cadence.WEEKLY and cadence == Cadence.EACH:
            reason = "cadence"
        if not reason and hashes[pk] in suppressed:
            reason = "suppressed"
        looks[pk] = Deliverable(
            subscription_id=pk,
            address="" if reason else sendable_form(address, typed),
            language=language,
            since=since,
            is_dated=not (is_one_moment and sources.is_imported(source)),
            source=source,
            skip_reason=reason,
            address_hash=hashes.get(pk, ""),
            paused_until=paused_until,
        )
    return looks


def _gone(pk: int, newsletter: Newsletter, at: datetime) -> Deliverable:
    return Deliverable(
        subscription_id=pk,
        address="",
        language=newsletter.language,
        since=at.date(),
        source="",
        skip_reason="gone",
    )


def _skip_reason(address: str | None, state: str, paused_until: datetime | None, at: datetime) -> str:
    if not address:
        return "erased"
    if state != SubscriptionState.ACTIVE:
        return "unsubscribed"
    if paused_until is not None and paused_until > at:
        return "paused"
    return ""
