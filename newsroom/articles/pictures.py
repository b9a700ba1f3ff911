"""Pictures we keep: checked by looking into them, made small enough, their origin marks preserved.

What a camera notes about the place (GPS) goes, what a maker notes about how the picture came to be stays: the IPTC
digital source type in the XMP packet says whether a machine drew it.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.base import ContentFile
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from newsroom.articles.errors import PictureError
from newsroom.articles.models import Picture
from newsroom.articles.states import Crop, DigitalSource

MAX_BYTES = 10_000_000
MAX_PIXELS = 40_000_000
MAX_SIDE = 1600
"""Twice the width of an article's column, for dense screens."""

CUT_SHAPE = (16, 9)
CUT_WIDTH = 1104
"""Twice the width of a mail's column; a piece is shown nowhere else but in mails and their web versions."""

KEPT_FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif"}
"""What every mail program shows; WebP becomes one of them."""

_SOURCE_TYPE = re.compile(rb"digitalsourcetype/([A-Za-z]+)")
_PLACE = re.compile(rb"GPS|Location|City|Country", re.IGNORECASE)
_OLDER_TERMS = {
    "minorHumanEdits": "humanEdits",
    "digitalArt": "digitalCreation",
    "softwareImage": "algorithmicMedia",
}
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{}"/></rdf:RDF></x:xmpmeta>'
)


def keep(
    content: bytes, *, alt: str = "", credit: str = "", digital_source: str = "", source_url: str = ""
) -> Picture:
    """The picture as a row; the same bytes are kept once. What the picture itself says of its making goes before
    what the caller says. Raises PictureError. Queries: 2 at most."""
    sha256 = checksum(content)
    if known := Picture.objects.filter(sha256=sha256).first():
        return known
    made, extension, stated = prepare(content)
    # Django reads the sides of a file that is assigned, not of one that is saved into an empty field.
    picture = Picture(
        file=ContentFile(made, name=file_name(sha256, extension)),
        sha256=sha256,
        alt=alt[:300],
        credit=credit[:200],
        digital_source=stated or digital_source,
        source_url=source_url[:1000],
    )
    picture.save()
    return picture


def checksum(content: bytes) -> str:
    """Of the bytes as they came; the same picture is kept once."""
    return hashlib.sha256(content).hexdigest()


def file_name(sha256: str, extension: str) -> str:
    """A name that says nothing of the uploader and cannot be guessed from outside."""
    return f"{sha256[:24]}.{extension}"


def prepare(content: bytes) -> tuple[bytes, str, str]:
    """The bytes to store, their ending, and the digital source type found in them. Raises PictureError."""
    with _read(content) as image:
        xmp = _xmp(image)
        stated = _source_type(xmp)
        is_small = max(image.size) <= MAX_SIDE
        # Sides are told to mail programs as they stand in the file; what lies on its side would be squeezed.
        is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
        if is_small and is_upright and not _tells_place(image, xmp) and image.format in KEPT_FORMATS:
            return content, KEPT_FORMATS[str(image.format)], stated
        return *_made(image, side=MAX_SIDE), stated


def cut(content: bytes, crop: Crop) -> bytes:
    """The largest piece of the wanted shape, at most as wide as a mail shows sharply; of the same format, but a GIF
    becomes a PNG of its first frame. Its origin marks stay. Raises PictureError."""
    with _read(content) as image:
        return _made(image, side=CUT_WIDTH, crop=crop)[0]


@contextmanager
def _read(content: bytes) -> Iterator[Image.Image]:
    """The picture unpacked; whatever goes wrong with it, now or while it is worked on, is a PictureError."""
    if len(content) > MAX_BYTES:
        raise PictureError(_("The picture has more than 10 MB; save it smaller."))
    try:
        yield _opened(content)
    except PictureError:
        raise
    except Exception as error:  # a decoder may fail in any way on bytes that are no picture, or no EXIF
        raise PictureError(_("This is no picture that we can read; JPEG, PNG, GIF and WebP are.")) from error


def _opened(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "GIF", "WEBP"))
        if image.width * image.height > MAX_PIXELS:
            raise PictureError(_("The picture has more than 40 million pixels; save it smaller."))
        image.load()
    return image


def _made(image: Image.Image, *, side: int, crop: Crop | None = None) -> tuple[bytes, str]:
    """Bytes and ending of the picture upright, cut if so wished, and no side longer than that."""
    upright = ImageOps.exif_transpose(image)
    has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    fresh = upright.convert("RGBA" if has_alpha else "RGB")
    if crop is not None:
        fresh = fresh.crop(_box(fresh.size, crop))
    fresh.thumbnail((side, side), Image.Resampling.LANCZOS)
    fresh.info = {}
    return _saved(fresh, of=image, has_alpha=has_alpha)


def _box(size: tuple[int, int], crop: Crop) -> tuple[int, int, int, int]:
    """Left, upper, right, lower edge of the largest piece of that shape; where there is no choice, all crops are one."""
    (width, height), (across, down) = size, CUT_SHAPE
    wide = min(width, max(1, round(height * across / down)))
    high = min(height, max(1, round(width * down / across)))
    left = {Crop.LEFT: 0, Crop.RIGHT: width - wide}.get(crop, (width - wide) // 2)
    upper = {Crop.TOP: 0, Crop.BOTTOM: height - high}.get(crop, (height - high) // 2)
    return left, upper, left + wide, upper + high


def _saved(made: Image.Image, *, of: Image.Image, has_alpha: bool) -> tuple[bytes, str]:
    # A profile for the inks of a printing press says nothing of the colours on a screen that they became.
    xmp, icc = _kept_xmp(of), of.info.get("icc_profile") if of.mode != "CMYK" else None
    out = io.BytesIO()
    if has_alpha or of.format in {"PNG", "GIF"}:
        info = PngImagePlugin.PngInfo()
        if xmp:
            info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        made.save(out, "PNG", optimize=True, pnginfo=info, icc_profile=icc)
        return out.getvalue(), "png"
    made.save(
        out, "JPEG", quality=85, optimize=True, progressive=True, icc_profile=icc, xmp=xmp or None, exif=b""
    )
    return out.getvalue(), "jpg"


def _kept_xmp(image: Image.Image) -> bytes:
    """The packet as it came, unless it tells the place: then only how the picture was made."""
    xmp = _xmp(image)
    if xmp and not _tells_place(image, xmp):
        return xmp
    stated = _source_type(xmp)
    return _XMP.format(stated).encode() if stated else b""


def _tells_place(image: Image.Image, xmp: bytes) -> bool:
    return bool(image.getexif().get_ifd(0x8825)) or bool(xmp and _PLACE.search(xmp))


def _xmp(image: Image.Image) -> bytes:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found.encode() if isinstance(found, str) else bytes(found)


def _source_type(xmp: bytes) -> str:
    match = _SOURCE_TYPE.search(xmp)
    term = match[1].decode() if match else ""
    term = _OLDER_TERMS.get(term, term)
    return term if term in DigitalSource.values else ""
