"""An article from a pasted address: taken in once, found when known, and nothing from inside the house."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from newsroom.articles import pasting
from newsroom.articles.errors import NoArticle, SourceError, UnreachableSource
from newsroom.articles.models import Article
from tests.factories import NOON, make_article
from tests.newsroom.http_server import Answer, Asked, WebServer, web_server

pytestmark = pytest.mark.django_db

PAGE = """<!doctype html><html lang="de"><head><title>Die Fähre legt ab</title>
<meta property="og:title" content="Die Fähre legt ab"><meta name="author" content="Thea Brandwald">
<meta name="description" content="Nach 14 Monaten fährt sie wieder."></head><body><article>
<h1>Die Fähre legt ab</h1><p>Am Morgen legte sie ab, und alle sahen zu, wie der Nebel sich über dem Fluss hob.</p>
<p>Am Abend kam sie wieder, mit sechs Autos und einem Hund, und die Leute am Anleger klatschten lange.</p>
</article></body></html>"""
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Ufer</title><link>https://ufer.example/</link>
<item><title>Eins</title><link>https://ufer.example/1</link><guid>1</guid></item>
<item><title>Zwei</title><link>https://ufer.example/2</link><guid>2</guid></item></channel></rss>"""


def answer(asked: Asked) -> Answer:
    if asked.path == "/feed":
        return Answer(body=FEED.encode(), headers={"Content-Type": "application/rss+xml"})
    return Answer(body=PAGE.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.fixture
def publisher() -> Iterator[WebServer]:
    with web_server(answer) as server:
        yield server


def test_a_page_becomes_an_article_with_headline_and_teaser_and_no_more(publisher: WebServer) -> None:
    article, is_new = pasting.take(f" {publisher.url}/faehre ", at=NOON, allow=publisher.allow)

    assert is_new
    assert (article.title, article.teaser) == ("Die Fähre legt ab", "Nach 14 Monaten fährt sie wieder.")
    assert article.body_html == "", "a stranger's text stays with the stranger"
    assert article.canonical_url == f"{publisher.url}/faehre"


def test_the_same_address_again_finds_the_article_and_changes_nothing(publisher: WebServer) -> None:
    first, _ = pasting.take(f"{publisher.url}/faehre", at=NOON, allow=publisher.allow)
    Article.objects.filter(pk=first.pk).update(teaser="Von der Redaktion.")

    again, is_new = pasting.take(f"{publisher.url}/faehre", at=NOON, allow=publisher.allow)

    assert (again.pk, is_new, again.teaser) == (first.pk, False, "Von der Redaktion.")


def test_our_own_pages_are_found_without_asking_ourselves(settings: Settings) -> None:
    article = make_article(slug="faehre")

    found, is_new = pasting.take(f"{settings.SITE_URL}/articles/faehre/?utm_source=x", at=NOON)

    assert (found.pk, is_new) == (article.pk, False)


@pytest.mark.parametrize(
    "address",
    [
        "/etc/hostname",
        "file:///etc/hostname",
        "seeds",
        "",
        "ftp://example.org/a",
        "https://",
        "javascript:alert(1)",
    ],
)
def test_only_web_addresses_are_read_and_never_files(address: str) -> None:
    with pytest.raises(UnreachableSource, match="no web address"):
        pasting.take(address, at=NOON)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{port}/faehre", "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/"],
)
def test_addresses_inside_the_house_are_refused(address: str, publisher: WebServer) -> None:
    with pytest.raises(SourceError, match="private network"):
        pasting.take(address.format(port=publisher.port), at=NOON)

    assert publisher.asked == []
    assert not Article.objects.exists()


def test_a_feed_is_refused_with_the_way_out(publisher: WebServer) -> None:
    with pytest.raises(UnreachableSource, match="address of one article"):
        pasting.take(f"{publisher.url}/feed", at=NOON, allow=publisher.allow)

    assert not Article.objects.exists()


def test_a_page_without_an_article_is_refused() -> None:
    with (
        web_server(
            lambda asked: Answer(body=b"<html><body></body></html>", headers={"Content-Type": "text/html"})
        ) as empty,
        pytest.raises(NoArticle),
    ):
        pasting.take(f"{empty.url}/leer", at=NOON, allow=empty.allow)
