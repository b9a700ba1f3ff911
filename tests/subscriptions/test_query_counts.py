"""How many queries the busy answers take, at two sizes each: nothing grows with what is there.

The test runs in a transaction, so each `atomic` shows as two queries (SAVEPOINT, RELEASE).
"""

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from newsroom.web import clock, throttles, tokens
from newsroom.web.clock import now
from subscriptions import consent
from subscriptions.models import Newsletter
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    fresh_client,
    make_confirmation,
    make_pending,
    path_of,
    settings_path,
    signup_fields,
)

pytestmark = pytest.mark.django_db

SIZES = [1, 12]


def newsletters(size: int) -> list[Newsletter]:
    return [make_newsletter() for _number in range(size)]


@pytest.mark.parametrize("size", [10, 200])
def test_the_catalogue(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    newsletters(size)

    with django_assert_num_queries(1):  # newsletters
        assert fresh_client().get("/newsletters/").status_code == 200


@pytest.mark.parametrize("size", SIZES)
def test_a_sign_up(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    fields = signup_fields("mia@example.org", *newsletters(size))
    throttles.has_forgotten()  # Redis has been counting for a while
    clock.reckoned()  # and the clock was looked at some seconds ago

    with django_assert_num_queries(2):  # newsletters; the sign-up
        assert fresh_client().post("/subscribe/", fields).status_code == 303


@pytest.mark.parametrize("size", SIZES)
def test_what_a_sign_up_comes_to(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", *newsletters(size)))

    # sign-ups; savepoint; taken; newsletters; whether an attack goes on; suppressions; reader; confirmations so far;
    # new reader (look, savepoint, insert, release); subscriptions, read again; confirmation; what it confirms; letter
    # (look, savepoint, insert, release); events; release; whether there are more
    with django_assert_num_queries(23):
        assert consent.decide_sign_ups() == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_confirmation(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader = make_subscriber()
    rows = [make_pending(each, reader) for each in newsletters(size)]
    _confirmation, secret = make_confirmation(*rows, at=now())

    # clock; savepoint; confirmation; reader, locked; what was asked for; used; active; events; suppressions
    # lifted; older links; letter (look, savepoint, insert, release); release
    with django_assert_num_queries(15):
        assert fresh_client().post(f"/confirm/{secret}/").status_code == 200


@pytest.mark.parametrize("size", SIZES)
def test_one_click(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader = make_subscriber()
    rows = [make_subscription(newsletter=each, subscriber=reader) for each in newsletters(size)]
    url = path_of(tokens.leave_url(rows[0].pk))

    clock.reckoned()  # looked at some seconds ago

    with django_assert_num_queries(5):  # subscription with reader; savepoint; update; event; release
        assert fresh_client().post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200


@pytest.mark.parametrize("size", SIZES)
def test_the_settings(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader = make_subscriber()
    rows = [make_subscription(newsletter=each, subscriber=reader) for each in newsletters(size)]
    client = fresh_client()
    client.post(settings_path(rows[0]))

    with django_assert_num_queries(5):  # reader, clock, what stops her mail, her subscriptions, newsletters
        assert client.get("/preferences/").status_code == 200


@pytest.mark.parametrize("size", SIZES)
def test_the_sign_up_box(size: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    first = newsletters(size)[0]
    box = Template("{% load signup %}{% signup_box path='/a/' language='de' %}")
    own = Template("{% load signup %}{% signup_box path='/a/' language='de' newsletter=newsletter %}")
    page = RequestFactory().get("/a/")

    with django_assert_num_queries(1):  # the newsletter
        assert "<form" in box.render(Context({"request": page}))
    with django_assert_num_queries(0):
        assert "<form" in own.render(Context({"request": page, "newsletter": first}))
