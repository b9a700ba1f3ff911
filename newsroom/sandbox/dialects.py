"""How each provider is spoken to and how it answers, as far as sending goes.

Mailgun "Messages", Postmark "Send batch emails", Resend "Send batch emails" and "Idempotency keys" (read
2026-11-22). A sender's token and attempt travel as metadata: `t` and `a`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from newsroom.sandbox.record import Copy

_ANGLE = re.compile(r"<([^<>]*)>\s*$")


class Unreadable(ValueError):
    """The body is not what this provider takes."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a call asks for."""

    copies: Sequence[Copy]
    attempt: str


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A provider's way of speaking: which paths are its own, how it reads, how it says yes."""

    name: str
    path: re.Pattern[str]
    read: Callable[[str, bytes], Offer]
    answer: Callable[[str, Sequence[Copy], Sequence[Copy]], Any]


def _bare(address: str) -> str:
    found = _ANGLE.search(address)
    return (found[1] if found else address).strip()


def _form(content_type: str, body: bytes) -> dict[str, list[str]]:
    if content_type.startswith("multipart/form-data"):
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        fields: dict[str, list[str]] = {}
        for part in message_from_bytes(head + body, policy=policy.HTTP).iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            fields.setdefault(name, []).append(part.get_content().rstrip("\n"))
        return fields
    return parse_qs(body.decode(), keep_blank_values=True)


def _read_mailgun(content_type: str, body: bytes) -> Offer:
    form = _form(content_type, body)
    variables: dict[str, dict[str, str]] = json.loads(form.get("recipient-variables", ["{}"])[0])
    token = form.get("v:t", [""])[0]
    copies = []
    for typed in form.get("to", []):
        address = _bare(typed)
        # As there: a recipient whose variables are not found gets the text as it stands.
        own = variables.get(address, {})
        copies.append(Copy(token=own.get("t", token), address=address))
    if not copies:
        raise Unreadable("to parameter is missing")
    return Offer(copies=copies, attempt=form.get("v:a", [""])[0])


def _answer_mailgun(path: str, offered: Sequence[Copy], refused: Sequence[Copy]) -> Any:
    return {"id": f"<{uuid4().hex}@sandbox>", "message": "Queued. Thank you."}


def _messages(body: bytes) -> list[dict[str, Any]]:
    read = json.loads(body)
    messages = read if isinstance(read, list) else read.get("Messages", [read])
    if not messages or not all(isinstance(message, dict) for message in messages):
        raise Unreadable("no messages")
    return list(messages)


def _read_postmark(content_type: str, body: bytes) -> Offer:
    messages = _messages(body)
    metadata = [message.get("Metadata") or {} for message in messages]
    return Offer(
        copies=[
            Copy(token=str(own.get("t", "")), address=_bare(str(message.get("To", ""))))
            for message, own in zip(messages, metadata, strict=True)
        ],
        attempt=str(metadata[0].get("a", "")),
    )


def _answer_postmark(path: str, offered: Sequence[Copy], refused: Sequence[Copy]) -> Any:
    answers = [
        {"ErrorCode": 406, "Message": f"You tried to send to {copy.address}: inactive recipient."}
        if copy in refused
        else {
            "ErrorCode": 0,
            "Message": "OK",
            "MessageID": str(uuid4()),
            "To": copy.address,
            "SubmittedAt": "2026-01-01T00:00:00Z",
        }
        for copy in offered
    ]
    return answers if path.endswith("/batch") else answers[0]


def _read_resend(content_type: str, body: bytes) -> Offer:
    messages = _messages(body)
    copies, attempts = [], []
    for message in messages:
        own = _resend_metadata(message)
        to = message.get("to") or [""]
        copies.append(Copy(token=own.get("t", ""), address=_bare(to if isinstance(to, str) else to[0])))
        attempts.append(own.get("a", ""))
    return Offer(copies=copies, attempt=attempts[0])


def _resend_metadata(message: Mapping[str, Any]) -> dict[str, str]:
    """Tags, or the header in which senders carry what tags cannot."""
    for name, value in (message.get("headers") or {}).items():
        if name.lower() == "x-metadata":
            return {key: str(text) for key, text in json.loads(value).items()}
    return {tag["name"]: str(tag["value"]) for tag in message.get("tags") or []}


def _answer_resend(path: str, offered: Sequence[Copy], refused: Sequence[Copy]) -> Any:
    ids = [{"id": str(uuid4())} for copy in offered if copy not in refused]
    if not path.endswith("/batch"):
        return ids[0] if ids else {"name": "validation_error", "message": "Invalid `to` field."}
    errors = [
        {"index": index, "message": "Invalid `to` field."}
        for index, copy in enumerate(offered)
        if copy in refused
    ]
    return {"data": ids, **({"errors": errors} if errors else {})}


DIALECTS = (
    Dialect(
        name="mailgun",
        path=re.compile(r"/v3/[^/]+/messages"),
        read=_read_mailgun,
        answer=_answer_mailgun,
    ),
    Dialect(
        name="postmark", path=re.compile(r"/email(/batch)?"), read=_read_postmark, answer=_answer_postmark
    ),
    Dialect(name="resend", path=re.compile(r"/emails(/batch)?"), read=_read_resend, answer=_answer_resend),
)
ANSWERS_EACH = frozenset({"postmark", "resend"})


def dialect_of(path: str) -> Dialect | None:
    """Whose path that is."""
    return next((dialect for dialect in DIALECTS if dialect.path.fullmatch(path)), None)
