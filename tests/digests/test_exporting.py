"""What readers got, to take along."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digests import exporting
from digests.models import Link
from tests.digests.factories import make_handed_over, make_planned, make_ready
from tests.factories import NOON, make_digest

pytestmark = pytest.mark.django_db


def read(*arguments: str) -> list[dict[str, str]]:
    out = io.StringIO()
    call_command("export_digests", *arguments, stdout=out)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_each_story_of_each_digest_that_went_out_is_a_line_as_it_was_mailed() -> None:
    digest = make_handed_over(stories=3, subject="=Die Fähre & mehr")
    make_ready(digest.newsletter)  # a draft, which nobody got
    lead, *briefs = digest.picks.select_related("article").order_by("pk")
    mailed = lead.article.title
    lead.article.title = "Called otherwise by now"
    lead.article.save()
    Link.objects.filter(pick=lead).update(current_url="https://example.org/moved/")

    rows = read()

    assert [row["title"] for row in rows] == [mailed, *(pick.article.title for pick in briefs)]
    assert [row["slot"] for row in rows] == ["lead", "briefs", "briefs"]
    assert rows[0]["link"] == "https://example.org/moved/"
    assert all(row["link"].startswith("https://") for row in rows)
    assert {(row["newsletter"], row["number"], row["for"], row["sent_at"]) for row in rows} == {
        (digest.newsletter.slug, str(digest.number), "each", NOON.isoformat())
    }
    assert {row["subject"] for row in rows} == {"'=Die Fähre & mehr"}


def test_only_the_named_newsletter_is_told_of() -> None:
    first, second = make_handed_over(), make_handed_over(make_planned().newsletter)

    assert {row["newsletter"] for row in read()} == {first.newsletter.slug, second.newsletter.slug}
    assert {row["newsletter"] for row in read("--newsletter", second.newsletter.slug)} == {
        second.newsletter.slug
    }
    with pytest.raises(CommandError, match="no newsletter"):
        read("--newsletter", "nothing")


@pytest.mark.parametrize("size", [1, 6])
def test_many_digests_cost_the_same_queries(size: int) -> None:
    newsletter = make_planned().newsletter
    for number in range(size):
        make_digest(newsletter=newsletter, state="handed_over", handed_over_at=NOON, number=number + 1)

    with CaptureQueriesContext(connection) as queries:
        lines = list(exporting.lines())

    assert len(lines) == size + 1
    assert len(queries) <= 4  # digests, picks, proofs; links where there are picks
