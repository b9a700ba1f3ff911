"""Articles as Markdown files with front matter."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom.articles import markdown_text
from newsroom.articles.states import Origin

SEEDS = Path(__file__).resolve().parents[3] / "seeds" / "articles"


@pytest.mark.parametrize("file", sorted(SEEDS.glob("*/*.md")), ids=lambda file: file.stem)
def test_every_seed_article_is_read(file: Path) -> None:
    found = markdown_text.read(file.read_text(), stem=file.stem).article

    assert found.slug == file.stem
    assert found.language == file.parent.name
    assert found.authors
    assert found.teaser
    assert found.words > 200
    assert "<h2 id=" in found.body_html


def test_front_matter_states_everything() -> None:
    found = markdown_text.read(
        "---\ntitle: 'Kran: er hebt'\nkicker: Hafen\nteaser: Kurz.\nauthors: [Ada, Bo]\nsection: Stadt & Land\nlanguage: de\n"
        "origin: user_submission\nreview: reviewed\npicture: ../bilder/kran.jpg\npicture_alt: Ein Kran\n"
        "related: [faehre, Über Öl]\npublished: 2026-05-04T06:00\nreading_minutes: 9\nrights_contact: rechte@example.org\n"
        "embargo: 2026-05-05\n---\nDer Kran hebt.\n",
        stem="kran",
    )

    article = found.article
    assert (article.title, article.kicker, article.teaser) == ("Kran: er hebt", "Hafen", "Kurz.")
    assert article.authors == ("Ada", "Bo")
    assert article.section == "stadt-land"
    assert article.origin == Origin.USER_SUBMISSION
    assert article.review == "reviewed"
    assert article.related == ("faehre", "ueber-oel")
    assert article.published_at == datetime(2026, 5, 4, 4, 0, tzinfo=UTC), (
        "without a zone it is meant where the site is"
    )
    assert article.embargo_until == datetime(2026, 5, 4, 22, 0, tzinfo=UTC)
    assert article.stated_minutes == 9
    assert article.rights_contact == "rechte@example.org"
    assert found.picture == "../bilder/kran.jpg"


def test_without_front_matter_the_first_heading_is_the_title() -> None:
    found = markdown_text.read(
        "# Der Kran und die Fähre\n\nEr hebt wieder, und sie ist auch da.\n", stem="kran"
    ).article

    assert found.title == "Der Kran und die Fähre"
    assert found.body_html == "<p>Er hebt wieder, und sie ist auch da.</p>"
    assert found.language == "de"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("---\ntitle: [\n---\nText", "no valid YAML in line"),
        ("---\n- a\n---\nText", "no list of keys"),
        ("---\nkicker: x\n---\nText", "no title"),
        ("---\ntitle: x\n---\n\n", "no text"),
        ("---\ntitle: x\norigin: aliens\n---\nText", "origin “aliens” is unknown"),
        ("---\ntitle: x\npublished: yesterday\n---\nText", "no date like"),
        ("---\ntitle: x\npicture: /etc/passwd\n---\nText", "relative to the file"),
        ("---\ntitle: x\npicture: https://a.example.org/x.jpg\n---\nText", "relative to the file"),
        ("---\ntitle: !!python/object/apply:os.system [ls]\n---\nText", "no valid YAML"),
    ],
)
def test_faults_are_named(source: str, reason: str) -> None:
    with pytest.raises(markdown_text.Unreadable, match=reason):
        markdown_text.read(source, stem="x")


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=100))
def test_no_front_matter_makes_it_stumble(front: str, body: str) -> None:
    for source in (f"---\n{front}\n---\n{body}", f"---\ntitle: x\npublished: {front}\n---\n{body}"):
        try:
            title = markdown_text.read(source, stem="x").article.title
        except markdown_text.Unreadable:
            continue
        assert title
