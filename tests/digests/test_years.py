"""A day of another year is told with its year, wherever the desk reads one: `4. May` would be taken for this year's."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse

from digests import workflow
from digests.models import Digest, LinkCheck, Mark, Proof
from digests.states import LinkState
from newsroom.articles.models import Article
from newsroom.web import clock
from tests.digests.factories import DAY, HOUR, make_colleague, make_handed_over, make_planned, make_ready
from tests.factories import make_article, make_pick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

LONG_AGO = dt.datetime(2019, 5, 4, 12, tzinfo=dt.UTC)
SAID = "4. May 2019, 14:00"


@pytest.fixture
def aylin() -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(
        make_colleague("aylin", "Redaktion"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.fixture
def digest() -> Digest:
    """A draft of today; its story, its proof, its mark and the look at its link are old."""
    newsletter, at = make_planned().newsletter, clock.now()
    former = make_handed_over()  # of another newsletter: what its own readers had settles a mark
    Digest.objects.filter(pk=former.pk).update(handed_over_at=LONG_AGO)
    digest = make_ready(newsletter, window_start=at - DAY, window_end=at + HOUR, due_at=at + HOUR)
    user = make_colleague("jonas", "Redaktion")
    workflow.propose(digest, by=user, at=at)
    Proof.objects.filter(digest=digest).update(proposed_at=LONG_AGO)
    Digest.objects.filter(pk=digest.pk).update(state="draft")
    url = "https://www.uferblick.de/faehre"
    Article.objects.filter(picks__digest=digest).update(canonical_url=url)
    LinkCheck.objects.create(url=url, state=LinkState.FINE, looked_at=LONG_AGO)
    told = make_article(first_seen_at=LONG_AGO)
    make_pick(digest=former, article=told, slot="briefs")
    Mark.objects.create(newsletter=newsletter, article=told, marked_by=user, marked_at=LONG_AGO)
    return digest


def test_the_composer_tells_years_that_are_over(digest: Digest, aylin: Client) -> None:
    text = aylin.get(reverse("admin:digests_digest_change", args=[digest.pk])).text

    assert f"Marked by jonas, {SAID}" in text
    assert "Sent on 4. May 2019 in" in text
    assert f"Links checked: {SAID}" in text
    assert re.search(rf"Proof 1</a>\s*<span[^>]*>{SAID} ·", text)
    assert re.search(rf"minute read · {SAID}|> *[^<]*{SAID}\s*</p>", text)


def test_the_last_digests_tell_years_that_are_over(digest: Digest, aylin: Client) -> None:
    workflow.skip(digest, because="Nothing happened.", by=None, at=clock.now())
    Digest.objects.filter(pk=digest.pk).update(window_start=LONG_AGO - DAY, window_end=LONG_AGO)

    assert SAID in aylin.get("/admin/").text


def test_marks_of_an_article_tell_years_that_are_over(digest: Digest, aylin: Client) -> None:
    article = Mark.objects.get().article

    assert (
        f"Marked by jonas, {SAID}" in aylin.get(reverse("admin:digests_mark_article", args=[article.pk])).text
    )
