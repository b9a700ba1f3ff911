"""What readers get: front page, article, author, pictures."""

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.test import Client

from newsroom.articles import pictures, publishing
from newsroom.articles.models import Article, Correction, Picture, Section
from newsroom.articles.states import DigitalSource, Origin, Review
from tests.factories import NOON, make_article, make_author, make_newsletter
from tests.newsroom.articles.factories import make_feed, make_picture, make_picture_bytes

pytestmark = pytest.mark.django_db

SIX = "".join(f"<h2 id='s-teil-{n}'>Teil {n}</h2><p>Text {n}.</p>" for n in range(6))


@pytest.fixture
def reader() -> Client:
    return Client(headers={"accept-language": "en"})


def page(reader: Client, path: str) -> str:
    answer = reader.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_the_front_page_shows_the_latest_of_the_reader_s_language(reader: Client) -> None:
    make_article(title="Old news", language="en", published_at=NOON - dt.timedelta(days=1))
    make_article(title="Fresh news", language="en")
    make_article(title="Deutsches", language="de")

    html = page(reader, "/")

    assert html.index("Fresh news") < html.index("Old news")
    assert "Deutsches" not in html
    assert "Deutsches" in page(Client(headers={"accept-language": "de"}), "/")


def test_the_front_page_can_show_one_section(reader: Client) -> None:
    section = Section.objects.create(slug="town", name_de="Stadt", name_en="Town")
    make_article(title="In town", language="en", section=section)
    make_article(title="Elsewhere", language="en")

    html = page(reader, "/?section=town")

    assert "In town" in html
    assert "Elsewhere" not in html
    assert re.search(r'href="/\?section=town" aria-current="page"', html)


def test_older_articles_stand_on_further_pages(reader: Client) -> None:
    for number in range(25):
        make_article(
            title=f"Piece {number:02}", language="en", published_at=NOON - dt.timedelta(hours=number)
        )

    first, second = page(reader, "/"), page(reader, "/?page=2")

    assert "Piece 20" in first
    assert "Piece 21" not in first
    assert "Piece 21" in second
    assert 'rel="next"' in first
    assert 'rel="next"' not in second


@pytest.mark.parametrize("asked", ["0", "-1", "x", "99999999", "²", "3"])
def test_pages_that_are_not_there_are_not_found(reader: Client, asked: str) -> None:
    assert reader.get("/", {"page": asked}).status_code == 404


@pytest.mark.parametrize(
    "values",
    [
        {"withdrawn_at": NOON},
        {"embargo_until": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)},
    ],
)
def test_withdrawn_and_embargoed_articles_are_nowhere(reader: Client, values: dict[str, Any]) -> None:
    author = make_author()
    hidden = make_article(title="Hidden piece", language="en", authors=(author,), **values)
    shown = make_article(title="Shown piece", language="en")
    shown.related.add(hidden)

    assert reader.get(hidden.get_absolute_url()).status_code == 404
    for path in ("/", f"/authors/{author.slug}/", shown.get_absolute_url()):
        assert "Hidden piece" not in page(reader, path)


def test_an_article_shows_who_when_how_long_and_how_to_complain(reader: Client) -> None:
    authors = (make_author(name="Ada Beispiel", slug="ada"), make_author(name="Bo Muster", slug="bo"))
    article = make_article(
        language="en", kicker="Harbour", title="The crane", teaser="It lifts again.", authors=authors, reading_minutes=4,
        rights_contact="rights@example.org",
    )  # fmt: skip

    html = page(reader, article.get_absolute_url())

    assert html.count("<h1") == 1
    assert re.search(r'href="/authors/ada/"[^>]*>Ada Beispiel</a>\s+and\s+<a href="/authors/bo/"', html)
    assert '<time datetime="2026-05-04' in html
    assert "4 minute read" in html
    assert 'href="mailto:rights@example.org"' in html
    assert '<article class="measure" lang="en">' in html


def test_a_teaser_that_only_repeats_the_beginning_is_not_shown_twice(reader: Client) -> None:
    article = make_article(
        teaser="Am Morgen legte sie ab.", body_html="<p>Am Morgen legte sie ab. Dann kam sie.</p>"
    )

    assert 'class="standfirst"' not in page(reader, article.get_absolute_url())


@pytest.mark.parametrize(("number", "has_contents"), [(3, False), (4, True)])
def test_from_four_headings_on_there_is_a_list_of_contents(
    reader: Client, number: int, has_contents: bool
) -> None:
    article = make_article(body_html=SIX[: SIX.index(f"<h2 id='s-teil-{number}'")])

    html = page(reader, article.get_absolute_url())

    assert ('href="#s-teil-0"' in html) is has_contents
    assert "id='s-teil-0'" in html


