"""Draws the conclusions of what providers report, once per event and in whatever order they come.

An event is believed by our own token in it: a delivery's proves that the copy was taken; a delivery's or a
letter's says whose address bounced or complained. Both only ever add, so no order and no repeat changes the end.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from digests.delivery import ledger, reconciling
from digests.delivery.models import Delivery
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.mail.severity import Severity, of_bounce
from newsroom.mail.states import EventOutcome
from newsroom.web import keys, tokens
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind
from subscriptions import moves, soft_bounces, suppression
from subscriptions.models import Newsletter
from subscriptions.moves import Past
from subscriptions.states import SuppressionReason
from subscriptions.suppression import Stop

# The provider had the mail in hand. "rejected" and "failed" are no proof: some report so what they never took.
PROVES_ACCEPTANCE: Final = frozenset(
    {
        *("queued", "sent", "deferred", "delivered", "bounced", "autoresponded"),
        *("opened", "clicked", "complained", "unsubscribed"),
    }
)
_DELIVERY_CHARACTERS: Final = 23
# Kinds that may stop mail to an address.
_TELLING: Final = frozenset({"complained", "unsubscribed", "bounced"})


class _Event(NamedTuple):
    """What applying needs of an event; its payload is read only where it may stop mail."""

    pk: int
    provider: str
    kind: str
    reject_reason: str
    token: str
    address_hash: str
    occurred_at: datetime


class _Copy(NamedTuple):
    """Whose copy an event names, and the reader's address today."""

    pk: int
    reader: int
    address_hash: str
    has_moved: bool
    newsletter: int
    started_at: datetime | None


_FIELDS: Final = ("pk", "provider", "kind", "reject_reason", "token", "address_hash", "occurred_at")


def apply(*, at: datetime, limit: int = 1_000) -> int:
    """Apply the oldest new events, in one transaction. How many; fewer than `limit`: there are no more.

    Queries: some 15, whatever the number of events, one more where readers have moved, and a few per mailing whose
    copies they prove.
    """
    with transaction.atomic():
        new = ProviderEvent.objects.filter(applied_at__isnull=True).order_by("pk")
        skip_locked = connection.features.has_select_for_update_skip_locked
        # Tuples and no models: hundreds of thousands of these arrive on the morning of a large mailing.
        rows = new.select_for_update(skip_locked=skip_locked).values_list(*_FIELDS)[:limit]
        events = [_Event(*row) for row in rows]
        deliveries, letters, strange = _read_tokens(events)
        known = _known(deliveries.values())
        outcomes: dict[EventOutcome, list[int]] = {EventOutcome.FOREIGN: strange}
        suppressed = _suppress_all(events, deliveries, letters, set(strange), at=at)
        # Last, because it locks batches that workers wait for.
        proofs = _prove(events, deliveries, known, at=at)
        for event in events:
            if event.pk in suppressed:
                outcomes.setdefault(EventOutcome.SUPPRESSED, []).append(event.pk)
            elif event.pk in proofs:
                outcomes.setdefault(EventOutcome.PROOF, []).append(event.pk)
        told = {pk for ids in outcomes.values() for pk in ids}
        outcomes[EventOutcome.NOTED] = [event.pk for event in events if event.pk not in told]
        for outcome, ids in outcomes.items():
            if ids:
                ProviderEvent.objects.filter(pk__in=keys.among(ids)).update(applied_at=at, outcome=outcome)
    return len(events)


def _read_tokens(events: list[_Event]) -> tuple[dict[int, int], dict[int, int], list[int]]:
    """By event: the copy it names, the letter it names; and the events whose token is not ours."""
    deliveries: dict[int, int] = {}
    letters: dict[int, int] = {}
    strange: list[int] = []
    for event in events:
        if not event.token:
            continue
        is_copy = len(event.token) == _DELIVERY_CHARACTERS
        kind, found = (TokenKind.DELIVERY, deliveries) if is_copy else (TokenKind.LETTER, letters)
        try:
            found[event.pk] = tokens.read(kind, event.token)
        except BadToken:
            strange.append(event.pk)
    return deliveries, letters, strange


def _known(ids: Iterable[int]) -> dict[int, str]:
    """The copies that we have, and their states."""
    return dict(Delivery.objects.filter(pk__in=keys.among(set(ids))).values_list("pk", "state"))


def _prove(
    events: list[_Event], deliveries: dict[int, int], known: dict[int, str], *, at: datetime
) -> set[int]:
    """Mark the copies accepted that these events prove; the events that name such copies."""
    proofs: set[int] = set()
    by_mailing: dict[int, set[int]] = {}
    for event in events:
        number = deliveries.get(event.pk)
        if number is None or number not in known or event.kind not in PROVES_ACCEPTANCE:
            continue
        proofs.add(event.pk)
        if known[number] in reconciling.PROVABLE:
            by_mailing.setdefault(ledger.mailing_of(number), set()).add(ledger.number_of(number))
    for mailing_id in sorted(by_mailing):
        reconciling.promote(mailing_id, by_mailing[mailing_id], by="event", at=at)
    return proofs


