"""Asking for newsletters: taken down, limited, answered alike for every address, and confirmed by letter."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from newsroom.mail.addresses import Address, address_hash, counting_hash, normalise
from newsroom.web.tokens import hash_secret, secret_token
from subscriptions import correspondence
from subscriptions.consent import attack
from subscriptions.consent.limits import let_in, may_confirm_again, one_at_a_time
from subscriptions.consent.record import event
from subscriptions.models import Confirmation, ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import Cadence, ConsentKind, NewsletterState, SubscriptionState
from subscriptions.suppression import unliftable
from subscriptions.wording import PICKS

CONFIRM_WITHIN = timedelta(days=7)


def request_subscription(
    *,
    typed_address: str,
    newsletters: Iterable[Newsletter],
    language: str,
    form: str,
    network_address: str,
    at: datetime,
    wording_version: str = PICKS,
    weekly: Collection[int] | None = None,
) -> None:
    """Take a request down and send one letter that asks to confirm it, naming all newsletters.

    The caller learns nothing about the address: new, waiting, reading, suppressed and over the limit end alike.
    Who reads all of them already gets a letter that says so. weekly: of which newsletters, by id, only the best-of is
    wanted; without it what came before stays as it was. Raises BadAddress for what is no address.
    """
    address = normalise(typed_address)
    wanted = [each for each in newsletters if each.state == NewsletterState.ACTIVE]
    if not wanted:
        return
    passage = let_in(address, network_address, at=at)
    if not passage.is_open:
        return
    with transaction.atomic():
        one_at_a_time(counting_hash(address.normal))
        leaves_at = attack.next_turn(at) if passage.attack_since else at
        if leaves_at is None:
            return
        wanted = _not_suppressed(address, wanted)
        if not wanted:
            return
        reader = Subscriber.objects.filter(address=address.normal).first()
        rows = {row.newsletter_id: row for row in reader.subscriptions.all()} if reader else {}
        is_reading = {pk for pk, row in rows.items() if row.state == SubscriptionState.ACTIVE}
        asked = [each for each in wanted if each.pk not in is_reading]
        if not asked:
            assert reader is not None
            for each in wanted:
                rows[each.pk].newsletter = each
            correspondence.say_already_subscribed(
                reader, [rows[each.pk] for each in wanted], leaves_at=leaves_at, at=at
            )
            return
        if not may_confirm_again(address.normal, at=at, attack_since=passage.attack_since):
            return
        if reader is None:
            reader = _new_reader(typed_address, address, language=language, at=at)
        pending = _enrol(reader, asked, rows, weekly=weekly, form=form, at=at)
        letter_id = ask_to_confirm(reader, pending, address, language=language, leaves_at=leaves_at, at=at)
        ConsentEvent.objects.bulk_create(
            event(
                reader,
                row.newsletter,
                ConsentKind.REQUESTED,
                at=at,
                form=form,
                language=language,
                network_address=network_address,
                wording_version=wording_version,
                facts={
                    "letter": letter_id,
                    **({} if row.cadence == Cadence.EACH else {"cadence": row.cadence}),
                },
            )
            for row in pending
        )


def _not_suppressed(address: Address, wanted: list[Newsletter]) -> list[Newsletter]:
    """Those of the newsletters we may write about; none at all if the address is stopped for all mail."""
    stopped = unliftable(address_hash(address.normal))
    return [] if None in stopped else [each for each in wanted if each.pk not in stopped]


def _new_reader(typed: str, address: Address, *, language: str, at: datetime) -> Subscriber:
    reader, _is_new = Subscriber.objects.get_or_create(
        address=address.normal,
        defaults={
            "typed_address": unicodedata.normalize("NFC", typed.strip()),
            "language": language,
            "created_at": at,
        },
    )
    return reader


def _enrol(
    reader: Subscriber,
    asked: list[Newsletter],
    rows: Mapping[int, Subscription],
    *,
    weekly: Collection[int] | None,
    form: str,
    at: datetime,
) -> list[Subscription]:
    """The pending subscriptions of a request, new ones made and former ones opened again. At most 3 queries."""
    again = [rows[each.pk] for each in asked if each.pk in rows]
    wanted = {each.pk: _cadence(each, weekly) for each in asked}
    if again:
        closed = Subscription.objects.filter(pk__in=[row.pk for row in again]).exclude(
            state=SubscriptionState.ACTIVE
        )
        closed.update(state=SubscriptionState.PENDING, requested_at=at, source=form)
    if weekly is not None:
        for row in again:
            if row.cadence != wanted[row.newsletter_id]:
                row.cadence = wanted[row.newsletter_id]
                closed.filter(pk=row.pk).update(cadence=row.cadence)
    new = [
        Subscription(
            newsletter=each,
            subscriber=reader,
            cadence=wanted[each.pk],
            source=form,
            requested_at=at,
        )
        for each in asked
        if each.pk not in rows
    ]
    found = {row.newsletter_id: row for row in [*again, *_made(new)]}
    pending = []
    for each in asked:
        row = found[each.pk]
        row.newsletter, row.subscriber = each, reader
        pending.append(row)
    return pending


def _made(new: list[Subscription]) -> list[Subscription]:
    """Make these rows of one reader; what an import makes at this very moment is taken as it is. Queries: 2."""
    if not new:
        return []
    Subscription.objects.bulk_create(new, ignore_conflicts=True)
    newsletters = [row.newsletter_id for row in new]
    return list(Subscription.objects.filter(subscriber=new[0].subscriber_id, newsletter__in=newsletters))


def _cadence(newsletter: Newsletter, weekly: Collection[int] | None) -> Cadence:
    """How often this newsletter is wanted; a best-of that is none cannot be."""
    is_weekly = newsletter.has_weekly and weekly is not None and newsletter.pk in weekly
    return Cadence.WEEKLY if is_weekly else Cadence.EACH


def ask_to_confirm(
    reader: Subscriber,
    pending: list[Subscription],
    address: Address,
    *,
    language: str,
    leaves_at: datetime,
    at: datetime,
) -> int:
    """Make the secret, keep its hash, and write the letter that carries it."""
    secret = secret_token()
    confirmation = Confirmation.objects.create(
        token_hash=hash_secret(secret),
        counting_hash=counting_hash(address.normal),
        subscriber=reader,
        created_at=at,
        expires_at=at + CONFIRM_WITHIN,
    )
    picks = Confirmation.subscriptions.through
    picks.objects.bulk_create(picks(confirmation=confirmation, subscription=row) for row in pending)
    return correspondence.ask_to_confirm(
        confirmation,
        pending,
        secret=secret,
        address=address.sendable,
        language=language,
        leaves_at=leaves_at,
        at=at,
    )
