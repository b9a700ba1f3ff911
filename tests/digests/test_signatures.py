"""Who signs the note: name, role and portrait, in the mail, its text and the archive."""

import re
from typing import Any

import pytest

from digests.models import Digest
from digests.rendering import render
from newsroom.articles.models import Author, Picture
from newsroom.articles.states import DigitalSource
from newsroom.mail import wire
from tests.factories import NOON, make_author, make_digest, make_newsletter, make_pick, make_plan
from tests.newsroom.articles.factories import make_picture

pytestmark = pytest.mark.django_db

ROLES = {"role_de": "Redakteur vom Dienst", "role_en": "Duty editor"}


def signed(language: str = "de", **values: Any) -> Digest:
    """A digest whose note Ada signs, with a portrait, read as the desk reads it."""
    portrait = values.pop("portrait") if "portrait" in values else make_picture()
    author = make_author(name="Ada Beispiel", slug="ada-beispiel", portrait=portrait, **ROLES)
    newsletter = make_newsletter(language=language)
    make_plan(newsletter=newsletter)
    digest = make_digest(newsletter=newsletter, **{"note": "Guten Morgen!", "note_author": author} | values)
    make_pick(digest=digest)
    return read(digest)


def read(digest: Digest) -> Digest:
    return Digest.objects.with_frame().get(pk=digest.pk)


def images(html: str) -> list[dict[str, str]]:
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<img [^>]*>", html)]


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", "Ada Beispiel, Redakteur vom Dienst"), ("en", "Ada Beispiel, Duty editor")],
)
def test_name_and_role_stand_in_every_version_in_the_digest_s_language(language: str, words: str) -> None:
    rendered = render(signed(language))

    for version in (rendered.html, rendered.text, rendered.web_html):
        assert version.count(words) == 1


def test_what_the_desk_typed_goes_before_the_name_and_the_portrait_stays() -> None:
    rendered = render(signed(note_by="Ihr Jonas"))

    for version in (rendered.html, rendered.text, rendered.web_html):
        assert "Ihr Jonas" in version
        assert "Redakteur vom Dienst" not in version
    assert images(rendered.html)


def test_an_author_without_a_role_signs_with_the_name_alone() -> None:
    digest = signed()
    Author.objects.update(role_de="  ")

    assert "\nAda Beispiel\n" in render(read(digest)).text


def test_words_alone_sign_as_before() -> None:
    rendered = render(signed(note_author=None, note_by="Die Redaktion"))

    assert re.search(r"<p[^>]*>Die Redaktion</p>\s*</div>", rendered.html)
    assert '<p class="digest-note-by">Die Redaktion</p>' in rendered.web_html
    assert "Guten Morgen!\n\nDie Redaktion\n" in rendered.text
    assert not images(rendered.html)


def test_nobody_signs_a_note_that_is_not_there() -> None:
    rendered = render(signed(note=" "))

    for version in (rendered.html, rendered.text, rendered.web_html):
        assert "Beispiel" not in version


def test_the_portrait_has_a_size_a_description_and_its_credit_and_is_not_in_the_text() -> None:
    rendered = render(signed())

    (mail,), (web,) = images(rendered.html), images(rendered.web_html)
    for image in (mail, web):
        assert (image["width"], image["height"]) == ("72", "72")
        assert image["alt"] == "Ada Beispiel am Anleger"
    assert mail["src"].startswith("https://news.example.org/media/")
    assert "border-radius" in mail["style"]
    for version in (rendered.html, rendered.web_html):
        assert "Foto: Thea Brandwald" in version
    assert "Thea Brandwald" not in rendered.text


@pytest.mark.parametrize(
    ("size", "shown"), [((300, 400), ("72", "96")), ((300, 600), ("48", "96")), ((400, 100), ("72", "18"))]
)
def test_a_portrait_keeps_its_shape(size: tuple[int, int], shown: tuple[str, str]) -> None:
    (image,) = images(render(signed(portrait=make_picture(size=size))).html)

    assert (image["width"], image["height"]) == shown


def test_a_machine_made_portrait_is_labelled_in_its_description_and_beside_it() -> None:
    rendered = render(signed(portrait=make_picture(digital_source=DigitalSource.ALGORITHMIC)))

    label = r"(Bild: maschinell erzeugt, nur zur Illustration|Picture: machine-made, for illustration only)"
    for version in (rendered.html, rendered.web_html):
        assert re.search(label + r"</span> Foto: Thea Brandwald", version)
        assert re.fullmatch(r"(Maschinell|Machine).*: Ada Beispiel am Anleger", images(version)[0]["alt"])


@pytest.mark.parametrize(
    "change", [{"withdrawn_at": NOON}, {"file": "pictures/bild.webp"}], ids=["withdrawn", "unmailable"]
)
def test_a_portrait_that_may_not_or_cannot_be_shown_vanishes_and_the_name_stays(
    change: dict[str, Any],
) -> None:
    digest = signed()
    Picture.objects.update(**change)

    rendered = render(read(digest))

    for version in (rendered.html, rendered.web_html):
        assert "<img" not in version
        assert "Thea Brandwald" not in version
        assert "Ada Beispiel, Redakteur vom Dienst" in version


@pytest.mark.parametrize("words", ["", f"<i>{wire.slot('leave_url')}"])
def test_neither_name_nor_credit_nor_typed_words_make_markup_or_a_reader_s_slot(words: str) -> None:
    stolen = wire.slot("leave_url")
    digest = signed(portrait=make_picture(alt=f"a{stolen}", credit=f"<b>{stolen}"), note_by=words)
    Author.objects.update(name=f"<u>{stolen}")

    rendered = render(read(digest))

    digest.note_author, digest.note_by = None, ""
    unsigned = render(digest)
    assert not re.search(r"<[bui]>", rendered.html + rendered.web_html)
    for version, own in ((rendered.html, unsigned.html), (rendered.text, unsigned.text)):
        assert version.count(wire.SLOT_OPEN) == own.count(wire.SLOT_OPEN) > 0
    assert wire.SLOT_OPEN not in rendered.web_html


def test_another_portrait_makes_another_proof() -> None:
    digest = signed()
    before = render(digest).content_hash

    Author.objects.update(portrait=make_picture(size=(90, 90)))

    assert render(read(digest)).content_hash != before


def test_the_signature_asks_nothing_of_its_own(django_assert_num_queries: Any) -> None:
    digest = signed()

    with django_assert_num_queries(3):
        # plan's zone, picks with articles and links, bylines
        render(digest)
