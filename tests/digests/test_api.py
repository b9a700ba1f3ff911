"""Digests by the API: what came out, as public as the archive."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from newsroom.articles.models import Article
from subscriptions.states import NewsletterState
from tests.digests.factories import DAY, make_approved, make_handed_over, make_planned
from tests.factories import NOON, make_digest, make_subscription

pytestmark = pytest.mark.django_db

LIST = "/api/v1/digests"


def page_of(digest: Any) -> str:
    return f"{LIST}/{digest.newsletter.slug}/{digest.number}"


def test_a_digest_that_came_out_is_told_with_its_stories(client: Client) -> None:
    digest = make_handed_over(stories=3)

    body = client.get(page_of(digest)).json()

    assert (body["newsletter"], body["number"]) == (digest.newsletter.slug, digest.number)
    assert body["title"] == digest.subject
    assert body["url"].endswith(f"/newsletters/{digest.newsletter.slug}/{digest.number}/")
    assert len(body["stories"]) == 3
    assert body["withdrawn"] == 0


def test_nothing_of_readers_is_in_it(client: Client) -> None:
    digest = make_handed_over()
    make_subscription(newsletter=digest.newsletter)

    text = client.get(page_of(digest)).content.decode() + client.get(LIST).content.decode()

    assert "@" not in text
    assert "/u/" not in text


def test_what_was_withdrawn_is_left_out_and_counted(client: Client) -> None:
    digest = make_handed_over(stories=2)
    first = digest.picks.order_by("pk")[0].article
    Article.objects.filter(pk=first.pk).update(withdrawn_at=NOON, withdrawn_reason="Wrong")

    body = client.get(page_of(digest)).json()

    assert [each["title"] for each in body["stories"]] != []
    assert first.title not in str(body)
    assert body["withdrawn"] == 1


def test_what_did_not_come_out_is_not_there(client: Client) -> None:
    digest = make_approved()
    hidden = make_handed_over()
    type(hidden.newsletter).objects.filter(pk=hidden.newsletter_id).update(state=NewsletterState.DRAFT)

    assert client.get(LIST).json() == []
    for each in (digest, hidden):
        answer = client.get(page_of(each))
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"


def test_the_list_is_read_backwards(client: Client) -> None:
    newsletter = make_planned().newsletter
    for day in range(3):
        make_digest(
            newsletter=newsletter, state="handed_over", subject=f"Tag {day}", handed_over_at=NOON + day * DAY
        )

    newest = client.get(LIST, {"newsletter": newsletter.slug}).json()
    older = client.get(LIST, {"before": newest[0]["published_at"]}).json()

    assert [each["title"] for each in newest] == ["Tag 2", "Tag 1", "Tag 0"]
    assert [each["title"] for each in older] == ["Tag 1", "Tag 0"]


def test_who_has_the_answer_already_gets_none(client: Client) -> None:
    digest = make_handed_over()

    for url in (LIST, page_of(digest)):
        first = client.get(url)
        again = client.get(url, headers={"if-none-match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")

    Article.objects.update(withdrawn_at=NOON)
    changed = client.get(page_of(digest), headers={"if-none-match": first["ETag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "query", [{"before": "yesterday"}, {"newsletter": "a b"}, {"before": "0001-01-01T00:00:00Z"}]
)
def test_a_question_that_makes_no_sense_is_a_problem(client: Client, query: dict[str, str]) -> None:
    answer = client.get(LIST, query)

    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("size", [1, 5])
def test_queries_do_not_grow(
    size: int, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    digest = make_handed_over(stories=size, at=NOON + dt.timedelta(hours=1))

    with django_assert_num_queries(1):  # digests with their newsletters
        assert client.get(LIST).status_code == 200
    with django_assert_num_queries(4):  # digest; picks with their articles; bylines; authors
        assert client.get(page_of(digest)).status_code == 200
