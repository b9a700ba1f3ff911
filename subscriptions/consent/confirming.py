"""Confirming: what a link stands for, and what pressing its button does, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from newsroom.mail.addresses import address_hash, counting_hash
from newsroom.mail.models import Letter
from newsroom.web.tokens import hash_secret
from subscriptions import correspondence
from subscriptions.consent.asking import Wish, request_subscription
from subscriptions.consent.record import event
from subscriptions.errors import LinkExpired, LinkUnknown
from subscriptions.models import (
    Confirmation,
    ConsentEvent,
    Newsletter,
    Subscriber,
    Subscription,
    Suppression,
)
from subscriptions.states import ConsentKind, LegalBasis, NewsletterState, SubscriptionState
from subscriptions.suppression import LIFTED_BY_CONFIRMING, LIFTED_BY_RETURNING, may_ask_again
from subscriptions.wording import Shown


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What a confirmation link led to. was_already: an earlier visit had done it."""

    subscriber: Subscriber
    subscriptions: Sequence[Subscription]
    was_already: bool

    @property
    def newsletters(self) -> list[Newsletter]:
        return [subscription.newsletter for subscription in self.subscriptions]


def find_confirmation(token: str, *, at: datetime) -> Confirmation:
    """The confirmation of a link, changing nothing. Raises LinkUnknown; LinkExpired if it was never used in time."""
    confirmation = _known(token)
    if confirmation.used_at is None and confirmation.expires_at <= at:
        raise LinkExpired(confirmation.subscriber.language)
    return confirmation


def _known(token: str) -> Confirmation:
    confirmation = (
        Confirmation.objects.select_related("subscriber").filter(token_hash=hash_secret(token)).first()
    )
    if confirmation is None:
        raise LinkUnknown("no such confirmation")
    _went_to(confirmation.subscriber, confirmation)
    return confirmation


def _went_to(reader: Subscriber, confirmation: Confirmation) -> None:
    """A letter speaks for the mailbox it went to: who moved or was erased since is not reached by its link."""
    if not reader.address or counting_hash(reader.address) != confirmation.counting_hash:
        raise LinkUnknown("no such reader at this mailbox")


def asked_for(confirmation: Confirmation) -> list[Subscription]:
    """What a confirmation is about, in the catalogue's order. One query."""
    rows = confirmation.subscriptions.select_related("newsletter__sender")
    return list(rows.order_by("newsletter__position", "newsletter__name"))


def confirm(token: str, *, network_address: str, at: datetime) -> Confirmed:
    """Turn what the link asked for into active subscriptions. A second time changes nothing and says so.

    Older links that ask for nothing else die with this; until then they live. Raises LinkUnknown, LinkExpired.
    """
    with transaction.atomic():
        confirmation = find_confirmation(token, at=at)
        # The reader's row is the lock: two presses, or a press and a new request, wait for each other.
        reader = Subscriber.objects.select_for_update().get(pk=confirmation.subscriber_id)
        _went_to(reader, confirmation)
        rows = asked_for(confirmation)
        due = due_of(confirmation, rows)
        is_first = Confirmation.objects.filter(pk=confirmation.pk, used_at=None).update(used_at=at)
        if not is_first or not due:
            return Confirmed(subscriber=reader, subscriptions=rows, was_already=True)
        never_welcomed = [row for row in due if row.confirmed_at is None]
        _activate(reader, due, confirmation, network_address=network_address, at=at)
        if never_welcomed:
            correspondence.welcome(reader, never_welcomed, confirmation=confirmation, at=at)
    return Confirmed(subscriber=reader, subscriptions=rows, was_already=False)


def due_of(confirmation: Confirmation, rows: Sequence[Subscription]) -> list[Subscription]:
    """What a press on this link confirms: of all it asked for, what waits still and is published still."""
    return [row for row in rows if _is_due(row, confirmation)]


def _is_due(row: Subscription, confirmation: Confirmation) -> bool:
    """A link confirms what waits for it, never what was confirmed or left after it was sent."""
    if row.state != SubscriptionState.PENDING or row.newsletter.state == NewsletterState.RETIRED:
        return False
    later = [time for time in (row.confirmed_at, row.unsubscribed_at) if time is not None]
    return all(time <= confirmation.created_at for time in later)


