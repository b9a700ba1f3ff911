"""Whose word counts about where a request comes from."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from newsroom.web.proxies import ClientAddressMiddleware, client_address, network_of


def _arrive(peer: str, **headers: Any) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR=peer, **headers)
    ClientAddressMiddleware(lambda request: HttpResponse())(request)
    return request


def test_a_stranger_cannot_choose_an_address(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

    request = _arrive("203.0.113.9", HTTP_X_FORWARDED_FOR="198.51.100.1")

    assert client_address(request) == "203.0.113.9"


def test_our_own_proxy_tells_who_asked(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]

    request = _arrive("10.1.2.3", HTTP_X_FORWARDED_FOR="198.51.100.1, 10.9.9.9")

    assert client_address(request) == "198.51.100.1"


def test_what_a_visitor_wrote_in_front_of_the_chain_does_not_count(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]

    request = _arrive("10.0.0.1", HTTP_X_FORWARDED_FOR="127.0.0.1, 203.0.113.9")

    assert client_address(request) == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("203.0.113.9, nonsense", "10.0.0.1"),
    ],
)
def test_addresses_are_read_in_the_forms_proxies_write(
    settings: Settings, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]

    assert client_address(_arrive("10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)) == expected


@pytest.mark.parametrize(("peer", "is_secure"), [("10.0.0.1", True), ("203.0.113.9", False)])
def test_https_is_believed_from_our_own_proxy_only(settings: Settings, peer: str, is_secure: bool) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert _arrive(peer, HTTP_X_FORWARDED_PROTO="https").is_secure() is is_secure


def test_a_local_socket_is_trusted_if_it_is_said_so(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert client_address(_arrive("", HTTP_X_FORWARDED_FOR="203.0.113.9")) == "0.0.0.0"

    settings.TRUSTED_PROXIES = ["unix"]
    assert client_address(_arrive("", HTTP_X_FORWARDED_FOR="203.0.113.9")) == "203.0.113.9"


@pytest.mark.django_db
def test_a_password_is_guessed_ten_times_whatever_the_address_in_one_network() -> None:
    User.objects.create_user("aylin", password="ebbe-und-flut", is_staff=True)
    client = Client()

    def log_in(address: str, password: str) -> int:
        data = {"username": "aylin", "password": password}
        return client.post("/admin/login/?next=/admin/", data, REMOTE_ADDR=address).status_code

    for number in range(10):
        log_in(f"2001:db8::{number:x}", "wrong")

    assert log_in("2001:db8::ffff", "ebbe-und-flut") == 429
    assert log_in("2001:db8:0:1::1", "ebbe-und-flut") == 302


def test_limits_count_an_ipv6_household_as_one() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network_of("203.0.113.9") == "203.0.113.9"
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"
