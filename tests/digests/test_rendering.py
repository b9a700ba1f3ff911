"""What the rendered digest says, shows and must never do, in its HTML, its text and its web version."""

import datetime as dt
import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import translation
from django.utils.html import escape
from PIL import Image

from digests.delivery import footers
from digests.models import Digest
from digests.rendering import LONGEST_VALUES, MAXIMUM_BYTES, Rendered, render
from newsroom.articles.models import Article, Picture
from newsroom.articles.states import Origin, Review
from newsroom.mail import wire
from tests.factories import make_article, make_author, make_digest, make_newsletter, make_pick, make_plan
from tests.newsroom.articles.factories import make_feed

pytestmark = pytest.mark.django_db


class Structure(HTMLParser):
    """The parts of a mail that a screen reader or a mail program goes by."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.tables: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.html_attributes: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(attributes)
        if tag == "a":
            self.links.append(attributes.get("href") or "")
        if tag == "table":
            self.tables.append(attributes)
        if tag == "html":
            self.html_attributes = attributes


def filled(rendered: Rendered) -> tuple[str, str]:
    return rendered.filled(
        {
            "leave_url": "https://news.example.org/u/abc",
            "manage_url": "https://news.example.org/preferences/abc/",
            "masked_address": "m…@example.org",
            **footers.words(
                footers.Reader(
                    language=rendered.language, since=dt.date(2026, 5, 3), source="/articles/die-faehre/"
                ),
                newsletter="Wirtschaft",
                language=rendered.language,
            ),
        }
    )


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#17405e").save(out, "PNG")
    return out.getvalue()


def whole_digest(**values: object) -> Digest:
    """A lead, two briefs (one of them a reader's), two more."""
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    digest = make_digest(
        newsletter=newsletter, note="Guten Morgen, *liebe Leute*!", note_by="Jonas Ufermann", **values
    )
    author = make_author(name="Thea Brandwald")
    lead = make_article(authors=(author,), headings=["Am Ufer", "Im Hafen"], reading_minutes=4)
    submission = make_article(
        title="Unsere Lastenradwerkstatt",
        origin=Origin.USER_SUBMISSION,
        review=Review.REVIEWED,
        picture_is_illustration=True,
    )
    make_pick(digest=digest, article=lead, slot="lead")
    make_pick(digest=digest, article=submission, slot="briefs", position=0)
    make_pick(digest=digest, article=make_article(), slot="briefs", position=1)
    make_pick(digest=digest, article=make_article(), slot="more", position=0)
    make_pick(digest=digest, article=make_article(), slot="more", position=1)
    return digest


def test_the_same_rows_give_the_same_bytes() -> None:
    digest = whole_digest()

    first, second = render(digest), render(Digest.objects.get(pk=digest.pk))

    assert first == second
    assert first.content_hash == second.content_hash


def test_a_changed_word_changes_the_hash() -> None:
    digest = whole_digest()
    before = render(digest).content_hash

    digest.note = "Guten Abend!"

    assert render(digest).content_hash != before


def test_the_language_of_the_mail_is_the_newsletters_whoever_asks() -> None:
    digest = whole_digest()
    with translation.override("de"):
        german = render(digest)
    with translation.override("en"):
        english = render(digest)

    assert german == english


def test_html_is_read_out_in_order() -> None:
    html, _ = filled(render(whole_digest()))

    structure = Structure(html)

    assert structure.headings[0] == 1
    assert structure.headings.count(1) == 1
    assert all(
        after - before <= 1 for before, after in zip(structure.headings, structure.headings[1:], strict=False)
    )
    assert structure.html_attributes["lang"] == "de"
    assert structure.html_attributes["dir"] == "ltr"
    assert re.search(r'<div[^>]*lang="de"', html), (
        "clients drop <html>; the wrapper must carry the language too"
    )
    assert all(table.get("role") == "presentation" for table in structure.tables)


def test_html_loads_and_runs_nothing() -> None:
    html, _ = filled(render(whole_digest()))

    structure = Structure(html)

    assert not {"script", "form", "iframe", "link", "video", "svg", "object"} & set(structure.tags)
    assert "@import" not in html
    assert "url(" not in html
    assert all(link.startswith(("https://news.example.org/", "mailto:")) for link in structure.links)


def test_every_link_of_the_html_stands_in_the_text_too() -> None:
    html, text = filled(render(whole_digest()))

    links = {link.removeprefix("mailto:") for link in Structure(html).links}

    assert links
    assert {link for link in links if link not in text} == set()


def test_labels_of_a_submission_travel_into_every_version() -> None:
    with translation.override("en"):
        rendered = render(whole_digest())

    for version in (rendered.html, rendered.text, rendered.web_html):
        label = "Nutzerbeitrag – von der Redaktion geprüft"
        english = "Reader submission – reviewed by the newsroom"
        flat = " ".join(version.split())
        assert label in flat or english in flat


def test_a_machine_made_picture_is_labelled_where_it_is_shown_and_only_there() -> None:
    digest = whole_digest()
    lead = digest.picks.get(slot="lead")
    before = render(digest)
    picture = Picture(
        sha256="1" * 64, alt="Eine Fähre", credit="Zeichnung: Uferblick", digital_source="algorithmicMedia"
    )
    picture.file.save("faehre.png", ContentFile(png(1200, 675), "faehre.png"))
    Article.objects.filter(pk=lead.article_id).update(picture=picture)

    rendered = render(digest)

    for version in (rendered.html, rendered.text, rendered.web_html):
        assert (
            "machine-made, for illustration" in version.lower()
            or "maschinell erzeugt, nur zur illustration" in version.lower()
        )
    for version in (before.html, before.text, before.web_html):
        assert "illustration" not in version.lower()
    image = Structure(rendered.html).images[0]
    assert (image["width"], image["height"]) == ("552", "310")
    assert image["alt"] in {
        "Machine-made illustration: Eine Fähre",
        "Maschinell erzeugte Illustration: Eine Fähre",
    }


@pytest.mark.parametrize("by_the_desk", [True, False])
def test_the_label_of_a_machine_made_picture_stands_directly_under_it(by_the_desk: bool) -> None:
    digest = whole_digest()
    lead = digest.picks.get(slot="lead")
    picture = Picture(
        sha256="1" * 64, alt="Eine Fähre", credit="Zeichnung: Uferblick", digital_source="algorithmicMedia"
    )
    picture.file.save("faehre.png", ContentFile(png(1200, 675), "faehre.png"))
    if by_the_desk:
        digest.picks.filter(pk=lead.pk).update(picture=picture)
    else:
        Article.objects.filter(pk=lead.article_id).update(picture=picture)

    rendered = render(digest)

    label = r"(Picture: machine-made, for illustration only|Bild: maschinell erzeugt, nur zur Illustration)"
    html = r"<img[^>]*></a>\s*<p[^>]*><span[^>]*>" + label + r"</span> Zeichnung: Uferblick</p>"
    assert re.search(html, rendered.html)
    assert re.search(r"\[Eine Fähre – Zeichnung: Uferblick\]\n\[" + label, rendered.text)
    web = r"<figure><img[^>]*><figcaption><span[^>]*>" + label + r"</span> Zeichnung: Uferblick</figcaption>"
    assert re.search(web, rendered.web_html)


@pytest.mark.parametrize(
    ("own", "is_own_pick", "caption"),
    [("", False, "Foto: Hafenlabor"), ("Foto: Ada", False, "Foto: Ada"), ("", True, "")],
)
def test_a_picture_without_a_credit_is_credited_as_agreed_with_its_feed(
    own: str, is_own_pick: bool, caption: str
) -> None:
    digest = whole_digest()
    lead = digest.picks.get(slot="lead")
    picture = Picture(sha256="1" * 64, alt="Eine Fähre", credit=own)
    picture.file.save("faehre.png", ContentFile(png(1200, 675), "faehre.png"))
    feed = make_feed(picture_credit=" Foto: Hafenlabor ")
    Article.objects.filter(pk=lead.article_id).update(picture=picture, feed=feed)
    if is_own_pick:
        digest.picks.filter(pk=lead.pk).update(picture=picture)

    rendered = render(digest)

    for version in (rendered.html, rendered.text, rendered.web_html):
        assert set(re.findall(r"Foto: \w+", version)) == ({caption} if caption else set())


def test_no_separator_begins_a_line_and_none_stands_between_links_that_wrap() -> None:
    digest = whole_digest()

    html = render(digest).html
    seen = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)

    separators = re.findall(r"(?:&nbsp;|\xa0|.)·", seen)
    assert len(separators) >= 4
    assert set(separators) <= {"&nbsp;·", "\xa0·"}
    assert not re.search(r"</a>[^<\w]*·", seen)
    assert html.count("<!--[if mso]> · <![endif]-->") == 3  # Outlook for Windows knows no padding of links
    assert len(re.findall(r'<a[^>]*class="tap"[^>]*padding: ?8px 20px 8px 0', seen)) == 5


