"""Draws the conclusions of what providers report, once per event and in whatever order they come.

An event is believed by our own token in it: a delivery's proves that the copy was taken; a delivery's or a
letter's says whose address bounced or complained. Both only ever add, so no order and no repeat changes the end.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from digests.delivery import ledger, reconciling
from digests.delivery.models import Delivery
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.web import tokens
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind
from subscriptions import suppression
from subscriptions.models import Newsletter
from subscriptions.states import SuppressionReason

# The provider had the mail in hand. "rejected" and "failed" are no proof: some report so what they never took.
PROVES_ACCEPTANCE: Final = frozenset(
    {
        *("queued", "sent", "deferred", "delivered", "bounced", "autoresponded"),
        *("opened", "clicked", "complained", "unsubscribed"),
    }
)
# Anymail's reasons for a mailbox that does not take mail at all. "blocked" and "spam" judge the mail, not the reader.
_GONE: Final = frozenset({"invalid", "bounced"})
# Said of bounces that pass, by providers whose soft bounces Anymail calls bounced as well.
_SOFT: Final = frozenset({"softbounce", "soft_bounce", "soft", "transient", "temporary"})
_DELIVERY_CHARACTERS: Final = 23


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """Whom an event is about."""

    address_hash: str
    newsletter: Newsletter | None = None


def apply(*, at: datetime, limit: int = 500) -> int:
    """Apply the oldest new events, in one transaction. How many; fewer than `limit`: there are no more."""
    with transaction.atomic():
        new = ProviderEvent.objects.filter(applied_at__isnull=True).order_by("pk")
        skip_locked = connection.features.has_select_for_update_skip_locked
        events = list(new.select_for_update(skip_locked=skip_locked)[:limit])
        numbers, strange = _read_tokens(events)
        deliveries = _deliveries([number for kind, number in numbers.values() if kind is TokenKind.DELIVERY])
        letters = Letter.objects.in_bulk(
            [number for kind, number in numbers.values() if kind is TokenKind.LETTER]
        )
        found = dict.fromkeys((event.pk for event in events), "noted") | dict.fromkeys(
            strange, "foreign token"
        )
        for event in events:
            if event.pk not in strange:
                subject = _subject(event, numbers.get(event.pk), deliveries, letters)
                found[event.pk] = _suppress(event, subject, at=at) or found[event.pk]
        # Last, because it locks batches that workers wait for.
        for pk in _prove(events, numbers, deliveries, at=at):
            found[pk] = "proof" if found[pk] == "noted" else found[pk]
        outcomes: dict[str, list[int]] = {}
        for pk, outcome in found.items():
            outcomes.setdefault(outcome, []).append(pk)
        for outcome, ids in outcomes.items():
            ProviderEvent.objects.filter(pk__in=ids).update(applied_at=at, outcome=outcome)
    return len(events)


def _read_tokens(events: list[ProviderEvent]) -> tuple[dict[int, tuple[TokenKind, int]], set[int]]:
    """What each event's token names; and the events whose token is not ours, which say nothing to us."""
    numbers: dict[int, tuple[TokenKind, int]] = {}
    strange: set[int] = set()
    for event in events:
        if not event.token:
            continue
        kind = TokenKind.DELIVERY if len(event.token) == _DELIVERY_CHARACTERS else TokenKind.LETTER
        try:
            numbers[event.pk] = kind, tokens.read(kind, event.token)
        except BadToken:
            strange.add(event.pk)
    return numbers, strange


def _deliveries(ids: list[int]) -> dict[int, Delivery]:
    rows = Delivery.objects.filter(pk__in=ids)
    return {row.pk: row for row in rows.select_related("mailing__newsletter", "subscription__subscriber")}


def _prove(
    events: list[ProviderEvent],
    numbers: dict[int, tuple[TokenKind, int]],
    deliveries: dict[int, Delivery],
    *,
    at: datetime,
) -> set[int]:
    """Mark the copies accepted that these events prove; the events that name such copies."""
    proofs: set[int] = set()
    by_mailing: dict[int, set[int]] = {}
    for event in events:
        kind, number = numbers.get(event.pk, (None, 0))
        if kind is TokenKind.DELIVERY and number in deliveries and event.kind in PROVES_ACCEPTANCE:
            proofs.add(event.pk)
            by_mailing.setdefault(ledger.mailing_of(number), set()).add(ledger.number_of(number))
    for mailing_id in sorted(by_mailing):
        reconciling.promote(mailing_id, by_mailing[mailing_id], by="event", at=at)
    return proofs


def _subject(
    event: ProviderEvent,
    named: tuple[TokenKind, int] | None,
    deliveries: dict[int, Delivery],
    letters: dict[int, Letter],
) -> _Subject:
    """By our own token if it names a row we have, else by the address that the provider named."""
    kind, number = named or (None, 0)
    if kind is TokenKind.DELIVERY and number in deliveries:
        delivery = deliveries[number]
        address_hash = delivery.subscription.subscriber.address_hash or event.address_hash
        return _Subject(address_hash=address_hash, newsletter=delivery.mailing.newsletter)
    if kind is TokenKind.LETTER and number in letters:
        return _Subject(address_hash=letters[number].address_hash or event.address_hash)
    return _Subject(address_hash=event.address_hash)


def suppression_reason(event: ProviderEvent) -> SuppressionReason | None:
    """Why an event stops mail to its address, if it does."""
    match event.kind:
        case "complained":
            return SuppressionReason.COMPLAINT
        case "unsubscribed":
            return SuppressionReason.UNSUBSCRIBED
        case "bounced" if event.reject_reason in _GONE and not _is_soft(event):
            return SuppressionReason.HARD_BOUNCE
    return None


def _is_soft(event: ProviderEvent) -> bool:
    said = {str(value).replace(" ", "").lower() for value in event.payload.values() if isinstance(value, str)}
    return bool(said & _SOFT)


def _suppress(event: ProviderEvent, subject: _Subject, *, at: datetime) -> str:
    """Stop mail if the event says so: an unsubscription for its newsletter, all else for every mail."""
    reason = suppression_reason(event)
    if reason is None or not subject.address_hash:
        return ""
    suppression.suppress(
        subject.address_hash,
        reason=reason,
        newsletter=subject.newsletter if reason is SuppressionReason.UNSUBSCRIBED else None,
        at=at,
        note=f"{event.provider}: {event.kind}",
    )
    return "suppressed"
