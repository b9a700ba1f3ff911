"""A public page is made once for all visitors for some seconds, and yet each has her own guard, nonce and stamp."""

import re
import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from newsroom.articles.models import Article
from newsroom.environment import Environment, read_page_seconds
from newsroom.web.kept_pages import keep_page
from newsroom.web.stamps import shown_at
from tests.factories import make_article, make_newsletter

pytestmark = pytest.mark.django_db

_FIELDS = ("csrfmiddlewaretoken", "started")


@pytest.fixture(autouse=True)
def _kept(settings: Settings) -> Iterator[None]:
    settings.PAGE_SECONDS = 60
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def article() -> Article:
    make_newsletter()
    return make_article(title="Die Fähre fährt wieder")


def _look(article: Article, client: Client | None = None, **more: str) -> str:
    answer = (client or Client()).get(article.get_absolute_url(), more)
    assert answer.status_code == 200
    return answer.content.decode()


def _field(page: str, name: str) -> str:
    (value,) = set(re.findall(rf'name="{name}" value="([^"]+)"', page))
    return str(value)


def _alike(page: str) -> str:
    for name in _FIELDS:
        page = page.replace(_field(page, name), "")
    return re.sub(r'nonce="[^"]+"', "", page)


def test_the_second_visitor_costs_the_database_nothing(
    article: Article, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = _look(article)

    with django_assert_num_queries(0):
        second = _look(article)

    assert _alike(second) == _alike(first)
    assert "Die Fähre fährt wieder" in second


@pytest.mark.parametrize("place", ["front", "article", "catalogue", "archive"])
def test_no_mark_is_left_in_a_page_and_what_is_kept_holds_nobodys_token(article: Article, place: str) -> None:
    address = {
        "front": "/",
        "article": article.get_absolute_url(),
        "catalogue": "/newsletters/",
        "archive": f"/newsletters/{make_newsletter().slug}/",
    }[place]
    pages = [Client().get(address).content.decode() for _ in range(2)]

    tokens = [_field(page, "csrfmiddlewaretoken") for page in pages]

    assert len(set(tokens)) == 2
    assert all(len(token) == 64 and token.isalnum() for token in tokens)
    assert not any(re.search(r"\b[0-9a-f]{64}\b", page) for page in pages)


def test_each_visitor_has_a_guard_of_her_own_that_holds(article: Article) -> None:
    _look(article)
    visitor = Client(enforce_csrf_checks=True)
    token = _field(_look(article, visitor), "csrfmiddlewaretoken")

    def switch(token: str) -> int:
        fields = {"language": "en", "csrfmiddlewaretoken": token}
        return visitor.post(reverse("set_language"), fields).status_code

    assert switch(token) == 302
    assert switch(_field(_look(article), "csrfmiddlewaretoken")) == 403


def test_a_form_is_open_since_its_own_visitor_came(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    _look(article)
    later = time.time() + 30
    monkeypatch.setattr("newsroom.web.kept_pages.time.time", lambda: later)

    assert shown_at(_field(_look(article), "started")) == int(later)


@pytest.mark.parametrize("address", ["/", "/newsletters/", "/subscribe/"])
def test_no_browser_is_told_to_show_a_form_of_yesterday_again(article: Article, address: str) -> None:
    answer = Client().get(address)

    assert 'name="started"' in answer.content.decode()
    # By these a browser would keep a page beyond the day for which its stamp is good.
    assert not {"Cache-Control", "Expires", "ETag", "Last-Modified"} & set(answer.headers)


def test_the_content_policy_names_the_nonce_that_stands_in_the_page(article: Article) -> None:
    nonces = []
    for _ in range(2):
        answer = Client().get(article.get_absolute_url())
        (nonce,) = re.findall(r'nonce="([^"]+)"', answer.content.decode())
        assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
        nonces.append(nonce)

    assert nonces[0] != nonces[1]


def test_a_change_is_seen_when_the_time_is_over(article: Article, settings: Settings) -> None:
    settings.PAGE_SECONDS = 1
    _look(article)
    Article.objects.update(title="Die Fähre ruht")

    assert "Die Fähre fährt wieder" in _look(article)
    time.sleep(1.1)
    assert "Die Fähre ruht" in _look(article)


def test_who_is_signed_in_or_asks_with_a_query_sees_the_page_as_it_is(article: Article) -> None:
    _look(article)
    Article.objects.update(title="Die Fähre ruht")
    desk = Client()
    desk.force_login(User.objects.create_user("mona"), backend="django.contrib.auth.backends.ModelBackend")

    assert "Die Fähre ruht" in _look(article, desk)
    assert "Die Fähre ruht" in _look(article, utm="letter")
    assert "Die Fähre fährt wieder" in _look(article)


def test_each_language_has_a_page_of_its_own(article: Article) -> None:
    pages = {language: Client().get("/", headers={"Accept-Language": language}) for language in ("de", "en")}
    again = {language: Client().get("/", headers={"Accept-Language": language}) for language in ("de", "en")}

    for language in ("de", "en"):
        assert f'<html lang="{language}"' in pages[language].content.decode()
        assert f'<html lang="{language}"' in again[language].content.decode()


def test_what_was_not_found_is_not_kept(article: Article) -> None:
    address = "/articles/noch-nicht/"
    assert Client().get(address).status_code == 404
    Article.objects.update(slug="noch-nicht")

    assert Client().get(Article.objects.get().get_absolute_url()).status_code == 200


@pytest.mark.parametrize("flaw", ["an error", "a cookie"])
def test_an_error_or_a_cookie_is_one_visitors_own(flaw: str) -> None:
    made = []

    @keep_page
    def page(request: HttpRequest) -> HttpResponse:
        made.append(request)
        response = HttpResponse("Gleich wieder da", status=503 if flaw == "an error" else 200)
        if flaw == "a cookie":
            response.set_cookie("signup", "hers")
        return response

    for _ in range(2):
        request = RequestFactory().get("/here/")
        request.csp_nonce = ""  # type: ignore[attr-defined]
        page(request)

    assert len(made) == 2


def test_the_setting_takes_seconds_up_to_five_minutes() -> None:
    assert read_page_seconds("", default=10) == 10
    assert read_page_seconds("0", default=10) == 0
    for wrong in ("301", "-1", "bald"):
        with pytest.raises(Exception, match="PAGE_SECONDS must be a number from 0 to 300"):
            read_page_seconds(wrong, default=10)
    assert Environment({}).optional("PAGE_SECONDS") == ""
