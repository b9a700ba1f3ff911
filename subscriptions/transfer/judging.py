"""What a line of a file says by itself: an address that can be, dates that can be, and who is not to be mailed."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from newsroom.mail.addresses import address_hash, normalise, reachable
from newsroom.mail.errors import BadAddress
from subscriptions.errors import TransferError
from subscriptions.states import Cadence, LegalBasis, SuppressionReason
from subscriptions.transfer.formats import ACTIVE, NO, STOPPED, YES

# What was agreed to elsewhere: kept as it stands, never compared.
AGREED = ("agreed_to", "agreed_at", "agreed_where")
# From where she ordered and confirmed it there.
NETWORKS = ("requested_network_address", "confirmed_network_address")
_HASH = re.compile(r"[0-9a-f]{64}")
# As programs in Go write a time that nobody told them how to: its zone twice, the second time by a name or once more by
# the offset, and at times the reading of a clock (package time, `Time.String`).
_GO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [+-]\d{4}) (?:[A-Za-z]{1,6}|[+-]\d{2,4})(?: m=[+-]\d+(?:\.\d+)?)?"
)
# What they write where there is no time.
_GO_NEVER = "0001-01-01 00:00:00 +0000"


class LineResult(StrEnum):
    """What became of a line."""

    TAKEN = "taken"
    ALREADY = "already reading"
    LEFT = "left before"
    SUPPRESSED = "suppressed"
    STOPPED = "kept as suppression"
    ANSWERED = "reads here since"
    TWICE = "twice in the file"
    ELSEWHERE = "of another newsletter"
    UNCONFIRMED = "never confirmed"
    NO_WEEKLY = "no weekly best-of"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the file and what became of it; because is a sentence for one that can be put right."""

    number: int
    address: str
    result: LineResult
    because: str = ""


class Reader(NamedTuple):
    """A line that can be taken, unless our own house knows better. A date that the file does not have is None."""

    number: int
    typed: str
    normal: str
    address_hash: str
    language: str
    source: str
    requested_at: datetime | None
    confirmed_at: datetime | None
    cadence: str
    paused_until: datetime | None
    basis: str
    agreed: Mapping[str, str]
    networks: Mapping[str, str]


class Stopped(NamedTuple):
    """A line of somebody not to be mailed, here or at all. note: None where the file has none of its own."""

    number: int
    typed: str
    address_hash: str
    reason: SuppressionReason
    is_for_all: bool
    note: str | None = None
    since: datetime | None = None


def judge(number: int, row: Mapping[str, str], *, newsletter: str, at: datetime) -> Reader | Stopped | Line:
    """Read a line by our names for its columns. newsletter: the slug of the one that readers are taken into.

    at: the time of the import, behind which no date may lie but the end of a pause.
    """
    typed = row.get("address", "")
    named = row.get("newsletter")
    is_suppression = "reason" in row
    if named is not None and named.casefold() != newsletter.casefold() and (named or not is_suppression):
        because = _("This line is of the newsletter “%(named)s”.") % {"named": named[:60]}
        return Line(number=number, address=typed, result=LineResult.ELSEWHERE, because=because)
    state = row.get("state", "").casefold()
    try:
        if is_suppression:
            return _suppression(number, row, at=at)
        if stop := STOPPED.get(state) or _implied_stop(row, state):
            # Not to be mailed, whatever the file says of days and wishes.
            return Stopped(
                number=number,
                typed=typed,
                address_hash=address_hash(normalise(typed).normal),
                reason=stop,
                is_for_all=stop != SuppressionReason.UNSUBSCRIBED,
                since=_stopped_at(row, at=at),
            )
        reader = _reader(number, row, at=at)
    except (BadAddress, TransferError) as error:
        return Line(number=number, address=typed, result=LineResult.REFUSED, because=str(error))
    if state not in ACTIVE:
        because = _("The state “%(state)s” is not one that may be written to.") % {"state": state[:60]}
        return Line(number=number, address=typed, result=LineResult.UNCONFIRMED, because=because)
    return reader


