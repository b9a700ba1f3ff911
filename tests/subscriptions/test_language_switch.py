"""The switch of language leads on to the same page by a GET, and stands nowhere that a GET would not bring back."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_newsletter
from tests.subscriptions.factories import fresh_client, signup_fields

pytestmark = pytest.mark.django_db

SLIP, WRONG = "mia@gmial.com", "mia"


def switch_of(page: Any) -> str | None:
    """Where the page's switch leads, if it has one."""
    found = re.search(r'name="next" value="([^"]*)"', page.content.decode())
    return html.unescape(found[1]) if found else None


def switched(client: Client, page: Any) -> str:
    """The page in German, by its own switch."""
    sent = {"language": "de", "next": switch_of(page)}
    answer = client.post("/language/", sent, follow=True)
    assert answer.headers["Content-Language"] == "de"
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/subscribe/", SLIP),
        ("/subscribe/", WRONG),
        ("/embed/fluss/", SLIP),
        ("/embed/fluss/", WRONG),
        ("/preferences/link/", WRONG),
        ("/preferences/link/", "mia@example.org"),
        ("/preferences/undo/", ""),  # her settings are no longer open; this address answers no GET
        ("/preferences/erase/", ""),
    ],
)
def test_no_answer_to_a_form_has_a_switch_that_would_throw_away_what_was_typed(
    path: str, address: str
) -> None:
    newsletter = make_newsletter(slug="fluss")

    answer = fresh_client().post(path, signup_fields(address, newsletter))

    assert answer.status_code == 200
    assert switch_of(answer) is None


def test_a_form_that_came_too_late_to_be_trusted_has_none_either() -> None:
    answer = fresh_client(enforce_csrf_checks=True).post("/subscribe/", {"address": WRONG})

    assert answer.status_code == 403
    assert switch_of(answer) is None


def test_the_switch_keeps_what_the_link_to_the_form_had_ticked() -> None:
    make_newsletter(slug="fluss")
    client = fresh_client()

    page = switched(client, client.get("/subscribe/?newsletter=fluss"))

    assert re.search(r'value="fluss" id="pick-fluss" checked', page)


def test_the_switch_keeps_what_she_came_back_to_change() -> None:
    newsletter = make_newsletter(slug="fluss")
    client = fresh_client()
    client.post("/subscribe/", signup_fields("mia@example.org", newsletter))

    page = switched(client, client.get("/subscribe/?change=1"))

    assert 'value="mia@example.org"' in page
    assert re.search(r'value="fluss" id="pick-fluss" checked', page)
