"""A new address: asked for in the settings, confirmed in the new mailbox, told to the former one and undone from there.

The web writes the wish down whatever address it names; a worker decides whether a letter goes, so that no answer, and no
answer's time, tells who reads us.
"""

import logging
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from newsroom.mail.addresses import Address, address_hash, admit, counting_hash, normalise
from newsroom.web.tokens import hash_secret, secret_token
from subscriptions import correspondence, queue, suppression
from subscriptions.consent import uniting
from subscriptions.consent.limits import PER_DAY, PER_MONTH, RESEND_AFTER, may_confirm_again, one_at_a_time
from subscriptions.consent.record import event
from subscriptions.correspondence import UNDO_ADDRESS_WITHIN
from subscriptions.errors import LinkExpired, LinkUnknown, SameAddress
from subscriptions.models import AddressChange, ConsentEvent, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind, SuppressionReason
from subscriptions.wording import ADDRESS

logger = logging.getLogger(__name__)

CONFIRM_ADDRESS_WITHIN = timedelta(hours=24)
# Whose settings are open cannot make us write to the whole town.
WISHES_PER_DAY = 5


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What a link of a change led to. subscriptions: those that come to `reader` now. was_already: done before."""

    reader: Subscriber
    subscriptions: Sequence[Subscription]
    was_already: bool


def ask_for_new_address(
    reader: Subscriber, *, typed_address: str, network_address: str, at: datetime
) -> None:
    """Take the wish down; whether a letter goes to that address, a worker decides.

    Raises BadAddress for what is no address, SameAddress for the one we write to. Queries: 6, for every address; beyond
    five wishes a day, 1.
    """
    address = admit(typed_address)
    if address.normal == reader.address:
        raise SameAddress
    recent = AddressChange.objects.filter(subscriber=reader, asked_at__gt=at - timedelta(days=1))
    if recent.count() >= WISHES_PER_DAY:
        return
    with transaction.atomic():
        change = AddressChange.objects.create(
            subscriber=reader,
            typed_address=unicodedata.normalize("NFC", typed_address.strip()),
            address_hash=address_hash(address.normal),
            counting_hash=counting_hash(address.normal),
            network_address=network_address or None,
            asked_at=at,
            expires_at=at + CONFIRM_ADDRESS_WITHIN,
        )
        _record(reader, change, "asked", form="/preferences/", network_address=network_address, at=at)
        queue.wake_send_links()


def decide_new_addresses(*, at: datetime, limit: int = 100) -> int:
    """Write the letters to new addresses that wait; returns how many wishes were decided.

    Safe with many workers: an update wins a wish, and its letter commits with it. Queries: at most 13 each.
    """
    decided = 0
    for change in AddressChange.objects.filter(decided_at=None).select_related("subscriber")[:limit]:
        try:
            decided += _decide(change, at=at)
        except Exception:  # one letter that cannot be written holds up nobody else's
            logger.exception("A change of address waits.", extra={"change": change.pk})
    return decided


def _decide(change: AddressChange, *, at: datetime) -> int:
    with transaction.atomic():
        one_at_a_time(change.counting_hash)
        taken = AddressChange.objects.filter(pk=change.pk, decided_at=None).update(decided_at=at)
        if not taken:
            return 0
        if not change.subscriber.address or not _may_write(change, at=at):
            AddressChange.objects.filter(pk=change.pk).update(typed_address="")
            return 1
        secret = secret_token()
        change.token_hash, change.expires_at = hash_secret(secret), at + CONFIRM_ADDRESS_WITHIN
        change.save(update_fields=["token_hash", "expires_at"])
        correspondence.ask_to_confirm_address(
            change, moving(change.subscriber), secret=secret, address=_address(change).sendable, at=at
        )
    return 1


def _may_write(change: AddressChange, *, at: datetime) -> bool:
    """Not to who wants no mail, or no questions, from us, and to nobody more often than a sign-up would. Three queries."""
    if None in suppression.unaskable(change.address_hash):
        return False
    written = AddressChange.objects.filter(
        counting_hash=change.counting_hash, token_hash__isnull=False, asked_at__gt=at - timedelta(days=30)
    ).exclude(pk=change.pk)
    times = [time for time in written.values_list("decided_at", flat=True) if time]
    today = [time for time in times if time > at - timedelta(days=1)]
    is_too_soon = any(time > at - RESEND_AFTER for time in today)
    is_within = not is_too_soon and len(today) < PER_DAY and len(times) < PER_MONTH
    return is_within and may_confirm_again(_address(change).normal, at=at)


def _address(change: AddressChange) -> Address:
    return normalise(change.typed_address)


def moving(reader: Subscriber) -> list[Subscription]:
    """What comes to a reader and would move with her, in the catalogue's order. One query."""
    rows = Subscription.objects.active().filter(subscriber=reader).select_related("newsletter__sender")
    return list(rows.order_by("newsletter__position", "newsletter__name"))


