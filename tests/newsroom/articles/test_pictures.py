"""Pictures are looked into before they are kept; what says how they were made survives, where they were taken does not."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from newsroom.articles import pictures
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Picture
from tests.newsroom.articles.factories import make_picture_bytes

AI = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia%s</x:xmpmeta>'


def gps() -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (53.0, 33.0, 0.0)
    return exif


@pytest.mark.django_db
def test_a_small_picture_is_kept_byte_for_byte_and_once() -> None:
    content = make_picture_bytes()

    first = pictures.keep(content, alt="Ein Kran", credit="Ada")
    second = pictures.keep(content)

    assert first == second == Picture.objects.get()
    with first.file.open("rb") as file:
        assert file.read() == content
    assert (first.width, first.height) == (40, 30)


@pytest.mark.parametrize(("kind", "save"), [("JPEG", {"xmp": AI % b""}), ("WEBP", {"xmp": AI % b""})])
def test_how_it_was_made_is_read_and_survives_making_it_smaller(kind: str, save: dict[str, bytes]) -> None:
    content = make_picture_bytes(kind, (2000, 1000), **save)

    made, extension, stated = pictures.prepare(content)

    smaller = Image.open(io.BytesIO(made))
    assert stated == "trainedAlgorithmicMedia"
    assert smaller.size == (1600, 800)
    assert extension == "jpg"
    assert pictures.prepare(made)[2] == "trainedAlgorithmicMedia"


def test_a_picture_whose_exif_lies_is_refused() -> None:
    content = make_picture_bytes("WEBP", exif=gps()).replace(b"MM\0*", b"MM\0x")

    with pytest.raises(PictureError):
        pictures.prepare(content)


def test_where_it_was_taken_is_removed_and_how_it_was_made_is_not() -> None:
    content = make_picture_bytes(exif=gps(), xmp=AI % b" exif:GPSLatitude='53,33N'")

    made, _, stated = pictures.prepare(content)

    assert b"GPS" not in made
    assert not Image.open(io.BytesIO(made)).getexif().get_ifd(0x8825)
    assert stated == "trainedAlgorithmicMedia"
    assert b"trainedAlgorithmicMedia" in made


@pytest.mark.parametrize("exif", [gps(), Image.Exif()], ids=["with its place", "without"])
def test_a_camera_s_turn_is_applied(exif: Image.Exif) -> None:
    exif[0x0112] = 6

    made, _, _ = pictures.prepare(make_picture_bytes(size=(40, 30), exif=exif))

    assert Image.open(io.BytesIO(made)).size == (30, 40)


def test_webp_becomes_what_every_mail_program_shows() -> None:
    made, extension, _ = pictures.prepare(make_picture_bytes("WEBP"))

    assert extension == "jpg"
    assert Image.open(io.BytesIO(made)).format == "JPEG"


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", make_picture_bytes("BMP"), make_picture_bytes()[:200],
     b"\x00" * (pictures.MAX_BYTES + 1)],
    ids=["nothing", "torn-gif", "svg", "html", "bmp", "torn-jpeg", "large"],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(PictureError, match=r"\.$"):
        pictures.prepare(content)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    Image.new("1", (8000, 6000)).save(out, "PNG")

    with pytest.raises(PictureError, match="million pixels"):
        pictures.prepare(out.getvalue())


@settings(deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x00\x00\x00\x00WEBPVP8 "]
    ),
)
def test_no_bytes_make_it_stumble(content: bytes, start: bytes) -> None:
    try:
        made, extension, _ = pictures.prepare(start + content)
    except PictureError:
        return
    assert made
    assert extension in pictures.KEPT_FORMATS.values()
