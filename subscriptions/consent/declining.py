"""Declining: a letter asked somebody to confirm what she never asked for, and she says no, for this and all later ones.

What waits for her is dropped, a link to a new address leads nowhere, and no letter asks that address again until she asks for something herself: in her
settings, by a fresh letter, by taking the no back within a day, or by writing to staff. Nobody who types her address
into a form can tell. What she reads goes on.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind, LetterState
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind, read
from subscriptions import correspondence, suppression
from subscriptions.consent.leaving import UNDO_WITHIN
from subscriptions.consent.limits import one_at_a_time
from subscriptions.consent.record import event
from subscriptions.models import (
    AddressChange,
    Confirmation,
    ConsentEvent,
    SignUpRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscriptions.states import ConsentKind, SubscriptionState, SuppressionReason

_FORM = "/not-me/"
_WHAT = "asking"
# What others can make us write to an address.
_CAUSED_BY_OTHERS = (LetterKind.CONFIRMATION, LetterKind.ALREADY_SUBSCRIBED, LetterKind.NEW_ADDRESS)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A letter that asked to confirm, the mailbox it went to as a hash, and since when that one wants no more of them.

    about: the sign-up, or the change of address, that it asked to confirm. reader: whose address that is today, if
    anybody's.
    """

    about: Confirmation | AddressChange
    mailbox: str
    reader: Subscriber | None
    declined_at: datetime | None

    def can_undo(self, *, at: datetime) -> bool:
        """Whether the no can still be taken back: within a day."""
        return self.declined_at is not None and at - self.declined_at < UNDO_WITHIN


def find_question(token: str) -> Question | None:
    """What a letter asked; None if the letter is older than our records. Raises BadToken. Queries: 3."""
    try:
        number = read(TokenKind.DECLINE, token)
    except BadToken:
        number = read(TokenKind.DECLINE_ADDRESS, token)
        change = AddressChange.objects.select_related("subscriber").filter(pk=number).first()
        return _of_change(change) if change else None
    confirmation = Confirmation.objects.select_related("subscriber").filter(pk=number).first()
    return _of_sign_up(confirmation) if confirmation else None


def _of_sign_up(confirmation: Confirmation) -> Question | None:
    letter = Letter.objects.filter(dedupe_key=correspondence.keys_of(confirmation)[0]).first()
    reader = confirmation.subscriber
    mailbox = letter.address_hash if letter else reader.address_hash
    if not mailbox:  # erased, and her letter is kept no longer
        return None
    return _question(confirmation, mailbox, reader if reader.address_hash == mailbox else None)


def _of_change(change: AddressChange) -> Question:
    """Whose mailbox that is has nothing to do with who wished to read there."""
    reader = Subscriber.objects.filter(address_hash=change.address_hash).first()
    return _question(change, change.address_hash, reader)


def _question(about: Confirmation | AddressChange, mailbox: str, reader: Subscriber | None) -> Question:
    stop = Suppression.objects.of_asking().filter(address_hash=mailbox).first()
    return Question(
        about=about, mailbox=mailbox, reader=reader, declined_at=stop.created_at if stop else None
    )


def decline(question: Question, *, network_address: str | None, at: datetime) -> None:
    """Drop what waits for this mailbox to confirm it, and let no letter ask it again. Repeating is harmless.

    Queries: at most 15.
    """
    with transaction.atomic():
        # Whoever decides for this mailbox right now whether to ask it is waited for, so that no letter slips through.
        one_at_a_time(question.about.counting_hash)
        is_new = not suppression.wants_no_questions(question.mailbox)
        suppression.suppress(question.mailbox, reason=SuppressionReason.NEVER_ASK, at=at)
        SignUpRequest.objects.filter(address_hash=question.mailbox).delete()
        _cancel_letters(question.mailbox)
        if question.reader is None:
            return
        reader = Subscriber.objects.select_for_update().get(pk=question.reader.pk)
        ended = _end_requests(reader)
        Confirmation.objects.filter(subscriber=reader, used_at=None).update(used_at=at)
        if is_new or ended:
            _write(reader, "open", "never", ended=ended, network_address=network_address, at=at)


def _cancel_letters(mailbox: str) -> None:
    """Those that wait for their turn; what was offered to a provider may have left."""
    letters = Letter.objects.filter(
        address_hash=mailbox, kind__in=_CAUSED_BY_OTHERS, state=LetterState.WAITING
    )
    letters.update(
        state=LetterState.CANCELLED, address="", subject="", text="", html="", last_error="", envelope={}
    )


def _end_requests(reader: Subscriber) -> list[int]:
    """Close what waits, as it was before somebody asked: left, or never confirmed. Their numbers."""
    waiting = Subscription.objects.pending().filter(subscriber=reader)
    ended = sorted(waiting.values_list("pk", flat=True))
    had_left = Q(unsubscribed_at__isnull=False)
    for closed, rows in (
        (SubscriptionState.UNSUBSCRIBED, had_left),
        (SubscriptionState.LAPSED, ~had_left),
    ):
        waiting.filter(rows, pk__in=ended).update(state=closed)
    return ended


def undo_declining(question: Question, *, network_address: str | None, at: datetime) -> bool:
    """Take the no back, and let what it dropped wait again; False if it is older than a day. Safe to repeat."""
    with transaction.atomic():
        one_at_a_time(question.about.counting_hash)
        stop = Suppression.objects.of_asking().filter(address_hash=question.mailbox).first()
        if stop is None:
            return True
        if at - stop.created_at >= UNDO_WITHIN:
            return False
        stop.delete()
        if question.reader is None:
            return True
        reader = Subscriber.objects.select_for_update().get(pk=question.reader.pk)
        said = ConsentEvent.objects.filter(
            subscriber=reader, kind=ConsentKind.CHANGED, facts__what=_WHAT, at=stop.created_at
        ).last()
        closed = [SubscriptionState.UNSUBSCRIBED, SubscriptionState.LAPSED]
        ended = said.facts.get("ended", []) if said else []
        Subscription.objects.filter(pk__in=ended, subscriber=reader, state__in=closed).update(
            state=SubscriptionState.PENDING
        )
        Confirmation.objects.filter(subscriber=reader, used_at=stop.created_at).update(used_at=None)
        _write(reader, "never", "open", ended=[], network_address=network_address, at=at)
    return True


def _write(
    reader: Subscriber,
    before: str,
    after: str,
    *,
    ended: list[int],
    network_address: str | None,
    at: datetime,
) -> None:
    """It concerns the reader as a whole, and no newsletter: what she reads goes on."""
    event(
        reader,
        None,
        ConsentKind.CHANGED,
        at=at,
        form=_FORM,
        language=reader.language,
        network_address=network_address,
        facts={"what": _WHAT, "before": before, "after": after, "ended": ended},
    ).save(force_insert=True)
