"""The headers that all copies of a mail have: exactly one of each, none encoded where that would hide it."""

import re
from urllib.parse import quote

from newsroom.mail import encoding
from newsroom.mail.addresses import normalise, to_ascii
from newsroom.mail.errors import BadAddress, BadHeader
from newsroom.mail.mails import Content, Envelope

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
URL = re.compile(r"https?://[!#$%&'()*+\-./0-9:;=?@A-Z\[\]_a-z~]{1,950}")


def shared_headers(
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
    if envelope.owner:
        headers.append(("List-Owner", f"<{_mailto(mailbox('List-Owner', envelope.owner))}>"))
    if envelope.archive_url:
        headers.append(("List-Archive", f"<{_checked_url('List-Archive', envelope.archive_url)}>"))
    if envelope.page_url:
        headers.append(("Archived-At", f"<{_checked_url('Archived-At', envelope.page_url)}>"))
    if envelope.feedback_id:
        headers.append(("Feedback-ID", encoding.token("Feedback-ID", envelope.feedback_id)))
    if envelope.auto_submitted:
        headers.append(("Auto-Submitted", "auto-generated"))
    return headers


def _list_id(list_id: str, name: str) -> str:
    """RFC 2919 §2: an optional phrase and the identifier, readable without decoding anything."""
    encoding.refuse_controls("List-Id", name)
    label, dot, domain = list_id.partition(".")
    if not dot or not TOKEN.fullmatch(label) or len(list_id) > 255:
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


def _mailto(address: str) -> str:
    """The address as RFC 6068 §2 writes it: signs that mean something in a URL are percent-encoded."""
    local, _at, domain = address.rpartition("@")
    return f"mailto:{quote(local, safe='!$*+')}@{domain}"


def mailbox(header: str, address: str) -> str:
    try:
        sendable = normalise(address).sendable
    except BadAddress as error:
        raise BadHeader(header, str(error)) from error
    if not sendable.isascii():  # who sends must be answered by everybody
        raise BadHeader(header, "not an address in ASCII")
    return sendable


def _checked_url(header: str, url: str) -> str:
    if not URL.fullmatch(url):
        raise BadHeader(header, "not a web address in ASCII")
    return url
