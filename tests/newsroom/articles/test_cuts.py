"""Pieces cut out of pictures: the part that was asked for, made once, and never an error page for a bad file."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image, ImageCms

from newsroom.articles import cuts, pictures, publishing
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Picture
from newsroom.articles.states import Crop
from tests.factories import NOON, make_article
from tests.newsroom.articles.factories import make_picture, make_picture_bytes
from tests.newsroom.articles.test_pictures import AI, gps

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def reader() -> Client:
    return Client(headers={"accept-language": "en"})


def stripes(size: tuple[int, int], kind: str = "PNG", **save: object) -> bytes:
    """Red, green and blue along the longer side, each a third of it."""
    width, height = size
    image = Image.new("RGB", size)
    for number, colour in enumerate((RED, GREEN, BLUE)):
        if width > height:
            image.paste(colour, (width * number // 3, 0, width * (number + 1) // 3, height))
        else:
            image.paste(colour, (0, height * number // 3, width, height * (number + 1) // 3))
    out = io.BytesIO()
    image.save(out, kind, **save)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def is_like(seen: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(seen, tuple)
    return all(abs(a - b) < 40 for a, b in zip(seen, wanted, strict=True))


@pytest.mark.parametrize(
    ("size", "crop", "corners"),
    [
        ((160, 480), Crop.TOP, (RED, RED)),
        ((160, 480), Crop.MIDDLE, (GREEN, GREEN)),
        ((160, 480), Crop.BOTTOM, (BLUE, BLUE)),
        ((960, 90), Crop.LEFT, (RED, RED)),
        ((960, 90), Crop.MIDDLE, (GREEN, GREEN)),
        ((960, 90), Crop.RIGHT, (BLUE, BLUE)),
        # Where there is nothing to choose from, the middle.
        ((160, 480), Crop.LEFT, (GREEN, GREEN)),
        ((960, 90), Crop.BOTTOM, (GREEN, GREEN)),
    ],
)
def test_each_crop_keeps_the_part_that_it_names(
    size: tuple[int, int], crop: Crop, corners: tuple[tuple[int, int, int], ...]
) -> None:
    made = opened(pictures.cut(stripes(size), crop))

    assert made.size == (160, 90)
    assert (made.getpixel((1, 1)), made.getpixel((158, 88))) == corners


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_large_picture_is_as_wide_as_a_mail_shows_sharply(kind: str) -> None:
    made = opened(pictures.cut(stripes((1600, 1200), kind), Crop.LEFT))

    assert made.size == (1104, 621)
    assert made.format == ("PNG" if kind in {"PNG", "GIF"} else "JPEG")


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 1)])
def test_the_smallest_picture_has_a_piece(size: tuple[int, int]) -> None:
    made = opened(pictures.cut(make_picture_bytes("PNG", size), Crop.RIGHT))

    assert min(made.size) == 1


def test_a_picture_that_the_camera_turned_is_cut_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # what is left in the file is on top for who looks at it
    lying = stripes((480, 160), "JPEG", exif=exif, quality=95)

    made = opened(pictures.cut(lying, Crop.TOP))

    assert made.size == (160, 90)
    assert is_like(made.getpixel((80, 45)), RED)


def test_how_it_was_made_stays_and_where_it_was_taken_does_not() -> None:
    marked = make_picture_bytes(exif=gps(), xmp=AI % b" exif:GPSLatitude='53,33N'")

    made = pictures.cut(marked, Crop.TOP)

    assert b"trainedAlgorithmicMedia" in made
    assert b"GPS" not in made
    assert not opened(made).getexif()


def test_see_through_stays_see_through() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (90, 90), (255, 0, 0, 0)).save(out, "PNG")

    assert opened(pictures.cut(out.getvalue(), Crop.TOP)).getpixel((5, 5)) == (255, 0, 0, 0)


def test_the_inks_of_a_press_become_colours_of_a_screen() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.new("CMYK", (90, 90), (0, 255, 255, 0)).save(out, "JPEG", icc_profile=profile, quality=95)

    made = opened(pictures.cut(out.getvalue(), Crop.TOP))

    assert (made.mode, made.info.get("icc_profile")) == ("RGB", None)
    assert is_like(made.getpixel((5, 5)), RED)


@pytest.mark.django_db
def test_a_piece_is_made_once_and_whole_and_the_picture_stays() -> None:
    content = stripes((480, 480), "JPEG")
    picture = make_picture("schleuse.jpg", content)

    name = cuts.cut(picture, Crop.TOP)
    made = Path(picture.file.storage.path(name))
    written_at = made.stat().st_mtime_ns
    again = cuts.cut(Picture.objects.get(pk=picture.pk), Crop.TOP)

    assert (again, made.stat().st_mtime_ns) == (name, written_at)
    assert cuts.cut(picture, Crop.BOTTOM) != name
    assert [path for path in made.parent.iterdir() if path.name.startswith(made.stem) and path != made] == []
    with picture.file.open("rb") as file:
        assert file.read() == content
    assert cuts.size(picture, Crop.TOP) == made.stat().st_size > 0


@pytest.mark.django_db
def test_a_piece_is_served_closed_in_and_for_five_minutes(
    reader: Client, django_assert_num_queries: Any
) -> None:
    picture = make_picture(content=stripes((160, 480), "JPEG", quality=95))
    url = cuts.url(picture, Crop.BOTTOM)

    with django_assert_num_queries(1):  # the picture
        answer = reader.get(url)
    again = reader.get(url, headers={"if-none-match": answer["ETag"]})

    made = opened(b"".join(answer))
    assert made.size == (160, 90)
    assert is_like(made.getpixel((80, 45)), BLUE)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/jpeg", "public, max-age=300")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["ETag"] != reader.get(picture.file.url)["ETag"]
    assert again.status_code == 304


@pytest.mark.django_db
def test_withdrawing_the_picture_reaches_its_pieces_also_where_one_is_cached(reader: Client) -> None:
    article = make_article(picture=make_picture())
    assert article.picture is not None
    url = cuts.url(article.picture, Crop.TOP)
    etag = reader.get(url)["ETag"]

    publishing.withdraw(article, because="Rechte", at=NOON)
    answer = reader.get(url, headers={"if-none-match": etag})

    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer.content == reader.get(article.picture.file.url).content


def bomb() -> bytes:
    out = io.BytesIO()
    Image.new("1", (8000, 6000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content",
    [make_picture_bytes()[:200], b"<svg/>", bomb(), make_picture_bytes() + b"\0" * pictures.MAX_BYTES],
    ids=["torn", "no-picture", "bomb", "heavy"],
)
def test_what_cannot_be_cut_is_told_in_a_sentence_and_shown_whole(content: bytes, reader: Client) -> None:
    picture = make_picture()
    Path(picture.file.path).write_bytes(content)

    with pytest.raises(PictureError, match=r"\.$"):
        cuts.cut(picture, Crop.TOP)
    answer = reader.get(cuts.url(picture, Crop.TOP))

    assert answer.status_code == 200
    assert b"".join(answer) == content
    assert answer["ETag"] == reader.get(picture.file.url)["ETag"]


@pytest.mark.django_db
def test_a_file_that_is_gone_is_told_in_a_sentence_and_not_found(reader: Client) -> None:
    picture = make_picture()
    Path(picture.file.path).unlink()

    with pytest.raises(PictureError, match="not there"):
        cuts.cut(picture, Crop.TOP)

    assert reader.get(cuts.url(picture, Crop.TOP)).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("crop", ["whole", "..", "TOP", "top%2f..", "%00", ""])
def test_only_known_crops_of_known_pictures_are_served(crop: str, reader: Client) -> None:
    picture = make_picture()

    assert reader.get(f"/media/cuts/{crop}/{picture.file.name}").status_code == 404
    assert reader.get("/media/cuts/top/../../settings.py").status_code == 404
    assert reader.get(f"/media/{cuts.cut(picture, Crop.TOP)}").status_code == 404