def find_address_change(token: str, *, at: datetime) -> AddressChange:
    """The change that a link to a new address stands for, changing nothing.

    Raises LinkUnknown; LinkExpired if it was never used in time.
    """
    change = (
        AddressChange.objects.select_related("subscriber", "united_with")
        .filter(token_hash=hash_secret(token))
        .first()
    )
    if change is None or change.undone_at is not None or not change.typed_address:
        raise LinkUnknown("no such change of address")
    if not change.subscriber.address:
        raise LinkUnknown("the reader is gone")
    if change.confirmed_at is None and change.expires_at <= at:
        raise LinkExpired(change.subscriber.language)
    if change.confirmed_at is None and suppression.wants_no_questions(change.address_hash):
        raise LinkUnknown("this mailbox said no")
    now_reader = change.united_with or change.subscriber
    if change.confirmed_at is not None and now_reader.address_hash != change.address_hash:
        raise LinkUnknown("the reader has moved on")
    return change


def confirm_new_address(token: str, *, network_address: str | None, at: datetime) -> Moved:
    """Move a reader to the address whose mailbox holds this link, and tell the former one.

    If that address reads us already, the two become one: what she gets there stays as it is, what she brings is added
    by this very agreement. A second time changes nothing. Raises LinkUnknown, LinkExpired.
    """
    with transaction.atomic():
        change = find_address_change(token, at=at)
        one_at_a_time(change.counting_hash)
        address = _address(change)
        reader, other = _locked(change.subscriber_id, address.normal)
        if not reader.address or None in suppression.unliftable(change.address_hash):
            raise LinkUnknown("this address wants no mail")
        is_first = AddressChange.objects.filter(
            pk=change.pk, confirmed_at=None, undone_at=None, token_hash=change.token_hash
        ).update(confirmed_at=at)
        if not is_first:  # somebody was quicker: pressed it, took it back, or had that address erased
            return outcome(find_address_change(token, at=at))
        if address.normal == reader.address:
            return outcome(change)
        change.confirmed_at = at
        change.former_address, change.former_hash = (
            reader.typed_address or reader.address,
            reader.address_hash,
        )
        former = reader.sendable
        _lift(reader, change.address_hash)
        if other is None:
            _readdress(reader, change.typed_address, address.normal, at=at)
        else:
            change.united_with = other
            change.moved = uniting.unite(
                reader, other, change=change.pk, network_address=network_address, at=at
            )
        _record(reader, change, "confirmed", form="/address/", network_address=network_address, at=at)
        secret = secret_token()
        if None not in suppression.unliftable(change.former_hash):
            change.undo_hash = hash_secret(secret)
            correspondence.tell_former_address(change, reader, secret=secret, address=former, at=at)
        change.save()
        now_reader = other or reader
    return Moved(reader=now_reader, subscriptions=moving(now_reader), was_already=False)


