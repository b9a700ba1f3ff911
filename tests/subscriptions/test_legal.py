"""Imprint and privacy, written from the senders' records; and no active newsletter without them."""

import pytest
from django.core.checks import run_checks
from django.test import Client, override_settings

from subscriptions.checks import active_newsletters_have_a_sender
from subscriptions.models import Sender
from subscriptions.publishing import missing
from tests.factories import make_newsletter, make_sender
from tests.subscriptions.factories import fresh_client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/imprint/", "/privacy/"])
def test_the_legal_pages_name_the_publisher(path: str) -> None:
    make_sender()

    page = fresh_client().get(path)

    assert page.status_code == 200
    for fact in ("Uferblick Verlag GmbH", "Am Alten Kran 3", "kontakt@news.example.org", "+49 30"):
        assert fact in page.content.decode()


def test_the_imprint_names_who_answers_for_the_content() -> None:
    make_sender()

    assert "Jonas Ufermann" in fresh_client().get("/imprint/").content.decode()


@pytest.mark.parametrize("path", ["/imprint/", "/privacy/", "/newsletters/"])
def test_pages_without_any_record_stand(path: str) -> None:
    assert Client().get(path).status_code == 200


@pytest.mark.parametrize(
    "field", ["legal_name", "postal_address", "email", "responsible_person", "imprint_url", "privacy_url"]
)
def test_each_legal_fact_is_missed(field: str) -> None:
    sender = make_sender()
    assert missing(sender) == []

    setattr(sender, field, " ")

    assert len(missing(sender)) == 1


def test_the_check_finds_active_newsletters_without_imprint_or_own_domain() -> None:
    newsletter = make_newsletter()
    assert active_newsletters_have_a_sender(databases=["default"]) == []
    Sender.objects.update(imprint_url="", address="uferblick@gmail.com")

    found = active_newsletters_have_a_sender(databases=["default"])

    assert [each.id for each in found] == ["subscriptions.W001", "subscriptions.W002"]
    assert newsletter.slug in found[0].msg
    assert active_newsletters_have_a_sender(databases=None) == []


def test_the_check_wants_a_wording_in_every_language() -> None:
    assert not [each for each in run_checks() if each.id == "subscriptions.E001"]

    with override_settings(LANGUAGES=[("de", "German"), ("en", "English"), ("nl", "Dutch")]):
        found = [each for each in run_checks() if each.id == "subscriptions.E001"]

    assert len(found) == 1
    assert "nl" in found[0].msg
