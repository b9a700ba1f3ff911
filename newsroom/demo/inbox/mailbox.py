"""The mails on disk: one .eml file each, and an index of one JSON line each that is read again at the next start."""

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TypedDict

_headers = BytesHeaderParser()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """What the list shows of one mail; addresses as the envelope had them."""

    number: int
    received_at: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    list_id: str
    message_id: str
    size_bytes: int


class Group(TypedDict):
    """How many mails of one kind arrived, and at how many addresses."""

    list_id: str
    subject: str
    messages: int
    recipients: int


class Mailbox:
    """Keeps mails in `directory`. Safe to add to and read from at once from several threads."""

    def __init__(self, directory: Path) -> None:
        self._mail_directory = directory / "mails"
        self._mail_directory.mkdir(parents=True, exist_ok=True)
        index_path = directory / "index.jsonl"
        self._mails = list(_read_index(index_path))
        self._index = index_path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._mails)

    def close(self) -> None:
        self._index.close()

    def add(self, *, sender: str, recipients: Sequence[str], content: bytes) -> Mail:
        """Keep one mail, both file and index, before the sender hears that we have it. About 0.2 ms."""
        headers = _headers.parsebytes(content)
        with self._lock:
            mail = Mail(
                number=len(self._mails) + 1,
                received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                sender=sender,
                recipients=tuple(recipients),
                subject=header(headers, "Subject"),
                list_id=header(headers, "List-Id"),
                message_id=header(headers, "Message-ID"),
                size_bytes=len(content),
            )
            self._path(mail.number).write_bytes(content)
            self._index.write(json.dumps(asdict(mail)).encode() + b"\n")
            self._mails.append(mail)
        return mail

    def get(self, number: int) -> Mail | None:
        return self._mails[number - 1] if 1 <= number <= len(self._mails) else None

    def content(self, number: int) -> bytes:
        """The mail as it came in, byte for byte. Raises FileNotFoundError if there is none."""
        return self._path(number).read_bytes()

    def newest(
        self, *, to: str = "", subject: str = "", list_id: str = "", search: str = "", after: int = 0
    ) -> Iterator[Mail]:
        """Mails from the newest on. `to` is a whole address, the others are parts; case does not matter."""
        to, subject, list_id, search = (text.casefold() for text in (to, subject, list_id, search))
        for position in range(len(self._mails) - 1, after - 1, -1):
            mail = self._mails[position]
            if (
                (not to or to in (address.casefold() for address in mail.recipients))
                and (not subject or subject in mail.subject.casefold())
                and (not list_id or list_id in mail.list_id.casefold())
                and (not search or search in f"{mail.subject} {' '.join(mail.recipients)}".casefold())
            ):
                yield mail

    def groups(self, *, subject: str = "", list_id: str = "") -> list[Group]:
        """The mails counted by List-Id and subject, the newest kind first."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        addresses: dict[tuple[str, str], set[str]] = defaultdict(set)
        for mail in self.newest(subject=subject, list_id=list_id):
            kind = (mail.list_id, mail.subject)
            counts[kind] += 1
            addresses[kind].update(mail.recipients)
        return [
            Group(list_id=kind[0], subject=kind[1], messages=count, recipients=len(addresses[kind]))
            for kind, count in counts.items()
        ]

    def _path(self, number: int) -> Path:
        return self._mail_directory / f"{number:07}.eml"


def parsed(content: bytes) -> Message:
    """The mail as an object. The older, forgiving parser: a mail that is wrong is shown, not refused."""
    return message_from_bytes(content)


def body(message: Message, kind: str) -> str:
    """The text of the first `html` or `plain` part, or nothing; undecodable bytes show as �."""
    for part in message.walk():
        if part.get_content_type() == f"text/{kind}" and part.get_content_disposition() != "attachment":
            raw = part.get_payload(decode=True)
            content = raw if isinstance(raw, bytes) else b""
            try:
                return content.decode(part.get_content_charset("utf-8"), errors="replace")
            except LookupError:
                return content.decode(errors="replace")
    return ""


def headers_of(message: Message) -> list[tuple[str, str]]:
    """All headers in their order, as a person reads them."""
    return [(name, _readable(str(value))) for name, value in message.raw_items()]


def header(message: Message, name: str) -> str:
    """The first header of that name, as a person reads it, or nothing."""
    return next(
        (_readable(str(value)) for key, value in message.raw_items() if key.lower() == name.lower()), ""
    )


def _readable(value: str) -> str:
    """Encoded words decoded, raw UTF-8 accepted, folds removed."""
    text = value.encode(errors="surrogateescape").decode(errors="replace")
    # An unknown charset or broken base64 is shown as it came.
    with contextlib.suppress(LookupError, ValueError, MessageError):
        text = str(make_header(decode_header(text))) if "=?" in text else text
    return " ".join(text.split())


def _read_index(path: Path) -> Iterator[Mail]:
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            yield Mail(**{**entry, "recipients": tuple(entry["recipients"])})
