"""The command `import_articles`: what it prints, its exit status, and that it may run twice."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from newsroom.articles import cuts
from newsroom.articles.models import Article
from newsroom.articles.states import Crop
from tests.newsroom.articles.publisher import item, rss
from tests.newsroom.articles.test_pages import MARKDOWN

pytestmark = pytest.mark.django_db
SEEDS = Path(__file__).resolve().parents[3] / "seeds"
KEYS = {
    "title", "authors", "language", "reading_minutes", "headings", "origin", "labels", "rights_contact", "words", "new",
}  # fmt: skip


def run(*sources: str | Path, **options: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("import_articles", *[str(source) for source in sources], json=True, stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_drawing_of_the_demo_is_tall_enough_to_be_cut() -> None:
    """Else nobody who tries the desk would see what a crop does; labelled as drawn by a machine like the others."""
    run(SEEDS / "articles" / "de" / "bienenwaage.md")

    picture = Article.objects.get().picture
    assert picture is not None
    assert (cuts.long_side(picture), picture.is_machine_made) == ("height", True)
    cut = Image.open(picture.file.storage.open(cuts.cut(picture, Crop.TOP)))
    assert round(cut.width / cut.height, 2) == 1.78


def test_a_news_page_is_told_as_one_line_of_json() -> None:
    page = SEEDS / "pages" / "uferpfad-karte.txt"

    (told,) = run(page)

    assert set(told) == KEYS
    assert told["title"] == page.read_text().splitlines()[0]
    assert told["authors"] == ["Enno Weidlich"]
    assert told["language"] == "de"
    assert told["reading_minutes"] == 2
    assert len(told["headings"]) == 4
    assert told["origin"] == "user_submission"
    assert told["labels"] == ["user_submission", "machine_made_picture"]
    assert told["rights_contact"] == "per E-Mail an den Herausgeber"
    assert told["new"] is True


def test_the_whole_seed_newsroom_is_taken_in_and_the_second_time_nothing_is_new() -> None:
    sources = [SEEDS / "articles", SEEDS / "feeds", SEEDS / "pages"]

    first = run(*sources)
    second = run(*sources)

    assert len(first) == len(second) > 20
    assert all(told["new"] for told in first)
    assert not any(told["new"] for told in second)
    assert [told | {"new": True} for told in second] == first
    assert Article.objects.count() == len(first)
    assert Article.objects.filter(related__isnull=False).exists()


def test_a_bad_source_is_told_and_leaves_nothing_while_the_good_ones_are_taken(tmp_path: Path) -> None:
    good, bad, folder = tmp_path / "gut.md", tmp_path / "schlecht.xml", tmp_path / "halb"
    good.write_text(MARKDOWN)
    bad.write_bytes(rss(item(1), item(2))[:300])
    folder.mkdir()
    (folder / "a.md").write_text(MARKDOWN.replace("Der Kran", "Gut gemeint"))
    (folder / "b.md").write_text("---\nkicker: ohne Titel\n---\nText\n")

    with pytest.raises(CommandError) as caught:
        call_command("import_articles", str(bad), str(folder), str(good), stdout=io.StringIO())

    assert caught.value.returncode == 1
    sentences = str(caught.value).splitlines()
    assert len(sentences) == 2
    assert "schlecht.xml" in sentences[0]
    assert "b.md" in sentences[1]
    assert [article.title for article in Article.objects.all()] == ["Der Kran"]


def test_without_json_it_says_what_was_new(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKDOWN)
    out = io.StringIO()

    call_command("import_articles", str(tmp_path), stdout=out)
    call_command("import_articles", str(tmp_path), stdout=out)

    assert out.getvalue().splitlines() == ["+ Der Kran", "1 new, 0 known.", "= Der Kran", "0 new, 1 known."]


def test_a_headline_only_feed_yields_headlines_only(tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_bytes(rss(item(1)))

    run(tmp_path / "f.xml", feed_rights="headline")

    article = Article.objects.get()
    assert article.title
    assert (article.teaser, article.body_html) == ("", "")