def has_moved(reader: Subscriber) -> bool:
    """Whether a reader ever moved, there or back. One query."""
    return ConsentEvent.objects.filter(
        subscriber=reader,
        kind=ConsentKind.CHANGED,
        facts__what="address",
        facts__step__in=["confirmed", "undone"],
    ).exists()


def find_undo(token: str, *, at: datetime) -> AddressChange:
    """The change that a link in the former mailbox can undo, changing nothing. Raises LinkUnknown, LinkExpired."""
    change = (
        AddressChange.objects.select_related("subscriber", "united_with")
        .filter(undo_hash=hash_secret(token), confirmed_at__isnull=False)
        .first()
    )
    if change is None or not change.subscriber.address or change.confirmed_at is None:
        raise LinkUnknown("no such change of address")
    if change.undone_at is None and (
        at - change.confirmed_at >= UNDO_ADDRESS_WITHIN or not change.former_address
    ):
        raise LinkExpired(change.subscriber.language)
    return change


def undo_new_address(token: str, *, network_address: str | None, at: datetime) -> Moved:
    """Move a reader back to the address she had: the owner of that mailbox did not want the change.

    Nor what came of it: her later changes are undone with it, wishes that still wait are dropped, and who was united with
    her since is parted from her. So no link that another mailbox holds by then takes her away again. A second time
    changes nothing. Raises LinkUnknown, LinkExpired.
    """
    with transaction.atomic():
        change = find_undo(token, at=at)
        if change.undone_at is not None:
            return outcome(change)
        former = normalise(change.former_address)
        one_at_a_time(counting_hash(former.normal))
        reader, other = _locked(change.subscriber_id, former.normal, near=_near(change.subscriber_id))
        since = _since(change)
        unspent = AddressChange.objects.filter(pk=change.pk, undone_at=None, undo_hash=change.undo_hash)
        if not unspent.update(undone_at=at):
            raise LinkUnknown("undone by somebody else at this moment, or forgotten")
        _end_changes(reader, since, keep=change, network_address=network_address, at=at)
        if other is None and reader.address != former.normal:
            _readdress(reader, change.former_address, former.normal, at=at)
        for each in since:
            home = change.former_hash if each.subscriber_id == reader.pk else each.subscriber.address_hash
            uniting.part(each.moved, home=home, change=each.pk, network_address=network_address, at=at)
        AddressChange.objects.filter(pk__in=[each.pk for each in since]).update(moved=[])
        if other is not None:  # somebody has signed up there meanwhile: the same mailbox, so the same person
            moved = uniting.unite(reader, other, change=change.pk, network_address=network_address, at=at)
            AddressChange.objects.filter(pk=change.pk).update(united_with=other, moved=moved)
        home_reader = other or reader
    return Moved(reader=home_reader, subscriptions=moving(home_reader), was_already=False)


def _of_or_into(reader_id: int) -> QuerySet[AddressChange]:
    """Changes that moved this reader, or united another one with her."""
    return AddressChange.objects.filter(Q(subscriber=reader_id) | Q(united_with=reader_id))


def _near(reader_id: int) -> set[int]:
    """Everybody whose subscriptions may change when a move of this reader is undone. One query."""
    pairs = _of_or_into(reader_id).values_list("subscriber_id", "united_with_id")
    return {number for pair in pairs for number in pair if number}


def _since(change: AddressChange) -> list[AddressChange]:
    """What moved a change's reader, or came to her from another one, since it was confirmed; the newest first, itself last.

    In the order of the record, which is written under her lock: times are read before it, and may run crosswise. Two
    queries.
    """
    changes = {each.pk: each for each in _of_or_into(change.subscriber_id).select_related("subscriber")}
    steps = ConsentEvent.objects.filter(
        subscriber__in={each.subscriber_id for each in changes.values()},
        kind=ConsentKind.CHANGED,
        facts__what="address",
        facts__step__in=["confirmed", "undone"],
    )
    order = [facts["change"] for facts in steps.order_by("pk").values_list("facts", flat=True)]
    later = order[order.index(change.pk) :] if change.pk in order else [change.pk]
    return [changes[number] for number in dict.fromkeys(reversed(later)) if number in changes]


