"""Who signs a digest's note: in the desk's own words or as the author is known, with the author's portrait beside it."""

from dataclasses import dataclass

from digests.models import Digest
from digests.stories import StoryPicture, in_mail
from newsroom.articles.models import Picture
from newsroom.mail import wire

PORTRAIT_WIDTH, PORTRAIT_HEIGHT = 72, 96
"""What a portrait fills at most, in CSS pixels: it keeps its shape, for Outlook would squeeze it into another."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What stands under the note. A portrait has its label and credit with it, as every picture."""

    words: str
    portrait: StoryPicture | None


def signature(digest: Digest) -> Signature | None:
    """Name and role in the digest's language, unless the desk typed them. Queries: none for digests `with_frame()`."""
    author = digest.note_author
    own = wire.strip_slots(digest.note_by).strip()
    if not author:
        return Signature(words=own, portrait=None) if own else None
    named = (author.name, author.role_in(digest.newsletter.language))
    words = own or wire.strip_slots(", ".join(part.strip() for part in named if part.strip()))
    picture = portrait_of(digest)
    return Signature(words=words, portrait=_small(picture) if picture else None)


def portrait_of(digest: Digest) -> Picture | None:
    """The portrait that belongs beside the note; nothing without a note, or once the picture is withdrawn."""
    author = digest.note_author
    return author.shown_portrait if author and digest.note.strip() else None


def _small(picture: Picture) -> StoryPicture | None:
    return in_mail(
        picture,
        shows=picture.alt,
        credit=picture.credit,
        is_machine_made=picture.is_machine_made,
        width=PORTRAIT_WIDTH,
        at_most=PORTRAIT_HEIGHT,
    )
