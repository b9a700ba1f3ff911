"""Everything we hold of readers as CSV, row by row: what they read, what they agreed to, and whom not to mail."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, Protocol, TypeVar

from newsroom.web import keys
from subscriptions import evidence
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind
from subscriptions.transfer.cells import neutralise
from subscriptions.transfer.judging import AGREED, NETWORKS, key_mark

COLUMNS: Final = (
    "address", "newsletter", "state", "language", "basis", "source", "requested_at", "confirmed_at",
    "unsubscribed_at", "paused_until", "cadence", "agreed_to", "agreed_at", "agreed_where",
    "requested_network_address", "confirmed_network_address",
)  # fmt: skip
CONSENT_COLUMNS: Final = (
    "address", "newsletter", "what", "at", "wording", "wording_version", "language", "where", "network_address",
    "by", "facts",
)  # fmt: skip
SUPPRESSION_COLUMNS: Final = ("address_hash", "key", "address", "reason", "newsletter", "note", "since")
_CHUNK: Final = 2_000

# Events that say what was agreed to.
_WORDED: Final = (ConsentKind.REQUESTED, ConsentKind.IMPORTED)

_Row = Iterable[str]
_Item = TypeVar("_Item")


class Writable(Protocol):
    """A file, or a command's output."""

    def write(self, text: str, /) -> object: ...


class _Last:
    """Keeps what csv wrote last."""

    text = ""

    def write(self, text: str, /) -> None:
        self.text = text


def lines(what: str, *, newsletters: Sequence[Newsletter] | None = None) -> Iterator[str]:
    """The lines of an export, heading first, no cell of which a spreadsheet computes. what: a key of EXPORTS.

    Erased readers are in none of them but the list of suppressions, by a hash. Memory: a chunk of 2,000 rows, whatever
    the size; queries: one, and one more per chunk.
    """
    columns, rows = EXPORTS[what]
    yield from as_lines(columns, rows(newsletters))


def as_lines(columns: Sequence[str], rows: Iterable[_Row]) -> Iterator[str]:
    """Rows as lines of CSV, heading first, no cell of which a spreadsheet computes."""
    last = _Last()
    writer = csv.writer(last)
    writer.writerow(columns)
    yield last.text
    for row in rows:
        writer.writerow(map(neutralise, row))
        yield last.text


def _write(file: Writable, what: str, newsletters: Sequence[Newsletter] | None) -> int:
    written = -1
    for line in lines(what, newsletters=newsletters):
        file.write(line)
        written += 1
    return written


def export_subscribers(file: Writable, *, newsletters: Sequence[Newsletter] | None = None) -> int:
    """Write all subscriptions as CSV that `import_subscribers` reads back; gives their number."""
    return _write(file, "readers", newsletters)


def export_consent(file: Writable, *, newsletters: Sequence[Newsletter] | None = None) -> int:
    """Write the record of who agreed to what and took it back; gives the number of events."""
    return _write(file, "consent", newsletters)


def export_suppressions(file: Writable, *, newsletters: Sequence[Newsletter] | None = None) -> int:
    """Write whom not to mail, by keyed hash, with the address of whom we still know; gives their number.

    newsletters: only what counts for these.
    """
    return _write(file, "suppressions", newsletters)


def _readers(newsletters: Sequence[Newsletter] | None) -> Iterator[_Row]:
    rows = Subscription.objects.filter(subscriber__address__isnull=False)
    if newsletters is not None:
        rows = rows.filter(newsletter__in=newsletters)
    ordered = rows.select_related("subscriber", "newsletter").order_by("newsletter_id", "pk")
    for chunk in _chunks(ordered.iterator(chunk_size=_CHUNK)):
        events = _agreeing(chunk)
        agreed = evidence.last_by_subscription(event for event in events if event.kind in _WORDED)
        last = evidence.last_by_subscription(events)
        for row in chunk:
            whose = row.subscriber_id, row.newsletter_id
            yield _reader(row, agreed.get(whose), last.get(whose))


