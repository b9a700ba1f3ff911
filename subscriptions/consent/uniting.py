"""Two readers who turn out to be one person: what one of them gets goes on for the other, and can be parted again."""

from datetime import datetime
from typing import Any

from subscriptions import suppression
from subscriptions.consent.record import as_kept, event, kept
from subscriptions.models import Subscriber, Subscription
from subscriptions.states import ConsentKind, LegalBasis, SubscriptionState
from subscriptions.wording import ADDRESS

_BY = "change of address"


def unite(
    reader: Subscriber, other: Subscriber, *, change: int, network_address: str | None, at: datetime
) -> list[dict[str, Any]]:
    """Let what a reader gets go on for another one, whose mailbox has just agreed; says what moved, for `part`.

    What the other gets already stays as it is; what she may not get is left out. Both are locked by the caller.
    """
    theirs = {row.newsletter_id: row for row in other.subscriptions.select_for_update(of=("self",))}
    stopped = suppression.unliftable(other.address_hash)
    moved = []
    mine = Subscription.objects.active().filter(subscriber=reader).select_related("newsletter").order_by("pk")
    for row in mine.select_for_update(of=("self",)):
        known = theirs.get(row.newsletter_id)
        state, led_to = (known.state, known.moved_to_id) if known else ("", None)
        if row.newsletter_id in stopped and state != SubscriptionState.ACTIVE:
            known = None  # ends here
        elif state != SubscriptionState.ACTIVE:
            known = _go_on(row, known, other, change=change, network_address=network_address, at=at)
        moved.append(
            {
                "from": row.pk,
                "to": known.pk if known else None,
                "state": state,
                "led_to": led_to,
                **kept(row),
            }
        )
        Subscription.objects.filter(pk=row.pk).update(
            state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=at, paused_until=None, moved_to=known
        )
        _write(row, ConsentKind.UNSUBSCRIBED, change, network_address, at, because="moved")
    return moved


def _go_on(
    row: Subscription,
    known: Subscription | None,
    other: Subscriber,
    *,
    change: int,
    network_address: str | None,
    at: datetime,
) -> Subscription:
    known = known or Subscription(newsletter=row.newsletter, subscriber=other, requested_at=at)
    known.state = SubscriptionState.ACTIVE
    known.basis, known.source = LegalBasis.DOUBLE_OPT_IN, "/address/"
    known.cadence, known.paused_until = row.cadence, row.paused_until
    known.confirmed_at, known.unsubscribed_at, known.moved_to = at, None, None
    known.save()
    known.newsletter, known.subscriber = row.newsletter, other
    event(
        other,
        row.newsletter,
        ConsentKind.CONFIRMED,
        at=at,
        form="/address/",
        language=other.language,
        network_address=network_address,
        wording_version=ADDRESS,
        facts={"change": change, "moved_from": row.pk},
    ).save(force_insert=True)
    return known


def part(
    moved: list[dict[str, Any]], *, home: str, change: int, network_address: str | None, at: datetime
) -> None:
    """Undo `unite`: end what it began, and give back what it took, unless that was stopped or changed meanwhile.

    home: the hash of the address where that comes from now on; nothing for who is erased, who gets nothing back. What
    began leads again where it led, so that an earlier union is parted after it as if this one had never been.
    """
    numbers = [number for each in moved for number in (each["from"], each["to"]) if number]
    rows = {
        row.pk: row
        for row in Subscription.objects.filter(pk__in=numbers)
        .select_related("newsletter", "subscriber")
        .select_for_update(of=("self",))
        .order_by("pk")
    }
    for each in moved:
        taken, added = rows[each["from"]], rows.get(each["to"] or 0)
        was_added = each["state"] != SubscriptionState.ACTIVE
        if added and was_added and added.state == SubscriptionState.ACTIVE:
            Subscription.objects.filter(pk=added.pk).update(
                state=SubscriptionState.UNSUBSCRIBED,
                unsubscribed_at=at,
                paused_until=None,
                moved_to=each.get("led_to"),
            )
            _write(added, ConsentKind.UNSUBSCRIBED, change, network_address, at, because="moved back")
        _give_back(taken, each, home, change, network_address, at)


def _give_back(
    row: Subscription, was: dict[str, Any], home: str, change: int, network_address: str | None, at: datetime
) -> None:
    if row.moved_to_id != was["to"]:
        return  # began anew at her former address, or moved once more
    mine = Subscription.objects.filter(pk=row.pk)
    is_stopped = not home or suppression.is_suppressed(home, newsletter=row.newsletter)
    if row.state == SubscriptionState.ACTIVE or is_stopped:
        mine.update(moved_to=None)
        return
    mine.update(state=SubscriptionState.ACTIVE, unsubscribed_at=None, moved_to=None, **as_kept(was))
    _write(row, ConsentKind.RESTORED, change, network_address, at, because="moved back")


def _write(
    row: Subscription,
    kind: ConsentKind,
    change: int,
    network_address: str | None,
    at: datetime,
    *,
    because: str,
) -> None:
    event(
        row.subscriber,
        row.newsletter,
        kind,
        at=at,
        form="/address/",
        language=row.subscriber.language,
        network_address=network_address,
        actor=_BY,
        facts={"change": change, "because": because},
    ).save(force_insert=True)
