"""A mail compiled once and spliced per copy: the bytes handed to SMTP, the header values handed to an API.

Everything that all copies share is encoded when the mail is compiled; a copy fills in its address, its token, its
unsubscribe address and the values of its slots. Django's own writer is not used: it turns long structured headers
into encoded-words, which no mail program reads as an unsubscribe address (RFC 2047 §5).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from typing import Any, Literal, Self

from newsroom.mail import encoding
from newsroom.mail.addresses import normalise, to_ascii
from newsroom.mail.errors import BadAddress, BadHeader, MissingSlot

# Private-use characters: articles are stripped of them, so no text can forge a slot.
SLOT_OPEN = "\ue000"
SLOT_CLOSE = "\ue001"
_SLOT = re.compile(f"{SLOT_OPEN}([a-z_]+){SLOT_CLOSE}")
_STRAY = re.compile(f"[{SLOT_OPEN}{SLOT_CLOSE}]")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_URL = re.compile(r"https?://[!#$%&'()*+\-./0-9:;=?@A-Z\[\]_a-z~]{1,950}")
_SENDABLE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def slot(name: str) -> str:
    """The mark for a reader's own value, for HTML and text, never for subjects."""
    return f"{SLOT_OPEN}{name}{SLOT_CLOSE}"


def strip_slots(text: str) -> str:
    """Text from outside, without anything that could be read as a slot."""
    return _STRAY.sub("", text)


def slot_names(content: str) -> set[str]:
    """The slots that a text asks values for."""
    return set(_SLOT.findall(content))


def fill_slots(content: str, values: Mapping[str, str], *, html: bool) -> str:
    """The text with its slots filled, escaped in HTML. Raises MissingSlot."""

    def value(found: re.Match[str]) -> str:
        try:
            text = values[found[1]]
        except KeyError as error:
            raise MissingSlot(found[1]) from error
        return escape(text) if html else text

    return _SLOT.sub(value, content)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Who sends, and what mail programs are told beside the content; the same for all copies."""

    kind: Literal["digest", "letter"]
    from_name: str
    from_address: str
    reply_to: str = ""
    language: str
    list_id: str = ""  # "label.domain"
    list_name: str = ""
    archive_url: str = ""
    help_url: str = ""
    feedback_id: str = ""
    auto_submitted: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Content:
    """Subject and both parts, with slots; without HTML the mail is text only."""

    subject: str
    html: str
    text: str

    def replaced(
        self, value: Callable[[str], str], *, html_value: Callable[[str], str] | None = None
    ) -> "Content":
        """With `value(name)` for each slot; in HTML with `html_value(name)`, if given."""
        in_html = html_value or value
        return Content(
            subject=self.subject,
            html=_SLOT.sub(lambda found: in_html(found[1]), self.html),
            text=_SLOT.sub(lambda found: value(found[1]), self.text),
        )


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What is one reader's own."""

    seq: int
    address: str  # sendable
    message_token: str
    leave_url: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """The value of a slot. Raises MissingSlot."""
        if name in self.slots:
            return self.slots[name]
        if name == "leave_url" and self.leave_url:
            return self.leave_url
        raise MissingSlot(name)


def compile_mail(envelope: Envelope, content: Content) -> "CompiledMail":
    """Encode what all copies share. Raises BadHeader or BadAddress for what must not leave."""
    return CompiledMail(envelope, content)


