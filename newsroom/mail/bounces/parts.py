"""A returned mail taken apart: what it says to people, what it says to machines, and the mail it brings back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, message_from_string
from email.header import decode_header
from email.message import Message
from html import unescape

LARGEST = 1_000_000  # bytes of a mail that are looked at
_MOST_SAID = 20_000  # characters
_DEEPEST = 12
_MOST_PARTS = 200
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES = frozenset(
    (
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    )
)
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)")
_MARKUP = re.compile(r"<(?:/?[a-z][a-z0-9]*\b(?![^<>\s]*@)[^<>]*|!--.{0,2000}?--)>", re.I | re.S)
# Where people stop reading and the mail that comes back begins.
_RETURNED_BELOW = re.compile(
    r"^(?:[-=_*# >|]{2,}.{0,40}\b(?:original|copy|unsent|returned|undelivered|forwarded|bounced|rejected)\b.{0,60}"
    r"|.{0,40}\b(?:original message|copy of (?:the|your) (?:original )?(?:message|mail)|original headers)\b.{0,40}(?:follows?|below|:)[ .:-]*"
    r"|(?:the )?(?:original|returned|unsent|undelivered|rejected|bounced) (?:e-?mail|message|mail)(?: (?:headers?|text|content|body))?(?: follows?)?[ .:-]*"
    r"|Return-Path: ?<.*|Received: ?(?:from|by|\().*)$",
    re.I | re.M,
)

Fields = dict[str, str]


@dataclass(kw_only=True)
class Parts:
    """Names of fields in small letters."""

    head: Fields = field(default_factory=dict)
    content_type: str = ""
    said: str = ""  # to people
    statuses: list[Fields] = field(default_factory=list)  # one per recipient
    report: Fields = field(default_factory=dict)  # of the report as a whole (RFC 3464 §2.2)
    feedback: Fields | None = None
    returned: Fields = field(default_factory=dict)
    brings_mail: bool = False  # the mail that came back, or its head, in a part of its own
    receipt: Fields | None = None  # RFC 8098
    everything: str = ""


def take_apart(raw: bytes) -> Parts:
    """Whatever comes, something is returned: what cannot be parsed is read as text."""
    raw = re.sub(rb"\r\n?", b"\n", raw[:LARGEST]).lstrip(b"\n")
    raw = re.sub(rb"\AFrom [^\n]*\n", b"", raw)
    parts = Parts(everything=_decoded(raw, "utf-8"))
    try:
        message = message_from_bytes(raw)
        parts.content_type = message.get_content_type()
        parts.head = _head(message)
        said: list[str] = []
        for part in _walk(message, 0):
            _sort(part, parts, said)
        parts.said = "\n".join(said)
    except (ValueError, LookupError, AttributeError, TypeError, IndexError, RecursionError, AssertionError):
        parts.said = parts.said or parts.everything
    _read_below(parts)
    return parts


def _walk(message: "Message[str, str]", depth: int) -> Iterator["Message[str, str]"]:
    """The parts that speak about the mail, without stepping into the mail that comes back."""
    payload = message.get_payload()
    if message.get_content_maintype() != "multipart" or not isinstance(payload, list):
        yield message
        return
    for number, part in enumerate(payload[:_MOST_PARTS]):
        if not isinstance(part, Message):
            continue
        if depth < _DEEPEST and message.get_content_type() == "multipart/alternative" and number:
            # The second telling of the same only counts if the first had nothing to say.
            continue
        if depth < _DEEPEST:
            yield from _walk(part, depth + 1)


def _sort(part: "Message[str, str]", parts: Parts, said: list[str]) -> None:
    kind = part.get_content_type()
    if kind in _STATUS_TYPES:
        _take_status(part, parts)
    elif kind == "message/feedback-report":
        parts.feedback = {name: value for block in blocks(_text(part)) for name, value in block.items()}
    elif kind == "message/disposition-notification":
        parts.receipt = {name: value for block in blocks(_text(part)) for name, value in block.items()}
    elif kind in _RETURNED_TYPES:
        parts.brings_mail = True
        inner = _inner(part)
        if inner is None:
            return
        parts.returned = parts.returned or _head(inner)
        # A bounce that somebody passed on brings its report inside.
        if inner.get_content_type() == "multipart/report" and not parts.statuses:
            for nested in _walk(inner, 1):
                if nested.get_content_type() in _STATUS_TYPES:
                    _take_status(nested, parts)
                elif nested.get_content_type() in _RETURNED_TYPES and (deeper := _inner(nested)):
                    parts.returned = _head(deeper) or parts.returned
    elif part.get_content_maintype() == "text" or part.get_content_maintype() == "message":
        text = _text(part)
        said.append(unescape(_MARKUP.sub(" ", text)) if kind == "text/html" else text)


def _take_status(part: "Message[str, str]", parts: Parts) -> None:
    text = _text(part)
    parts.statuses += recipient_blocks(text)
    parts.report = parts.report or next(iter(blocks(text)), {})


def _inner(part: "Message[str, str]") -> "Message[str, str] | None":
    payload = part.get_payload()
    if isinstance(payload, list):
        first = payload[0] if payload else None
        return first if isinstance(first, Message) else None
    return message_from_string(_text(part).lstrip("\n"))


def _text(part: "Message[str, str]") -> str:
    payload = part.get_payload()
    if isinstance(payload, list):
        # message/delivery-status arrives parsed: a block of fields per "message".
        return "\n".join(_fields(inner) for inner in payload if isinstance(inner, Message))
    decoded = part.get_payload(decode=True)
    return (
        _decoded(decoded, part.get_content_charset("utf-8")) if isinstance(decoded, bytes) else str(payload)
    )


def _fields(inner: "Message[str, str]") -> str:
    # Not as_string(), which folds long fields at a cost that grows with their square.
    text = inner.get_payload()
    head = "".join(f"{name}: {value}\n" for name, value in inner.raw_items())
    return f"{head}\n{text}" if isinstance(text, str) else head


def _decoded(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace").replace("\0", "")
    except (LookupError, ValueError):
        return raw.decode("latin-1").replace("\0", "")


def _head(message: "Message[str, str]") -> Fields:
    fields: Fields = {}
    for name, value in message.raw_items():
        fields.setdefault(name.lower(), _header(str(value)))
    return fields


def _header(value: str) -> str:
    value = " ".join(value.encode("utf-8", "replace").decode().split())
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
        return "".join(
            _decoded(piece, charset or "ascii") if isinstance(piece, bytes) else piece
            for piece, charset in pieces
        )
    except (ValueError, LookupError, AssertionError):
        return value


def blocks(text: str) -> list[Fields]:
    """Groups of fields between blank lines; continuation lines joined."""
    found: list[Fields] = []
    for group in re.split(r"\n[ \t]*\n", text):
        fields: Fields = {}
        last = ""
        for line in group.split("\n"):
            if line[:1] in (" ", "\t") and last:
                fields[last] = f"{fields[last]} {line.strip()}".strip()
            elif match := _FIELD.match(line.strip()):
                last = match[1].lower()
                if last == "final-recipient" and last in fields:
                    # The next recipient, without the blank line that should stand before it.
                    found.append(fields)
                    fields = {last: match[2].strip()}
                elif last in fields:
                    fields[last] = f"{fields[last]} {match[2].strip()}".strip()
                else:
                    fields[last] = match[2].strip()
        if fields:
            found.append(fields)
    return found


def recipient_blocks(text: str) -> list[Fields]:
    """The groups that speak of a recipient (RFC 3464 §2.3)."""
    named = ("final-recipient", "original-recipient")
    return [block for block in blocks(text) if any(name in block for name in named)]


def _read_below(parts: Parts) -> None:
    """Reports that are not MIME, or broken: the text is cut where the returned mail begins."""
    parts.said = parts.said[:_MOST_SAID]
    if not parts.said.strip() and not parts.statuses:
        parts.said = parts.everything.partition("\n\n")[2][:_MOST_SAID]
    border = _RETURNED_BELOW.search(parts.said)
    if border:
        below = parts.said[border.start() :]
        parts.said = parts.said[: border.start()]
        if not parts.returned:
            for block in blocks(below)[:6]:
                if "message-id" in block or "subject" in block or "to" in block:
                    parts.returned = block
                    break
    if not parts.statuses and re.search(
        r"^(?:final|original)-recipient[ \t]*:", parts.everything, re.I | re.M
    ):
        start = max(parts.everything.find("\n\n"), 0)
        parts.statuses = recipient_blocks(parts.everything[start:])
