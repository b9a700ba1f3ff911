"""Whether a domain takes mail: certain answers hold a letter back, silence and faults do not; one answer serves many."""

from collections.abc import Iterator

import dns.resolver
import pytest
from pytest_django.fixtures import Settings

from newsroom.mail import recipient_domains
from newsroom.mail.recipient_domains import REASONS, TAKES_MAIL, why_not
from tests.newsroom.mail.name_server import NameServer, serving

ZONE = {
    ("mx.example.org", "MX"): ["10 a.example.org.", "20 b.example.org."],
    ("bare.example.org", "A"): ["192.0.2.1"],
    ("bare6.example.org", "AAAA"): ["2001:db8::1"],
    ("null.example.org", "MX"): ["0 ."],
    ("null.example.org", "A"): ["192.0.2.1"],
    ("odd.example.org", "MX"): ["0 .", "10 a.example.org."],
    ("web.example.org", "TXT"): ["nothing here"],
    ("xn--exmple-cua.de", "MX"): ["10 a.example.org."],
    ("gmail.com", "MX"): ["0 ."],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[NameServer]:
    settings.LOOK_UP_DOMAINS = True
    monkeypatch.setattr(recipient_domains, "SECONDS", 0.3)
    one = NameServer(
        zone=ZONE, broken=frozenset({"broken.example.org"}), silent=frozenset({"silent.example.org"})
    )
    with serving(one) as resolver:
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        yield one


@pytest.mark.parametrize(
    ("domain", "because"),
    [
        ("mx.example.org", TAKES_MAIL),
        ("bare.example.org", TAKES_MAIL),  # RFC 5321 §5.1: the domain itself
        ("bare6.example.org", TAKES_MAIL),
        ("xn--exmple-cua.de", TAKES_MAIL),
        ("odd.example.org", TAKES_MAIL),
        ("null.example.org", "null_mx"),  # RFC 7505, whatever else stands there
        ("nowhere.example.org", "no_domain"),
        ("web.example.org", "no_server"),
        ("broken.example.org", TAKES_MAIL),  # SERVFAIL: nobody knows
    ],
)
def test_what_name_servers_say(domain: str, because: str, server: NameServer) -> None:
    assert why_not(domain) == because
    assert because in {TAKES_MAIL, *REASONS}
    assert server.asked


def test_many_sign_ups_ask_once(server: NameServer) -> None:
    for _time in range(20):
        assert why_not("nowhere.example.org") == "no_domain"
        assert why_not("broken.example.org") == TAKES_MAIL

    assert server.asked.count(("nowhere.example.org", "MX")) == 1
    assert server.asked.count(("broken.example.org", "MX")) <= 2  # the resolver tries again by itself


def test_silence_lets_go_and_nobody_waits_for_it_twice(server: NameServer) -> None:
    assert why_not("silent.example.org") == TAKES_MAIL
    asked = len(server.asked)

    assert why_not("nowhere.example.org") == TAKES_MAIL
    assert len(server.asked) == asked


def test_large_providers_are_not_asked_about(server: NameServer) -> None:
    assert why_not("gmail.com") == TAKES_MAIL
    assert not server.asked


def test_switched_off_nobody_is_asked(server: NameServer, settings: Settings) -> None:
    settings.LOOK_UP_DOMAINS = False

    assert why_not("nowhere.example.org") == TAKES_MAIL
    assert not server.asked