@pytest.mark.parametrize(
    ("review", "label"),
    [
        (Review.REVIEWED, "User submission – reviewed by the newsroom"),
        (Review.UNREVIEWED, "User submission – unreviewed"),
    ],
)
def test_a_submission_says_so_on_its_page_and_in_every_list(reader: Client, review: str, label: str) -> None:
    author = make_author()
    article = make_article(language="en", origin=Origin.USER_SUBMISSION, review=review, authors=(author,))
    make_article(language="en", title="Own piece")

    for path in ("/", article.get_absolute_url(), f"/authors/{author.slug}/"):
        assert page(reader, path).count(label) == 1, path
    assert 'href="/submissions/"' in page(reader, article.get_absolute_url())
    assert label in page(reader, "/submissions/")


def test_a_machine_made_picture_says_so_beside_it_and_in_its_alternative_text(reader: Client) -> None:
    picture = pictures.keep(
        make_picture_bytes(), alt="A crane", credit="Ada", digital_source="trainedAlgorithmicMedia"
    )
    article = make_article(
        language="en", picture=picture, authors=(make_author(name="Bo Muster", slug="bo"),)
    )

    html = page(reader, article.get_absolute_url())

    assert 'alt="Machine-made illustration: A crane"' in html
    assert "Picture: machine-made, for illustration only; text: by Bo Muster" in html
    assert "digitalsourcetype/trainedAlgorithmicMedia" in html


def test_a_picture_that_is_not_with_us_is_labelled_too(reader: Client) -> None:
    article = make_article(language="en", picture_is_illustration=True)

    assert "Picture: machine-made, for illustration only" in page(reader, article.get_absolute_url())


def test_corrections_and_related_articles_stand_below(reader: Client) -> None:
    article = make_article(language="en")
    Correction.objects.create(article=article, text="It was the other crane.", made_at=NOON)
    Correction.objects.create(article=article, text="It turns left.", made_at=NOON + dt.timedelta(days=1))
    article.related.add(make_article(title="The ferry", language="en"))

    html = page(reader, article.get_absolute_url())

    assert html.index("It turns left.") < html.index("It was the other crane.")  # the latest first
    assert html.count("It was the other crane.") == 1
    assert "The ferry" in html


def test_a_headline_only_article_leads_to_its_source(reader: Client) -> None:
    article = make_article(language="en", body_html="", teaser="", canonical_url="https://a.example.org/kran")

    assert 'class="button-quiet" href="https://a.example.org/kran"' in page(
        reader, article.get_absolute_url()
    )


def test_hostile_words_stay_words(reader: Client) -> None:
    article = make_article(
        language="en", title="</script><script>alert(1)</script>", kicker="<b>k</b>", teaser='"><img src=x onerror=alert(1)>',
        authors=(make_author(name="<i>Ada</i>", slug="ada"),),
    )  # fmt: skip

    html = page(reader, article.get_absolute_url()) + page(reader, "/") + page(reader, "/authors/ada/")

    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<b>k</b>" not in html
    assert "<i>Ada" not in html


def test_search_engines_get_valid_facts_under_the_page_s_nonce(reader: Client) -> None:
    article = make_article(
        language="en", title="Crane </script> & Co", authors=(make_author(name="Ada", slug="ada"),)
    )

    answer = reader.get(article.get_absolute_url())

    match = re.search(
        r'<script type="application/ld\+json" nonce="([^"]+)">(.*?)</script>',
        answer.content.decode(),
        re.DOTALL,
    )
    assert match
    assert f"'nonce-{match[1]}'" in answer["Content-Security-Policy"]
    facts = json.loads(match[2])
    assert facts["@type"] == "NewsArticle"
    assert facts["headline"] == "Crane </script> & Co"
    assert facts["author"] == [{"@type": "Person", "name": "Ada"}]


def test_an_author_has_a_page_with_role_words_and_work(reader: Client) -> None:
    author = make_author(
        name="Ada",
        slug="ada",
        role_en="Harbour editor",
        bio_en="Writes of cranes.",
        contact="ada@example.org",
    )
    make_article(title="The crane", authors=(author,))
    make_article(title="Not hers")

    html = page(reader, "/authors/ada/")

    for expected in ("Harbour editor", "Writes of cranes.", "mailto:ada@example.org", "The crane"):
        assert expected in html
    assert "Not hers" not in html


def test_a_picture_is_served_closed_in_and_for_five_minutes(reader: Client) -> None:
    content = make_picture_bytes()
    picture = pictures.keep(content)

    answer = reader.get(picture.file.url)
    again = reader.get(picture.file.url, headers={"if-none-match": answer["ETag"]})

    assert b"".join(answer) == content
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "public, max-age=300"
    assert again.status_code == 304
    assert again["Cache-Control"] == "public, max-age=300"