def _activate(
    reader: Subscriber,
    due: list[Subscription],
    confirmation: Confirmation,
    *,
    network_address: str,
    at: datetime,
) -> None:
    ids = [row.pk for row in due]
    Subscription.objects.filter(pk__in=ids, state=SubscriptionState.PENDING).update(
        state=SubscriptionState.ACTIVE,
        basis=LegalBasis.DOUBLE_OPT_IN,
        confirmed_at=at,
        unsubscribed_at=None,
        paused_until=None,
        moved_to=None,
    )
    ConsentEvent.objects.bulk_create(
        event(
            reader,
            row.newsletter,
            ConsentKind.CONFIRMED,
            at=at,
            form="/confirm/",
            language=reader.language,
            network_address=network_address,
            facts={"confirmation": confirmation.pk, "asked_at": confirmation.created_at.isoformat()},
        )
        for row in due
    )
    assert reader.address is not None
    scope = Q(newsletter__isnull=True) | Q(newsletter__in=[row.newsletter_id for row in due])
    lifted = Q(reason__in=LIFTED_BY_CONFIRMING)
    if confirmation.lifts_stops:  # but nothing that came after the letter
        lifted |= Q(reason__in=LIFTED_BY_RETURNING, created_at__lte=confirmation.created_at)
    Suppression.objects.filter(scope, lifted, address_hash=address_hash(reader.address)).delete()
    _retire_older(confirmation, ids, at=at)
    for row in due:
        row.state, row.confirmed_at, row.unsubscribed_at = SubscriptionState.ACTIVE, at, None


def _retire_older(confirmation: Confirmation, ids: list[int], *, at: datetime) -> None:
    """Older open links of this reader that ask for nothing but what is confirmed now have done their work."""
    older = Confirmation.objects.filter(
        subscriber_id=confirmation.subscriber_id, used_at=None, pk__lt=confirmation.pk
    )
    asks_for_more = Q(
        pk__in=Confirmation.subscriptions.through.objects.exclude(subscription_id__in=ids).values(
            "confirmation_id"
        )
    )
    older.exclude(asks_for_more).update(used_at=at)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that was made once more: whose, for what, and which words she had seen of what, by newsletter id.

    language: of the letter. is_written: whether a letter goes; limits may forbid it, and so may a stop or the end of the
    newsletter.
    """

    subscriber: Subscriber
    subscriptions: Sequence[Subscription]
    shown: Mapping[int, Shown]
    language: str
    is_written: bool


def ask_again(token: str, *, network_address: str, at: datetime) -> Asked:
    """A fresh letter for an expired link, under the same limits. Raises LinkUnknown.

    What she saw when she asked first is what she agrees to: the page that offers this shows no wording of its own.
    """
    confirmation = _known(token)
    reader = confirmation.subscriber
    rows = asked_for(confirmation)
    shown = _shown(confirmation, rows)
    language = _language_of_letter(confirmation)
    may_ask_again(reader.address_hash)  # only who reads that mailbox has the link
    is_written = request_subscription(
        Wish(
            typed_address=reader.sendable,
            newsletters=[row.newsletter for row in rows],
            language=language,
            form=rows[0].source if rows else "",
            network_address=network_address,
            shown=shown,
        ),
        at=at,
    )
    return Asked(
        subscriber=reader,
        subscriptions=rows,
        shown=shown,
        language=language,
        is_written=is_written,
    )


def _shown(confirmation: Confirmation, rows: Sequence[Subscription]) -> dict[int, Shown]:
    """What she saw of each newsletter when she last asked for it, by id. One query.

    Her last request need not be as old as the link: staff send letters again. What somebody asked for in her name since
    then is nothing that she saw.
    """
    asked = ConsentEvent.objects.filter(
        subscriber=confirmation.subscriber_id,
        kind=ConsentKind.REQUESTED,
        newsletter__in=[row.newsletter_id for row in rows],
        at__lte=confirmation.created_at,
    ).order_by("at", "pk")
    shown = asked.values_list("newsletter_id", "wording_version", "language")
    return {pk: Shown(version=version, language=language) for pk, version, language in shown if pk}


def _language_of_letter(confirmation: Confirmation) -> str:
    """The language in which she was asked to confirm, or her own if that letter is no longer kept. One query."""
    letter = Letter.objects.filter(dedupe_key__in=correspondence.keys_of(confirmation)).first()
    return letter.language if letter else confirmation.subscriber.language
