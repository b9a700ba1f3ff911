"""All that happened with one reader, newest first: what she agreed to, which letters and copies went, what came back.

A page costs the same number of queries however long the story is: each source gives its next few rows before a time,
and the page is cut where all of them are known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from digests.delivery.figures import reason_name
from digests.delivery.models import Delivery
from digests.delivery.states import DeliveryState
from newsroom.mail import events, recipient_domains
from newsroom.mail.addresses import address_hash, normalise
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.mail.states import LetterKind, LetterState
from newsroom.web.tokens import TokenKind
from subscriptions import evidence, moves
from subscriptions.facts import changed, is_by_us
from subscriptions.models import ConsentEvent, Subscriber, Subscription, Suppression
from subscriptions.states import OPEN, ConsentKind, SuppressionReason

ON_A_PAGE: Final = 50
# Several entries may have one time: the page ends after all of the last one's.
_FETCHED: Final = ON_A_PAGE + 20


@dataclass(frozen=True, kw_only=True)
class Known:
    """Whom an address leads to: a reader, or only what her hash tells. is_former: she gets her mail elsewhere by now."""

    address_hash: str
    reader: Subscriber | None
    is_former: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened. kind: consent, letter, copy or suppression; because: a person's words, or a name server's."""

    at: datetime
    kind: str
    title: str
    newsletter: str = ""
    by: str = ""
    because: str = ""
    events: list[tuple[datetime, str]] = field(default_factory=list)
    import_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some entries, and the time before which the next page begins; None: there is no more."""

    entries: Sequence[Entry]
    before: datetime | None


def find(typed: str) -> Known:
    """Whom this address, in whatever spelling, leads to; also erased readers, and addresses known only as suppressed.

    Whose address it is comes before who had it. A hash of 64 characters will do. Raises BadAddress. Queries: at most 6.
    """
    text = typed.strip()
    is_hash = len(text) == 64 and set(text.lower()) <= set("0123456789abcdef")
    address = "" if is_hash else normalise(text).normal
    found = text.lower() if is_hash else address_hash(address)
    reader = _reader_of(found)
    if reader is not None:
        return Known(address_hash=found, reader=reader)
    former = moves.reader_of_former(found, address=address)
    return Known(address_hash=found, reader=former, is_former=former is not None)


def _reader_of(found: str) -> Subscriber | None:
    reader = Subscriber.objects.filter(address_hash=found).first()
    if reader is not None:
        return reader
    erased = ConsentEvent.objects.filter(address=found, kind=ConsentKind.ERASED).select_related("subscriber")
    event = erased.last()
    return event.subscriber if event else None


def known(reader: Subscriber) -> Known:
    """A reader with her hash, which outlives her address. At most 1 query."""
    if reader.address_hash:
        return Known(address_hash=reader.address_hash, reader=reader)
    last = ConsentEvent.objects.filter(subscriber=reader).values_list("address", flat=True).last()
    return Known(address_hash=last or "", reader=reader)


def subscriptions_of(someone: Known) -> list[Subscription]:
    """What she reads and read. One query."""
    if someone.reader is None:
        return []
    return list(
        someone.reader.subscriptions.select_related("newsletter").order_by("newsletter__position", "pk")
    )


def dates_of(someone: Known, subscriptions: Iterable[Subscription]) -> list[evidence.Dates]:
    """When she asked for each of these and confirmed it, as far as anybody can show. One query."""
    last = evidence.last_by_subscription(evidence.agreeing().filter(subscriber=someone.reader).order_by("pk"))
    return [evidence.dates_of(row, last.get((row.subscriber_id, row.newsletter_id))) for row in subscriptions]


def suppressions_of(someone: Known) -> list[Suppression]:
    """What stops mail to her. One query."""
    rows = Suppression.objects.filter(address_hash=someone.address_hash).select_related("newsletter")
    return list(rows.order_by("pk")) if someone.address_hash else []


def is_unreachable(someone: Known) -> bool:
    """Whether a letter to this address was not written because its domain takes no mail. One query."""
    unwritten = Letter.objects.for_address_hash(someone.address_hash)
    return unwritten.filter(last_error__in=recipient_domains.REASONS).exists()


def page(
    someone: Known,
    *,
    subscriptions: Sequence[Subscription],
    suppressions: Sequence[Suppression],
    before: datetime | None,
) -> Page:
    """The story before a time, newest first. Queries: 4, whatever its length."""
    sources = [
        _consent(someone, before),
        _letters(someone, before),
        _copies(subscriptions, before),
        [_suppression(row) for row in suppressions if before is None or row.created_at < before],
    ]
    entries = sorted(
        (entry for source in sources for entry in source), key=lambda entry: entry.at, reverse=True
    )
    if len(entries) <= ON_A_PAGE:
        return Page(entries=entries, before=None)
    last = entries[ON_A_PAGE - 1].at
    shown = [entry for entry in entries if entry.at >= last]
    return Page(entries=shown, before=last if len(shown) < len(entries) or _is_full(sources) else None)


def _is_full(sources: Iterable[Sequence[Entry]]) -> bool:
    return any(len(source) >= _FETCHED for source in sources)


def _consent(someone: Known, before: datetime | None) -> list[Entry]:
    if someone.reader is None:
        return []
    rows = ConsentEvent.objects.filter(subscriber=someone.reader).select_related("newsletter")
    if before is not None:
        rows = rows.filter(at__lt=before)
    return [_agreement(event) for event in rows.order_by("-at", "-pk")[:_FETCHED]]


def _agreement(event: ConsentEvent) -> Entry:
    facts: dict[str, Any] = event.facts if isinstance(event.facts, dict) else {}
    because = str(facts.get("because") or facts.get("note") or "")
    if event.kind == ConsentKind.IMPORTED:
        because = event.wording
    number = facts.get("import")
    return Entry(
        at=event.at,
        kind="consent",
        title=_agreement_in_words(event, facts),
        newsletter=event.newsletter.name if event.newsletter else "",
        by=event.actor if is_by_us(event.actor) else "",
        because=because,
        import_id=number if isinstance(number, int) else None,
    )


def _agreement_in_words(event: ConsentEvent, facts: dict[str, Any]) -> str:
    where = event.form
    match event.kind:
        case ConsentKind.REQUESTED:
            # Translators: Angemeldet über %(where)s; die Bestätigung steht aus
            return _("Signed up at %(where)s") % {"where": where or "–"}
        case ConsentKind.LETTER_SENT:
            # Translators: Bestätigungsbrief von %(provider)s angenommen, Fassung %(version)s, Message-ID %(id)s
            return _(
                "Confirmation letter accepted by %(provider)s, version %(version)s, Message-ID %(id)s"
            ) % {
                "provider": facts.get("provider") or "–",
                "version": event.wording_version or "–",
                "id": facts.get("message_id", "–"),
            }
        case ConsentKind.CONFIRMED:
            return _("Confirmed by the button in the letter")
        case ConsentKind.UNSUBSCRIBED:
            return _("Unsubscribed (%(where)s)") % {"where": where or "–"}
        case ConsentKind.SUPPRESSED:
            reason = facts.get("reason")
            is_known = reason in SuppressionReason.values
            label = SuppressionReason(str(reason)).label if is_known else str(reason or "")
            return _("Ended: %(reason)s") % {"reason": label}
        case ConsentKind.CHANGED if change := changed(facts):
            return change
        case _:
            return str(event.get_kind_display())[:1].upper() + str(event.get_kind_display())[1:]


def _letters(someone: Known, before: datetime | None) -> list[Entry]:
    """Those to her address, and to all that she had, or wished to have."""
    rows = Letter.objects.for_address_hash(someone.address_hash)
    if someone.reader is not None:
        rows = Letter.objects.about(someone.reader.pk, address_hash=someone.address_hash)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    letters = list(
        rows.only("pk", "kind", "state", "created_at", "sent_at", "last_error").order_by(
            "-created_at", "-pk"
        )[:_FETCHED]
    )
    reported = events.reported(TokenKind.LETTER, [letter.pk for letter in letters])
    return [
        Entry(
            at=letter.created_at,
            kind="letter",
            # Translators: Brief „%(kind)s“: %(state)s
            title=_("Letter “%(kind)s”: %(state)s")
            % {"kind": _label(LetterKind, letter.kind), "state": _label(LetterState, letter.state)},
            because=str(recipient_domains.REASONS.get(letter.last_error, "")),
            events=_told(reported.get(letter.pk, [])),
        )
        for letter in letters
    ]


def _label(choices: Any, value: str) -> str:
    return str(choices(value).label) if value in choices.values else value


def _copies(subscriptions: Sequence[Subscription], before: datetime | None) -> list[Entry]:
    if not subscriptions:
        return []
    rows = Delivery.objects.filter(subscription__in=[row.pk for row in subscriptions])
    if before is not None:
        rows = rows.filter(mailing__created_at__lt=before)
    copies = list(rows.select_related("mailing__newsletter").order_by("-pk")[:_FETCHED])
    reported = events.reported(TokenKind.DELIVERY, [copy.pk for copy in copies])
    return [
        Entry(
            at=copy.mailing.created_at,
            kind="copy",
            # Translators: Ausgabe „%(title)s“: %(state)s
            title=_("Digest “%(title)s”: %(state)s")
            % {"title": copy.mailing.title, "state": _label(DeliveryState, copy.state)},
            newsletter=copy.mailing.newsletter.name,
            because=reason_name(copy.reason),
            events=_told(reported.get(copy.pk, [])),
        )
        for copy in copies
    ]


def _told(found: Sequence[ProviderEvent]) -> list[tuple[datetime, str]]:
    """What came back, in words."""
    return [
        (event.occurred_at, f"{said} ({event.reject_reason})" if event.reject_reason else said)
        for event in found
        for said in [events.in_words(event.kind)]
    ]


def _suppression(row: Suppression) -> Entry:
    return Entry(
        at=row.created_at,
        kind="suppression",
        title=_("Suppressed: %(reason)s") % {"reason": row.get_reason_display()},
        newsletter=row.newsletter.name if row.newsletter else "",
        because=row.note,
    )


def can_unsubscribe(subscription: Subscription) -> bool:
    """Whether there is something to end."""
    return subscription.state in OPEN