def test_a_withdrawn_picture_turns_into_a_neutral_one_even_for_who_has_it_cached(reader: Client) -> None:
    content = make_picture_bytes()
    article = make_article(picture=pictures.keep(content), picture_alt="Ein Kran")
    assert article.picture is not None
    url = article.picture.file.url
    etag = reader.get(url)["ETag"]

    publishing.withdraw(article, because="Rechte", at=NOON)
    answer = reader.get(url, headers={"if-none-match": etag})

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert answer["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "path",
    ["../settings.py", "..%2f..%2fsettings.py", "%2e%2e/db.sqlite3", "/etc/passwd", "pictures/", "x.jpg", ""],
)
def test_no_path_leads_out_of_what_we_keep(reader: Client, path: str) -> None:
    pictures.keep(make_picture_bytes())

    assert reader.get(f"/media/{path}").status_code == 404


@pytest.mark.postgres
def test_no_path_of_a_picture_is_a_fault_of_ours(reader: Client) -> None:
    assert reader.get("/media/a%00.png").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_pages_are_only_read(reader: Client, method: str) -> None:
    article = make_article()

    for path in ("/", article.get_absolute_url(), "/media/x.jpg"):
        assert getattr(reader, method)(path).status_code == 405


@pytest.mark.parametrize("number", [2, 15])
def test_the_front_page_costs_four_queries(
    reader: Client, number: int, django_assert_num_queries: Any
) -> None:
    make_newsletter(language="en")
    for _ in range(number):
        make_article(language="en", authors=(make_author(), make_author()))

    # Sections, articles, their bylines, the newsletter of the sign-up box.
    with django_assert_num_queries(4):
        page(reader, "/")


@pytest.mark.parametrize("number", [10, 200])
def test_an_article_costs_three_queries_and_one_for_the_box(
    reader: Client, number: int, django_assert_num_queries: Any
) -> None:
    make_newsletter(language="en")
    article = make_article(language="en", picture=pictures.keep(make_picture_bytes()))
    article.related.set([make_article(language="en") for _ in range(number)])

    # Article, bylines, related articles; the newsletter of the sign-up box.
    with django_assert_num_queries(4):
        page(reader, article.get_absolute_url())


@pytest.mark.parametrize("number", [1, 8])
def test_a_corrected_article_costs_no_query_more(
    reader: Client, number: int, django_assert_num_queries: Any
) -> None:
    make_newsletter(language="en")
    article = make_article(
        language="en",
        picture=pictures.keep(make_picture_bytes()),
        authors=tuple(make_author() for _ in range(number)),
    )
    for _ in range(number):
        article.related.add(make_article(language="en"))
        Correction.objects.create(article=article, text="x", made_at=NOON)

    # Article with its corrections, bylines, related articles; the newsletter of the sign-up box.
    with django_assert_num_queries(4):
        html = page(reader, article.get_absolute_url())

    assert html.count("<p><time") == number


def test_an_author_costs_three_queries(reader: Client, django_assert_num_queries: Any) -> None:
    author = make_author()
    for _ in range(6):
        make_article(authors=(author, make_author()))

    # The author, the articles, their bylines.
    with django_assert_num_queries(3):
        page(reader, f"/authors/{author.slug}/")


def test_error_pages_say_what_to_do(reader: Client) -> None:
    answer = reader.get("/nowhere/")

    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert Article.objects.count() == 0


@pytest.mark.parametrize(
    ("credit", "source", "shown"),
    [
        ("", "", "Foto: Hafenlabor"),
        ("Foto: Ada", "", "Foto: Ada"),
        ("", "trainedAlgorithmicMedia", ""),
    ],
)
def test_a_picture_of_a_feed_names_its_maker_on_the_page_and_to_search_engines(
    credit: str, source: str, shown: str, reader: Client
) -> None:
    picture = pictures.keep(make_picture_bytes(), alt="Ein Kran", credit=credit, digital_source=source)
    feed = make_feed(picture_credit="Foto: Hafenlabor")
    article = make_article(picture=picture, feed=feed, language="en")

    html = page(reader, article.get_absolute_url())

    data = json.loads(re.search(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', html, re.S)[1])  # type: ignore[index]
    assert data["image"]["creditText"] == shown
    caption = html.partition("<figcaption>")[2].partition("</figcaption>")[0]
    assert re.findall(r"Foto: \w+", caption) == ([shown] if shown else [])


def test_an_author_s_page_shows_the_portrait_with_its_credit_until_it_is_withdrawn(reader: Client) -> None:
    portrait = make_picture(alt="Ada at her desk", digital_source=DigitalSource.ALGORITHMIC)
    ada = make_author(name="Ada Beispiel", role_en="Editor", portrait=portrait)

    shown = page(reader, f"/authors/{ada.slug}/")
    Picture.objects.update(withdrawn_at=NOON)
    gone = page(reader, f"/authors/{ada.slug}/")

    assert f'<img src="{portrait.file.url}" width="300" height="300"' in shown
    assert 'alt="Machine-made illustration: Ada at her desk"' in shown
    assert "machine-made, for illustration only" in shown
    assert "Foto: Thea Brandwald" in shown
    assert portrait.file.url not in gone
    assert "Thea Brandwald" not in gone
