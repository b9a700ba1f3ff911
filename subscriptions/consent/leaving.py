"""Leaving, and taking it back within a day."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from subscriptions.consent.record import as_kept, event, kept
from subscriptions.errors import UndoExpired
from subscriptions.models import ConsentEvent, Subscription
from subscriptions.states import OPEN, ConsentKind, SubscriptionState
from subscriptions.suppression import is_suppressed

UNDO_WITHIN = timedelta(hours=24)
# Asking changes nothing of whether mail comes, and no more does the letter that asks back, or a setting.
_NO_ACTS = (ConsentKind.REQUESTED, ConsentKind.LETTER_SENT, ConsentKind.CHANGED)


def unsubscribe(
    subscription: Subscription,
    *,
    how: str,
    network_address: str | None,
    at: datetime,
    actor: str = "",
    because: str = "",
    together_with: Subscription | None = None,
) -> bool:
    """End a subscription, or cancel a request that waits. True if this call did it; repeating is harmless.

    how: where it happened, such as "one-click" or "/preferences/". together_with: the one whose page offered to end
    all others as well. Queries: 2 in one transaction.
    """
    before = {"state": subscription.state, **kept(subscription)}
    with transaction.atomic():
        has_changed = Subscription.objects.filter(pk=subscription.pk, state__in=OPEN).update(
            state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=at, paused_until=None
        )
        if has_changed:
            facts: dict[str, object] = {"before": before}
            if because:
                facts["because"] = because
            if together_with:
                facts["together_with"] = together_with.pk
            left = event(
                subscription.subscriber,
                None,  # its name is not asked for
                ConsentKind.UNSUBSCRIBED,
                at=at,
                form=how,
                language=subscription.subscriber.language,
                network_address=network_address,
                actor=actor,
                facts=facts,
            )
            left.newsletter_id = subscription.newsletter_id
            left.save(force_insert=True)
            subscription.state = SubscriptionState.UNSUBSCRIBED
            subscription.unsubscribed_at, subscription.paused_until = at, None
    return bool(has_changed)


def can_restore(subscription: Subscription, *, at: datetime) -> bool:
    """Whether she left by herself within a day and can undo it, whoever asked for her meanwhile. Queries: 0 or 2."""
    return _left_by_herself(subscription, at=at) is not None


def restore(subscription: Subscription, *, how: str, network_address: str | None, at: datetime) -> bool:
    """Undo leaving: the former settings exactly as they were, and so since when and where she signed up.

    True if this call did it. how: where it happened. What somebody asked for in her name meanwhile leaves no trace but
    in the record. Raises UndoExpired after a day, and where not the reader but a bounce, a complaint or an erasure ended it,
    or stopped mail to her since.
    """
    with transaction.atomic():
        row = (
            Subscription.objects.select_for_update(of=("self",))
            .select_related("subscriber", "newsletter")
            .get(pk=subscription.pk)
        )
        if row.state == SubscriptionState.ACTIVE:
            return False
        ended = _left_by_herself(row, at=at)
        if ended is None:
            raise UndoExpired(row.pk)
        Subscription.objects.filter(pk=row.pk).update(
            state=SubscriptionState.ACTIVE,
            unsubscribed_at=None,
            moved_to=None,
            **as_kept(ended.facts["before"]),
        )
        event(
            row.subscriber,
            row.newsletter,
            ConsentKind.RESTORED,
            at=at,
            form=how,
            language=row.subscriber.language,
            network_address=network_address,
            facts={"undoes": ended.pk},
        ).save(force_insert=True)
    return True


def has_come_back(subscription: Subscription, *, at: datetime) -> bool:
    """Whether the last that happened to it is that leaving was undone, within a day. One query."""
    last = _last_act(subscription)
    return last is not None and last.kind == ConsentKind.RESTORED and at - last.at < UNDO_WITHIN


def left_together_with(subscription: Subscription, *, since: datetime) -> list[Subscription]:
    """What was ended from its page as "all others", and is ended still. One query."""
    ended = _ended_with(subscription, since=since)
    rows = subscription.subscriber.subscriptions.exclude(state=SubscriptionState.ACTIVE)
    return list(
        rows.filter(newsletter__in=ended.values("newsletter")).select_related("subscriber", "newsletter")
    )


def back_together_with(subscription: Subscription, *, at: datetime) -> list[Subscription]:
    """What was ended from its page as "all others" within a day, and comes again. One query."""
    ended = _ended_with(subscription, since=at - UNDO_WITHIN)
    rows = subscription.subscriber.subscriptions.active().filter(newsletter__in=ended.values("newsletter"))
    return list(rows.select_related("newsletter").order_by("newsletter__position", "newsletter__name"))


def _ended_with(subscription: Subscription, *, since: datetime) -> QuerySet[ConsentEvent]:
    return ConsentEvent.objects.filter(
        subscriber=subscription.subscriber_id,
        kind=ConsentKind.UNSUBSCRIBED,
        at__gte=since,
        facts__together_with=subscription.pk,
    )


def _left_by_herself(row: Subscription, *, at: datetime) -> ConsentEvent | None:
    """The event by which she left, if that can be undone: within a day, and nothing else has stopped her mail."""
    is_recent = row.unsubscribed_at is not None and at - row.unsubscribed_at < UNDO_WITHIN
    is_hers = row.confirmed_at is not None and bool(row.subscriber.address)
    if row.state == SubscriptionState.ACTIVE or not is_recent or not is_hers:
        return None
    ended = _last_act(row)
    if ended is None or ended.kind != ConsentKind.UNSUBSCRIBED or ended.actor:
        return None
    if ended.facts["before"]["state"] != SubscriptionState.ACTIVE:
        return None
    if is_suppressed(row.subscriber.address_hash, newsletter=row.newsletter):
        return None  # a bounce or a complaint came after she left
    return ended


def _last_act(row: Subscription) -> ConsentEvent | None:
    """The last that changed whether it comes. Asking for it changes nothing. One query."""
    events = ConsentEvent.objects.filter(subscriber=row.subscriber_id, newsletter=row.newsletter_id)
    return events.exclude(kind__in=_NO_ACTS).last()