def _reader(number: int, row: Mapping[str, str], *, at: datetime) -> Reader:
    typed = row.get("address", "")
    normal = reachable(typed).normal
    return Reader(
        number=number,
        typed=unicodedata.normalize("NFC", typed),
        normal=normal,
        address_hash=address_hash(normal),
        language=_language(row.get("language", "")),
        source=(row.get("source") or "import")[:200],
        requested_at=_past(row.get("requested_at"), at=at),
        confirmed_at=_past(row.get("confirmed_at"), at=at),
        cadence=_one_of(Cadence, row.get("cadence")) or Cadence.EACH.value,
        paused_until=_time(row.get("paused_until")),
        basis=_one_of(LegalBasis, row.get("basis")) or LegalBasis.IMPORTED.value,
        agreed={name: row[name] for name in AGREED if row.get(name)},
        networks={name: _network_address(row[name]) for name in NETWORKS if row.get(name)},
    )


def _suppression(number: int, row: Mapping[str, str], *, at: datetime) -> Stopped:
    """A line of our own list: by the address where it has one, else by the hash, if our key made it."""
    typed, known = row.get("address", ""), row.get("address_hash", "")
    if typed:
        known = address_hash(normalise(typed).normal)
    elif not _HASH.fullmatch(known):
        raise TransferError(_("This line has neither an address nor the hash of one."))
    elif row.get("key") != key_mark():
        # Translators: Diese Prüfsumme entstand mit einem anderen Schlüssel (ADDRESS_KEY) und würde hier niemanden sperren.
        raise TransferError(
            _("This hash was made with another key (ADDRESS_KEY) and would stop nobody here.")
        )
    if not row["reason"]:
        raise TransferError(_("This line does not say why mail is to stop."))
    return Stopped(
        number=number,
        typed=typed,
        address_hash=known,
        reason=SuppressionReason(_one_of(SuppressionReason, row["reason"])),
        is_for_all=not row.get("newsletter"),
        note=row.get("note", "")[:300],
        since=_past(row.get("since"), at=at),
    )


def key_mark() -> str:
    """Tells which key made a hash, without telling anything of the key."""
    return f"key-{address_hash('')[:8]}"


def _language(text: str) -> str:
    language = text.partition("-")[0].casefold()
    return language if language in {"de", "en"} else ""


def _one_of(choices: type[TextChoices], text: str | None) -> str:
    """The word, if it is one of ours. Raises TransferError for another."""
    if text and text not in choices.values:
        known = ", ".join(choices.values)
        raise TransferError(_("“%(field)s” is none of: %(known)s.") % {"field": text[:80], "known": known})
    return text or ""


def _implied_stop(row: Mapping[str, str], state: str) -> SuppressionReason | None:
    """What other columns say: Substack's and Ghost's by a switch, Mailchimp's lists, which have no state, by a date."""
    if row.get("cleaned_at") and not state:
        return SuppressionReason.HARD_BOUNCE
    is_off = row.get("disabled", "").casefold() in YES or row.get("receives", "").casefold() in NO
    has_left = bool(row.get("unsubscribed_at")) and not state
    return SuppressionReason.UNSUBSCRIBED if is_off or has_left else None


def _stopped_at(row: Mapping[str, str], *, at: datetime) -> datetime | None:
    """Since when, if the file says it; of two days the later. A date that cannot be read keeps nobody on the list."""
    try:
        times = [_past(row.get(name), at=at) for name in ("cleaned_at", "unsubscribed_at")]
    except TransferError:
        return None
    return max((time for time in times if time is not None), default=None)


def _network_address(text: str) -> str:
    try:
        # Behind a "%" could stand anything; it names a card of that computer, and so nobody elsewhere.
        return str(ip_address("" if "%" in text else text))
    except ValueError as error:
        said = _("“%(text)s” is not a network address like 203.0.113.7.") % {"text": text[:40]}
        raise TransferError(said) from error


def _past(text: str | None, *, at: datetime) -> datetime | None:
    time = _time(text)
    if time is not None and time > at:
        raise TransferError(_("“%(text)s” lies in the future.") % {"text": (text or "")[:40]})
    return time


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        time = parse_datetime(text)
        if time is None and (day := parse_date(text)) is not None:
            time = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if time is None and (written := _GO_TIME.fullmatch(text)):
            if written[1] == _GO_NEVER:
                return None
            time = parse_datetime(written[1])
    except ValueError:
        time = None
    if time is None:
        raise TransferError(_("“%(text)s” is not a date like 2026-05-04.") % {"text": text[:40]})
    return time if time.tzinfo else time.replace(tzinfo=UTC)
