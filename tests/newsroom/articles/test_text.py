"""Text is words, headings and clean HTML before it meets a template or a mail."""

import time

import lxml.html
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsroom.articles import text

ACTIVE = {
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "svg",
    "math",
    "link",
    "meta",
    "base",
}
PIECES = st.sampled_from(
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<a href='javascript:a'>",
        "<a href='data:text/html,x'>", "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1"
        " onerror=alert(1)&gt;'>", "<iframe srcdoc='<script>'>", "</p>", "<p>", "<h1>", "</h1>", "<h3 id='x' onclick=y>",
        "</h3>", "<form action=//x>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "&lt;b&gt;", "&#0;",
        "<!--", "-->", "<![CDATA[", "<template>", "<base href=//x>", "<style>@import 'x'</style>", "<a href=' &#1; java\tscript:x'>",
        "<table><tr><td>", "<img width=1 height=1 src=https://t.example.org/p.gif>", "\x00", "\ue000leave_url\ue001", "<li>",
    ]
)  # fmt: skip


def assert_inert(html: str) -> None:
    """Nothing in it acts, loads from elsewhere, or names a scheme we did not allow."""
    root = lxml.html.fragment_fromstring(html or "<p></p>", create_parent="div")
    for element in root.iter():
        assert element.tag in text.TAGS or element.tag == "div", html
        assert element.tag not in ACTIVE, html
        for name, value in element.attrib.items():
            assert not name.startswith("on"), html
            assert name not in {"style", "srcdoc", "srcset"}, html
            if name in {"href", "src", "cite"}:
                assert value.split(":")[0] in text.SCHEMES or value.startswith(("/", "#")), html


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=20), max_size=12))
@example(["<h1>", "<h1>", "-->"])
@example(["<h1>", "<form action=//x>", "<h1>", "-->"])
def test_whatever_comes_in_leaves_inert(pieces: list[str]) -> None:
    clean = text.clean_html("".join(pieces))

    assert_inert(clean)
    assert text.clean_html(clean) == clean, "cleaning what is clean changes nothing"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_markdown_never_lets_html_through(markdown: str) -> None:
    assert_inert(
        text.markdown_to_html(f"{markdown}\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))")
    )


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=20), max_size=12))
def test_plain_text_has_no_controls_and_no_marks_of_the_mail(pieces: list[str]) -> None:
    plain = text.plain("".join(pieces))

    assert not any(character < " " and character != "\n" for character in plain)
    assert "\ue000" not in plain
    assert "\ue001" not in plain


def test_pictures_from_elsewhere_and_tracking_pixels_go_ours_stay() -> None:
    html = text.clean_html(
        '<p>Vorher <img src="https://t.example.org/p.gif" width="1" height="1"></p>'
        '<figure><img src="https://cdn.example.org/a.jpg" alt="Ein Kran"></figure>'
        '<p><img src="/media/pictures/a.jpg" alt="Unser Kran"></p><p><img src="/media/x.gif" width="1" height="1"></p>'
    )

    assert html == '<p>Vorher </p><p><img src="/media/pictures/a.jpg" alt="Unser Kran"></p>'


def test_offered_pictures_are_listed_without_tracking_pixels() -> None:
    html = '<img src="https://cdn.example.org/a.jpg"><img src="https://t.example.org/p.gif" width="1px" height="1">'

    assert text.pictures(html) == ["https://cdn.example.org/a.jpg"]


def test_headings_start_at_two_leave_no_level_out_and_can_be_linked() -> None:
    html = text.clean_html("<h1>Über Öl</h1><p>a</p><h4>Tief</h4><p>b</p><h1>Über Öl</h1>")

    assert html == (
        '<h2 id="s-ueber-oel">Über Öl</h2><p>a</p><h3 id="s-tief">Tief</h3><p>b</p><h2 id="s-ueber-oel-2">Über Öl</h2>'
    )
    assert text.headings(html) == ["Über Öl", "Tief", "Über Öl"]


def test_relative_links_are_resolved_where_the_base_is_known_and_dropped_where_not() -> None:
    html = '<a href="bilder/?a=1">x</a><a href="//other.example.org/">y</a><a href="/hier/">z</a>'

    with_base = text.clean_html(html, base="https://hafen.example.org/notizen/")
    without = text.clean_html(html)

    assert 'href="https://hafen.example.org/notizen/bilder/?a=1"' in with_base
    assert 'href="https://other.example.org/"' in with_base
    assert without.count("href=") == 1
    assert 'href="/hier/"' in without


@pytest.mark.parametrize(
    ("number", "stated", "minutes"),
    [
        (0, None, 1),
        (1, None, 1),
        (220, None, 1),
        (221, None, 2),
        (880, None, 4),
        (640, 4, 4),
        (640, 0, 3),
        (640, 9999, 3),
    ],
)
def test_reading_time_is_stated_or_words_by_220_rounded_up(
    number: int, stated: int | None, minutes: int
) -> None:
    assert text.reading_minutes(number, "de", stated) == minutes


def test_words_count_compounds_numbers_and_apostrophes_once() -> None:
    assert text.words("Der Bahn-Bus-Anschluss kostet 3,50 Euro – that’s fine.") == 7


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("Über den Fluß – 3,5 km!", "ueber-den-fluss-3-5-km"),
        ("Łódź, Čech & Ångström", "odz-cech-aangstroem"),
        ("日本", ""),
        ("a" * 150, "a" * 100),
        ("wort " * 40, "-".join(["wort"] * 20)),
    ],
)
def test_slugs_spell_german_as_germans_do(typed: str, slug: str) -> None:
    assert text.slugify_german(typed) == slug


def test_first_sentences_are_whole_and_do_not_stop_at_a_number() -> None:
    story = "Der Kran hob 3.5 Tonnen. Das war am 4. Mai um acht. " + "Danach kam lange nichts mehr. " * 10

    cut = text.first_sentences(story, 80)

    assert cut == "Der Kran hob 3.5 Tonnen. Das war am 4. Mai um acht."


def test_a_plain_title_keeps_what_looks_like_markup() -> None:
    assert text.plain_title("Warum 3 < 5 & <b> fett ist") == "Warum 3 < 5 & <b> fett ist"
    assert text.plain_title("Warum 3 &lt; 5 <b>gilt</b>", is_html=True) == "Warum 3 < 5 gilt"


@pytest.mark.parametrize(
    "bomb",
    ["<div>" * 100_000, "<div></x>" * 100_000, "<ul><li>" * 50_000, "<h2>x</h2>" * 10_000, "<b><p>" * 50_000],
    ids=["deep", "falsely-closed", "lists", "headings", "crossed"],
)
def test_html_built_to_keep_us_busy_is_done_with_quickly(bomb: str) -> None:
    started = time.monotonic()

    clean = text.clean_html(f"{bomb}Ende")

    assert time.monotonic() - started < 10
    assert "Ende" in clean
    assert_inert(clean)


def test_a_teaser_begins_with_the_running_text_and_not_with_its_heading() -> None:
    html = "<h2>Acht Räder aus einer Garage</h2><p>Samstags hört man zuerst den Winkelschleifer.</p><p>Dann Musik.</p>"

    assert text.opening(html) == "Samstags hört man zuerst den Winkelschleifer. Dann Musik."


@pytest.mark.parametrize(
    "base", ["https://z:.nB", "https://[::", "https://example.org:99999999", "//", "https://a b/"]
)
def test_an_address_that_is_none_completes_nothing_and_breaks_nothing(base: str) -> None:
    assert "Fähre" in text.clean_html('<p>Die <a href="/faehre">Fähre</a></p>', base=base)
