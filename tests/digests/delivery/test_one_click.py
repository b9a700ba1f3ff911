"""One click from the mail itself: the address as it went over the wire, posted as mailbox providers post (RFC 8058)."""

import datetime as dt
import re
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client, override_settings

from digests.delivery import forgetting, pump, sweeping
from digests.delivery.models import Delivery
from newsroom.mail import providers
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.web import clock
from subscriptions.models import ConsentEvent, Subscription
from subscriptions.states import ConsentKind, SubscriptionState
from tests.digests.delivery.factories import Clock, make_sending

pytestmark = pytest.mark.django_db

PROXY = "10.0.0.1"
BEHIND_TLS: dict[str, Any] = {
    "TRUSTED_PROXIES": [PROXY],
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
}
FORM = ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click")
PARTS = (
    "multipart/form-data; boundary=b",
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
)


def sent(*, readers: int = 1, at: dt.datetime | None = None) -> list[str]:
    """The one-click address of each reader, out of the bytes of a digest that was sent at this moment."""
    provider = providers.provider("main")
    assert isinstance(provider, MemoryProvider)
    before, time = len(provider.outbox), Clock(at or clock.now())
    make_sending(readers=readers, at=time())
    pump.run(seconds=600, at_clock=time)
    sweeping.sweep(at=time())
    uris = [_uri(kept.raw) for kept in provider.outbox[before:]]
    assert len(set(uris)) == readers
    return uris


def _uri(raw: bytes) -> str:
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (uri,) = re.findall(r"<(https://[^>]+)>", mail["List-Unsubscribe"])
    return str(uri)


def press(client: Client, uri: str, content_type: str, body: bytes) -> Any:
    """The POST as it reaches us: TLS ended at our proxy, which says so, and for whom it asks."""
    parts = urlsplit(uri)
    return client.generic(
        "POST",
        parts.path,
        body,
        content_type=content_type,
        headers={"host": parts.netloc, "x-forwarded-proto": parts.scheme, "x-forwarded-for": "192.0.2.1"},
        REMOTE_ADDR=PROXY,
    )


@pytest.mark.parametrize(("content_type", "body"), [FORM, PARTS], ids=["form", "multipart"])
@pytest.mark.parametrize(
    "cookies", [{}, {"sessionid": "old", "csrftoken": "x" * 32}], ids=["bare", "cookies"]
)
@pytest.mark.parametrize(
    "redirects",
    [
        {},
        {"SECURE_SSL_REDIRECT": True},
        {
            "SECURE_SSL_REDIRECT": True,
            "PREPEND_WWW": True,
            "SITE_URL": "https://www.news.example.org",
            "ALLOWED_HOSTS": ["www.news.example.org"],
        },
    ],
    ids=["plain", "to https", "to https and www"],
)
def test_the_address_in_the_mail_ends_the_subscription_with_one_post(
    redirects: dict[str, Any], cookies: dict[str, str], content_type: str, body: bytes
) -> None:
    with override_settings(**BEHIND_TLS, **redirects):
        (uri,) = sent()
        client = Client(enforce_csrf_checks=True)
        client.cookies.load(cookies)

        answer = press(client, uri, content_type, body)

    assert answer.status_code == 200
    assert "Location" not in answer
    assert Subscription.objects.get().state == SubscriptionState.UNSUBSCRIBED
    event = ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED)
    assert (event.form, event.network_address) == ("one-click", "192.0.2.1")


def test_a_link_of_two_years_ago_still_works_though_its_copy_is_forgotten_and_the_keys_are_new() -> None:
    now = clock.now()
    (uri,) = sent(at=now - dt.timedelta(days=2 * 365 + 1))
    assert forgetting.forget_old(at=now) == 1
    assert not Delivery.objects.exists()

    with override_settings(
        **BEHIND_TLS, LINK_KEYS={1: b"1" * 64, 2: b"2" * 64, 3: b"3" * 64}, SECRET_KEY="another"
    ):
        answer = press(Client(enforce_csrf_checks=True), uri, *FORM)

    assert answer.status_code == 200
    assert Subscription.objects.get().state == SubscriptionState.UNSUBSCRIBED


@pytest.mark.slow
@override_settings(**BEHIND_TLS)
def test_two_thousand_clicks_from_one_network_are_all_taken() -> None:
    uris = sent(readers=2_000)
    provider = Client(enforce_csrf_checks=True)

    answers = {press(provider, uri, *FORM).status_code for uri in uris}

    assert answers == {200}
    assert not Subscription.objects.active().exists()
