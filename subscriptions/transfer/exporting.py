"""Everything we hold of readers as CSV, row by row: what they read, what they agreed to, and whom not to mail."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from newsroom.web import keys
from subscriptions.models import ConsentEvent, Newsletter, Subscription, Suppression
from subscriptions.states import ConsentKind
from subscriptions.transfer.cells import neutralise

COLUMNS: Final = (
    "address", "newsletter", "state", "language", "basis", "source", "requested_at", "confirmed_at",
    "unsubscribed_at", "paused_until", "cadence", "agreed_to", "agreed_at", "agreed_where",
)  # fmt: skip
CONSENT_COLUMNS: Final = (
    "address", "newsletter", "what", "at", "wording", "wording_version", "language", "where", "network_address",
    "by", "facts",
)  # fmt: skip
SUPPRESSION_COLUMNS: Final = ("address_hash", "reason", "newsletter", "note", "since")
_CHUNK: Final = 2_000

_Row = Iterable[str]


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

    Erased readers are in none of them but the list of suppressions, which holds hashes alone. Memory: a chunk of
    2,000 rows, whatever the size; queries: one, and for readers one more per chunk.
    """
    columns, rows = EXPORTS[what]
    last = _Last()
    writer = csv.writer(last)
    writer.writerow(columns)
    yield last.text
    for row in rows(newsletters):
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
    """Write whom not to mail, by keyed hash; with newsletters: what counts for these. Gives their number."""
    return _write(file, "suppressions", newsletters)


def _readers(newsletters: Sequence[Newsletter] | None) -> Iterator[_Row]:
    rows = Subscription.objects.filter(subscriber__address__isnull=False)
    if newsletters is not None:
        rows = rows.filter(newsletter__in=newsletters)
    ordered = rows.select_related("subscriber", "newsletter").order_by("newsletter_id", "pk")
    found = ordered.iterator(chunk_size=_CHUNK)
    while chunk := list(islice(found, _CHUNK)):
        agreed = _agreed(chunk)
        for row in chunk:
            yield _reader(row, agreed.get((row.subscriber_id, row.newsletter_id)))


def _agreed(chunk: Sequence[Subscription]) -> Mapping[tuple[int, int | None], ConsentEvent]:
    """The last event of each of these in which something was agreed to, with its wording. One query."""
    events = ConsentEvent.objects.filter(
        subscriber_id__in=keys.among({row.subscriber_id for row in chunk}),
        kind__in=[ConsentKind.REQUESTED, ConsentKind.IMPORTED],
    )
    wanted = events.only("subscriber_id", "newsletter_id", "wording", "at", "form").order_by("pk")
    return {(event.subscriber_id, event.newsletter_id): event for event in wanted}


def _reader(row: Subscription, agreed: ConsentEvent | None) -> _Row:
    yield row.subscriber.typed_address or row.subscriber.address or ""
    yield row.newsletter.slug
    yield row.state
    yield row.subscriber.language
    yield row.basis
    yield row.source
    yield from map(_text, (row.requested_at, row.confirmed_at, row.unsubscribed_at, row.paused_until))
    yield row.cadence
    yield from (agreed.wording, _text(agreed.at), agreed.form) if agreed else ("", "", "")


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
    for row in rows.iterator(chunk_size=_CHUNK):
        slug = row.newsletter.slug if row.newsletter else ""
        yield row.address_hash, row.reason, slug, row.note, _text(row.created_at)


def _text(time: datetime | None) -> str:
    return time.isoformat() if time else ""


EXPORTS: Final[
    Mapping[str, tuple[Sequence[str], Callable[[Sequence[Newsletter] | None], Iterator[_Row]]]]
] = {
    "readers": (COLUMNS, _readers),
    "consent": (CONSENT_COLUMNS, _consent),
    "suppressions": (SUPPRESSION_COLUMNS, _suppressions),
}
