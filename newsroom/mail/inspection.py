"""A received mail looked at with a mail server's eyes: what would keep it from being accepted or unsubscribed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version")
_AT_MOST_ONCE = (
    "Reply-To", "Sender", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Archive",
    "List-Owner", "Archived-At", "Feedback-ID",
)  # fmt: skip
_STRUCTURED = (
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "List-Help",
    "List-Owner",
    "Archived-At",
    "Feedback-ID",
    "Message-ID",
)
_ONE_CLICK = re.compile(r"<https://[^>,\s]+>(?:, <mailto:[^>\s]+>)?")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `is_good` None: worth knowing, neither good nor bad."""

    is_good: bool | None
    text: str


def inspect(raw: bytes) -> list[Finding]:
    """Everything we know to look at without asking the network; signatures are read, not verified."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return [
        *_lines(raw),
        *_headers(message),
        *_structured(raw),
        *_unsubscribing(message),
        *_parts(message),
        *_signature(message),
    ]


def _lines(raw: bytes) -> Iterator[Finding]:
    longest = max((len(line.rstrip(b"\r")) for line in raw.split(b"\n")), default=0)
    yield Finding(longest <= 998, f"longest line: {longest} octets (RFC 5322 allows 998)")
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    yield Finding(
        len(head) < 16_384, f"header block: {len(head)} octets (large providers refuse from 16,384)"
    )


def _headers(message: EmailMessage) -> Iterator[Finding]:
    for name in _ONCE:
        number = len(message.get_all(name, []))
        yield Finding(number == 1, f"{name}: {number} times, must be once")
    for name in _AT_MOST_ONCE:
        if (number := len(message.get_all(name, []))) > 1:
            yield Finding(False, f"{name}: {number} times, at most once is allowed")
    from_header = message["From"]
    mailboxes = getattr(from_header, "addresses", ())
    yield Finding(len(mailboxes) == 1, f"From holds {len(mailboxes)} addresses, must be one")
    faults = [str(fault) for part in message.walk() for fault in part.defects]
    yield Finding(not faults, "; ".join(faults) if faults else "the parser finds no fault")


def _structured(raw: bytes) -> Iterator[Finding]:
    for name in _STRUCTURED:
        found = re.search(rb"(?im)^" + name.encode() + rb":(?:[^\n]*\n[ \t])*[^\n]*", raw)
        if found:
            yield Finding(b"=?" not in found[0], f"{name} is readable without decoding")


def _unsubscribing(message: EmailMessage) -> Iterator[Finding]:
    value = message.get("List-Unsubscribe")
    if value is None:
        yield Finding(None, "no List-Unsubscribe: right for a confirmation, wrong for an issue")
        return
    yield Finding(
        bool(_ONE_CLICK.fullmatch(str(value).strip())), "List-Unsubscribe begins with one https address"
    )
    post = str(message.get("List-Unsubscribe-Post", "")).strip()
    yield Finding(
        post == "List-Unsubscribe=One-Click", "List-Unsubscribe-Post announces one click (RFC 8058)"
    )


def _parts(message: EmailMessage) -> Iterator[Finding]:
    if message.is_multipart():
        kinds = [part.get_content_type() for part in message.iter_parts()]
        is_right = message.get_content_type() != "multipart/alternative" or kinds[:1] == ["text/plain"]
        yield Finding(is_right, f"parts: {', '.join(kinds)}; the text comes first")


def _signature(message: EmailMessage) -> Iterator[Finding]:
    signatures = [_tags(str(value)) for value in message.get_all("DKIM-Signature", [])]
    if not signatures:
        yield Finding(None, "no DKIM-Signature: expected before sending, wrong in a received mail")
        return
    mailboxes = getattr(message["From"], "addresses", ())
    domain = mailboxes[0].domain.lower() if mailboxes else ""
    aligned = [tags for tags in signatures if _is_aligned(tags.get("d", "").lower(), domain)]
    found = ", ".join(tags.get("d", "?") for tags in signatures)
    yield Finding(bool(aligned), f"DKIM d={found} belongs to the From domain {domain}")
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post"):
        if name in message:
            covered = any(name.lower() in _names(tags.get("h", "")) for tags in aligned or signatures)
            yield Finding(covered, f"DKIM h= covers {name} (RFC 8058 §4)")


def _tags(value: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in value.split(";"))
    return {name.strip(): "".join(text.split()) for name, _equals, text in pairs}


def _names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(":")}


def _is_aligned(signing: str, domain: str) -> bool:
    """Relaxed alignment, near enough without a list of public suffixes: one is the other or its parent."""
    return bool(signing) and (
        signing == domain or domain.endswith(f".{signing}") or signing.endswith(f".{domain}")
    )