def _chunks(rows: Iterator[_Item]) -> Iterator[list[_Item]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _agreeing(chunk: Sequence[Subscription]) -> Sequence[ConsentEvent]:
    """The events by which these readers came to their newsletters, oldest first. One query."""
    events = evidence.agreeing().filter(subscriber_id__in=keys.among({row.subscriber_id for row in chunk}))
    wanted = events.only(
        "subscriber_id", "newsletter_id", "kind", "wording", "at", "form", "facts", "network_address"
    )
    return list(wanted.order_by("pk"))


def _reader(row: Subscription, agreed: ConsentEvent | None, last: ConsentEvent | None) -> _Row:
    dates = evidence.dates_of(row, last)
    yield row.subscriber.typed_address or row.subscriber.address or ""
    yield row.newsletter.slug
    yield row.state
    yield row.subscriber.language
    yield row.basis
    yield row.source
    yield from map(_text, (dates.requested_at, dates.confirmed_at, row.unsubscribed_at, row.paused_until))
    yield row.cadence
    yield from _words(agreed)
    yield from _networks(agreed, last)


def _words(agreed: ConsentEvent | None) -> _Row:
    """What she agreed to, when and where: of one who came by a file, what the file said."""
    if agreed is None:
        return "", "", ""
    if agreed.kind == ConsentKind.IMPORTED:
        return [str(agreed.facts.get(name, "")) for name in AGREED]
    return agreed.wording, _text(agreed.at), agreed.form


def _networks(agreed: ConsentEvent | None, last: ConsentEvent | None) -> _Row:
    """From where she ordered and confirmed it: of one who came by a file, what the file said."""
    if agreed is None:
        return "", ""
    if agreed.kind == ConsentKind.IMPORTED:
        return [str(agreed.facts.get(name, "")) for name in NETWORKS]
    is_confirmed = last is not None and last.kind == ConsentKind.CONFIRMED
    return agreed.network_address or "", (last.network_address or "") if last and is_confirmed else ""


def _consent(newsletters: Sequence[Newsletter] | None) -> Iterator[_Row]:
    rows = ConsentEvent.objects.filter(subscriber__address__isnull=False)
    if newsletters is not None:
        rows = rows.filter(newsletter__in=newsletters)
    for event in rows.select_related("newsletter").order_by("pk").iterator(chunk_size=_CHUNK):
        yield (
            event.address,
            event.newsletter.slug if event.newsletter else "",
            event.kind,
            _text(event.at),
            event.wording,
            event.wording_version,
            event.language,
            event.form,
            event.network_address or "",
            event.actor,
            json.dumps(event.facts, ensure_ascii=False) if event.facts else "",
        )


def _suppressions(newsletters: Sequence[Newsletter] | None) -> Iterator[_Row]:
    rows = Suppression.objects.select_related("newsletter").order_by("pk")
    if newsletters is not None:
        rows = rows.filter(newsletter__in=newsletters) | rows.filter(newsletter=None)
    for chunk in _chunks(rows.iterator(chunk_size=_CHUNK)):
        known = Subscriber.objects.filter(address_hash__in=keys.among({row.address_hash for row in chunk}))
        addresses = {reader.address_hash: reader.typed_address or reader.address or "" for reader in known}
        for row in chunk:
            slug = row.newsletter.slug if row.newsletter else ""
            address = addresses.get(row.address_hash, "")
            yield row.address_hash, key_mark(), address, row.reason, slug, row.note, _text(row.created_at)


def _text(time: datetime | None) -> str:
    return time.isoformat() if time else ""


EXPORTS: Final[
    Mapping[str, tuple[Sequence[str], Callable[[Sequence[Newsletter] | None], Iterator[_Row]]]]
] = {
    "readers": (COLUMNS, _readers),
    "consent": (CONSENT_COLUMNS, _consent),
    "suppressions": (SUPPRESSION_COLUMNS, _suppressions),
}