def _end_changes(
    reader: Subscriber,
    since: Sequence[AddressChange],
    *,
    keep: AddressChange,
    network_address: str | None,
    at: datetime,
) -> None:
    """Undo a reader's own changes and drop her wishes, so that their links lead nowhere; the one to keep shows its outcome.

    Others' keep their way back, to mailboxes of their own. A dropped wish counts on for the limits of its mailbox.
    """
    wishes = AddressChange.objects.filter(subscriber=reader, confirmed_at=None, undone_at=None)
    hers = [*wishes.exclude(typed_address=""), *(each for each in since if each.subscriber_id == reader.pk)]
    for each in hers:
        if each.undone_at is None:
            _record(reader, each, "undone", form="/address/", network_address=network_address, at=at)
    ended = AddressChange.objects.filter(pk__in=[each.pk for each in hers]).exclude(pk=keep.pk)
    ended.update(undone_at=Coalesce("undone_at", at), decided_at=Coalesce("decided_at", at), undo_hash=None)


def outcome(change: AddressChange) -> Moved:
    """Who has the subscriptions since a change was confirmed, or undone. At most two queries."""
    reader = change.united_with or change.subscriber
    if change.undone_at is not None:
        owner = Subscriber.objects.filter(address_hash=change.former_hash).first()
        reader = owner or change.subscriber
    return Moved(reader=reader, subscriptions=moving(reader), was_already=True)


def _locked(
    reader_id: int, normal: str, *, near: Collection[int] = ()
) -> tuple[Subscriber, Subscriber | None]:
    """The reader, and another one who has this address; locked in one order, so that nobody waits in a circle.

    near: who else is to be locked with them.
    """
    rows = Subscriber.objects.select_for_update().filter(Q(pk__in=[reader_id, *near]) | Q(address=normal))
    found = {row.pk: row for row in rows.order_by("pk")}
    reader = found.pop(reader_id)
    return reader, next((row for row in found.values() if row.address == normal), None)


def _readdress(reader: Subscriber, typed: str, normal: str, *, at: datetime) -> None:
    """Write the address, and end what was stopped for it: some newsletters may not go there."""
    reader.address, reader.typed_address = normal, typed
    reader.save(update_fields=["address", "typed_address", "address_hash"])
    stops = Suppression.objects.of_mail().filter(address_hash=reader.address_hash)
    for stop in stops.select_related("newsletter"):
        suppression.suppress(
            reader.address_hash,
            reason=SuppressionReason(stop.reason),
            newsletter=stop.newsletter,
            at=at,
        )


def _lift(reader: Subscriber, known: str) -> None:
    """What a confirmation lifts, this one lifts as well, for the newsletters that move."""
    scope = Q(newsletter__isnull=True) | Q(newsletter__in=[row.newsletter_id for row in moving(reader)])
    Suppression.objects.filter(
        scope, address_hash=known, reason__in=suppression.LIFTED_BY_CONFIRMING
    ).delete()


def _record(
    reader: Subscriber,
    change: AddressChange,
    step: str,
    *,
    form: str,
    network_address: str | None,
    at: datetime,
) -> None:
    """An event of a change. Addresses stand in it as hashes: the record outlives them."""
    event(
        reader,
        None,
        ConsentKind.CHANGED,
        at=at,
        form=form,
        language=reader.language,
        network_address=network_address,
        wording_version=ADDRESS if step == "confirmed" else "",
        facts={"what": "address", "step": step, "change": change.pk, "to": change.address_hash},
    ).save(force_insert=True)
