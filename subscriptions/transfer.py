"""Readers from and to a file: CSV in, with a result for each line, and CSV out that no spreadsheet executes.

An import is not a way round consent: it wants to be told on what basis these people may be written to, keeps the
dates of the file, and takes who left or bounced elsewhere as somebody not to be mailed here.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from newsroom.mail.addresses import address_hash, normalise
from newsroom.mail.errors import BadAddress
from subscriptions import suppression
from subscriptions.errors import TransferError
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind, LegalBasis, SubscriptionState, SuppressionReason

COLUMNS = (
    "address",
    "newsletter",
    "state",
    "language",
    "basis",
    "source",
    "requested_at",
    "confirmed_at",
    "unsubscribed_at",
    "paused_until",
)
# What other systems call the same column; compared in small letters, blanks and underscores alike.
_ALIASES = {
    "address": {"address", "email", "e-mail", "email address", "e-mail address", "e-mail-adresse", "mail"},
    "state": {"state", "status", "member rating status"},
    "language": {"language", "sprache", "locale"},
    "source": {"source", "quelle"},
    "requested_at": {"requested at", "optin time", "subscribed at", "created at", "date", "datum"},
    "confirmed_at": {"confirmed at", "confirm time", "confirmed"},
    "unsubscribed_at": {"unsubscribed at", "unsub time"},
    "cleaned_at": {"clean time"},
    "disabled": {"email disabled"},
}
_ACTIVE = {"", "active", "subscribed", "confirmed", "enabled", "aktiv"}
_STOPPED = {
    "unsubscribed": SuppressionReason.UNSUBSCRIBED,
    "cleaned": SuppressionReason.HARD_BOUNCE,
    "bounced": SuppressionReason.HARD_BOUNCE,
    "hard_bounce": SuppressionReason.HARD_BOUNCE,
    "complained": SuppressionReason.COMPLAINT,
    "spam": SuppressionReason.COMPLAINT,
    "blocklisted": SuppressionReason.MANUAL,
}
# OWASP, "CSV Injection": what a spreadsheet takes for a formula. Quotes before it are part of the escape.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_MAX_BYTES = 50_000_000


class LineResult(StrEnum):
    """What became of a line."""

    TAKEN = "taken"
    ALREADY = "already reading"
    LEFT = "left before"
    SUPPRESSED = "suppressed"
    STOPPED = "kept as suppression"
    TWICE = "twice in the file"
    UNCONFIRMED = "never confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the file and what became of it; because is a sentence for a refused one."""

    number: int
    address: str
    result: LineResult
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All lines of an import."""

    lines: list[Line] = field(default_factory=list)
    is_dry_run: bool

    def counts(self) -> Counter[LineResult]:
        return Counter(line.result for line in self.lines)


class _DryRun(Exception):
    """Takes the transaction back after everything was tried for real."""


class Writable(Protocol):
    """A file, or a command's output."""

    def write(self, text: str, /) -> object: ...