def test_headlines_of_briefs_look_like_links() -> None:
    html = render(whole_digest()).html

    links = re.findall(r'<h3 class="brief"[^>]*><a [^>]*style="([^"]*)"', html)
    assert len(links) == 2
    assert all("text-decoration: underline" in style for style in links)


def test_the_masthead_names_the_paper_above_its_newsletter() -> None:
    digest = whole_digest()
    name, paper = digest.newsletter.name, digest.newsletter.sender.name

    rendered = render(digest)

    assert rendered.text.startswith(f"{paper}\n{name}\n")
    assert re.search(rf"{paper}</p>\s*<h1[^>]*>{escape(name)}</h1>", rendered.html)


def test_a_paper_of_the_newsletters_name_is_named_once() -> None:
    digest = whole_digest()
    digest.newsletter.name = digest.newsletter.sender.name

    lines = render(digest).text.splitlines()

    assert lines[0] == digest.newsletter.name
    assert lines[1] != digest.newsletter.name


def test_the_masthead_counts_the_minutes_that_the_mail_itself_takes() -> None:
    digest = whole_digest()
    Article.objects.update(reading_minutes=20)

    text = render(digest).text

    assert " · 1 minute read\n" in text.split("https://")[0]
    assert "100 minute" not in text


def test_a_kicker_has_a_line_of_its_own_and_items_stand_under_their_headline() -> None:
    digest = make_digest(newsletter=make_newsletter())
    for position in range(11):
        article = make_article(kicker="Hafen", title=f"Meldung {position}", teaser="Kurz gesagt.")
        make_pick(digest=digest, article=article, slot="briefs", position=position)

    text = render(digest).text

    assert "\n   Hafen\n9. Meldung 8\n   Kurz gesagt.\n" in text
    assert "\n    Hafen\n10. Meldung 9\n    Kurz gesagt.\n" in text


