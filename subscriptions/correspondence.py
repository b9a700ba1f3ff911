"""The letters this app writes: what each says is in `templates/email/`, who gets which is decided here.

A letter has one purpose. A confirmation goes to anybody who is asked to confirm; all others only to people who
have confirmed before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from newsroom.mail import letters
from newsroom.mail.addresses import mask
from newsroom.mail.states import LetterKind
from newsroom.mail.wire import Envelope
from newsroom.web.tokens import TokenKind, decline_url, leave_url, manage_url
from subscriptions.models import AddressChange, Confirmation, Newsletter, Sender, Subscriber, Subscription
from subscriptions.suppression import unliftable

# What anybody can have written to a reader, counted in the database. Management links within a day and within 30 days: more
# often than she herself needs one, with one in each mail; and that she reads already, once a day.
LINKS_PER_DAY = 3
LINKS_PER_MONTH = 10
ALREADY_PER_MONTH = 5
_MONTH = timedelta(days=30)
# How long who reads the former address can undo a change of it.
UNDO_ADDRESS_WITHIN = timedelta(days=7)


def absolute(url: str) -> str:
    """A path on this site as a full address; full addresses stay."""
    return f"{settings.SITE_URL}{url}" if url.startswith("/") else url


def _envelope(newsletter: Newsletter, *, language: str) -> Envelope:
    sender = newsletter.sender
    return Envelope(
        kind="letter",
        from_name=sender.name,
        from_address=sender.address,
        reply_to=sender.reply_to,
        language=language,
        list_id=newsletter.list_id,
        list_name=newsletter.name,
        help_url=absolute(reverse("preferences")),
        auto_submitted=True,
    )


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Who answers for a newsletter, as the foot of a letter prints it. Several senders may be one publisher."""

    legal_name: str
    postal_address: str
    email: str
    phone: str
    imprint_url: str
    privacy_url: str


def _publisher(sender: Sender) -> Publisher:
    return Publisher(
        legal_name=sender.legal_name,
        postal_address=sender.postal_address,
        email=sender.email,
        phone=sender.phone,
        imprint_url=absolute(sender.imprint_url),
        privacy_url=absolute(sender.privacy_url),
    )


def _legal(newsletters: Sequence[Newsletter]) -> dict[str, object]:
    """What names everybody who sends one of these: each sender, and each publisher with their newsletters, once."""
    published: dict[Publisher, list[str]] = {}
    for each in newsletters:
        published.setdefault(_publisher(each.sender), []).append(each.name)
    return {
        "sender_names": list(dict.fromkeys(each.sender.name for each in newsletters)),
        "publishers": [{"publisher": who, "names": names} for who, names in published.items()],
        "site_url": settings.SITE_URL,
        "site_name": settings.SITE_NAME,
    }


def mailboxes(newsletters: Iterable[Newsletter]) -> list[tuple[str, str]]:
    """Name and address of everybody from whom these come, each once."""
    return list(dict.fromkeys((each.sender.name, each.sender.address) for each in newsletters))


def _as_ordered(rows: Iterable[Subscription]) -> list[dict[str, str]]:
    """Newsletters by name, and how often each was ordered."""
    return [{"name": row.newsletter.name, "cadence_text": row.comes} for row in rows]


def keys_of(confirmation: Confirmation) -> tuple[str, str]:
    """The keys of the letters that may carry its link: to confirm a sign-up, or that mail may come again."""
    return f"confirmation:{confirmation.pk}", f"again:{confirmation.pk}"


def ask_to_confirm(
    confirmation: Confirmation,
    pending: Sequence[Subscription],
    *,
    secret: str,
    address: str,
    language: str,
    leaves_at: datetime,
    at: datetime,
) -> int:
    """The letter that asks whether the sign-up was hers; gives its number."""
    first = pending[0].newsletter
    letter = letters.write(
        LetterKind.CONFIRMATION,
        address=address,
        subscriber_id=confirmation.subscriber_id,
        newsletter_id=first.pk,
        language=language,
        context={
            **_legal([row.newsletter for row in pending]),
            "newsletters": _as_ordered(pending),
            "confirm_url": absolute(reverse("confirm", args=[secret])),
            "decline_url": decline_url(confirmation.pk),
            "asked_at": at,
            "expires_at": confirmation.expires_at,
        },
        envelope=_envelope(first, language=language),
        dedupe_key=keys_of(confirmation)[0],
        not_before=leaves_at,
        at=at,
        # In a letter that only asks, the one-click button of a mail program can mean one thing: no, and never again.
        leave_url=decline_url(confirmation.pk),
    )
    return letter.pk