def neutralise(cell: str) -> str:
    """A cell that a spreadsheet shows instead of computing it; `restore` gives the original back."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restore(cell: str) -> str:
    """The cell as it was before `neutralise`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def read_text(raw: bytes) -> str:
    """A file's text: UTF-8 with or without mark, else what Excel writes in western Europe. Raises TransferError."""
    if len(raw) > _MAX_BYTES:
        raise TransferError(_("The file is larger than 50 MB; please split it."))
    if b"\0" in raw:
        raise TransferError(_("The file is not text; please export it as CSV in UTF-8."))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def import_subscribers(
    text: str, *, newsletter: Newsletter, basis: str, actor: str, at: datetime, is_dry_run: bool = False
) -> Report:
    """Take the readers of a CSV text into a newsletter: all lines that can be, or with is_dry_run none.

    basis: the words by which these people agreed and where the proof lies; demanded. Raises TransferError for a file
    or a basis that cannot be used at all; a bad line is only refused.
    """
    if not basis.strip():
        raise TransferError(_("Please say on what legal basis these readers may be written to."))
    rows = list(_rows(text))
    report = Report(is_dry_run=is_dry_run)
    try:
        with transaction.atomic():
            intake = _Intake(newsletter=newsletter, basis=basis.strip(), actor=actor, at=at)
            for number, row in rows:
                report.lines.append(intake.take(number, row))
            if is_dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return report


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines below the heading, by our names for the columns, cells restored."""
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [_column(name) for name in next(reader, [])]
        if "address" not in names:
            raise TransferError(_("The first line must name the columns, and one of them must be “address”."))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                values = (restore(cell).strip() for cell in cells)
                yield (
                    reader.line_num,
                    {name: value for name, value in zip(names, values, strict=False) if name},
                )
    except csv.Error as error:
        raise TransferError(
            _("Line %(line)d is not valid CSV.") % {"line": reader.line_num}, line=reader.line_num
        ) from error


def _column(name: str) -> str:
    plain = name.strip().casefold().replace("_", " ")
    return next((ours for ours, names in _ALIASES.items() if plain in names), "")


class _Intake:
    """One import under way."""

    def __init__(self, *, newsletter: Newsletter, basis: str, actor: str, at: datetime) -> None:
        self.newsletter, self.basis, self.actor, self.at = newsletter, basis, actor, at
        self.seen: set[str] = set()

    def take(self, number: int, row: dict[str, str]) -> Line:
        typed = row.get("address", "")
        try:
            address = normalise(typed)
            times = _times(row, at=self.at)
        except (BadAddress, TransferError) as error:
            return Line(number=number, address=typed, result=LineResult.REFUSED, because=str(error))
        if address.normal in self.seen:
            return Line(number=number, address=typed, result=LineResult.TWICE)
        self.seen.add(address.normal)
        state = row.get("state", "").casefold() or _implied_state(row)
        if state in _STOPPED:
            scope = self.newsletter if state == "unsubscribed" else None
            suppression.suppress(
                address_hash(address.normal),
                reason=_STOPPED[state],
                newsletter=scope,
                note=self.basis[:300],
                at=self.at,
            )
            return Line(number=number, address=typed, result=LineResult.STOPPED)
        if state not in _ACTIVE:
            because = _("The state “%(state)s” is not one that may be written to.") % {"state": state}
            return Line(number=number, address=typed, result=LineResult.UNCONFIRMED, because=because)
        if suppression.is_suppressed(address_hash(address.normal), newsletter=self.newsletter):
            return Line(number=number, address=typed, result=LineResult.SUPPRESSED)
        return Line(number=number, address=typed, result=self._enrol(address.normal, row, times))

    def _enrol(self, normal: str, row: dict[str, str], times: "_Times") -> LineResult:
        language = row.get("language", "").partition("-")[0].casefold()
        reader, _is_new = Subscriber.objects.get_or_create(
            address=normal,
            defaults={
                "typed_address": unicodedata.normalize("NFC", row["address"]),
                "language": language if language in {"de", "en"} else self.newsletter.language,
                "created_at": times.requested_at,
            },
        )
        found = Subscription.objects.filter(subscriber=reader, newsletter=self.newsletter).first()
        if found is not None and found.state == SubscriptionState.ACTIVE:
            return LineResult.ALREADY
        if found is not None and found.state == SubscriptionState.UNSUBSCRIBED:
            return LineResult.LEFT
        subscription = found or Subscription(subscriber=reader, newsletter=self.newsletter)
        subscription.state = SubscriptionState.ACTIVE
        subscription.basis = LegalBasis.IMPORTED
        subscription.source = (row.get("source") or "import")[:200]
        subscription.requested_at, subscription.confirmed_at = times.requested_at, times.confirmed_at
        subscription.save()
        ConsentEvent.objects.create(
            subscriber=reader,
            newsletter=self.newsletter,
            kind=ConsentKind.IMPORTED,
            address=normal,
            wording=self.basis,
            language=reader.language,
            form=subscription.source,
            actor=self.actor,
            facts={
                "requested_at": times.requested_at.isoformat(),
                "confirmed_at": times.confirmed_at.isoformat(),
            },
            at=self.at,
        )
        return LineResult.TAKEN


def _implied_state(row: dict[str, str]) -> str:
    """What a file without a state says by other columns: Mailchimp's lists by their dates, Substack's by a switch."""
    if row.get("cleaned_at"):
        return "cleaned"
    is_off = row.get("disabled", "").casefold() in {"true", "yes", "1"}
    return "unsubscribed" if row.get("unsubscribed_at") or is_off else ""


@dataclass(frozen=True, kw_only=True)
class _Times:
    requested_at: datetime
    confirmed_at: datetime


def _times(row: dict[str, str], *, at: datetime) -> _Times:
    """The dates of a line; where the file has none, the time of the import."""
    requested = _time(row.get("requested_at", ""), at=at)
    confirmed = _time(row.get("confirmed_at", ""), at=at)
    return _Times(requested_at=requested or confirmed or at, confirmed_at=confirmed or requested or at)


def _time(text: str, *, at: datetime) -> datetime | None:
    if not text:
        return None
    try:
        time = parse_datetime(text)
        if time is None and (day := parse_date(text)) is not None:
            time = datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        time = None
    if time is None:
        raise TransferError(_("“%(text)s” is not a date like 2026-05-04.") % {"text": text[:40]})
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    if time > at:
        raise TransferError(_("“%(text)s” lies in the future.") % {"text": text[:40]})
    return time


def export_subscribers(file: Writable, *, newsletters: Sequence[Newsletter] | None = None) -> int:
    """Write all subscriptions as CSV that `import_subscribers` reads back; gives their number.

    Erased readers are not in it. Reads in pages, so the size does not matter.
    """
    rows = Subscription.objects.filter(subscriber__address__isnull=False).select_related(
        "subscriber", "newsletter"
    )
    if newsletters is not None:
        rows = rows.filter(newsletter__in=newsletters)
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    written = 0
    for row in rows.order_by("newsletter_id", "pk").iterator(chunk_size=2_000):
        writer.writerow(map(neutralise, _cells(row)))
        written += 1
    return written


def _cells(row: Subscription) -> Iterable[str]:
    times = (row.requested_at, row.confirmed_at, row.unsubscribed_at, row.paused_until)
    yield row.subscriber.typed_address or row.subscriber.address or ""
    yield row.newsletter.slug
    yield row.state
    yield row.subscriber.language
    yield row.basis
    yield row.source
    yield from (time.isoformat() if time else "" for time in times)
