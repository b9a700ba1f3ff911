"""Makers of this app's rows that other apps' tests do not need."""

import io
from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image

from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.models import Feed, Picture

_numbers = count(1)


def make_draft(**values: Any) -> ArticleDraft:
    number = next(_numbers)
    return ArticleDraft(
        **{
            "identity": f"test:draft-{number}",
            "title": f"Der Kran am Südkai hebt wieder {number}",
            "body_html": "<p>Am Montag hob der Kran das erste Bündel, und niemand war so froh wie der Wirt.</p>",
            "authors": ("Thea Brandwald",),
            "language": "de",
        }
        | values
    )


def make_feed(**values: Any) -> Feed:
    number = next(_numbers)
    return Feed.objects.create(
        **{"url": f"https://hafen.example.org/{number}.xml", "rights": "full"} | values
    )


def make_picture_bytes(kind: str = "JPEG", size: tuple[int, int] = (40, 30), **save: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#8c1d2f").save(out, kind, **save)
    return out.getvalue()


def make_picture(
    name: str = "bild.jpg", content: bytes = b"", size: tuple[int, int] = (300, 300), **values: Any
) -> Picture:
    """A picture that may be shown: described, credited, no machine's."""
    made = {
        "alt": "Ada Beispiel am Anleger",
        "credit": "Foto: Thea Brandwald",
        "sha256": f"{next(_numbers):064x}",
    }
    picture = Picture(**made | values)
    picture.file.save(name, ContentFile(content or make_picture_bytes(size=size), name))
    return picture
