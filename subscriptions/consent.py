"""What readers agree to and take back: asking, confirming, leaving, coming back, pausing, changing settings.

Each act writes its consent event in the same transaction; no other code changes a subscription's state (suppression
and import write their own events). A request answers the same for every address, so that nobody learns who reads us.
"""

import logging
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from newsroom.mail.addresses import Address, address_hash, counting_hash, normalise
from newsroom.web import throttles
from newsroom.web.proxies import network_of
from newsroom.web.tokens import hash_secret, secret_token
from subscriptions import correspondence
from subscriptions.errors import LinkExpired, LinkUnknown, NothingToPause, UndoExpired
from subscriptions.models import (
    Confirmation,
    ConsentEvent,
    Newsletter,
    Subscriber,
    Subscription,
    Suppression,
)
from subscriptions.states import ConsentKind, LegalBasis, NewsletterState, SubscriptionState
from subscriptions.suppression import LIFTED_BY_CONFIRMING, unliftable
from subscriptions.wording import PICKS, SETTINGS, wording

logger = logging.getLogger(__name__)

CONFIRM_WITHIN = timedelta(days=7)
UNDO_WITHIN = timedelta(hours=24)

# Confirmations per address, counted in the database: a flushed cache must not reopen list-bombing.
RESEND_AFTER = timedelta(seconds=60)
PER_DAY = 3
PER_MONTH = 5

# Requests per hour. A household, an office, a school behind one address stays below the first.
PER_NETWORK = 40
PER_DOMAIN = 400
PER_SITE = 2_000
_HOUR = 60 * 60

LONGEST_PAUSE = timedelta(weeks=26)


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What a confirmation link led to. was_already: an earlier visit had done it."""

    subscriber: Subscriber
    subscriptions: Sequence[Subscription]
    was_already: bool

    @property
    def newsletters(self) -> list[Newsletter]:
        return [subscription.newsletter for subscription in self.subscriptions]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting before and after. newsletter is None for what concerns the reader as a whole."""

    newsletter: Newsletter | None
    what: str
    before: str
    after: str


# --- Asking ---------------------------------------------------------------------------------------------------


def request_subscription(
    *,
    typed_address: str,
    newsletters: Iterable[Newsletter],
    language: str,
    form: str,
    network_address: str,
    at: datetime,
    wording_version: str = PICKS,
) -> None:
    """Take a request down and send one letter that asks to confirm it, naming all newsletters.

    The caller learns nothing about the address: new, waiting, reading, suppressed and over the limit end alike.
    Who reads all of them already gets a letter that says so. Raises BadAddress for what is no address.
    """
    address = normalise(typed_address)
    wanted = [each for each in newsletters if each.state == NewsletterState.ACTIVE]
    if not wanted or not _within_throttles(address, network_address):
        return
    with transaction.atomic():
        _one_at_a_time(counting_hash(address.normal))
        wanted = _not_suppressed(address, wanted)
        if not wanted:
            return
        reader = Subscriber.objects.filter(address=address.normal).first()
        rows = {row.newsletter_id: row for row in reader.subscriptions.all()} if reader else {}
        is_reading = {pk for pk, row in rows.items() if row.state == SubscriptionState.ACTIVE}
        asked = [each for each in wanted if each.pk not in is_reading]
        if not asked:
            assert reader is not None
            correspondence.say_already_subscribed(reader, [rows[each.pk] for each in wanted], wanted, at=at)
            return
        if not may_confirm_again(address.normal, at=at):
            return
        if reader is None:
            reader = _new_reader(typed_address, address, language=language, at=at)
        pending = _enrol(reader, asked, rows, form=form, at=at)
        letter_id = _ask_to_confirm(reader, pending, address, language=language, at=at)
        ConsentEvent.objects.bulk_create(
            _event(
                reader,
                row.newsletter,
                ConsentKind.REQUESTED,
                at=at,
                form=form,
                language=language,
                network_address=network_address,
                wording_version=wording_version,
                facts={"letter": letter_id},
            )
            for row in pending
        )


def _within_throttles(address: Address, network_address: str) -> bool:
    """Count the request against its network, its domain and the whole site; beyond them nothing is written."""
    counted = (
        ("sign-up network", network_of(network_address), PER_NETWORK),
        ("sign-up domain", address.normal.rpartition("@")[2], PER_DOMAIN),
        ("sign-up site", settings.SITE_URL, PER_SITE),
    )
    for scope, key, limit in counted:
        if not throttles.allow(scope, key, limit=limit, seconds=_HOUR):
            logger.warning("A sign-up was not taken: over the limit.", extra={"scope": scope})
            return False
    return True


