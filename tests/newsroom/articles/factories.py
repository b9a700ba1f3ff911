"""Makers of this app's rows that other apps' tests do not need."""

import io
from itertools import count
from typing import Any

from PIL import Image

from newsroom.articles.drafts import ArticleDraft
from newsroom.articles.models import Feed

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
