"""Pieces cut out of the pictures we keep, made when first asked for. The pictures themselves stay as they are.

A piece lies beside them under a name made of the picture's checksum and its crop, so that it is made once, and never
while a digest goes out: whoever looks at it before a proof has it made.
"""

import secrets
from pathlib import Path, PurePath
from typing import Literal

from django.core.files.base import ContentFile
from django.utils.translation import gettext as _

from newsroom.articles import pictures
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Picture
from newsroom.articles.states import Crop

FOLDER = "cuts"

NARROW_STRIP = 0.02
"""Of a side: what nobody would see that it is missing."""


def url(picture: Picture, crop: Crop) -> str:
    """Where the piece is served; it says which picture it is of, so that a withdrawal reaches it. Makes nothing."""
    served: str = picture.file.storage.url(f"{FOLDER}/{crop}/{picture.file.name}")
    return served


def long_side(picture: Picture) -> Literal["height", "width", ""]:
    """The side of which a cut leaves something out; nothing if the picture has the shape already, give or take a line."""
    across, down = pictures.CUT_SHAPE
    over = picture.height * across - picture.width * down
    if abs(over) <= NARROW_STRIP * picture.width * down:
        return ""
    return "height" if over > 0 else "width"


def cut(picture: Picture, crop: Crop) -> str:
    """The name of the piece in the storage of pictures. Raises PictureError if the picture cannot be read."""
    name = _name(picture, crop)
    storage = picture.file.storage
    try:
        if not storage.exists(name):
            with picture.file.open("rb") as file:
                made = pictures.cut(file.read(pictures.MAX_BYTES + 1), crop)
            # Under a name of its own first: nobody may be served one that is half written.
            spare = storage.save(f"{name}.{secrets.token_hex(4)}", ContentFile(made))
            Path(storage.path(spare)).replace(storage.path(name))
    except OSError as error:
        raise PictureError(_("The file of this picture is not there or cannot be read.")) from error
    return name


def size(picture: Picture, crop: Crop) -> int:
    """How many bytes the piece has. Raises PictureError."""
    return int(picture.file.storage.size(cut(picture, crop)))


def _name(picture: Picture, crop: Crop) -> str:
    across, down = pictures.CUT_SHAPE
    is_jpeg = PurePath(picture.file.name).suffix.lower() in {".jpg", ".jpeg"}
    ending = "jpg" if is_jpeg else "png"
    return f"{FOLDER}/{picture.sha256}-{crop}-{across}x{down}-{pictures.CUT_WIDTH}.{ending}"
