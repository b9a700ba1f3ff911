"""The way back after a bounce or a complaint: by a reader's own wish in her settings, and a letter that she confirms.

To a stopped address nothing goes that somebody else asks for. Who has its settings open may ask for this one letter: if
it arrives and she confirms, the stop has lost its reason.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from newsroom.mail.addresses import counting_hash
from newsroom.web.tokens import hash_secret, secret_token
from subscriptions import correspondence, suppression
from subscriptions.consent.asking import CONFIRM_WITHIN
from subscriptions.consent.limits import may_confirm_again, one_at_a_time
from subscriptions.consent.record import event
from subscriptions.models import Confirmation, ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind, NewsletterState, SubscriptionState
from subscriptions.wording import SETTINGS, Shown


def ended_by_stops(reader: Subscriber) -> list[Subscription]:
    """What a bounce or a complaint ended, and nobody touched since, in the catalogue's order. Two queries."""
    stopped = ConsentEvent.objects.filter(subscriber=reader, kind=ConsentKind.SUPPRESSED)
    ends = set(stopped.values_list("newsletter_id", "at"))
    rows = reader.subscriptions.filter(
        state=SubscriptionState.UNSUBSCRIBED, newsletter__state=NewsletterState.ACTIVE
    ).select_related("newsletter__sender")
    return [
        row
        for row in rows.order_by("newsletter__position", "newsletter__name")
        if (row.newsletter_id, row.unsubscribed_at) in ends
    ]


def ask_to_return(
    reader: Subscriber,
    newsletters: Sequence[Newsletter],
    *,
    how: str,
    network_address: str,
    at: datetime,
    shown: Mapping[int, Shown] | None = None,
) -> list[Newsletter]:
    """Send one letter that asks whether these shall come again, though a bounce or a complaint had stopped them.

    Gives those it asks about: none over the limits of any confirmation, and none that staff stopped. how: where she
    asked for it; shown: which words she saw there, by newsletter id, where not those of her settings in her language.
    Queries: at most 14.
    """
    if not reader.address:
        return []
    with transaction.atomic():
        one_at_a_time(counting_hash(reader.address))
        barred = suppression.barred(reader.address_hash)
        wanted = [each for each in newsletters if not barred & {None, each.pk}]
        if not wanted or not may_confirm_again(reader.address, at=at):
            return []
        pending = _enrol(reader, wanted, how=how, at=at)
        secret = secret_token()
        confirmation = Confirmation.objects.create(
            token_hash=hash_secret(secret),
            counting_hash=counting_hash(reader.address),
            subscriber=reader,
            created_at=at,
            expires_at=at + CONFIRM_WITHIN,
            lifts_stops=True,
        )
        confirmation.subscriptions.set(pending)
        usual = Shown(version=SETTINGS, language=reader.language)
        seen = {row.pk: (shown or {}).get(row.newsletter_id, usual) for row in pending}
        letter = correspondence.ask_to_return(confirmation, pending, reader, secret=secret, at=at)
        ConsentEvent.objects.bulk_create(
            event(
                reader,
                row.newsletter,
                ConsentKind.REQUESTED,
                at=at,
                form=how,
                language=seen[row.pk].language,
                network_address=network_address,
                wording_version=seen[row.pk].version,
                facts={"letter": letter, "after_stop": True},
            )
            for row in pending
        )
    return [row.newsletter for row in pending]


def _enrol(reader: Subscriber, wanted: Sequence[Newsletter], *, how: str, at: datetime) -> list[Subscription]:
    """Their subscriptions, waiting for her confirmation; what she reads already is not among them."""
    reader.subscriptions.filter(newsletter__in=wanted).exclude(state=SubscriptionState.ACTIVE).update(
        state=SubscriptionState.PENDING, requested_at=at, source=how
    )
    known = set(reader.subscriptions.values_list("newsletter_id", flat=True))
    Subscription.objects.bulk_create(
        Subscription(newsletter=each, subscriber=reader, source=how, requested_at=at)
        for each in wanted
        if each.pk not in known
    )
    rows = reader.subscriptions.pending().filter(newsletter__in=wanted)
    return list(
        rows.select_related("newsletter__sender").order_by("newsletter__position", "newsletter__name")
    )