def _one_at_a_time(counting: str) -> None:
    """Requests for one mailbox wait for each other. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(counting[:15], 16)])


def _not_suppressed(address: Address, wanted: list[Newsletter]) -> list[Newsletter]:
    """Those of the newsletters we may write about; none at all if the address is stopped for all mail."""
    stopped = unliftable(address_hash(address.normal))
    return [] if None in stopped else [each for each in wanted if each.pk not in stopped]


def may_confirm_again(normal_address: str, *, at: datetime) -> bool:
    """Whether this mailbox may get another confirmation now: 60 s apart, 3 in 24 hours, 5 in 30 days. One query."""
    month = at - timedelta(days=30)
    recent = Confirmation.objects.filter(counting_hash=counting_hash(normal_address), created_at__gt=month)
    times = list(recent.values_list("created_at", flat=True))
    today = [time for time in times if time > at - timedelta(days=1)]
    is_too_soon = any(time > at - RESEND_AFTER for time in today)
    return not is_too_soon and len(today) < PER_DAY and len(times) < PER_MONTH


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
    form: str,
    at: datetime,
) -> list[Subscription]:
    """The pending subscriptions of a request, new ones made and former ones opened again. At most 2 queries."""
    again = [rows[each.pk] for each in asked if each.pk in rows]
    if again:
        Subscription.objects.filter(pk__in=[row.pk for row in again]).exclude(
            state=SubscriptionState.ACTIVE
        ).update(state=SubscriptionState.PENDING, requested_at=at, source=form)
    new = [
        Subscription(newsletter=each, subscriber=reader, source=form, requested_at=at)
        for each in asked
        if each.pk not in rows
    ]
    Subscription.objects.bulk_create(new)
    found = {row.newsletter_id: row for row in [*again, *new]}
    pending = []
    for each in asked:
        row = found[each.pk]
        row.newsletter, row.subscriber = each, reader
        pending.append(row)
    return pending


def _ask_to_confirm(
    reader: Subscriber, pending: list[Subscription], address: Address, *, language: str, at: datetime
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
        confirmation, pending, secret=secret, address=address.sendable, language=language, at=at
    )


# --- Confirming -----------------------------------------------------------------------------------------------


def find_confirmation(token: str, *, at: datetime) -> Confirmation:
    """The confirmation of a link, changing nothing. Raises LinkUnknown; LinkExpired if it was never used in time."""
    confirmation = (
        Confirmation.objects.select_related("subscriber").filter(token_hash=hash_secret(token)).first()
    )
    if confirmation is None or not confirmation.subscriber.address:
        raise LinkUnknown("no such confirmation")
    if confirmation.used_at is None and confirmation.expires_at <= at:
        raise LinkExpired("the confirmation is too old")
    return confirmation


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
        rows = asked_for(confirmation)
        due = [row for row in rows if _is_asked_for(row, confirmation)]
        is_first = Confirmation.objects.filter(pk=confirmation.pk, used_at=None).update(used_at=at)
        if not is_first or not due:
            return Confirmed(subscriber=reader, subscriptions=rows, was_already=True)
        never_welcomed = [row for row in due if row.confirmed_at is None]
        _activate(reader, due, confirmation, network_address=network_address, at=at)
        if never_welcomed:
            correspondence.welcome(reader, never_welcomed, confirmation=confirmation, at=at)
    return Confirmed(subscriber=reader, subscriptions=rows, was_already=False)


def _is_asked_for(row: Subscription, confirmation: Confirmation) -> bool:
    """A link confirms what waits for it, never what was confirmed or left after it was sent."""
    if row.state != SubscriptionState.PENDING:
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
    )
    ConsentEvent.objects.bulk_create(
        _event(
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
    Suppression.objects.filter(
        scope, address_hash=address_hash(reader.address), reason__in=LIFTED_BY_CONFIRMING
    ).delete()
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


def ask_again(token: str, *, network_address: str, at: datetime) -> tuple[Subscriber, list[Subscription]]:
    """A fresh letter for an expired link, under the same limits; says to whom and for what. Raises LinkUnknown."""
    confirmation = (
        Confirmation.objects.select_related("subscriber").filter(token_hash=hash_secret(token)).first()
    )
    if confirmation is None or not confirmation.subscriber.address:
        raise LinkUnknown("no such confirmation")
    reader = confirmation.subscriber
    rows = asked_for(confirmation)
    request_subscription(
        typed_address=reader.sendable,
        newsletters=[row.newsletter for row in rows],
        language=reader.language,
        form=rows[0].source if rows else "",
        network_address=network_address,
        at=at,
    )
    return reader, rows


# --- Leaving and coming back ----------------------------------------------------------------------------------


def unsubscribe(
    subscription: Subscription,
    *,
    how: str,
    network_address: str | None,
    at: datetime,
    actor: str = "",
    because: str = "",
) -> bool:
    """End a subscription, or cancel a request that waits. True if this call did it; repeating is harmless.

    how: where it happened, such as "one-click" or "/preferences/". Queries: 2 in one transaction.
    """
    open_states = [SubscriptionState.ACTIVE, SubscriptionState.PENDING]
    before = {
        "state": subscription.state,
        "cadence": subscription.cadence,
        "paused_until": subscription.paused_until.isoformat() if subscription.paused_until else None,
        "confirmed_at": subscription.confirmed_at.isoformat() if subscription.confirmed_at else None,
    }
    with transaction.atomic():
        has_changed = Subscription.objects.filter(pk=subscription.pk, state__in=open_states).update(
            state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=at, paused_until=None
        )
        if has_changed:
            facts: dict[str, object] = {"before": before}
            if because:
                facts["because"] = because
            _event(
                subscription.subscriber,
                subscription.newsletter,
                ConsentKind.UNSUBSCRIBED,
                at=at,
                form=how,
                language=subscription.subscriber.language,
                network_address=network_address,
                actor=actor,
                facts=facts,
            ).save(force_insert=True)
            subscription.state = SubscriptionState.UNSUBSCRIBED
            subscription.unsubscribed_at, subscription.paused_until = at, None
    return bool(has_changed)


def can_restore(subscription: Subscription, *, at: datetime) -> bool:
    """Whether leaving can still be undone: within a day. No query."""
    left_at = subscription.unsubscribed_at
    return (
        subscription.state == SubscriptionState.UNSUBSCRIBED
        and left_at is not None
        and at - left_at < UNDO_WITHIN
        and subscription.confirmed_at is not None
        and bool(subscription.subscriber.address)
    )


def restore(subscription: Subscription, *, network_address: str | None, at: datetime) -> bool:
    """Undo leaving: the former settings exactly as they were. True if this call did it.

    Raises UndoExpired after a day, and where not the reader but a bounce, a complaint or an erasure ended it.
    """
    with transaction.atomic():
        row = (
            Subscription.objects.select_for_update(of=("self",))
            .select_related("subscriber", "newsletter")
            .get(pk=subscription.pk)
        )
        if row.state == SubscriptionState.ACTIVE:
            return False
        ended = (
            ConsentEvent.objects.filter(subscriber=row.subscriber_id, newsletter=row.newsletter_id)
            .exclude(kind=ConsentKind.CHANGED)
            .last()
        )
        is_reader_s_own = ended is not None and ended.kind == ConsentKind.UNSUBSCRIBED and not ended.actor
        if ended is None or not is_reader_s_own or not can_restore(row, at=at):
            raise UndoExpired(row.pk)
        before = ended.facts["before"]
        if before["state"] != SubscriptionState.ACTIVE:
            raise UndoExpired(row.pk)
        row.state = SubscriptionState.ACTIVE
        row.cadence = before["cadence"]
        row.paused_until = _time(before["paused_until"])
        row.confirmed_at = _time(before["confirmed_at"])
        row.unsubscribed_at = None
        row.save(update_fields=["state", "cadence", "paused_until", "confirmed_at", "unsubscribed_at"])
        _event(
            row.subscriber,
            row.newsletter,
            ConsentKind.RESTORED,
            at=at,
            form="/u/",
            language=row.subscriber.language,
            network_address=network_address,
            facts={"undoes": ended.pk},
        ).save(force_insert=True)
    return True


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# --- Settings -------------------------------------------------------------------------------------------------


def pause(
    subscription: Subscription, *, until: datetime | None, network_address: str | None, at: datetime
) -> Change:
    """Hold an active subscription until a time, or let it go on at once with None. Resumes by itself.

    Raises NothingToPause if it is not active, ValueError for a time that is past or more than half a year away.
    """
    if until is not None and not at < until <= at + LONGEST_PAUSE:
        raise ValueError("A pause ends after now and within 26 weeks.")
    with transaction.atomic():
        row = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
        if row.state != SubscriptionState.ACTIVE:
            raise NothingToPause(row.pk)
        before = row.paused_until if row.paused_until and row.paused_until > at else None
        change = Change(
            newsletter=subscription.newsletter,
            what="paused_until",
            before=before.isoformat() if before else "",
            after=until.isoformat() if until else "",
        )
        if before == until:
            return change
        Subscription.objects.filter(pk=row.pk).update(paused_until=until)
        _changed(subscription.subscriber, [change], network_address=network_address, at=at)
    subscription.paused_until = until
    return change


def change_settings(
    reader: Subscriber,
    *,
    newsletters: Iterable[Newsletter],
    wanted: Collection[int],
    pauses: Mapping[int, datetime | None],
    language: str,
    network_address: str,
    at: datetime,
) -> list[Change]:
    """Bring a reader's settings to what her form says; only what differs is touched.

    newsletters: those the form offered. wanted: ids of the ones switched on. pauses: by newsletter id, a time or None
    to go on. Switching on what was left within a day restores it; else a letter asks to confirm, as for anybody.
    """
    changes: list[Change] = []
    with transaction.atomic():
        rows = {row.newsletter_id: row for row in reader.subscriptions.select_related("newsletter__sender")}
        asked: list[Newsletter] = []
        for newsletter in newsletters:
            row = rows.get(newsletter.pk)
            is_on = row is not None and row.state == SubscriptionState.ACTIVE
            if newsletter.pk in wanted and not is_on:
                if row is not None and _is_restored(row, network_address=network_address, at=at):
                    changes.append(_switch(newsletter, before="off", after="on"))
                else:
                    asked.append(newsletter)
                    changes.append(_switch(newsletter, before="off", after="asked"))
            elif newsletter.pk not in wanted and is_on and row is not None:
                unsubscribe(row, how="/preferences/", network_address=network_address, at=at)
                changes.append(_switch(newsletter, before="on", after="off"))
            elif row is not None and is_on and newsletter.pk in pauses:
                change = pause(row, until=pauses[newsletter.pk], network_address=network_address, at=at)
                if change.before != change.after:
                    changes.append(change)
        if language != reader.language:
            change = Change(newsletter=None, what="language", before=reader.language, after=language)
            Subscriber.objects.filter(pk=reader.pk).update(language=language)
            reader.language = language
            _changed(reader, [change], network_address=network_address, at=at)
            changes.append(change)
        if asked:
            request_subscription(
                typed_address=reader.sendable,
                newsletters=asked,
                language=language,
                form="/preferences/",
                network_address=network_address,
                at=at,
                wording_version=SETTINGS,
            )
    return changes


def _is_restored(row: Subscription, *, network_address: str, at: datetime) -> bool:
    if not can_restore(row, at=at):
        return False
    try:
        return restore(row, network_address=network_address, at=at)
    except UndoExpired:
        return False


def _switch(newsletter: Newsletter, *, before: str, after: str) -> Change:
    return Change(newsletter=newsletter, what="state", before=before, after=after)


def _changed(
    reader: Subscriber, changes: Iterable[Change], *, network_address: str | None, at: datetime
) -> None:
    for change in changes:
        _event(
            reader,
            change.newsletter,
            ConsentKind.CHANGED,
            at=at,
            form="/preferences/",
            language=reader.language,
            network_address=network_address,
            facts={"what": change.what, "before": change.before, "after": change.after},
        ).save(force_insert=True)


def _event(
    reader: Subscriber,
    newsletter: Newsletter | None,
    kind: ConsentKind,
    *,
    at: datetime,
    form: str,
    language: str,
    network_address: str | None,
    actor: str = "",
    wording_version: str = "",
    facts: dict[str, object] | None = None,
) -> ConsentEvent:
    """One line of the record; wording is kept where something was agreed, as it was shown."""
    shown = (
        wording(wording_version, language, name=newsletter.name if newsletter else "")
        if wording_version
        else None
    )
    return ConsentEvent(
        subscriber=reader,
        newsletter=newsletter,
        kind=kind,
        address=reader.address or "",
        wording=shown.text if shown else "",
        wording_version=shown.version if shown else "",
        language=language,
        form=form,
        network_address=network_address or None,
        actor=actor,
        facts=facts or {},
        at=at,
    )
