"""A sign-up at a domain that takes no mail: the same answer, no letter, and the desk sees why."""

import html
from collections.abc import Iterator

import dns.resolver
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import Settings

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterState
from subscriptions import consent
from subscriptions.models import SignUpRequest, Subscriber
from tests.factories import make_newsletter
from tests.newsroom.mail.name_server import NameServer, serving
from tests.subscriptions.factories import fresh_client, signup_fields

pytestmark = pytest.mark.django_db

ZONE = {("null.example.org", "MX"): ["0 ."], ("good.example.org", "MX"): ["10 mx.example.org."]}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[NameServer]:
    settings.LOOK_UP_DOMAINS = True
    one = NameServer(zone=ZONE, broken=frozenset({"broken.example.org"}))
    with serving(one) as resolver:
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        yield one


def signs_up(address: str) -> tuple[int, str]:
    answer = fresh_client().post("/subscribe/", signup_fields(address, make_newsletter()))
    return answer.status_code, answer["Location"]


def test_the_visitor_learns_nothing_and_only_who_can_get_it_gets_a_letter(server: NameServer) -> None:
    addresses = [f"mia@{name}.example.org" for name in ("null", "nowhere", "good", "broken")]

    answers = {signs_up(address) for address in addresses}

    assert answers == {(303, "/subscribe/sent/")}
    assert not server.asked  # nobody waited for it
    assert consent.decide_sign_ups() == 4
    written = set(Letter.objects.exclude(text="").values_list("address", flat=True))
    assert written == {"mia@good.example.org", "mia@broken.example.org"}
    assert set(Subscriber.objects.values_list("address", flat=True)) == written
    assert not SignUpRequest.objects.exists()


def test_no_transaction_is_open_while_a_name_server_is_asked(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs_up("mia@null.example.org")
    depth = len(connection.savepoint_ids)
    seen: list[int] = []
    answer = server.answer

    def watched(wire: bytes) -> bytes | None:
        seen.append(len(connection.savepoint_ids))
        return answer(wire)

    monkeypatch.setattr(server, "answer", watched)
    with CaptureQueriesContext(connection) as queries:
        consent.decide_sign_ups()

    assert set(seen) == {depth}
    statements = [query["sql"].split()[0] for query in queries]
    assert statements.count("DELETE") == 1


def test_the_desk_sees_why_and_how_often_does_not_matter() -> None:
    for _time in range(3):
        signs_up("mia@null.example.org")
    consent.decide_sign_ups()
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))

    page = desk.post(reverse("admin:reader_desk_find"), {"address": "Mia@null.example.org"}, follow=True)

    assert "The domain says that it takes no mail" in page.content.decode()
    (letter,) = Letter.objects.all()
    assert (letter.state, letter.address, letter.text) == (LetterState.CANCELLED, "", "")


def test_a_visitor_is_told_of_the_domain_once_a_worker_found_it(server: NameServer) -> None:
    said = "“Null.example.org” takes no e-mails. Please check what stands behind the @."
    client, good = fresh_client(), fresh_client()
    client.post("/subscribe/", signup_fields("mia@Null.example.org", make_newsletter()))
    good.post("/subscribe/", signup_fields("mia@good.example.org", make_newsletter()))
    before = client.get("/subscribe/sent/").content.decode()
    assert not server.asked  # a page waits for no name server

    consent.decide_sign_ups()

    assert said not in before
    assert said in html.unescape(client.get("/subscribe/sent/").content.decode())
    assert "takes no e-mails" not in good.get("/subscribe/sent/").content.decode()