def _suppress_all(
    events: list[_Event],
    deliveries: dict[int, int],
    letters: dict[int, int],
    strange: set[int],
    *,
    at: datetime,
) -> set[int]:
    """Stop mail where an event says so; the events that did. An unsubscription counts for its newsletter alone."""
    telling = [event for event in events if event.kind in _TELLING and event.pk not in strange]
    if not telling:
        _count_soft((), events, at=at)
        return set()
    ids = [event.pk for event in telling]
    payloads = dict(ProviderEvent.objects.filter(pk__in=ids).values_list("pk", "payload"))
    copies = _copies([deliveries[pk] for pk in ids if pk in deliveries])
    went_to = _went_to(telling, deliveries, copies)
    written = dict(
        Letter.objects.filter(pk__in=[letters[pk] for pk in ids if pk in letters]).values_list(
            "pk", "address_hash"
        )
    )
    newsletters = Newsletter.objects.in_bulk({copy.newsletter for copy in copies.values()})
    stops: dict[int, Stop] = {}
    soft: dict[int, tuple[str, date]] = {}
    for event in telling:
        # By our own token if it names a row we have, else by the address that the provider named.
        copy = copies.get(deliveries.get(event.pk, 0))
        letter_to = written.get(letters.get(event.pk, 0), "")
        address_hash = went_to.get(event.pk, "") or letter_to or event.address_hash
        reason = suppression_reason(event.kind, event.reject_reason, payloads[event.pk])
        if address_hash and reason is not None:
            only_for = copy.newsletter if copy and reason is SuppressionReason.UNSUBSCRIBED else None
            stops[event.pk] = Stop(
                address_hash=address_hash,
                reason=reason,
                newsletter=newsletters.get(only_for) if only_for else None,
                note=f"{event.provider}: {event.kind}",
            )
        elif address_hash and _is_soft(event, payloads[event.pk]):
            soft[event.pk] = address_hash, event.occurred_at.date()
    suppression.suppress_all(stops.values(), at=at)
    too_often = _count_soft(soft.values(), events, at=at)
    return set(stops) | {pk for pk, (address_hash, _day) in soft.items() if address_hash in too_often}


def _copies(ids: list[int]) -> dict[int, _Copy]:
    """These copies, by number. One query."""
    reader = "subscription__subscriber"
    rows = Delivery.objects.filter(pk__in=ids).values_list(
        "pk",
        reader,
        f"{reader}__address_hash",
        moves.has_moved(reader),
        "mailing__newsletter_id",
        "mailing__started_at",
    )
    return {row[0]: _Copy(*row) for row in rows}


def _went_to(events: list[_Event], deliveries: dict[int, int], copies: dict[int, _Copy]) -> dict[int, str]:
    """By event: the address that its copy was handed over to. No query, one where readers have moved."""
    named = {event.pk: copies[number] for event in events if (number := deliveries.get(event.pk)) in copies}
    moved = {copy.reader for copy in named.values() if copy.has_moved}
    pasts = moves.pasts(moved) if moved else {}
    return {
        event.pk: _address_of(event, named[event.pk], pasts.get(named[event.pk].reader))
        for event in events
        if event.pk in named
    }


def _address_of(event: _Event, copy: _Copy, past: Past | None) -> str:
    """Where a copy went: to a former address if the event names one, or if its mailing began before she moved.

    Of one that was under way while she moved nobody can tell; the former address costs her nothing, and the next one
    tells. What the provider names besides may be where her mailbox forwards to.
    """
    if past is None or event.address_hash == copy.address_hash:
        return copy.address_hash
    if event.address_hash in past.hashes:
        return event.address_hash
    former = past.former_at(copy.started_at) if copy.started_at else ""
    return former or copy.address_hash


def _count_soft(soft: Iterable[tuple[str, date]], events: list[_Event], *, at: datetime) -> set[str]:
    """Add the days of bounces that pass to their addresses' accounts, which mail that arrived clears."""
    bounced: dict[str, set[date]] = {}
    for address_hash, day in soft:
        bounced.setdefault(address_hash, set()).add(day)
    delivered: dict[str, date] = {}
    for event in events:
        if event.kind == "delivered" and event.address_hash:
            day = event.occurred_at.date()
            delivered[event.address_hash] = max(delivered.get(event.address_hash, day), day)
    return soft_bounces.note(bounced, delivered=delivered, at=at)


def suppression_reason(kind: str, reject_reason: str, payload: Mapping[str, Any]) -> SuppressionReason | None:
    """Why an event stops mail to its address at once, if it does."""
    match kind:
        case "complained":
            return SuppressionReason.COMPLAINT
        case "unsubscribed":
            return SuppressionReason.UNSUBSCRIBED
        case "bounced" if of_bounce(reject_reason, payload) is Severity.HARD:
            return SuppressionReason.HARD_BOUNCE
    return None


def _is_soft(event: _Event, payload: Mapping[str, Any]) -> bool:
    return event.kind == "bounced" and of_bounce(event.reject_reason, payload) is Severity.SOFT
