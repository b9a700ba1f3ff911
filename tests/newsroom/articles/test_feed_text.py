"""Feeds as drafts: what they say, cleaned, and each entry once."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom.articles import feed_text
from newsroom.articles.states import Origin
from tests.newsroom.articles.publisher import item, rss
from tests.newsroom.articles.test_text import assert_inert

SEEDS = Path(__file__).resolve().parents[3] / "seeds" / "feeds"


def json_feed(*items: object, **values: object) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items} | values).encode()


@pytest.mark.parametrize("file", sorted(SEEDS.iterdir()), ids=lambda file: file.name)
def test_the_seed_feeds_are_read_whole(file: Path) -> None:
    body = file.read_bytes()

    feed = feed_text.read(body)

    assert feed_text.is_feed(body)
    assert len(feed.articles) >= 3
    assert not feed.is_malformed
    for draft in feed.articles:
        assert draft.title
        assert "<" not in draft.title
        assert draft.authors
        assert draft.published_at
        assert draft.url.startswith("https://")
        assert draft.words > 50
        assert draft.language in {"de", "en"}
        assert draft.origin == Origin.AGENCY
        assert_inert(draft.body_html)


def test_relative_links_are_resolved_by_xml_base_and_by_the_address_fetched() -> None:
    atom = (
        b'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://hafen.example.org/n/"><title>N</title><entry>'
        b'<id>tag:hafen.example.org,2026:1</id><title>Eins</title><link href="eins/"/>'
        b'<content type="html">&lt;p>&lt;a href="plan/">Plan&lt;/a>&lt;/p></content></entry></feed>'
    )
    plain = rss(item(1, link="/meldung/1"))

    based = feed_text.read(atom)
    fetched = feed_text.read(
        plain.replace(b"https://hafen.example.org/<", b"/<"), url="https://kai.example.org/feed.xml"
    )

    assert based.articles[0].url == "https://hafen.example.org/n/eins/"
    assert 'href="https://hafen.example.org/n/eins/plan/"' in based.articles[0].body_html or (
        'href="https://hafen.example.org/n/plan/"' in based.articles[0].body_html
    )
    assert fetched.articles[0].url == "https://kai.example.org/meldung/1"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Kran &amp; Kai", "Kran & Kai"),
        ("Kran &amp;amp; Kai", "Kran & Kai"),
        ("Warum 3 &amp;lt; 5 ist", "Warum 3 < 5 ist"),
        ("Ein &lt;b&gt;fetter&lt;/b&gt; Titel", "Ein fetter Titel"),
        ("<![CDATA[Kran <script>alert(1)</script> Kai]]>", "Kran Kai"),
    ],
)
def test_titles_are_text(written: str, read: str) -> None:
    feed = feed_text.read(rss(item(1, title=written)))

    assert feed.articles[0].title == read


def test_a_title_of_tags_that_never_end_is_read_in_a_moment() -> None:
    begun = time.process_time()

    feed_text.read(rss(item(1, title="&lt;p " * 60_000)))

    assert time.process_time() - begun < 3  # by the square of its length it was longer


def test_umlauts_survive_an_old_encoding() -> None:
    body = (
        rss(item(1, title="Über Öl und Bäume")).decode().replace("utf-8", "iso-8859-1").encode("iso-8859-1")
    )

    assert feed_text.read(body).articles[0].title == "Über Öl und Bäume"


def test_nobody_s_address_becomes_a_byline() -> None:
    entry = item(1).replace("</item>", "<author>ada@example.org (Ada Beispiel)</author></item>")
    bare = item(2).replace("</item>", "<dc:creator>bo@example.org</dc:creator></item>")

    feed = feed_text.read(
        rss(entry, bare).replace(b"<rss ", b'<rss xmlns:dc="http://purl.org/dc/elements/1.1/" ')
    )

    assert [draft.authors for draft in feed.articles] == [("Ada Beispiel",), ()]


def test_the_same_guid_for_different_pieces_is_told_apart_and_a_repeat_is_dropped() -> None:
    feed = feed_text.read(
        rss(
            item(1, guid="1", link="https://hafen.example.org/a"),
            item(2, guid="1", link="https://hafen.example.org/b"),
            item(1, guid="1", link="https://hafen.example.org/a"),
        )
    )

    assert len(feed.articles) == 2
    assert len({draft.identity for draft in feed.articles}) == 2


def test_identities_ignore_the_scheme_and_click_ids() -> None:
    insecure = item(1, guid="http://hafen.example.org/a?utm_source=rss", link="http://hafen.example.org/a")
    secure = item(1, guid="https://hafen.example.org/a", link="https://hafen.example.org/a")

    before, after = (feed_text.read(rss(entry)).articles[0] for entry in (insecure, secure))

    assert before.identity == after.identity
    assert after.url == "https://hafen.example.org/a"


def test_a_long_description_without_content_is_the_article() -> None:
    story = "&lt;p&gt;" + "Der Kran hob und hob, und am Abend war das Schiff leer. " * 30 + "&lt;/p&gt;"

    draft = feed_text.read(rss(item(1, text=story))).articles[0]

    assert draft.words > 300
    assert draft.body_html.startswith("<p>Der Kran hob")
    assert draft.teaser == ""


def test_a_feed_that_breaks_off_is_refused_and_one_with_a_small_fault_is_read() -> None:
    whole = rss(item(1), item(2))

    with pytest.raises(feed_text.Unreadable):
        feed_text.read(whole[: len(whole) // 2])
    assert len(feed_text.read(whole.replace(b"Am Kai", b"Am&nbsp;Kai")).articles) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"hello", b"<html><body>no feed</body></html>", b"<rss", b"<?xml version='1.0'?><note/>", b"\x00\xff\xfe<rss>",
        b"{", b"{}", b'{"version": "https://jsonfeed.org/version/1.1"}', b'{"version":"https://jsonfeed.org/version/1","items":{}}',
    ],
)  # fmt: skip
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(feed_text.Unreadable):
        feed_text.read(body)


def test_an_entity_bomb_and_an_outside_entity_end_cleanly() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol" * 10}">' for n in range(10))
    bomb = f"<?xml version='1.0'?><!DOCTYPE rss [{laughs}]>{rss(item(1, text='&l9;')).decode().partition('?>')[2]}"
    outside = (
        "<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY secret SYSTEM 'file:///etc/hostname'>]>"
        + rss(item(1, title="&secret; Titel")).decode().partition("?>")[2]
    )

    for document in (bomb, outside):
        try:
            feed = feed_text.read(document.encode())
        except feed_text.Unreadable:
            continue
        assert all(len(draft.body_html) < 10_000 for draft in feed.articles)
        assert Path("/etc/hostname").read_text().strip() not in "".join(
            draft.title for draft in feed.articles
        )


def test_a_json_feed_is_read_with_its_fallbacks() -> None:
    feed = feed_text.read(
        json_feed(
            {
                "id": 7,
                "url": "/a",
                "title": "Eins",
                "content_text": "Erster Absatz.\n\nZweiter < Absatz.",
                "image": "a.jpg",
            },
            {
                "id": "8",
                "content_html": "<p>Ohne Titel, aber mit Text</p>",
                "date_published": "2026-05-04T06:00:00+02:00",
                "authors": [{"name": "bo@example.org"}],
            },
            {"id": "9"},
            "no item",
            title="Kalender",
            home_page_url="https://k.example.org/",
            language="de-DE",
            authors=[{"name": "Kulturbüro"}],
        )
    )

    first, second = feed.articles
    assert first.url == "https://k.example.org/a"
    assert first.body_html == "<p>Erster Absatz.</p><p>Zweiter &lt; Absatz.</p>"
    assert first.picture_url == "https://k.example.org/a.jpg"
    assert first.authors == ("Kulturbüro",)
    assert first.language == "de"
    assert second.title == "Ohne Titel, aber mit Text"
    assert second.authors == ()
    assert second.published_at == datetime(2026, 5, 4, 4, 0, tzinfo=UTC)


def test_the_first_offered_picture_is_remembered_and_no_tracking_pixel() -> None:
    html = "&lt;img width='1' height='1' src='https://t.example.org/p.gif'&gt;&lt;img src='/kran.jpg'&gt;"
    enclosed = item(2).replace(
        "</item>", "<enclosure url='https://c.example.org/x.jpg' type='image/jpeg' length='1'/></item>"
    )

    feed = feed_text.read(rss(item(1, text=html), enclosed))

    assert feed.articles[0].picture_url == "https://hafen.example.org/kran.jpg"
    assert feed.articles[1].picture_url == "https://c.example.org/x.jpg"


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.sampled_from(["<item>", "</item>", "<title>", "</title>", "<link>javascript:x</link>", "<guid>1</guid>",
                         "<description>&lt;script>x&lt;/script></description>", "<![CDATA[", "]]>", "&bogus;", "<pubDate>99</pubDate>"])
        | st.text(max_size=15),
        max_size=25,
    )
)  # fmt: skip
def test_no_feed_makes_it_stumble(pieces: list[str]) -> None:
    body = f"<rss version='2.0'><channel>{''.join(pieces)}</channel></rss>".encode("utf-8", "replace")
    try:
        feed = feed_text.read(body)
    except feed_text.Unreadable:
        return
    for draft in feed.articles:
        assert draft.title
        assert_inert(draft.body_html)
        assert draft.url == "" or draft.url.startswith(("http://", "https://"))


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "url",
                        "title",
                        "content_html",
                        "content_text",
                        "authors",
                        "name",
                        "date_published",
                        "image",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=15,
    )
)
def test_no_json_makes_it_stumble(value: object) -> None:
    for draft in feed_text.read(
        json_feed(value, {"title": "x", "authors": value, "url": value, "date_published": value})
    ).articles:
        assert_inert(draft.body_html)


@pytest.mark.parametrize("author", ["a" * 40_000, "&#97;" * 40_000, "data:x," + "a" * 40_000 + "@"])
def test_an_author_made_to_keep_the_parser_busy_is_nobody(author: str) -> None:
    began = time.monotonic()

    [draft] = feed_text.read(rss(item(1).replace("</item>", f"<author>{author}</author></item>"))).articles

    assert draft.authors == ()
    assert time.monotonic() - began < 3, "which would be 12 seconds, and grows with the square"


@pytest.mark.parametrize("between", [b"\n" * 50_000, b"\n<!ENTITY" * 10_000])
def test_what_stands_before_a_feed_cannot_keep_the_parser_busy(between: bytes) -> None:
    body = rss(item(1))
    start = body.index(b"<rss")
    began = time.monotonic()

    with pytest.raises(feed_text.Unreadable, match="before its first element"):
        feed_text.read(body[:start] + between + body[start:])

    assert time.monotonic() - began < 3


@pytest.mark.parametrize("content_type", ["", "text/xml; charset=punycode"])
def test_a_codec_of_host_names_is_not_one_of_feeds(content_type: str) -> None:
    stated = b"utf-8" if content_type else b"punycode"
    body = b"<?xml version='1.0' encoding='%b'?><rss></rss>-%b" % (stated, b"a" * 500_000)
    began = time.monotonic()

    with pytest.raises(feed_text.Unreadable):
        feed_text.read(body, content_type=content_type)

    assert time.monotonic() - began < 2


def test_the_end_of_a_workers_time_is_no_fault_of_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_time(*_args: object, **_named: object) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr("feedparser.parse", out_of_time)

    with pytest.raises(SoftTimeLimitExceeded):
        feed_text.read(rss(item(1)))
