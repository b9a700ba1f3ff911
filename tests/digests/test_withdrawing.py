"""A withdrawn article leaves what has not gone out, stops what was to go, and leaves what went on record."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from digests import curation, selection, swapping, withdrawing, workflow
from digests.models import Digest
from digests.states import DigestState
from newsroom.articles.models import Article
from newsroom.mail.models import Incident
from newsroom.mail.states import Severity
from tests.digests.factories import (
    HOUR,
    make_approved,
    make_handed_over,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import NOON, make_article

pytestmark = pytest.mark.django_db

LATER = NOON + dt.timedelta(minutes=5)


def withdraw(digest: Digest) -> Article:
    """The lead of a digest of two stories is withdrawn."""
    article = digest.picks.get(slot="lead").article
    Article.objects.filter(pk=article.pk).update(withdrawn_at=NOON)
    return article


def titles(digest: Digest) -> list[str]:
    return [pick.article.title for pick in digest.picks.all()]


def test_a_draft_loses_the_article_with_a_notice() -> None:
    digest = make_ready(stories=2)
    gone = withdraw(digest)

    withdrawing.pull_withdrawn(LATER)

    incident = Incident.objects.get()
    digest.refresh_from_db()
    assert gone.title not in titles(digest)
    assert digest.picks.count() == 1
    assert (digest.state, digest.version) == (DigestState.DRAFT, 2)
    assert (incident.severity, incident.resolved_at) == (Severity.WARNING, None)
    assert gone.title in incident.text


def test_what_is_restored_comes_back_though_nobody_may_fill_what_the_desk_took_out() -> None:
    """The lead was moved by the desk before it was withdrawn: that is not taking it out."""
    plan, jonas = make_planned(), make_user("jonas")
    restored, taken_out = (make_article(first_seen_at=NOON - HOUR) for _ in range(2))
    digest = selection.build(plan.newsletter, at=NOON, window_end=NOON)
    curation.move_pick(
        digest.picks.get(article=restored), slot="briefs", expected_version=1, by=jonas, at=NOON
    )
    curation.remove_pick(digest.picks.get(article=taken_out), expected_version=2, by=jonas, at=NOON)
    Article.objects.update(withdrawn_at=NOON)
    withdrawing.pull_withdrawn(LATER)
    Article.objects.update(withdrawn_at=None)

    selection.fill(Digest.objects.get(), at=LATER)

    assert titles(digest) == [restored.title]


@pytest.mark.parametrize(("make", "is_stop"), [(make_approved, False), (make_scheduled, True)])
def test_what_was_approved_is_a_draft_again_and_a_scheduled_one_stops(make: Any, is_stop: bool) -> None:
    digest = make(stories=2)
    withdraw(digest)

    withdrawing.pull_withdrawn(LATER)

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.DRAFT, None)
    assert Incident.objects.get().severity == (Severity.ERROR if is_stop else Severity.WARNING)
    assert workflow.hand_over_due(NOON + 2 * HOUR) == []


def test_a_proof_that_waits_is_out_of_date() -> None:
    proof = make_proofed(stories=2)
    withdraw(proof.digest)

    withdrawing.pull_withdrawn(LATER)

    proof.digest.refresh_from_db()
    assert proof.digest.state == DigestState.DRAFT
    assert proof.digest.version != proof.digest_version


def test_a_digest_that_waits_for_the_approval_of_an_exchange_stops_too() -> None:
    digest = make_scheduled(stories=2)
    brief = digest.picks.get(slot="briefs")
    swapping.swap(brief, make_article(), expected_version=digest.version, by=make_user(), at=NOON)
    withdraw(digest)

    withdrawing.pull_withdrawn(LATER)

    digest.refresh_from_db()
    assert (digest.state, digest.wanted_at) == (DigestState.DRAFT, None)
    assert Incident.objects.get().severity == Severity.ERROR


def test_nothing_else_changes() -> None:
    other = make_scheduled(stories=2)
    before = Digest.objects.filter(pk=other.pk).values().get()
    digest = make_ready(stories=2)
    withdraw(digest)

    withdrawing.pull_withdrawn(LATER)

    assert Digest.objects.filter(pk=other.pk).values().get() == before
    assert other.picks.count() == 2


def test_running_again_does_nothing_more() -> None:
    digest = make_ready(stories=2)
    withdraw(digest)
    withdrawing.pull_withdrawn(LATER)

    assert withdrawing.pull_withdrawn(LATER) == []
    digest.refresh_from_db()
    assert digest.version == 2


def test_what_went_out_keeps_its_record_and_the_archive_says_so() -> None:
    digest = make_handed_over(stories=2)
    gone = withdraw(digest)

    assert withdrawing.pull_withdrawn(LATER) == []

    page = Client(headers={"accept-language": "de"}).get(digest.get_absolute_url()).text
    assert digest.picks.count() == 2
    assert gone.title not in page
    assert "story-withdrawn" in page or "withdrawn" in page.lower() or "zurückgezogen" in page


def test_the_look_costs_one_query_if_there_is_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(3):
        make_ready(stories=2)

    with django_assert_num_queries(1):  # picks of withdrawn articles in digests not handed over
        withdrawing.pull_withdrawn(LATER)