def test_an_override_cannot_remove_a_label() -> None:
    digest = whole_digest()
    digest.picks.update(title="Eigene Zeile", kicker="", teaser="Eigener Text.")

    rendered = render(digest)

    assert rendered.html.count("Eigene Zeile") >= 5
    assert "label" in rendered.html
    assert ("Nutzerbeitrag" in rendered.text) or ("Reader submission" in rendered.text)


def test_leave_and_manage_links_stand_in_both_parts() -> None:
    html, text = filled(render(whole_digest()))

    for part in (html, text):
        assert "https://news.example.org/u/abc" in part
        assert "https://news.example.org/preferences/abc/" in part
        assert "m…@example.org" in part
        assert wire.SLOT_OPEN not in part


def test_typed_text_can_neither_make_markup_nor_a_readers_slot() -> None:
    digest = whole_digest(subject="Fähre <b>&</b> Kran")
    stolen = wire.slot("leave_url")
    Article.objects.update(title=f"<script>alert(1)</script>{stolen}", teaser="a < b")

    rendered = render(digest)
    html, text = filled(rendered)

    assert "<script>" not in rendered.html + rendered.web_html
    assert html.count("/u/abc") == 1
    assert text.count("/u/abc") == 1


def test_the_web_version_holds_no_slot_and_no_redirect() -> None:
    rendered = render(whole_digest())

    assert wire.SLOT_OPEN not in rendered.web_html
    assert "/r/" not in rendered.web_html
    assert "/u/" not in rendered.web_html


