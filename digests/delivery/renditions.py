"""Keeps what is mailed: one immutable row per content, known by its hash."""

import hashlib
from datetime import datetime

from digests.delivery.models import Rendition


def content_hash(*, subject: str, preheader: str, html: str, text: str, language: str) -> str:
    """The checksum of a rendition; lengths stand between the parts, so that none can borrow from the next."""
    digest = hashlib.sha256()
    for part in (language, subject, preheader, html, text):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def keep(*, subject: str, preheader: str, html: str, text: str, language: str, at: datetime) -> Rendition:
    """The rendition with this content, made if it is new. The same content is the same row, whoever asks."""
    rendition, _ = Rendition.objects.get_or_create(
        content_hash=content_hash(
            subject=subject, preheader=preheader, html=html, text=text, language=language
        ),
        defaults={
            "subject": subject,
            "preheader": preheader,
            "html": html,
            "text": text,
            "language": language,
            "created_at": at,
        },
    )
    return rendition
