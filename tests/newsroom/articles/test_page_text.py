"""The plain text of a news page: what is the article, and what is the page around it."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom.articles import page_text
from newsroom.articles.page_text import Page

SEEDS = Path(__file__).resolve().parents[3] / "seeds" / "pages"
LONG = "Am Morgen lag Nebel über dem Hafen, und der Kran stand still, bis jemand den Schlüssel brachte. "

GERMAN = f"""Startseite

Handwerk

Ein Kran am Südkai hebt wieder Holz

Ein Kran am Südkai hebt wieder Holz

Von Ada Beispiel, Bo von Muster und Cem Probe · 12. März 2026
Lesezeit: ca. 3 Min.

Foto: Ada Beispiel

Der Schlüssel lag im Kontor

{LONG * 3}

Lesen Sie auch: Die Fähre fährt wieder

{LONG * 2}

Newsletter
Erhalten Sie jeden Morgen das Beste in Ihrem Postfach.
E-Mail-Adresse
Anmelden

Was kostet das?

{LONG * 2}

- Eine Fuhre mit dem Schiff: 20 Euro
- Eine Fuhre auf der Straße: 25 Euro

{LONG * 2}

Mehr zum Thema

Die Fähre fährt wieder
Brot wird teurer

Dieser Beitrag wurde von einem Leser eingereicht. Wenn Sie Ihr Urheberrecht verletzt sehen, schreiben Sie eine E-Mail an rechte@example.org.

Kommentare (12)

© 2026 Uferblick. Alle Rechte vorbehalten.
"""

ENGLISH = f"""Why the fog leaves by ten
By Jane Doe and John Smith | March 5, 2026 | 1 minute read
{LONG * 3}
Down by the water
{LONG * 3}
You may also like
The ferry is back
This article was submitted by one of our readers under our submission rules. The cover image is computer-generated art. To report a copyright problem, send us an email.
Subscribe to our newsletter
Get the best stories in your inbox.
"""


def read(page: str) -> Page:
    found = page_text.read(page)
    assert found is not None
    return found


def headings(page: Page) -> list[str]:
    return [content for kind, content in page.body if kind == "h"]


def test_a_german_page_is_taken_apart() -> None:
    page = read(GERMAN)

    assert page.title == "Ein Kran am Südkai hebt wieder Holz"
    assert page.kicker == "Handwerk"
    assert page.facts.authors == ("Ada Beispiel", "Bo von Muster", "Cem Probe")
    assert page.facts.minutes == 3
    assert page.facts.published_on == date(2026, 3, 12)
    assert page.facts.is_submission
    assert not page.facts.has_machine_picture
    assert page.facts.rights_contact == "rechte@example.org"
    assert page.facts.credit == "Ada Beispiel"
    assert headings(page) == ["Der Schlüssel lag im Kontor", "Was kostet das?"]


def test_boxes_related_stories_and_notices_are_no_body_text() -> None:
    body = read(GERMAN).body_text

    for furniture in (
        "Lesen Sie auch", "Newsletter", "Postfach", "E-Mail", "Anmelden", "Mehr zum Thema", "Die Fähre", "Brot",
        "eingereicht", "Kommentare", "©", "Foto", "Lesezeit", "Startseite",
    ):  # fmt: skip
        assert furniture not in body
    assert body.count("Am Morgen lag Nebel") == 9


def test_lists_stay_lists() -> None:
    html = read(GERMAN).body_html

    assert (
        "<ul><li>Eine Fuhre mit dem Schiff: 20 Euro</li><li>Eine Fuhre auf der Straße: 25 Euro</li></ul>"
        in html
    )


def test_an_english_page_without_empty_lines_is_taken_apart() -> None:
    page = read(ENGLISH)

    assert page.title == "Why the fog leaves by ten"
    assert page.facts.authors == ("Jane Doe", "John Smith")
    assert page.facts.minutes == 1
    assert page.facts.published_on == date(2026, 3, 5)
    assert page.facts.is_submission
    assert page.facts.has_machine_picture
    assert page.facts.rights_contact == ""
    assert page.facts.says_rights_by_mail
    assert [kind for kind, _ in page.body] == ["p", "h", "p"]


@pytest.mark.parametrize("file", sorted(SEEDS.glob("*.txt")), ids=lambda file: file.stem)
def test_the_seed_pages_are_submissions_with_everything_stated(file: Path) -> None:
    content = file.read_text()

    page = read(content)

    lines = [line for line in content.splitlines() if line.strip()]
    assert page.title == lines[0]
    assert page.facts.authors == (lines[3],)
    assert page.facts.minutes == int(lines[4].split()[0])
    assert page.facts.is_submission
    assert page.facts.has_machine_picture
    assert page.facts.says_rights_by_mail
    assert len(headings(page)) >= 4
    assert "Abonnieren" not in page.body_text
    assert "Das könnte Ihnen" not in page.body_text
    assert page.title not in page.body_text


@pytest.mark.parametrize(
    ("line", "minutes"),
    [
        ("4 Minuten Lesezeit", 4), ("1 Minute Lesezeit", 1), ("Lesedauer: 12 Minuten", 12), ("5 min read", 5),
        ("7-minute read", 7), ("Reading time: about 3 minutes", 3), ("Zwei Minuten Lesezeit", 2), ("0 Minuten Lesezeit", None),
        ("4 Minuten vor Mitternacht", None),
    ],
)  # fmt: skip
def test_reading_time_is_found_in_the_ways_pages_write_it(line: str, minutes: int | None) -> None:
    page = read(f"Ein Titel aus Worten\n\nVon Ada Beispiel\n{line}\n\n{LONG * 4}")

    assert page.facts.minutes == minutes


@pytest.mark.parametrize(
    ("line", "authors"),
    [
        ("Von Ada Beispiel", ("Ada Beispiel",)),
        ("By JANE O’NEILL and J. R. Hartley", ("JANE O’NEILL", "J. R. Hartley")),
        ("Text: Ada Beispiel & Bo Muster", ("Ada Beispiel", "Bo Muster")),
        ("Ein Gastbeitrag von Ludwig van Muster", ("Ludwig van Muster",)),
        ("Von der Brücke aus sieht man alles", ()),
        ("By the river", ()),
    ],
)
def test_bylines_are_names_and_not_beginnings_of_sentences(line: str, authors: tuple[str, ...]) -> None:
    page = read(f"Ein Titel aus Worten\n\n{line}\n\n{LONG * 4}")

    assert page.facts.authors == authors


@pytest.mark.parametrize(
    "page",
    [
        "",
        "Nur ein Titel",
        "Anmelden\n\nStartseite\n\nCookies akzeptieren",
        "x" * 5000,
        "Ein Titel\n\nEin Satz dazu.",
    ],
)
def test_without_title_and_text_there_is_no_article(page: str) -> None:
    assert page_text.read(page) is None


def test_a_hard_wrapped_paragraph_is_one_paragraph() -> None:
    wrapped = "\n".join([LONG[:70].strip(), LONG[:80].strip(), LONG.strip()])

    page = read(f"Ein Titel aus Worten\n\n{wrapped}\n\n{LONG * 2}")

    assert len(page.body) == 2


@settings(deadline=None)
@given(
    st.text(max_size=600)
    | st.lists(st.sampled_from(GERMAN.splitlines() + ENGLISH.splitlines())).map("\n".join)
)
def test_no_page_makes_it_stumble(content: str) -> None:
    page = page_text.read(content)

    assert page is None or (page.title and page.body_html)
    page_text.facts_of(content)
