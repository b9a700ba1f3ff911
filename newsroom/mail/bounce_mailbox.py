"""What comes back to the bounce mailbox, stored as provider events: only what is about a copy of ours.

Anybody can write to the mailbox. So a report counts only with a valid token of ours, the address in it is not
believed, and nothing is ever answered (RFC 3834 §2).
"""

import hashlib
import imaplib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from newsroom.mail import bounces, events
from newsroom.mail.bounces.parts import LARGEST
from newsroom.mail.bounces.reasons import OURS
from newsroom.mail.models import ProviderEvent
from newsroom.web import clock, tokens
from newsroom.web.errors import BadToken
from newsroom.web.masking import mask_text
from newsroom.web.tokens import TokenKind

SOURCE: Final = "bounces"
_DELIVERY_CHARACTERS: Final = 23


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of one mail."""

    reports: int = 0
    stored: int = 0  # new or known already; the rest named no copy of ours or meant nothing

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(reports=self.reports + other.reports, stored=self.stored + other.stored)


def take_in(raw: bytes, *, at: datetime) -> Taken:
    """Store what a mail reports about our copies, each report once. Queries: at most 1."""
    reports = bounces.read(raw)
    rows = {row.event_id: row for report in reports if (row := _row(report, at))}
    if rows:
        ProviderEvent.objects.bulk_create(rows.values(), ignore_conflicts=True)
    return Taken(reports=len(reports), stored=len(rows))


def read_mailbox(connection: imaplib.IMAP4, *, folder: str, limit: int = 500) -> Taken:
    """Take in the unread mails of a folder; each is marked as read once what it says is stored.

    Raises imaplib.IMAP4.error or OSError; what was stored by then stays, and is known the next time.
    """
    _demand(connection.select(_quoted(folder)))
    numbers = _demand(connection.search(None, "UNSEEN"))[0].split()
    taken = Taken()
    for number in numbers[:limit]:
        answer = _demand(connection.fetch(number.decode(), f"(BODY.PEEK[]<0.{LARGEST}>)"))
        raw = next((part[1] for part in answer if isinstance(part, tuple)), b"")
        taken += take_in(raw, at=clock.now())
        _demand(connection.store(number.decode(), "+FLAGS", r"(\Seen)"))
    return taken


def _row(report: bounces.Report, at: datetime) -> ProviderEvent | None:
    if report.kind is bounces.Kind.NOTHING or not _is_ours(report.token):
        return None
    judged = _reject_reason(report)
    said = {
        "action": report.action,
        "status": report.status,
        "reason": report.reason.value,
        "diagnostic": report.diagnostic,
    }
    identity = f"{report.kind.value}\0{judged}\0{report.token}"
    return ProviderEvent(
        provider=SOURCE,
        event_id=hashlib.sha256(identity.encode()).hexdigest(),
        kind=report.kind.value,
        reject_reason=judged,
        token=report.token,
        description=mask_text(f"{report.status} {report.diagnostic}".strip())[:500],
        payload=events.clean(said, recipient=report.recipient),
        occurred_at=at,
        received_at=at,
    )


def _is_ours(token: str) -> bool:
    kind = TokenKind.DELIVERY if len(token) == _DELIVERY_CHARACTERS else TokenKind.LETTER
    try:
        tokens.read(kind, token)
    except BadToken:
        return False
    return True


def _reject_reason(report: bounces.Report) -> str:
    """In Anymail's words; "bounced" alone says that the mailbox is gone."""
    if report.kind is bounces.Kind.COMPLAINED or report.reason is bounces.Reason.SPAM:
        return "spam"
    if report.suppress_now:
        return "bounced"
    if report.reason in OURS:
        return "blocked"
    return "timed_out" if report.reason is bounces.Reason.EXPIRED else "other"


def _demand(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(f"The mail server answered {kind}.")
    return data


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