def say_already_subscribed(
    reader: Subscriber, rows: Sequence[Subscription], *, leaves_at: datetime, at: datetime
) -> bool:
    """To a reader who signed up for what she gets already: nothing to do, and where her settings are; whether it is said.

    Once a day, and five times in 30 days: whoever knows her address can have it written.
    """
    kind = LetterKind.ALREADY_SUBSCRIBED
    if letters.count_since(reader.address_hash, kind, at - _MONTH) >= ALREADY_PER_MONTH:
        return False
    first = rows[0].newsletter
    letters.write(
        kind,
        address=reader.sendable,
        subscriber_id=reader.pk,
        newsletter_id=first.pk,
        language=reader.language,
        context={
            **_legal([row.newsletter for row in rows]),
            "newsletters": _as_ordered(rows),
            "manage_url": manage_url(rows[0].pk, reader.address_hash),
            "asked_at": at,
        },
        envelope=_envelope(first, language=reader.language),
        dedupe_key=f"already:{reader.pk}:{at:%Y-%m-%d}",
        not_before=leaves_at,
        at=at,
    )
    return True


def welcome(
    reader: Subscriber, rows: Sequence[Subscription], *, confirmation: Confirmation, at: datetime
) -> None:
    """Thanks, when the next digest comes, the latest one to read now, and where the settings are.

    One letter for all newsletters of a confirmation. The caller names those never welcomed before.
    """
    newsletters = [row.newsletter for row in rows]
    first = newsletters[0]
    letters.write(
        LetterKind.WELCOME,
        address=reader.sendable,
        subscriber_id=reader.pk,
        newsletter_id=first.pk,
        language=reader.language,
        context={
            **_legal(newsletters),
            "newsletters": [
                {
                    "name": row.newsletter.name,
                    "promise": row.newsletter.promise,
                    "cadence_text": row.comes,
                    "next_at": row.next_mail(at=at),
                    "latest_url": absolute(row.newsletter.latest_url) if row.newsletter.latest_url else "",
                    "latest_title": row.newsletter.latest_title,
                }
                for row in rows
            ],
            "manage_url": manage_url(rows[0].pk, reader.address_hash),
            "from_addresses": list(dict.fromkeys(each.sender.address for each in newsletters)),
        },
        envelope=_envelope(first, language=reader.language),
        dedupe_key=f"welcome:{confirmation.pk}",
        at=at,
        # The one-click button of a mail program ends one newsletter; for several there is none.
        leave_url=leave_url(rows[0].pk) if len(rows) == 1 else "",
    )


def send_management_link(reader: Subscriber, *, at: datetime) -> None:
    """The link to her settings, to a reader who once confirmed; to nobody else, thrice a day and ten times in 30 days."""
    confirmed = reader.subscriptions.filter(confirmed_at__isnull=False).select_related("newsletter__sender")
    row = confirmed.order_by("state", "pk").first()
    if row is None or not reader.address or None in unliftable(reader.address_hash):
        return
    limits = ((timedelta(days=1), LINKS_PER_DAY), (_MONTH, LINKS_PER_MONTH))
    kind = LetterKind.MANAGEMENT_LINK
    if any(letters.count_since(reader.address_hash, kind, at - time) >= most for time, most in limits):
        return
    letters.write(
        kind,
        address=reader.sendable,
        subscriber_id=reader.pk,
        newsletter_id=row.newsletter_id,
        language=reader.language,
        context={
            **_legal([row.newsletter]),
            "manage_url": manage_url(row.pk, reader.address_hash),
            "asked_at": at,
        },
        envelope=_envelope(row.newsletter, language=reader.language),
        dedupe_key=f"management:{reader.pk}:{int(at.timestamp()) // 60}",
        at=at,
    )