class CompiledMail:
    """A mail ready to be spliced. Keep one per rendition and process; it is never changed."""

    def __init__(self, envelope: Envelope, content: Content) -> None:
        self.envelope = envelope
        self.content = content
        self.from_address = _mailbox("From", envelope.from_address)
        self.reply_to = _mailbox("Reply-To", envelope.reply_to) if envelope.reply_to else ""
        self.sender_domain = self.from_address.rpartition("@")[2]
        self.slot_names = slot_names(content.html) | slot_names(content.text)
        self._shared = _shared_headers(envelope, content, self.from_address, self.reply_to)
        self.shared_headers = [(name, value.replace("\r\n", "")) for name, value in self._shared]
        parts, types = self._parts()
        head = [*self._shared, *types]
        self._head = "".join(f"{name}: {value}\r\n" for name, value in head).encode("ascii") + b"\r\n"
        self._body = parts

    def splice(self, copy: Copy, *, date: datetime) -> bytes:
        """The whole message of one copy (RFC 5322), CRLF line ends. Raises BadHeader or MissingSlot.

        date: the moment of hand-over. About 15 µs for a body of 20 kB.
        """
        own = self._own_lines(copy, date)
        body = [piece if isinstance(piece, bytes) else piece(copy) for piece in self._body]
        return b"".join([own, self._head, *body])

    def headers(self, copy: Copy, *, date: datetime) -> list[tuple[str, str]]:
        """Every header but those of MIME, as on the wire but unfolded: what an API is told."""
        own = self._own_lines(copy, date).decode("ascii").split("\r\n")[:-1]
        return [
            (name, value) for name, _colon, value in (line.partition(": ") for line in own)
        ] + self.shared_headers

    def message_id(self, copy: Copy) -> str:
        """The same again whenever the same copy is handed over again."""
        return f"<{copy.message_token}@{self.sender_domain}>"

    def fill(self, copy: Copy) -> Content:
        """The content with one reader's values, for providers that take a whole mail per reader."""
        return self.content.replaced(copy.value, html_value=lambda name: escape(copy.value(name)))

    def check(self, copy: Copy) -> None:
        """Raises BadHeader or MissingSlot, as `splice` would."""
        self._own_lines(copy, _EPOCH)
        for name in self.slot_names:
            copy.value(name)

    def api_headers(self, copy: Copy) -> list[tuple[str, str]]:
        """A copy's headers without its Date, which an API writes itself."""
        return [(name, value) for name, value in self.headers(copy, date=_EPOCH) if name != "Date"]

    def _own_lines(self, copy: Copy, date: datetime) -> bytes:
        if not _SENDABLE.fullmatch(copy.address):
            raise BadHeader("To", "not an address in its sendable form")
        if not _TOKEN.fullmatch(copy.message_token):
            raise BadHeader("Message-ID", "not a token")
        lines = (
            f"To: {copy.address}\r\n"
            f"Message-ID: <{copy.message_token}@{self.sender_domain}>\r\n"
            f"Date: {_date(date.replace(microsecond=0))}\r\n"
        )
        if copy.leave_url:
            if not _URL.fullmatch(copy.leave_url):
                raise BadHeader("List-Unsubscribe", "not a web address in ASCII")
            lines += f"List-Unsubscribe: <{copy.leave_url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        return lines.encode("ascii")

    def _parts(self) -> "tuple[list[_Piece], list[tuple[str, str]]]":
        """The body in pieces, and the MIME headers that go with it."""
        text = _pieces(self.content.text, html=False)
        plain = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "quoted-printable"),
        ]
        if not self.content.html:
            return text, [("MIME-Version", "1.0"), *plain]
        # "=_" cannot occur in quoted-printable text (RFC 2045 §6.7), so the boundary cannot either.
        seed = f"{self.content.text}\0{self.content.html}".encode("utf-8", "replace")
        mark = f"=_{hashlib.blake2b(seed, digest_size=12).hexdigest()}"
        between = (
            f"\r\n--{mark}\r\nContent-Type: text/html; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        start = (
            f"--{mark}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        body: list[_Piece] = [start.encode(), *text, between.encode(), *_pieces(self.content.html, html=True)]
        body.append(f"\r\n--{mark}--\r\n".encode())
        return body, [("MIME-Version", "1.0"), ("Content-Type", f'multipart/alternative; boundary="{mark}"')]


_Piece = bytes | Callable[[Copy], bytes]


def _pieces(content: str, *, html: bool) -> list[_Piece]:
    """A part as encoded bytes with, between them, the slots: each begins and ends at a soft line break."""
    pieces: list[_Piece] = []
    between = _SLOT.split(encoding.clean(content))
    for number, text in enumerate(between):
        if number % 2:
            pieces.append(_slot_writer(text, html=html))
        elif text:
            pieces.append(encoding.quoted_printable(strip_slots(text), ends_soft=number + 1 < len(between)))
    if not pieces or callable(pieces[-1]):
        pieces.append(b"\r\n")
    return pieces


def _slot_writer(name: str, *, html: bool) -> Callable[[Copy], bytes]:
    def write(copy: Copy) -> bytes:
        value = copy.value(name)
        return encoding.slot_value(escape(value) if html else value)

    return write


def _shared_headers(
    envelope: Envelope, content: Content, from_address: str, reply_to: str
) -> list[tuple[str, str]]:
    """The headers that all copies have, in wire form: exactly one of each."""
    headers = [
        ("From", encoding.mailbox("From", envelope.from_name, from_address)),
        ("Subject", encoding.unstructured("Subject", content.subject)),
    ]
    if reply_to:
        headers.append(("Reply-To", reply_to))
    headers.append(("Content-Language", encoding.token("Content-Language", envelope.language)))
    if envelope.list_id:
        headers.append(("List-Id", _list_id(envelope.list_id, envelope.list_name)))
        headers.append(("List-Post", "NO"))
    if envelope.help_url:
        headers.append(("List-Help", f"<{_checked_url('List-Help', envelope.help_url)}>"))
    if envelope.archive_url:
        headers.append(("List-Archive", f"<{_checked_url('List-Archive', envelope.archive_url)}>"))
    if envelope.feedback_id:
        headers.append(("Feedback-ID", encoding.token("Feedback-ID", envelope.feedback_id)))
    if envelope.auto_submitted:
        headers.append(("Auto-Submitted", "auto-generated"))
    return headers


def _list_id(list_id: str, name: str) -> str:
    """RFC 2919 §2: an optional phrase and the identifier, readable without decoding anything."""
    encoding.refuse_controls("List-Id", name)
    label, dot, domain = list_id.partition(".")
    if not dot or not _TOKEN.fullmatch(label) or len(list_id) > 255:
        raise BadHeader("List-Id", "must look like label.example.org")
    identifier = f"<{label}.{_list_domain(domain)}>"
    phrase = encoding.ascii_phrase(name)
    return f'"{phrase}" {identifier}' if phrase else identifier


def _list_domain(domain: str) -> str:
    # RFC 2919 §3: a list without a domain of its own lives under localhost.
    if domain == "localhost" or domain.endswith(".localhost"):
        return encoding.token("List-Id", domain)
    try:
        return to_ascii(domain)
    except BadAddress as error:
        raise BadHeader("List-Id", str(error)) from error


def _mailbox(header: str, address: str) -> str:
    try:
        return normalise(address).sendable
    except BadAddress as error:
        raise BadHeader(header, str(error)) from error


def _checked_url(header: str, url: str) -> str:
    if not _URL.fullmatch(url):
        raise BadHeader(header, "not a web address in ASCII")
    return url


@lru_cache(maxsize=64)
def _date(date: datetime) -> str:
    if date.tzinfo is None:
        raise BadHeader("Date", "a time without a zone")
    return format_datetime(date)
