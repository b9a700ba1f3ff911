"""A page from a newsroom's site, named by NEWS_PAGE and not kept here: what can be read from it, from end to end."""

import json
import os
from io import StringIO

import pytest
from django.core.management import call_command

pytestmark = [pytest.mark.news_page, pytest.mark.django_db]


def test_the_page_says_who_wrote_it_and_what_it_is() -> None:
    said = StringIO()

    call_command("import_articles", os.environ["NEWS_PAGE"], "--json", stdout=said)

    facts = json.loads(said.getvalue())
    assert facts["authors"] == ["Thomas Schmidt"]
    assert facts["language"] == "de"
    assert facts["reading_minutes"] == 4
    assert len(facts["headings"]) == 6
    assert facts["origin"] == "user_submission"
    assert "machine_made_picture" in facts["labels"]
    assert facts["rights_contact"]
