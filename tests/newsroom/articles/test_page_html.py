"""News pages in HTML: the article without the page around it."""

from datetime import UTC, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsroom.articles import page_html
from newsroom.articles.states import Origin, Review
from tests.newsroom.articles.test_text import PIECES, assert_inert

SENTENCE = "Die Betriebe haben ihren Kalender danach gerichtet und holen das Holz mit dem <b>Schiff</b>. "
PAGE = f"""<!doctype html><html lang="de-DE"><head><title>Ein Kran holt das Holz zurück – Uferblick</title>
<meta property="og:title" content="Ein Kran holt das Holz zurück"><meta name="author" content="Ada Beispiel">
<meta name="description" content="Vier Betriebe lassen ihr Bauholz wieder per Schiff kommen.">
<meta property="article:published_time" content="2026-05-04T06:00:00+02:00">
<meta property="og:image" content="/bilder/kran.jpg"></head>
<body><nav><a href="/">Startseite</a> <a href="/abo/">Abo</a></nav><article><h1>Ein Kran holt das Holz zurück</h1>
<p>Von Ada Beispiel</p><p>3 Minuten Lesezeit</p><p>{SENTENCE * 4}</p>
<h2>Andere schauen zu</h2><p>{SENTENCE * 4}<a href="/faehre/?utm_source=x">Zur Fähre</a>.</p>
<ul><li>Zwölf Lastzüge mit je 25 Tonnen</li><li>Ein Schiff mit 300 Tonnen</li></ul>
<p>Dieser Artikel wurde von einem Benutzer eingereicht. Das Titelbild ist computererzeugt und dient der Illustration. Verletzt er
ein Urheberrecht, schreiben Sie eine E-Mail an rechte@example.org.</p></article>
<footer><p>© 2026 Uferblick. Alle Rechte vorbehalten.</p></footer><script>alert(1)</script></body></html>"""


def test_a_page_is_read_with_what_its_furniture_states() -> None:
    draft = page_html.read(PAGE, url="https://www.ufer.example.org/kran?utm_source=news")

    assert draft is not None
    assert draft.title == "Ein Kran holt das Holz zurück"
    assert draft.authors == ("Ada Beispiel",)
    assert draft.language == "de"
    assert draft.stated_minutes == 3
    assert draft.origin == Origin.USER_SUBMISSION
    assert draft.review == Review.UNREVIEWED
    assert draft.picture_is_illustration
    assert draft.rights_contact == "rechte@example.org"
    assert draft.url == "https://www.ufer.example.org/kran"
    assert draft.identity == "link://ufer.example.org/kran"
    assert draft.picture_url == "https://www.ufer.example.org/bilder/kran.jpg"
    assert draft.published_at is not None
    assert draft.published_at.date() == datetime(2026, 5, 4, tzinfo=UTC).date()
    assert draft.teaser == "Vier Betriebe lassen ihr Bauholz wieder per Schiff kommen."


def test_the_body_keeps_headings_lists_and_links_and_drops_the_furniture() -> None:
    draft = page_html.read(PAGE, url="https://ufer.example.org/kran")

    assert draft is not None
    assert "Andere schauen zu</h2>" in draft.body_html
    assert "<li>Zwölf Lastzüge mit je 25 Tonnen</li>" in draft.body_html
    assert "<strong>Schiff</strong>" in draft.body_html
    assert "https://ufer.example.org/faehre/" in draft.body_html
    for furniture in ("Startseite", "Von Ada", "Lesezeit", "eingereicht", "©", "alert", "<h1"):
        assert furniture not in draft.body_html
    assert_inert(draft.body_html)


def test_a_file_names_no_picture_to_fetch() -> None:
    draft = page_html.read(PAGE)

    assert draft is not None
    assert draft.picture_url == ""


def test_a_page_without_an_article_is_none() -> None:
    assert page_html.read("<html><body><h1>Anmelden</h1><form><input></form></body></html>") is None
    assert page_html.read("<html></html>") is None


@settings(deadline=None, max_examples=50)
@given(st.lists(PIECES | st.text(max_size=30) | st.just(f"<p>{SENTENCE * 3}</p>"), max_size=10))
@example(["<script>alert(1)</script>", "\x1f", f"<p>{SENTENCE * 3}</p>"])
def test_no_page_makes_it_stumble(pieces: list[str]) -> None:
    draft = page_html.read(
        f"<html><head><title>Ein Titel</title></head><body><h1>Ein Titel</h1>{''.join(pieces)}</body></html>"
    )

    if draft is not None:
        assert_inert(draft.body_html)
