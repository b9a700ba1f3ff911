"""What providers report: who may report, what is kept of it, and what each answer makes a provider do."""

import hashlib
import hmac
import json
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import ProviderEvent
from newsroom.web import tokens

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SECRET, ROTATED = "s" * 20, "r" * 20
TOKEN = tokens.make(tokens.TokenKind.DELIVERY, 7 << 32)


@pytest.fixture(autouse=True)
def _providers(settings: Settings) -> None:
    settings.MAIL_PROVIDERS = (
        f"main=postmark://KEY@?webhook={SECRET}&webhook={ROTATED},"
        f"gun=mailgun://KEY@mg.example.org?webhook={SECRET}&webhook_signing_key=SIGN,"
        f"other=postmark://KEY@?webhook={'o' * 20},"
        "closed=postmark://KEY@"
    )


def _bounce(**changes: Any) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "ID": 42,
        "MessageID": "m-1",
        "Email": "Ann@example.org",
        "BouncedAt": "2026-11-22T06:00:00Z",
        "Description": "The mailbox of Ann@example.org is gone",
        "Details": "550 5.1.1 <ann@example.org> unknown",
        "Metadata": {"t": TOKEN, "a": "attempt"},
        **changes,
    }


def _post(client: Client, body: Any, path: str = f"/webhooks/main/{SECRET}/") -> HttpResponse:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(path, data, content_type="application/json")  # type: ignore[return-value]


def test_an_event_is_stored_raw_and_without_the_reader(client: Client) -> None:
    assert _post(client, _bounce()).status_code == 200

    event = ProviderEvent.objects.get()
    assert (event.provider, event.kind, event.reject_reason, event.token) == (
        "main",
        "bounced",
        "bounced",
        TOKEN,
    )
    assert event.event_id == "bounced:42"
    assert event.address_hash == address_hash("ann@example.org")
    assert event.occurred_at.isoformat() == "2026-11-22T06:00:00+00:00"
    assert event.applied_at is None
    assert event.payload["Type"] == "HardBounce"
    everything = json.dumps(event.payload) + event.description
    assert "ann@" not in everything.lower()
    assert "A…@example.org" in everything


def test_the_same_report_again_is_stored_once(client: Client) -> None:
    for _each in range(3):
        assert _post(client, _bounce()).status_code == 200

    assert ProviderEvent.objects.count() == 1


def test_without_an_id_of_the_providers_what_it_says_is_the_id(client: Client) -> None:
    delivery = {
        "RecordType": "Delivery",
        "MessageID": "m-1",
        "Recipient": "ann@example.org",
        "DeliveredAt": "2026-11-22T06:00:00Z",
        "Metadata": {"t": TOKEN},
    }

    for body in (delivery, delivery, {**delivery, "DeliveredAt": "2026-11-22T06:00:09Z"}):
        assert _post(client, body).status_code == 200

    assert ProviderEvent.objects.count() == 2


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/main/wrongwrongwrongwrong/",
        f"/webhooks/main/{'o' * 20}/",
        f"/webhooks/nobody/{SECRET}/",
        f"/webhooks/closed/{SECRET}/",
        "/webhooks/closed/x/",
    ],
)
def test_a_wrong_secret_is_refused_and_changes_nothing(client: Client, path: str) -> None:
    assert _post(client, _bounce(), path).status_code == 403
    assert client.head(path).status_code == 403
    assert not ProviderEvent.objects.exists()


def test_a_secret_can_be_rotated(client: Client) -> None:
    assert _post(client, _bounce(), f"/webhooks/main/{ROTATED}/").status_code == 200


def test_looking_whether_somebody_is_there_is_allowed_reading_is_not(client: Client) -> None:
    assert client.head(f"/webhooks/main/{SECRET}/").status_code == 200
    assert client.get(f"/webhooks/main/{SECRET}/").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        b"\xff\xfe",
        "[]",
        '"text"',
        "null",
        "[" * 100_000,
        {"RecordType": "Inbound", "FromFull": {}},
        {"RecordType": []},
        {"RecordType": "Delivery", "DeliveredAt": 7},
    ],
    ids=["words", "bytes", "list", "string", "null", "depth", "inbound", "type", "time"],
)
def test_what_cannot_be_read_is_said_so_and_never_a_crash(client: Client, body: Any) -> None:
    assert _post(client, body).status_code == 400
    assert not ProviderEvent.objects.exists()


