"""What mail programs are told about a digest beside its content."""

from django.conf import settings
from django.urls import reverse

from digests.models import Digest
from newsroom.mail.wire import Envelope

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
        archive_url=f"{settings.SITE_URL}{newsletter.get_absolute_url()}",
        help_url=f"{settings.SITE_URL}{reverse('preferences')}",
        feedback_id=f"{digest.pk}:{newsletter.list_id_label}:digest:{SENDER_ID}",
    )
