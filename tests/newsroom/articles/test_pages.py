"""Sources are told by content; what cannot be taken is refused in one sentence that names it."""

import time
from pathlib import Path

import pytest

from newsroom.articles import pages
from newsroom.articles.errors import (
    BrokenFeed,
    MissingSource,
    NoArticle,
    NotText,
    SourceError,
    UnreachableSource,
)
from newsroom.articles.pages import Source
from tests.newsroom.articles.factories import make_picture_bytes
from tests.newsroom.articles.publisher import Answer, Publisher, item, rss
from tests.newsroom.articles.test_page_html import PAGE
from tests.newsroom.articles.test_page_text import GERMAN

MARKDOWN = "---\ntitle: Der Kran\n---\nEr hebt wieder, und das ist gut so.\n"


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", MARKDOWN, "Der Kran"),
        ("ohne-endung", MARKDOWN, "Der Kran"),
        ("b.txt", GERMAN, "Ein Kran am Südkai hebt wieder Holz"),
        ("c.txt", PAGE, "Ein Kran holt das Holz zurück"),
        ("d.txt", rss(item(1)).decode(), "Meldung Nummer 1 aus dem Hafen"),
    ],
)
def test_the_kind_is_told_by_the_content(tmp_path: Path, name: str, content: str, title: str) -> None:
    file = tmp_path / name
    file.write_text(content)

    assert [draft.title for draft in pages.drafts(str(file))] == [title]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_umlauts_survive_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "seite.txt"
    file.write_bytes(GERMAN.replace("–", "-").encode(encoding))

    assert pages.drafts(str(file))[0].title == "Ein Kran am Südkai hebt wieder Holz"


@pytest.mark.parametrize("charset", ["undefined", "idna", "base64", "gibt-es-nicht"])
def test_a_page_that_states_an_encoding_of_no_use_is_read_as_it_evidently_is(charset: str) -> None:
    content = PAGE.replace("utf-8", charset).encode("cp1252")
    source = pages.Source(name="x", content=content, content_type=f"text/html; charset={charset}")

    assert "Holz zurück" in pages.decoded(source)


@pytest.mark.parametrize("piece", ["<p>x", "<p>x</p>", "</p>x"])
def test_a_page_of_more_parts_than_an_article_has_is_refused_at_once(tmp_path: Path, piece: str) -> None:
    file = tmp_path / "seite.html"
    file.write_text(PAGE.replace("</article>", piece * 100_000 + "</article>"))
    began = time.monotonic()

    with pytest.raises(NoArticle, match="more parts than a news page"):
        pages.drafts(str(file))

    assert time.monotonic() - began < 2, "which could be over a minute"


def test_a_long_live_blog_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ticker.html"
    file.write_text(PAGE.replace("</article>", "<p>Noch <b>ein</b> Satz.</p>" * 2_000 + "</article>"))

    assert pages.drafts(str(file))[0].title == "Ein Kran holt das Holz zurück"


def test_a_folder_gives_everything_readable_in_it_in_order(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "de" / "b.md").write_text(MARKDOWN.replace("Der Kran", "Zweiter Text"))
    (tmp_path / "a.md").write_text(MARKDOWN)
    (tmp_path / "bild.jpg").write_bytes(make_picture_bytes())
    (tmp_path / "README.md").write_text("# About\n\nNot an article.")
    (tmp_path / ".git" / "x.md").write_text(MARKDOWN)

    assert [draft.title for draft in pages.drafts(str(tmp_path))] == ["Der Kran", "Zweiter Text"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("leer.txt", b"", NoArticle),
        ("seite.html", b"<html><body><h1>Anmelden</h1></body></html>", NoArticle),
        ("front.md", b"---\nkicker: x\n---\nText", NoArticle),
        ("leer.xml", rss(), NoArticle),
        ("halb.xml", rss(item(1), item(2))[:300], BrokenFeed),
        ("schief.xml", rss(item(1)).replace(b"</channel>", b"</chanel>"), BrokenFeed),
        ("andere.xml", b"<?xml version='1.0'?><note>Hallo</note>", BrokenFeed),
        ("andere.json", b'{"a": 1}', BrokenFeed),
        ("bild.txt", make_picture_bytes(), NotText),
        ("bild.png", make_picture_bytes("PNG"), NotText),
        ("brief.txt", b"%PDF-1.7 \xc4\xe5", NotText),
        ("null.txt", b"Hallo\x00Welt", NotText),
    ],
)
def test_bad_files_are_named_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, error: type[SourceError]
) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(error) as caught:
        pages.drafts(str(file))

    sentence = str(caught.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert caught.value.source == str(file)


def test_missing_files_empty_folders_and_odd_names_are_refused(tmp_path: Path) -> None:
    for source, error in [
        (str(tmp_path / "fehlt.txt"), MissingSource),
        (str(tmp_path), NoArticle),
        ("/dev/null", NotText),
        ("a\x00b", MissingSource),
        ("x" * 5000, MissingSource),
        ("", NoArticle),
    ]:
        with pytest.raises(SourceError) as caught:
            pages.drafts(source)
        assert isinstance(caught.value, error) or source == "", source


def test_a_picture_that_is_missing_or_none_is_told_before_anything_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("---\ntitle: Der Kran\npicture: kran.jpg\n---\nEr hebt.\n")

    with pytest.raises(MissingSource, match=r"kran\.jpg, which does not exist"):
        pages.drafts(str(file))
    (tmp_path / "kran.jpg").write_text("not a picture")
    with pytest.raises(NotText, match="no picture that we can read"):
        pages.drafts(str(file))
    (tmp_path / "kran.jpg").write_bytes(make_picture_bytes())
    assert pages.drafts(str(file))[0].picture_path == tmp_path / "kran.jpg"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "http://localhost/x",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "ftp://a.example.org/x",
    ],
)
def test_private_and_strange_addresses_are_not_fetched(address: str) -> None:
    with pytest.raises(UnreachableSource) as caught:
        pages.drafts(address)

    assert address in str(caught.value)


def test_an_address_is_fetched_and_read_like_a_file(publisher: Publisher) -> None:
    publisher.answers["/feed"] = Answer(body=rss(item(1)), headers={"Content-Type": "application/rss+xml"})
    publisher.answers["/kran"] = Answer(
        body=PAGE.encode(), headers={"Content-Type": "text/html; charset=utf-8"}
    )

    feed = pages.drafts(publisher.url("/feed"), allow=publisher.allow)
    page = pages.drafts(publisher.url("/kran"), allow=publisher.allow)

    assert feed[0].title == "Meldung Nummer 1 aus dem Hafen"
    assert page[0].url == publisher.url("/kran")
    assert page[0].picture_url == publisher.url("/bilder/kran.jpg")


def test_a_feed_from_a_file_names_no_picture_to_fetch() -> None:
    body = rss(
        item(1).replace("</item>", "<enclosure url='https://c.example.org/x.jpg' type='image/jpeg'/></item>")
    )

    assert pages.read(Source(name="f.xml", content=body))[0].picture_url == ""
    assert pages.read(Source(name="f", content=body, url="https://c.example.org/f"))[0].picture_url
