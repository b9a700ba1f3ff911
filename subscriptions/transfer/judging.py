"""What a line of a file says by itself: an address that can be, dates that can be, and who is not to be mailed."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from newsroom.mail.addresses import address_hash, normalise
from newsroom.mail.errors import BadAddress
from subscriptions.errors import TransferError
from subscriptions.states import SuppressionReason
from subscriptions.transfer.formats import ACTIVE, NO, STOPPED, YES


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the file and what became of it; because is a sentence for a refused one."""

    number: int
    address: str
    result: LineResult
    because: str = ""


class Reader(NamedTuple):
    """A line that can be taken, unless our own house knows better. stop: not to be mailed, and why."""

    number: int
    typed: str
    normal: str
    address_hash: str
    language: str
    source: str
    requested_at: datetime
    confirmed_at: datetime
    stop: SuppressionReason | None


def judge(number: int, row: Mapping[str, str], *, at: datetime) -> Reader | Line:
    """Read a line by our names for its columns. at: the time of the import, where the line has no dates."""
    typed = row.get("address", "")
    state = row.get("state", "").casefold()
    stop = STOPPED.get(state) or _implied_stop(row, state)
    try:
        address = normalise(typed)
        # Who left is not to be mailed, whatever the file says of the day.
        requested = _time("" if stop else row.get("requested_at", ""), at=at)
        confirmed = _time("" if stop else row.get("confirmed_at", ""), at=at)
    except (BadAddress, TransferError) as error:
        return Line(number=number, address=typed, result=LineResult.REFUSED, because=str(error))
    if stop is None and state not in ACTIVE:
        because = _("The state “%(state)s” is not one that may be written to.") % {"state": state[:60]}
        return Line(number=number, address=typed, result=LineResult.UNCONFIRMED, because=because)
    language = row.get("language", "").partition("-")[0].casefold()
    return Reader(
        number=number,
        typed=unicodedata.normalize("NFC", typed),
        normal=address.normal,
        address_hash=address_hash(address.normal),
        language=language if language in {"de", "en"} else "",
        source=(row.get("source") or "import")[:200],
        requested_at=requested or confirmed or at,
        confirmed_at=confirmed or requested or at,
        stop=stop,
    )


def _implied_stop(row: Mapping[str, str], state: str) -> SuppressionReason | None:
    """What other columns say: Substack's and Ghost's by a switch, Mailchimp's lists, which have no state, by a date."""
    if row.get("cleaned_at") and not state:
        return SuppressionReason.HARD_BOUNCE
    is_off = row.get("disabled", "").casefold() in YES or row.get("receives", "").casefold() in NO
    has_left = bool(row.get("unsubscribed_at")) and not state
    return SuppressionReason.UNSUBSCRIBED if is_off or has_left else None


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