def test_the_text_part_speaks_no_markdown() -> None:
    digest = whole_digest()
    digest.note = (
        "Guten Morgen, *liebe Leute*!\n\nMehr **morgen**.\n\n- [Karte](https://news.example.org/karte/)"
    )

    text = render(digest).text

    assert "Guten Morgen, liebe Leute!\n\nMehr morgen." in text
    assert "Karte (https://news.example.org/karte/)" in text
    assert not re.search(r"\*\w|\]\(", text)


def test_text_is_wrapped_and_its_addresses_are_whole() -> None:
    _, text = filled(render(whole_digest()))

    assert all(len(line) <= 72 or line.strip().startswith("http") for line in text.splitlines())
    assert "\n\n\n" not in text


def test_a_digest_too_large_for_an_inbox_is_shortened_and_keeps_its_footer() -> None:
    newsletter = make_newsletter()
    digest = make_digest(newsletter=newsletter)
    for number in range(120):
        article = make_article(teaser="Ein langer Satz über den Fluss und seine Ufer. " * 12)
        make_pick(digest=digest, article=article, slot="lead" if not number else "briefs", position=number)

    rendered = render(digest)
    html, _ = rendered.filled(LONGEST_VALUES)

    assert len(html.encode()) <= MAXIMUM_BYTES
    assert LONGEST_VALUES["leave_url"] in html
    assert re.search(r"[0-9]+ weitere|[0-9]+ more stories", html)
    assert rendered.web_html.count("<article") == 120


def test_the_date_is_the_newsrooms_not_the_servers() -> None:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter, zone="Europe/Berlin")
    late = dt.datetime(2026, 5, 3, 22, 30, tzinfo=dt.UTC)
    digest = make_digest(newsletter=newsletter, due_at=late)
    make_pick(digest=digest)

    rendered = render(digest)

    assert "4. Mai 2026" in rendered.text


@pytest.mark.parametrize("size", [1, 12])
def test_rendering_asks_the_same_questions_whatever_the_number_of_picks(
    size: int, django_assert_num_queries: Any
) -> None:
    newsletter = make_newsletter()
    digest = make_digest(newsletter=newsletter)
    for number in range(size):
        make_pick(
            digest=digest, article=make_article(authors=(make_author(),)), slot="briefs", position=number
        )
    digest = Digest.objects.select_related("newsletter__sender").get(pk=digest.pk)

    with django_assert_num_queries(4):
        # plan's zone, picks with articles and links, bylines, their authors
        render(digest)


def test_the_desks_alternative_text_keeps_the_label_of_a_machine_made_picture() -> None:
    digest = whole_digest()
    lead = digest.picks.get(slot="lead")
    picture = Picture(sha256="1" * 64, alt="Eine Fähre", digital_source="algorithmicMedia")
    picture.file.save("faehre.png", ContentFile(png(1200, 675), "faehre.png"))
    digest.picks.filter(pk=lead.pk).update(picture=picture, alt="Eine Fähre am Morgen")

    rendered = render(digest)

    image = Structure(rendered.html).images[0]
    assert image["alt"] in {
        "Machine-made illustration: Eine Fähre am Morgen",
        "Maschinell erzeugte Illustration: Eine Fähre am Morgen",
    }
    assert "[Eine Fähre am Morgen]" in rendered.text


@pytest.mark.parametrize("slot", ["lead", "briefs"])
def test_the_desks_link_label_stands_in_both_parts(slot: str) -> None:
    digest = whole_digest()
    pick = digest.picks.filter(slot=slot)[0]
    digest.picks.filter(pk=pick.pk).update(link_label="Zum Fahrplan")

    rendered = render(digest)

    assert re.search(r'<a class="more"[^>]*>Zum Fahrplan</a>', rendered.html)
    assert "Zum Fahrplan" in rendered.text


@pytest.mark.parametrize(("label", "says_so"), [("update", True), ("repeat", False), ("", False)])
def test_only_an_update_says_so_to_readers(label: str, says_so: bool) -> None:
    digest = whole_digest()
    digest.picks.filter(pk=digest.picks.filter(slot="briefs")[0].pk).update(label=label)

    rendered = render(digest)

    for version in (rendered.html, rendered.text, rendered.web_html):
        assert ("Update" in version) == says_so
