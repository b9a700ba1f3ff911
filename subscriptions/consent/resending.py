"""A confirmation letter once more, because somebody told the desk that it never came."""

from datetime import datetime

from django.db import transaction

from newsroom.mail.addresses import address_hash, counting_hash, normalise
from subscriptions.consent.asking import ask_to_confirm
from subscriptions.consent.limits import may_confirm_again, one_at_a_time
from subscriptions.consent.record import event
from subscriptions.errors import NothingToConfirm, TooManyLetters
from subscriptions.models import ConsentEvent, Subscriber
from subscriptions.states import ConsentKind, NewsletterState
from subscriptions.suppression import unaskable


def resend_confirmation(reader: Subscriber, *, actor: str, because: str, at: datetime) -> int:
    """Write the letter again for all that waits, under the limits of a reader's own request; gives its number.

    It confirms nothing: only the reader does. Raises NothingToConfirm, TooManyLetters.
    """
    if not reader.address:
        raise NothingToConfirm(reader.pk)
    address = normalise(reader.sendable)
    with transaction.atomic():
        one_at_a_time(counting_hash(address.normal))
        stopped = unaskable(address_hash(address.normal))
        waiting = reader.subscriptions.pending().filter(newsletter__state=NewsletterState.ACTIVE)
        rows = waiting.select_related("newsletter__sender").order_by(
            "newsletter__position", "newsletter__name"
        )
        pending = [row for row in rows if row.newsletter_id not in stopped]
        if not pending or None in stopped:
            raise NothingToConfirm(reader.pk)
        if not may_confirm_again(address.normal, at=at):
            raise TooManyLetters(reader.pk)
        letter_id = ask_to_confirm(reader, pending, address, language=reader.language, leaves_at=at, at=at)
        ConsentEvent.objects.bulk_create(
            event(
                reader,
                row.newsletter,
                ConsentKind.CHANGED,
                at=at,
                form="admin",
                language=reader.language,
                network_address=None,
                actor=actor,
                facts={"what": "confirmation", "letter": letter_id, "because": because},
            )
            for row in pending
        )
    return letter_id
