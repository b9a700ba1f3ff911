"""Handing articles in: whose token opens it, each call done once, and no source reaches into another."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from newsroom.articles import handing_in
from newsroom.articles.models import ApiToken, Article, Feed, Receipt
from newsroom.articles.states import FeedRights
from newsroom.web.clock import now
from tests.factories import NOON, make_section

pytestmark = pytest.mark.django_db

ARTICLES = "/api/v1/articles"
PIECE = {
    "id": "a-1",
    "title": "Die Fähre fährt wieder",
    "body_html": "<p>Seit heute früh fährt sie wieder über den Fluss.</p><script>alert(1)</script>",
    "authors": ["Thea Brandwald"],
    "language": "de",
}


def make_feed(name: str = "desk", **values: Any) -> Feed:
    return Feed.objects.create(
        **{"url": f"https://{name}.example.org/feed", "title": name, "rights": FeedRights.FULL} | values
    )


def make_token(feed: Feed | None = None) -> tuple[ApiToken, str]:
    return handing_in.make_token(feed or make_feed(), name="live", by="jonas", at=NOON)


def send(secret: str, key: str = "call-1", **changes: Any) -> Any:
    headers = {"authorization": f"Bearer {secret}", "accept-language": "en"}
    if key:
        headers["idempotency-key"] = key
    return Client(headers=headers).post(ARTICLES, PIECE | changes, content_type="application/json")


def test_an_article_is_taken_in_for_its_source() -> None:
    feed = make_feed(section=make_section())
    token, secret = make_token(feed)

    answer = send(secret)

    article = Article.objects.get()
    assert (answer.status_code, answer.json()["slug"]) == (201, article.slug)
    assert (article.feed, article.section, article.title) == (feed, feed.section, PIECE["title"])
    assert "script" not in article.body_html
    assert "Fluss" in article.body_html
    assert article.byline == ["Thea Brandwald"]
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_call_made_again_does_nothing_and_gets_the_same_answer() -> None:
    _token, secret = make_token()
    first = send(secret)

    again = send(secret)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert Article.objects.count() == 1
    assert Receipt.objects.count() == 1


def test_a_key_with_other_content_is_a_conflict() -> None:
    _token, secret = make_token()
    send(secret)

    answer = send(secret, title="Anders")

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert Article.objects.get().title == PIECE["title"]


def test_the_same_id_with_a_new_key_changes_the_article() -> None:
    _token, secret = make_token()
    send(secret)

    answer = send(secret, "call-2", title="Die Fähre fährt doch nicht")

    assert answer.status_code == 200
    article = Article.objects.get()
    assert article.title == "Die Fähre fährt doch nicht"
    assert article.former_versions.count() == 1


def test_two_pieces_with_one_headline_stay_two() -> None:
    _token, secret = make_token()

    send(secret, "call-1", id="monday", title="Der Tag in Kürze")
    send(secret, "call-2", id="tuesday", title="Der Tag in Kürze")

    assert Article.objects.count() == 2


def test_no_source_changes_a_piece_of_another() -> None:
    _one, first = make_token(make_feed("one"))
    _two, second = make_token(make_feed("two"))
    send(first)

    send(second, title="Gekapert")

    assert set(Article.objects.values_list("title", flat=True)) == {PIECE["title"], "Gekapert"}


def test_a_sources_rights_hold_here_too() -> None:
    _token, secret = make_token(make_feed(rights=FeedRights.HEADLINE))

    send(secret)

    article = Article.objects.get()
    assert (article.body_html, article.teaser) == ("", "")


def test_a_revoked_token_opens_nothing_from_that_moment() -> None:
    token, secret = make_token()

    assert handing_in.revoke(token, at=NOON)
    assert not handing_in.revoke(token, at=NOON)

    assert send(secret).status_code == 401
    assert not Article.objects.exists()


@pytest.mark.parametrize("secret", ["", "x", "ä", "' OR 1=1 --"])
def test_no_made_up_token_opens_anything(secret: str) -> None:
    make_token()

    answer = Client().post(
        ARTICLES,
        PIECE,
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {secret}",
        HTTP_IDEMPOTENCY_KEY="a",
    )

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"title": ""},
        {"title": "   "},
        {"title": "a\nb"},
        {"title": "a\0b"},
        {"title": "\ud800"},
        {"title": "a" * 301},
        {"url": "javascript:alert(1)"},
        {"url": "https://www.example.org/a b"},
        {"published_at": "2026-11-27T10:00:00"},
        {"language": "de-AT-1901"},
        {"authors": ["a\0"]},
        {"slug": "mine"},
    ],
)
def test_what_cannot_be_kept_is_refused(changes: dict[str, Any]) -> None:
    _token, secret = make_token()

    answer = send(secret, **changes)

    assert answer.status_code == 422
    assert answer.json()["fields"][0].partition(".")[0] == next(iter(changes))
    assert not Article.objects.exists()


def test_a_call_needs_its_key() -> None:
    _token, secret = make_token()

    answer = send(secret, key="")

    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["fields"][0]


def test_receipts_are_forgotten_after_thirty_days() -> None:
    token, secret = make_token()
    send(secret)
    Receipt.objects.update(made_at=now() - dt.timedelta(days=31))

    send(secret, "call-2")

    assert list(Receipt.objects.values_list("key", flat=True)) == ["call-2"]
    assert token.receipts.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_call_made_four_times_at_once_is_done_once() -> None:
    _token, secret = make_token()
    barrier = Barrier(4)

    def call() -> int:
        try:
            barrier.wait(timeout=10)
            return int(send(secret).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = [each.result() for each in [pool.submit(call) for _number in range(4)]]

    assert answers == [201] * 4
    assert Article.objects.count() == 1


# --- In the admin ---------------------------------------------------------------------------------------------


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(
        User.objects.create_superuser("ada"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


def test_a_secret_is_shown_once_and_kept_nowhere(desk: Client) -> None:
    feed = make_feed()

    answer = desk.post("/admin/articles/apitoken/add/", {"feed": feed.pk, "name": "live"})

    token = ApiToken.objects.get()
    page = answer.content.decode()
    secret = page.split('value="')[-1].split('"')[0]
    assert handing_in.token_of(secret) == token
    assert "no-store" in answer["Cache-Control"]
    assert token.made_by == "ada"
    later = desk.get(f"/admin/articles/apitoken/{token.pk}/change/").content.decode()
    assert secret not in later
    assert token.token_hash not in later


def test_a_token_is_revoked_from_the_list_and_never_deleted(desk: Client) -> None:
    token, secret = make_token()

    desk.post("/admin/articles/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})

    assert handing_in.token_of(secret) is None
    assert desk.post(f"/admin/articles/apitoken/{token.pk}/delete/", {"post": "yes"}).status_code == 403


def test_saving_a_token_again_changes_nothing(desk: Client) -> None:
    token, secret = make_token()

    desk.post(f"/admin/articles/apitoken/{token.pk}/change/", {"feed": make_feed("other").pk, "name": "x"})

    found = handing_in.token_of(secret)
    assert found is not None
    assert (found.feed_id, found.name) == (token.feed_id, "live")
