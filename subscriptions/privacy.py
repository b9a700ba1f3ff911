"""A reader's rights over her data: all we hold, in a file (GDPR art. 15 and 20), and its erasure (art. 17)."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from newsroom.mail import events as provider_events
from newsroom.mail.addresses import address_hash, mask, normalise
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterState
from newsroom.web.tokens import TokenKind
from subscriptions import evidence, moves, suppression
from subscriptions.errors import ReaderMoved, UnknownReader
from subscriptions.models import (
    AddressChange,
    Confirmation,
    ConsentEvent,
    Sender,
    SignUpRequest,
    SoftBounces,
    Subscriber,
    Subscription,
    Suppression,
)
from subscriptions.states import OPEN, ConsentKind, SubscriptionState, SuppressionReason
from subscriptions.suppression import Stop
from subscriptions.transfer import forgetting

_NO_LONGER_KEPT = "forgotten with the proof of her consent, which is no longer kept"
# How long a request may wait before we forget whose it was.
UNCONFIRMED_FOR = timedelta(days=30)


def find_reader(typed_address: str) -> Subscriber:
    """The reader of an address, for staff. Raises BadAddress, UnknownReader; ReaderMoved for one that its reader has left."""
    address = normalise(typed_address).normal
    if reader := Subscriber.objects.filter(address=address).first():
        return reader
    former = moves.reader_of_former(address_hash(address), address=address)
    if former is not None and former.address:
        raise ReaderMoved(former.pk, now_at=mask(former.address))
    raise UnknownReader("We know nobody of this address.")


def export_reader(reader: Subscriber) -> dict[str, Any]:
    """Everything we hold about a reader, ready for JSON: enough to show what she agreed to, and when she saw it.

    Queries: 9, and 1 per 1,000 letters and copies.
    """
    subscriptions = reader.subscriptions.select_related("newsletter").order_by("pk")
    events = list(ConsentEvent.objects.filter(subscriber=reader).select_related("newsletter").order_by("pk"))
    last = evidence.last_by_subscription(evidence.agreeing().filter(subscriber=reader).order_by("pk"))
    known = address_hash(reader.address) if reader.address else ""
    stops = Suppression.objects.filter(address_hash=known).select_related("newsletter").order_by("pk")
    letters = list(Letter.objects.filter(subscriber_id=reader.pk).order_by("pk"))
    reported = provider_events.reported(TokenKind.LETTER, [letter.pk for letter in letters])
    waiting = SignUpRequest.objects.filter(address_hash=known).order_by("pk")
    refused = SoftBounces.objects.filter(address_hash=known).values_list("days", flat=True)
    return {
        "address": reader.address or "",
        "address_as_typed": reader.typed_address,
        "language": reader.language,
        "known_since": _text(reader.created_at),
        "erased_at": _text(reader.erased_at),
        "subscriptions": [
            _subscription(row, evidence.dates_of(row, last.get((reader.pk, row.newsletter_id))))
            for row in subscriptions
        ],
        "sign_ups_not_yet_decided": [_sign_up(row) for row in waiting],
        "consent": [_consent(event) for event in events],
        "letters": [
            {
                "kind": letter.kind,
                "written_at": _text(letter.created_at),
                "sent_at": _text(letter.sent_at),
                "reported": [provider_events.as_told(event) for event in reported.get(letter.pk, [])],
            }
            for letter in letters
        ],
        "copies": import_string(settings.READER_COPIES)(reader),
        "changes_of_address": [_change(row) for row in reader.address_changes.order_by("pk")],
        "stopped": [_stop(row) for row in stops],
        "refused_for_the_time_being_on": [{"day": day} for days in refused for day in days],
    }


def _stop(row: Suppression) -> dict[str, str]:
    return {
        "newsletter": row.newsletter.name if row.newsletter else "",
        "reason": row.reason,
        "since": _text(row.created_at),
        "because": row.note,
    }


def _sign_up(row: SignUpRequest) -> dict[str, str]:
    return {
        "address_as_typed": row.typed_address,
        "at": _text(row.asked_at),
        "wording_version": row.wording_version,
        "language": row.language,
        "where": row.form,
        "network_address": row.network_address or "",
    }


def _change(row: AddressChange) -> dict[str, str]:
    return {
        "to": row.typed_address,
        "from": row.former_address,
        "asked_at": _text(row.asked_at),
        "network_address": row.network_address or "",
        "confirmed_at": _text(row.confirmed_at),
        "undone_at": _text(row.undone_at),
    }


def _subscription(row: Subscription, dates: evidence.Dates) -> dict[str, Any]:
    return {
        "newsletter": row.newsletter.name,
        "state": row.state,
        "cadence": row.cadence,
        "basis": row.basis,
        "source": row.source,
        "requested_at": _text(dates.requested_at),
        "confirmed_at": _text(dates.confirmed_at),
        "imported_at": _text(dates.imported_at),
        "unsubscribed_at": _text(row.unsubscribed_at),
        "paused_until": _text(row.paused_until),
    }


def _consent(event: ConsentEvent) -> dict[str, Any]:
    # What staff wrote of an import are not the words that she saw.
    is_imported = event.kind == ConsentKind.IMPORTED
    return {
        "what": event.kind,
        "newsletter": event.newsletter.name if event.newsletter else "",
        "at": _text(event.at),
        "wording": "" if is_imported else event.wording,
        "basis": event.wording if is_imported else "",
        "wording_version": event.wording_version,
        "language": event.language,
        "where": event.form,
        "network_address": event.network_address or "",
        "by": event.actor,
        "facts": event.facts,
    }


def _text(time: datetime | None) -> str:
    return time.isoformat() if time else ""


def erase_reader(reader: Subscriber, *, actor: str, at: datetime) -> None:
    """Forget a reader's address everywhere, and each that she had; what remains are keyed hashes, so that nobody writes again.

    Her rows stay without it: the ledger keeps its arithmetic, and links in old mails still answer. Safe to repeat.
    Waits while a part of a file that names her is being taken in. actor: empty if it is her own act.
    """
    with transaction.atomic():
        forgetting.forget(_addresses_of(reader))
        row = Subscriber.objects.select_for_update().get(pk=reader.pk)
        if not row.address:
            return
        known = address_hash(row.address)
        row.subscriptions.filter(state__in=OPEN).update(
            state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=at, paused_until=None
        )
        ConsentEvent.objects.create(
            subscriber=row, kind=ConsentKind.ERASED, address=known, language=row.language, actor=actor, at=at
        )
        forget_for_good(row, at=at)
    reader.refresh_from_db()


def _addresses_of(reader: Subscriber) -> set[str]:
    """Each address that she has or had, in normal form."""
    events = ConsentEvent.objects.filter(subscriber=reader).order_by("address")
    known = {*events.values_list("address", flat=True).distinct(), reader.address or ""}
    return {address for address in known if "@" in address}


def forget_unconfirmed(*, at: datetime, limit: int = 1_000) -> int:
    """Let requests lapse that nobody confirmed within 30 days, and forget who never confirmed anything.

    Also whose request ended earlier: cancelled, or stopped because its own letter came back or was taken for spam.
    What stays are the hashes that limits are counted by; no suppression, because she may ask again, and no record:
    there is nothing that it could prove. Gives the number of readers forgotten. Safe to repeat; at most `limit` at once.
    """
    Subscription.objects.pending().filter(requested_at__lte=at - UNCONFIRMED_FOR).update(
        state=SubscriptionState.LAPSED
    )
    known_for_more = Subscription.objects.filter(
        Q(confirmed_at__isnull=False) | Q(state__in=OPEN) | Q(requested_at__gt=at - UNCONFIRMED_FOR)
    )
    never = Subscriber.objects.filter(
        address__isnull=False,
        subscriptions__state__in=[SubscriptionState.LAPSED, SubscriptionState.UNSUBSCRIBED],
        subscriptions__confirmed_at=None,
        created_at__lte=at - UNCONFIRMED_FOR,
    ).exclude(Exists(known_for_more.filter(subscriber=OuterRef("pk"))))
    numbers = list(never.distinct().values_list("pk", flat=True)[:limit])
    for number in numbers:
        with transaction.atomic():
            row = Subscriber.objects.select_for_update().get(pk=number)
            if not known_for_more.filter(
                subscriber=row
            ).exists():  # looked again: she may just have come back
                forget_address(row, at=at)
                ConsentEvent.objects.filter(subscriber=row).delete()
    return len(numbers)


def forget_ended(*, at: datetime, limit: int = 1_000) -> int:
    """Forget readers, proof and all, of whom no sender keeps it any longer; gives how many. Safe to repeat, and to kill.

    Kept for so many years after the year in which it ended, as §§ 195 and 199 BGB count, is each subscription; a sender
    who names no years keeps it. What stays is the row, without anybody, that old links lead to, and the hash that stops
    mail. At most `limit` at once. Queries: 2, and some 15 per reader.
    """
    over = _proof_over(at)
    if not over:
        return 0
    held = Subscription.objects.exclude(over)
    with_traces = Q(address__isnull=False) | Exists(ConsentEvent.objects.filter(subscriber=OuterRef("pk")))
    ended = Exists(Subscription.objects.filter(over, subscriber=OuterRef("pk")))
    due = Subscriber.objects.filter(with_traces, ended).exclude(
        Exists(held.filter(subscriber=OuterRef("pk")))
    )
    numbers = list(due.order_by("pk").values_list("pk", flat=True)[:limit])
    for number in numbers:
        with transaction.atomic():
            row = Subscriber.objects.select_for_update().get(pk=number)
            if held.filter(subscriber=row).exists():  # looked again: she may just have come back
                continue
            if row.address:
                forget_for_good(row, note=_NO_LONGER_KEPT, at=at)
            ConsentEvent.objects.filter(subscriber=row).delete()
    return len(numbers)


def _proof_over(at: datetime) -> Q:
    """Which subscriptions ended so long ago that their sender keeps no proof of them; empty where none may go."""
    here = timezone.localtime(at)
    over = Q()
    senders = Sender.objects.filter(proof_kept_years__isnull=False)
    for sender, years in senders.values_list("pk", "proof_kept_years"):
        assert years is not None
        since = here.replace(
            year=here.year - years, month=1, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        before = Q(requested_at__lt=since) & (Q(unsubscribed_at__lt=since) | Q(unsubscribed_at=None))
        over |= Q(newsletter__sender=sender) & before
    closed = [SubscriptionState.UNSUBSCRIBED, SubscriptionState.LAPSED]
    return over & Q(state__in=closed) if over else over


def forget_for_good(row: Subscriber, *, note: str = "", at: datetime) -> None:
    """`forget_address`, and no old list may bring any address back that she had: only who reads there can.

    What another reader has by now is hers, and goes on. note: why, for whose address it is.
    """
    known = moves.hashes_of(row)
    forget_address(row, at=at)
    others = set(Subscriber.objects.filter(address_hash__in=known).values_list("address_hash", flat=True))
    suppression.suppress_all(
        [
            Stop(address_hash=each, reason=SuppressionReason.ERASED, note=note)
            for each in sorted(known - others)
        ],
        at=at,
    )


def forget_address(row: Subscriber, *, at: datetime) -> None:
    """Take a locked reader's address out of every table; links that wait for her are closed."""
    if not row.address:
        return
    known = address_hash(row.address)
    SignUpRequest.objects.filter(address_hash=known).delete()
    Confirmation.objects.filter(subscriber=row, used_at=None).update(used_at=at)
    # Also those to an address that she had before, or wished to have; they may name either.
    letters = Letter.objects.about(row.pk, address_hash=known)
    letters.filter(state__in=[LetterState.WAITING, LetterState.CALLING]).update(state=LetterState.CANCELLED)
    letters.update(address="", subject="", text="", html="", last_error="", envelope={})
    _forget_moves(row, known)
    _hash_addresses(row)
    row.address, row.typed_address, row.erased_at = None, "", at
    row.save(update_fields=["address", "address_hash", "typed_address", "erased_at"])


def _forget_moves(row: Subscriber, known: str) -> None:
    """Her changes of address go with her, and others' wishes to have hers: their links die."""
    AddressChange.objects.filter(subscriber=row).update(
        typed_address="", former_address="", network_address=None, token_hash=None, undo_hash=None
    )
    AddressChange.objects.filter(address_hash=known).update(typed_address="", token_hash=None)
    AddressChange.objects.filter(former_hash=known).update(former_address="", undo_hash=None)


def _hash_addresses(row: Subscriber) -> None:
    """The record keeps each address she had as its keyed hash, and nothing else of it changes."""
    events = ConsentEvent.objects.filter(subscriber=row)
    for address in set(events.values_list("address", flat=True)):
        if "@" in address:
            events.filter(address=address).update(address=address_hash(address))
