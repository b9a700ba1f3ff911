"""Asking for newsletters: limited, taken down, answered alike for every address, and confirmed by letter.

The web takes a sign-up down and a worker decides it: whether an address reads us must not show in how long the answer
takes, and nobody waits for a letter to be written.
"""

import json
import logging
import time
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction

from newsroom.mail import letters, recipient_domains
from newsroom.mail.addresses import Address, address_hash, admit, counting_hash, normalise
from newsroom.mail.states import LetterKind
from newsroom.web.tokens import hash_secret, secret_token
from subscriptions import correspondence, queue
from subscriptions.consent import attack
from subscriptions.consent.limits import (
    RESEND_AFTER,
    Entry,
    enter,
    has_turn,
    is_one_network,
    let_in,
    next_confirmation,
    one_at_a_time,
)
from subscriptions.consent.record import event
from subscriptions.errors import NoWeekly
from subscriptions.models import (
    Confirmation,
    ConsentEvent,
    Newsletter,
    SignUpRequest,
    Subscriber,
    Subscription,
)
from subscriptions.states import Cadence, ConsentKind, NewsletterState, SubscriptionState
from subscriptions.suppression import unaskable
from subscriptions.wording import PICKS, Shown, wording

logger = logging.getLogger(__name__)

CONFIRM_WITHIN = timedelta(days=7)
_AT_ONCE = 100
# What SignUpRequest.objects.create() sends. Django takes as long to put it together as PostgreSQL to carry it out, and
# this is what a sign-up consists of.
_TAKE_DOWN = f"""
    INSERT INTO {SignUpRequest._meta.db_table} (
        typed_address, address_hash, newsletters, weekly, language, form, network_address, wording_version, shown,
        asked_at
    ) VALUES (
        %(typed_address)s, %(address_hash)s, %(newsletters)s, %(weekly)s, %(language)s, %(form)s, %(network_address)s,
        %(wording_version)s, %(shown)s, %(asked_at)s
    )
"""  # noqa: S608 — our own table's name
_SLICE_SECONDS = 60.0  # a task ends before its time limit and leaves the rest to the next one


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asks for, in whose name ever. language: of our letters; form: where it stood.

    wording_version: which words she saw, in the language of the letters. shown: those she saw of a newsletter, by id,
    where they were others. weekly: of which newsletters, by id, only the best-of is wanted; without it what came before
    stays as it was.
    """

    typed_address: str
    newsletters: Iterable[Newsletter]
    language: str
    form: str
    network_address: str
    wording_version: str = PICKS
    shown: Mapping[int, Shown] = field(default_factory=dict)
    weekly: Collection[int] | None = None

    def seen(self, newsletter: Newsletter) -> Shown:
        """What she agrees to by asking for this one."""
        usual = Shown(version=self.wording_version, language=self.language)
        return self.shown.get(newsletter.pk, usual)


def take_down(wish: Wish, *, at: datetime) -> None:
    """Write a request down that passed the limits; a worker decides it as `request_subscription` would have.

    The caller learns nothing about the address, and neither does a clock. Raises BadAddress, and NoWeekly for a best-of
    that is none. Queries: 1, whatever the address.
    """
    address = admit(wish.typed_address)
    wanted = [each for each in _offered(wish) if each.takes_sign_ups]
    if not wanted:
        return
    entry = enter(address, wish.network_address, at=at)
    if entry is Entry.REFUSED:
        return
    values = {
        "typed_address": wish.typed_address.strip(),
        "address_hash": address_hash(address.normal),
        "newsletters": json.dumps([each.pk for each in wanted]),
        "weekly": None if wish.weekly is None else json.dumps(sorted(wish.weekly)),
        "language": wish.language,
        "form": wish.form,
        "network_address": wish.network_address or None,
        # What she saw, whichever version the worker knows as the present one.
        "wording_version": wording(wish.wording_version, wish.language).version,
        "shown": json.dumps(kept) if (kept := _as_kept(wish, wanted)) else None,
        "asked_at": connection.ops.adapt_datetimefield_value(at),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_DOWN, values)
    if entry is Entry.FIRST:
        queue.wake_sign_ups()


def _as_kept(wish: Wish, wanted: list[Newsletter]) -> dict[int, list[str]]:
    """Of which newsletters she saw other words than of the rest: version and language."""
    seen = {each.pk: wish.shown[each.pk] for each in wanted if each.pk in wish.shown}
    return {
        pk: [wording(shown.version, shown.language).version, shown.language] for pk, shown in seen.items()
    }


def decide_sign_ups() -> int:
    """Decide all that was taken down, the oldest first; returns how many requests this worker decided.

    Ends after 60 s; what is left is decided at the next call. Safe with many workers: deleting a row wins it, and what
    it comes to commits with it. A domain that takes no mail gets none. Queries: at most 25 each.
    """
    queue.begin_sign_ups()
    begun = time.monotonic()
    decided, left = 0, set[int]()
    # From the start each time: a request written before another may be committed after it.
    while requests := list(SignUpRequest.objects.exclude(pk__in=left).order_by("pk")[:_AT_ONCE]):
        for request in requests:
            if time.monotonic() - begun > _SLICE_SECONDS:
                queue.wake_sign_ups()
                return decided
            try:
                address = normalise(request.typed_address)
                # Outside the transaction: a name server may take its time.
                because = recipient_domains.why_not(address.domain)
                decided += _decide_taken(request, because)
            except Exception:  # one that cannot be decided holds up nobody else's
                left.add(request.pk)
                logger.exception("A sign-up waits.", extra={"request": request.pk})
    return decided


def _decide_taken(request: SignUpRequest, because: str) -> int:
    """because: why no letter can reach that domain; then none is written."""
    with transaction.atomic():
        taken, _rows = SignUpRequest.objects.filter(pk=request.pk).delete()
        if taken and because:
            letters.note_unwritten(
                LetterKind.CONFIRMATION,
                address_hash=request.address_hash,
                newsletter_id=request.newsletters[0],
                language=request.language,
                because=because,
                at=request.asked_at,
            )
        elif taken:
            offered = Newsletter.objects.offered().select_related("sender").in_bulk(request.newsletters)
            wish = Wish(
                typed_address=request.typed_address,
                newsletters=[offered[pk] for pk in request.newsletters if pk in offered],
                language=request.language,
                form=request.form,
                network_address=request.network_address or "",
                wording_version=request.wording_version,
                shown={
                    int(pk): Shown(version=version, language=language)
                    for pk, (version, language) in (request.shown or {}).items()
                },
                weekly=request.weekly,
            )
            _decide(wish, list(wish.newsletters), at=request.asked_at)
    return taken


def request_subscription(wish: Wish, *, at: datetime) -> bool:
    """Decide a request at once: one letter that asks to confirm it, naming all newsletters. Whether one is written.

    Only the reader herself may be told: to anybody else new, waiting, reading, suppressed and over the limit end alike.
    Who reads all of them already gets a letter that says so. Raises BadAddress for what is no address, and NoWeekly
    for a best-of that is none, whoever asks for it.
    """
    wanted = _offered(wish)
    if not wanted or not let_in(normalise(wish.typed_address), wish.network_address, at=at):
        return False
    with transaction.atomic():
        return _decide(wish, wanted, at=at)


def _offered(wish: Wish) -> list[Newsletter]:
    """Those that take sign-ups. Raises NoWeekly where a best-of is wanted that there is not."""
    wanted = [each for each in wish.newsletters if each.state == NewsletterState.ACTIVE]
    for each in wanted:
        if wish.weekly is not None and each.pk in wish.weekly and not each.has_weekly:
            raise NoWeekly(each.pk)
    return wanted


def _decide(wish: Wish, wanted: list[Newsletter], *, at: datetime) -> bool:
    """What a request comes to that was let in; whether a letter is written, or hardly out for this very request.

    In the caller's transaction, which ends soon: others wait.
    """
    address = normalise(wish.typed_address)
    attack_since = attack.since(at)
    if not has_turn(wish.network_address, attack_since=attack_since, at=at):
        return False
    one_at_a_time(counting_hash(address.normal))
    leaves_at = attack.next_turn(at) if attack_since else at
    if leaves_at is None:
        return False
    wanted = _not_suppressed(address, wanted)
    if not wanted:
        return False
    reader = Subscriber.objects.filter(address=address.normal).first()
    rows = {row.newsletter_id: row for row in reader.subscriptions.all()} if reader else {}
    is_reading = {pk for pk, row in rows.items() if row.state == SubscriptionState.ACTIVE}
    asked = [each for each in wanted if each.pk not in is_reading]
    if not asked:
        assert reader is not None
        for each in wanted:
            rows[each.pk].newsletter = each
        return correspondence.say_already_subscribed(
            reader, [rows[each.pk] for each in wanted], leaves_at=leaves_at, at=at
        )
    turn = next_confirmation(address.normal, at=at, attack_since=attack_since)
    if turn is None:
        return False
    if turn > at:  # somebody asked for this mailbox a moment ago
        if reader is None or not _asks_from_where_she_asked(reader, wish.network_address):
            return False
        if _were_just_asked(asked, rows, at=at):
            return True
    leaves_at = max(leaves_at, turn)
    if reader is None:
        reader = _new_reader(wish.typed_address, address, language=wish.language, at=at)
    pending = _enrol(reader, asked, rows, weekly=wish.weekly, form=wish.form, at=at)
    letter_id = ask_to_confirm(reader, pending, address, language=wish.language, leaves_at=leaves_at, at=at)
    ConsentEvent.objects.bulk_create(
        event(
            reader,
            row.newsletter,
            ConsentKind.REQUESTED,
            at=at,
            form=wish.form,
            language=wish.seen(row.newsletter).language,
            network_address=wish.network_address,
            wording_version=wish.seen(row.newsletter).version,
            facts={
                "letter": letter_id,
                **({} if row.cadence == Cadence.EACH else {"cadence": row.cadence}),
            },
        )
        for row in pending
    )
    return True


def _were_just_asked(asked: list[Newsletter], rows: Mapping[int, Subscription], *, at: datetime) -> bool:
    """Whether this is the same request once more, whose letter is hardly out; for other newsletters one waits its turn."""
    found = [rows.get(each.pk) for each in asked]
    return all(
        row is not None and row.state == SubscriptionState.PENDING and row.requested_at > at - RESEND_AFTER
        for row in found
    )


def _asks_from_where_she_asked(reader: Subscriber, network_address: str) -> bool:
    """Whether her last request came from the same network: only then is this one likely hers as well. One query."""
    asked = ConsentEvent.objects.filter(subscriber=reader, kind=ConsentKind.REQUESTED)
    last = asked.order_by("pk").values_list("network_address", flat=True).last()
    return is_one_network(last or "", network_address)


def _not_suppressed(address: Address, wanted: list[Newsletter]) -> list[Newsletter]:
    """Those of the newsletters we may write about; none at all if it wants no mail, or no more letters that ask."""
    stopped = unaskable(address_hash(address.normal))
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
    """How often this newsletter is wanted."""
    is_weekly = weekly is not None and newsletter.pk in weekly
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