def say_best_of_ended(row: Subscription, *, at: datetime) -> None:
    """To a reader of a weekly best-of that has ended: nothing comes, and each issue or leaving is hers to choose."""
    reader, newsletter = row.subscriber, row.newsletter
    letters.write(
        LetterKind.BEST_OF_ENDED,
        address=reader.sendable,
        subscriber_id=reader.pk,
        newsletter_id=newsletter.pk,
        language=reader.language,
        context={
            **_legal([newsletter]),
            "newsletter": newsletter,
            "manage_url": manage_url(row.pk, reader.address_hash),
            "leave_url": leave_url(row.pk),
        },
        envelope=_envelope(newsletter, language=reader.language),
        dedupe_key=f"best-of-ended:{row.pk}:{newsletter.weekly_ended_at:%Y%m%d%H%M%S}",
        at=at,
        leave_url=leave_url(row.pk),
    )


def ask_to_confirm_address(
    change: AddressChange, moving: Sequence[Subscription], *, secret: str, address: str, at: datetime
) -> None:
    """To the new address: which newsletters are to come there, and the page where that is confirmed.

    Whose mailbox it is nobody knows yet: no word of hers stands in it, and her address is one.
    """
    reader = change.subscriber
    newsletter = _any_newsletter(reader, moving)
    no_more = decline_url(change.pk, kind=TokenKind.DECLINE_ADDRESS)
    letters.write(
        LetterKind.NEW_ADDRESS,
        address=address,
        subscriber_id=reader.pk,
        newsletter_id=newsletter.pk,
        language=reader.language,
        context={
            **_legal([row.newsletter for row in moving] or [newsletter]),
            "newsletters": _as_ordered(moving),
            "confirm_url": absolute(reverse("confirm_address", args=[secret])),
            "decline_url": no_more,
            "asked_at": change.asked_at,
            "expires_at": change.expires_at,
        },
        envelope=_envelope(newsletter, language=reader.language),
        dedupe_key=f"new-address:{change.pk}",
        at=at,
        leave_url=no_more,
    )


def tell_former_address(
    change: AddressChange, reader: Subscriber, *, secret: str, address: str, at: datetime
) -> None:
    """To the former address: where mail goes now, and the way back for who did not want that."""
    newsletter = _any_newsletter(reader, ())
    letters.write(
        LetterKind.ADDRESS_CHANGED,
        address=address,
        subscriber_id=reader.pk,
        newsletter_id=newsletter.pk,
        language=reader.language,
        context={
            **_legal([newsletter]),
            "new_address": mask(change.typed_address),
            "undo_url": absolute(reverse("undo_address", args=[secret])),
            "changed_at": at,
            "undo_until": at + UNDO_ADDRESS_WITHIN,
        },
        envelope=_envelope(newsletter, language=reader.language),
        dedupe_key=f"address-changed:{change.pk}",
        at=at,
    )


def ask_to_return(
    confirmation: Confirmation,
    pending: Sequence[Subscription],
    reader: Subscriber,
    *,
    secret: str,
    at: datetime,
) -> int:
    """The letter that asks whether mail shall come again that a bounce or a complaint had stopped; gives its number."""
    first = pending[0].newsletter
    letter = letters.write(
        LetterKind.DELIVERY_AGAIN,
        address=reader.sendable,
        subscriber_id=reader.pk,
        newsletter_id=first.pk,
        language=reader.language,
        context={
            **_legal([row.newsletter for row in pending]),
            "newsletters": _as_ordered(pending),
            "confirm_url": absolute(reverse("confirm", args=[secret])),
            "asked_at": at,
            "expires_at": confirmation.expires_at,
        },
        envelope=_envelope(first, language=reader.language),
        dedupe_key=keys_of(confirmation)[1],
        at=at,
    )
    return letter.pk


def _any_newsletter(reader: Subscriber, rows: Sequence[Subscription]) -> Newsletter:
    """In whose name we write about something that concerns all of a reader's newsletters. One query, or none."""
    if rows:
        return rows[0].newsletter
    own = reader.subscriptions.select_related("newsletter__sender").order_by("state", "pk")
    return own[0].newsletter