def test_too_much_is_refused(client: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert _post(client, _bounce(Details="x" * 2000)).status_code == 413


def test_with_the_database_away_the_provider_tries_again(client: Client) -> None:
    with mock.patch.object(ProviderEvent.objects, "bulk_create", side_effect=OperationalError("gone")):
        assert _post(client, _bounce()).status_code == 503

    assert _post(client, _bounce()).status_code == 200
    assert ProviderEvent.objects.count() == 1


def test_what_readers_look_at_is_not_stored(client: Client) -> None:
    opened = {"RecordType": "Open", "Recipient": "ann@example.org", "ReceivedAt": "2026-11-22T06:00:00Z"}

    assert _post(client, opened).status_code == 200
    assert not ProviderEvent.objects.exists()


def test_an_event_for_nobody_we_know_is_stored_too(client: Client) -> None:
    assert _post(client, _bounce(Metadata={}, Email="jörg@example.org")).status_code == 200

    event = ProviderEvent.objects.get()
    assert event.token == ""
    assert len(event.address_hash) == 64


def test_our_own_message_id_says_which_copy_it_was(client: Client) -> None:
    _post(client, _bounce(Metadata={}, MessageID=f"<{TOKEN}@example.org>"))

    assert ProviderEvent.objects.get().token == TOKEN


def test_odd_characters_are_stored_clean(client: Client) -> None:
    body = json.dumps(
        _bounce(Details="a\0b\ud800c", Description="x" * 5_000, Extra={"k\0": [1.5, None, True]})
    )

    assert _post(client, body).status_code == 200

    event = ProviderEvent.objects.get()
    assert "\0" not in json.dumps(event.payload, ensure_ascii=False)
    assert event.payload["Details"] == "ab?c"
    assert event.payload["Extra"] == {"k": [1.5, None, True]}
    assert len(event.description) == 500


def test_where_a_reader_was_and_with_what_is_left_out(client: Client) -> None:
    _post(
        client, _bounce(IP="203.0.113.9", UserAgent="x", Geo={"City": "x"}, Client={"Name": "x"}, Tag="kept")
    )

    payload = ProviderEvent.objects.get().payload
    assert not {"IP", "UserAgent", "Geo", "Client"} & set(payload)
    assert payload["Tag"] == "kept"


def _by_mailgun(key: str = "SIGN", token: str = "t" * 50) -> dict[str, Any]:
    signature = hmac.new(key.encode(), b"1764000000" + token.encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": "1764000000", "token": token, "signature": signature},
        "event-data": {
            "event": "failed",
            "severity": "permanent",
            "reason": "bounce",
            "timestamp": 1764000000.5,
            "recipient": "ann@example.org",
            "user-variables": {"t": TOKEN},
            "client-info": {"client-os": "x"},
            "message": {"headers": {"message-id": "abc@mg.example.org", "to": "ann@example.org"}},
            "delivery-status": {"message": "no such user", "code": 550},
        },
    }


def test_mailguns_signature_is_checked_beside_the_secret(client: Client) -> None:
    path = f"/webhooks/gun/{SECRET}/"

    assert _post(client, _by_mailgun(key="WRONG"), path).status_code == 403
    assert not ProviderEvent.objects.exists()
    assert _post(client, _by_mailgun(), path).status_code == 200
    event = ProviderEvent.objects.get()
    assert (event.kind, event.token, event.event_id) == ("bounced", TOKEN, f"bounced:{'t' * 50}")
    assert "ann@" not in json.dumps(event.payload)


def test_a_signature_used_twice_changes_nothing(client: Client) -> None:
    path = f"/webhooks/gun/{SECRET}/"
    _post(client, _by_mailgun(), path)
    forged = _by_mailgun()
    forged["event-data"]["recipient"] = "bob@example.org"

    _post(client, forged, path)

    assert ProviderEvent.objects.get().address_hash == address_hash("ann@example.org")


def test_a_report_needs_no_cookie_and_no_token_of_a_form() -> None:
    assert _post(Client(enforce_csrf_checks=True), _bounce()).status_code == 200


def test_a_report_costs_two_queries(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # the clock, one insert
        _post(client, _bounce())


@pytest.mark.parametrize(
    ("recipient", "details", "stored"),
    [
        ("ann@example.org", "to ANN@example.org", "to A…@example.org"),
        ("ann lee@example.org", "to ann lee@example.org", "to a…@example.org"),
        ('"ann"@example.org', 'to "ann"@example.org', 'to "…@example.org'),
        ("ann@example.org", "x@y.ann@example.org", "x…@y.a…@example.org"),
    ],
)
def test_nothing_of_the_readers_address_is_left_in_the_payload(
    recipient: str, details: str, stored: str, client: Client
) -> None:
    _post(client, _bounce(Email=recipient, Details=details))

    assert ProviderEvent.objects.get().payload["Details"] == stored


def test_a_full_post_is_stored_whole_and_once(client: Client, settings: Settings) -> None:
    settings.MAIL_PROVIDERS = f"main=sparkpost://KEY@?webhook={SECRET}"
    many = [
        {"msys": {"message_event": {
            "type": "delivery", "event_id": f"{number}", "rcpt_to": f"reader{number}@example.org",
            "timestamp": "1763791200", "transmission_id": "1", "rcpt_meta": {"t": TOKEN},
        }}}
        for number in range(10_000)
    ]  # fmt: skip

    for _time in range(2):
        assert _post(client, many).status_code == 200

    assert ProviderEvent.objects.filter(kind="delivered", token=TOKEN).count() == 10_000


def test_the_first_opening_is_no_more_kept_than_any_other(client: Client, settings: Settings) -> None:
    settings.MAIL_PROVIDERS = f"main=sparkpost://KEY@?webhook={SECRET}"
    opened = {
        "type": "initial_open",
        "event_id": "1",
        "rcpt_to": "ann@example.org",
        "timestamp": "1763791200",
    }

    answer = _post(client, [{"msys": {"track_event": opened}}])

    assert answer.status_code == 200
    assert not ProviderEvent.objects.exists()
