"""What mail programs are told about a digest beside its content."""

from dataclasses import replace

from django.urls import reverse

from digests import archive
from digests.models import Digest
from newsroom.mail.addresses import normalise
from newsroom.mail.errors import BadAddress
from newsroom.mail.wire import Envelope
from subscriptions.correspondence import absolute

SENDER_ID = "newsroom"
"""Gmail's feedback loop wants a constant of 5 to 15 characters last (Feedback Loop, Gmail Help, read 2026-11)."""


def envelope_of(digest: Digest) -> Envelope:
    """The sender's and the list's headers, the same for all readers of this digest."""
    newsletter, sender = digest.newsletter, digest.newsletter.sender
    return Envelope(
        kind="digest",
        from_name=sender.name,
        from_address=sender.address,
        reply_to=sender.reply_to,
        language=newsletter.language,
        list_id=newsletter.list_id,
        list_name=newsletter.name,
        archive_url=absolute(newsletter.get_absolute_url()),
        page_url=absolute(digest.get_absolute_url()) if newsletter.state in archive.SHOWN else "",
        help_url=absolute(reverse("preferences")),
        owner=_sendable(sender.email),
        feedback_id=_feedback_id(digest),
    )


def correction_envelope_of(digest: Digest) -> Envelope:
    """As the digest's; but what a correction mail says has no page of its own (RFC 5064)."""
    return replace(envelope_of(digest), page_url="")


def _feedback_id(digest: Digest) -> str:
    """Which issue, which list, what kind, from whom; readers and providers learn nothing of the database by it.

    Gmail counts each field by itself, so none may mean two things: a label has neither a dot nor an underscore, a
    List-Id has a dot, and the last two have neither.
    """
    newsletter = digest.newsletter
    return f"{newsletter.list_id_label}_{digest.number}:{newsletter.list_id}:digest:{SENDER_ID}"


def _sendable(address: str) -> str:
    """The contact as a header can hold it; nothing where it cannot: for that no digest is kept back."""
    try:
        sendable = normalise(address).sendable
    except BadAddress:
        return ""
    return sendable if sendable.isascii() else ""
