"""Whom not to mail: addresses known by their keyed hash alone, so that the list outlives erasure and import."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind, SubscriptionState, SuppressionReason

# A reader's own new double opt-in lifts these: it shows that she wants the mail, and that it arrives.
LIFTED_BY_CONFIRMING = (
    SuppressionReason.SOFT_BOUNCES,
    SuppressionReason.UNSUBSCRIBED,
    SuppressionReason.ERASED,
)
# The later reason replaces the earlier one only if it weighs more.
_WEIGHT = {
    SuppressionReason.SOFT_BOUNCES: 1,
    SuppressionReason.UNSUBSCRIBED: 2,
    SuppressionReason.ERASED: 3,
    SuppressionReason.HARD_BOUNCE: 4,
    SuppressionReason.COMPLAINT: 5,
    SuppressionReason.MANUAL: 6,
}


def suppress(
    address_hash: str,
    *,
    reason: SuppressionReason,
    at: datetime,
    newsletter: Newsletter | None = None,
    note: str = "",
) -> Suppression:
    """Stop mail to an address and end its subscriptions, each with an event. Safe to repeat.

    newsletter: stop only this one. Queries: at most 7, whatever the number of subscriptions.
    """
    with transaction.atomic():
        row, is_new = Suppression.objects.get_or_create(
            address_hash=address_hash,
            newsletter=newsletter,
            defaults={"reason": reason, "note": note, "created_at": at},
        )
        if not is_new and _WEIGHT[reason] > _WEIGHT[SuppressionReason(row.reason)]:
            row.reason, row.note = reason, note or row.note
            row.save(update_fields=["reason", "note"])
        _end_subscriptions(address_hash, newsletter=newsletter, reason=reason, at=at)
    return row


def _end_subscriptions(
    address_hash: str, *, newsletter: Newsletter | None, reason: SuppressionReason, at: datetime
) -> None:
    open_states = [SubscriptionState.PENDING, SubscriptionState.ACTIVE]
    rows = Subscription.objects.filter(subscriber__address_hash=address_hash, state__in=open_states)
    if newsletter is not None:
        rows = rows.filter(newsletter=newsletter)
    ended = list(rows.select_for_update(of=("self",)).select_related("subscriber"))
    if not ended:
        return
    Subscription.objects.filter(pk__in=[row.pk for row in ended]).update(
        state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=at
    )
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            subscriber=row.subscriber,
            newsletter_id=row.newsletter_id,
            kind=ConsentKind.SUPPRESSED,
            address=row.subscriber.address or address_hash,
            language=row.subscriber.language,
            form=reason.value,
            actor="suppression",
            facts={"reason": reason.value, "before": row.state},
            at=at,
        )
        for row in ended
    )


def among(hashes: Collection[str], *, newsletter: Newsletter | None = None) -> set[str]:
    """Which of these addresses must not get this newsletter (without one: any mail at all). One query."""
    if not hashes:
        return set()
    scope = Q(newsletter__isnull=True)
    if newsletter is not None:
        scope |= Q(newsletter=newsletter)
    rows = Suppression.objects.filter(scope, address_hash__in=hashes)
    return set(rows.values_list("address_hash", flat=True))


def is_suppressed(address_hash: str, *, newsletter: Newsletter | None = None) -> bool:
    """Whether mail to this address is stopped, for this newsletter or for all."""
    return bool(among({address_hash}, newsletter=newsletter))


def unliftable(address_hash: str) -> set[int | None]:
    """What not even a reader's own confirmation lifts: ids of newsletters, None for all mail. One query.

    To these not even a letter goes.
    """
    rows = Suppression.objects.filter(address_hash=address_hash).exclude(reason__in=LIFTED_BY_CONFIRMING)
    return set(rows.values_list("newsletter_id", flat=True))


def lift(suppression: Suppression, *, note: str, actor: str, at: datetime) -> None:
    """Take a suppression back. It revives no subscription: that takes the reader's own new sign-up.

    The lifting is written beside the reader's agreement when we know the reader.
    """
    with transaction.atomic():
        reader = Subscriber.objects.filter(address_hash=suppression.address_hash).first()
        if reader is not None:
            ConsentEvent.objects.create(
                subscriber=reader,
                newsletter=suppression.newsletter,
                kind=ConsentKind.CHANGED,
                address=reader.address or suppression.address_hash,
                language=reader.language,
                actor=actor,
                facts={"lifted": suppression.reason, "note": note},
                at=at,
            )
        suppression.delete()
