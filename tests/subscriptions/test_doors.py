"""Which addresses come in by which door: the form, forms on other sites, the API, the settings, a file of staff."""

import json
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from newsroom.mail import letters, providers
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.web.clock import now
from subscriptions import consent, transfer
from subscriptions.models import AddressChange, Newsletter, SignUpRequest, Subscriber
from tests.factories import NOON, make_newsletter, make_subscription
from tests.subscriptions.factories import fresh_client, settings_path, signup_fields

pytestmark = pytest.mark.django_db

UMLAUT, ROLE = "müller@example.org", "abuse@example.org"
SENTENCES = {UMLAUT: "accents or letters of other scripts before the @", ROLE: "belongs to no person"}


def by_form(address: str, newsletter: Newsletter) -> str:
    return fresh_client().post("/subscribe/", signup_fields(address, newsletter)).content.decode()


def by_embedded_form(address: str, newsletter: Newsletter) -> str:
    url = f"/embed/{newsletter.slug}/"
    return fresh_client().post(url, {"address": address, "language": "en"}).content.decode()


def by_api(address: str, newsletter: Newsletter) -> str:
    sent = json.dumps({"address": address, "newsletters": [newsletter.slug]})
    answer = fresh_client().post("/api/v1/subscriptions", sent, content_type="application/json")
    return json.dumps(answer.json(), ensure_ascii=False)


def by_settings(address: str, newsletter: Newsletter) -> str:
    client = fresh_client()
    row = make_subscription(newsletter=newsletter)
    row.subscriber.language = "en"
    row.subscriber.save()
    client.post(settings_path(row))
    return client.post("/preferences/address/", {"address": address}).content.decode()


PUBLIC = {"form": by_form, "embedded form": by_embedded_form, "api": by_api, "settings": by_settings}


@pytest.mark.parametrize("door", PUBLIC.values(), ids=PUBLIC.keys())
@pytest.mark.parametrize("address", SENTENCES)
def test_a_public_door_says_why_not(door: Callable[[str, Newsletter], str], address: str) -> None:
    said = door(address, make_newsletter(language="en"))

    assert SENTENCES[address] in said
    assert not SignUpRequest.objects.exists()
    assert not AddressChange.objects.exists()


@pytest.mark.parametrize("door", PUBLIC.values(), ids=PUBLIC.keys())
def test_an_umlaut_passes_where_the_mail_server_carries_it(
    door: Callable[[str, Newsletter], str], settings: Settings
) -> None:
    settings.MAIL_PROVIDERS = "main=memory://?smtputf8=on"

    said = door(UMLAUT, make_newsletter(language="en"))

    assert "before the @" not in said
    taken = [
        *SignUpRequest.objects.values_list("typed_address", flat=True),
        *AddressChange.objects.values_list("typed_address", flat=True),
    ]
    assert taken == [UMLAUT]


def test_its_letter_leaves_with_the_address_as_it_is(settings: Settings) -> None:
    settings.MAIL_PROVIDERS = "main=memory://?smtputf8=on"
    by_form("Müller@exämple.de", make_newsletter())
    consent.decide_sign_ups()

    letters.send_due(at=now())

    provider = providers.provider("main")
    assert isinstance(provider, MemoryProvider)
    assert "To: Müller@xn--exmple-cua.de\r\n".encode() in provider.outbox[-1].raw
    assert Subscriber.objects.get().address == "müller@xn--exmple-cua.de"


@pytest.mark.parametrize(
    ("carries", "result"), [("", "refused"), ("?smtputf8=on", "taken")], ids=["not carried", "carried"]
)
def test_a_file_is_told_the_same_of_umlauts(carries: str, result: str, settings: Settings) -> None:
    settings.MAIL_PROVIDERS = f"main=memory://{carries}"

    report = imported(UMLAUT)

    assert report == {UMLAUT: result}


def test_a_file_with_proof_may_hold_what_belongs_to_nobody() -> None:
    assert imported(ROLE) == {ROLE: "taken"}


def imported(address: str) -> dict[str, str]:
    report = transfer.import_subscribers(
        f"email\n{address}\n", newsletter=make_newsletter(), basis="Moved", actor="rui", at=NOON
    )
    return {line.address: line.result.value for line in report.lines}


def test_who_reads_us_with_such_an_address_stays_known_when_the_server_changes(settings: Settings) -> None:
    settings.MAIL_PROVIDERS = "main=memory://?smtputf8=on"
    imported(UMLAUT)
    settings.MAIL_PROVIDERS = "main=memory://"

    asked = fresh_client().post("/preferences/link/", {"address": UMLAUT})

    assert asked.status_code == 200
    assert "before the @" not in asked.content.decode()


@pytest.mark.parametrize(("carries", "kind"), [("", "email"), ("?smtputf8=on", "text")])
def test_the_field_lets_through_what_the_server_takes(carries: str, kind: str, settings: Settings) -> None:
    settings.MAIL_PROVIDERS = f"main=memory://{carries}"
    newsletter = make_newsletter(slug="morgen")

    for url in ("/subscribe/", newsletter.get_absolute_url(), "/embed/morgen/"):
        page = fresh_client().get(url).content.decode().replace("&quot;", '"')
        assert f'<input type="{kind}" inputmode="email" name="address"' in page.replace("&lt;", "<"), url
