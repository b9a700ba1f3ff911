"""The record of letters that asked to confirm: when one left, its Message-ID, its words; letters themselves go soon.

A worker that sends letters knows no readers. So the record is written from above, by a job that looks at what was
asked for and not noted yet.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from django.db import connection, transaction

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterState
from newsroom.web import tokens
from subscriptions import correspondence
from subscriptions.models import Confirmation, ConsentEvent, Newsletter, Subscription
from subscriptions.states import ConsentKind

_OPEN = (LetterState.WAITING, LetterState.CALLING)


def note_letters(*, at: datetime, rows: int = 1_000) -> int:
    """Write down which letters to confirm a provider took, an event for each newsletter asked for; how many letters.

    What never left is noted without one, once it cannot leave any more. Safe to run twice, at once, and to kill.
    Queries: 1 when nothing is new; 7 per slice of `rows`.
    """
    noted, after = 0, 0
    while True:
        with transaction.atomic():
            found = _unnoted(after, rows)
            letters = _letters_of(found)
            over = [each for each in found if _is_over(each, letters.get(each.pk), at=at)]
            sent = {each: letters[each.pk] for each in over if _was_sent(letters.get(each.pk))}
            ConsentEvent.objects.bulk_create(_events(sent))
            Confirmation.objects.filter(pk__in=[each.pk for each in over]).update(letter_noted_at=at)
        noted += len(sent)
        if len(found) < rows:
            return noted
        after = found[-1].pk


def _unnoted(after: int, rows: int) -> list[Confirmation]:
    new = Confirmation.objects.filter(letter_noted_at__isnull=True, pk__gt=after).order_by("pk")
    skip_locked = connection.features.has_select_for_update_skip_locked
    return list(
        new.select_for_update(of=("self",), skip_locked=skip_locked).select_related("subscriber")[:rows]
    )


def _letters_of(found: Iterable[Confirmation]) -> dict[int, Letter]:
    keys = {key: each.pk for each in found for key in correspondence.keys_of(each)}
    rows = Letter.objects.filter(dedupe_key__in=keys) if keys else ()
    return {keys[letter.dedupe_key]: letter for letter in rows}


def _was_sent(letter: Letter | None) -> bool:
    return letter is not None and letter.state == LetterState.SENT


def _is_over(confirmation: Confirmation, letter: Letter | None, *, at: datetime) -> bool:
    """Whether nothing more becomes of its letter: one that failed may be sent again for as long as its link lives."""
    if letter is None or letter.state in (LetterState.SENT, LetterState.CANCELLED):
        return True
    return letter.state not in _OPEN and confirmation.expires_at <= at


def _events(sent: Mapping[Confirmation, Letter]) -> Iterator[ConsentEvent]:
    if not sent:
        return
    through = Confirmation.subscriptions.through
    pairs = through.objects.filter(confirmation__in=list(sent)).order_by("confirmation_id", "subscription_id")
    by_confirmation: dict[int, list[int]] = {}
    for number, subscription in pairs.values_list("confirmation_id", "subscription_id"):
        by_confirmation.setdefault(number, []).append(subscription)
    asked = Subscription.objects.in_bulk({pk for rows in by_confirmation.values() for pk in rows})
    senders = dict(Newsletter.objects.values_list("pk", "sender__address"))
    for confirmation, letter in sent.items():
        for number in by_confirmation.get(confirmation.pk, ()):
            yield _event(confirmation, letter, asked[number], senders.get(letter.newsletter_id or 0, ""))


def _event(confirmation: Confirmation, letter: Letter, row: Subscription, sender: str) -> ConsentEvent:
    reader = confirmation.subscriber
    # The mailbox it went to: she may have moved since, or been erased.
    is_there = reader.address_hash == letter.address_hash
    token = tokens.make(tokens.TokenKind.LETTER, letter.pk)
    return ConsentEvent(
        subscriber=reader,
        newsletter_id=row.newsletter_id,
        kind=ConsentKind.LETTER_SENT,
        address=reader.address if is_there and reader.address else letter.address_hash,
        wording_version=confirmation.letter_version,
        language=letter.language,
        form=letter.kind,
        actor="letters",
        facts={
            "provider": letter.provider,
            "letter": letter.pk,
            "confirmation": confirmation.pk,
            "message_id": f"<{token}@{sender.rpartition('@')[2]}>",
            "provider_ref": letter.provider_ref,
        },
        at=letter.sent_at or confirmation.created_at,
    )
