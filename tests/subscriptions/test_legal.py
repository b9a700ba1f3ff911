"""Imprint and privacy, written from the senders' records; and no active newsletter without them."""

import re

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks
from django.test import Client, override_settings

from digests import clicks
from subscriptions import retention
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


@pytest.mark.parametrize("path", ["/imprint/", "/privacy/"])
def test_a_publisher_with_several_senders_is_named_once(path: str) -> None:
    for name in ("morgen", "abend"):
        make_sender(address=f"{name}@news.example.org")
    make_sender(legal_name="Hafenbote Verlag GmbH")

    page = fresh_client().get(path).content.decode()

    assert page.count("Uferblick Verlag GmbH") == page.count("Hafenbote Verlag GmbH") == 1


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


def test_the_privacy_notice_prints_what_is_given_and_only_that() -> None:
    sender = make_sender(processor_safeguard="Standardvertragsklauseln", proof_kept_years=7)

    page = fresh_client().get("/privacy/").content.decode()

    for fact in (
        "Postboot GmbH, Deutschland.",
        "outside the EU; they are protected by: Standardvertragsklauseln.",
        "for 7 more years, counted from the end of the year in which your last subscription ended",
        "we delete 12 months after it was sent",
        "after 30 days",
    ):
        assert fact in page

    Sender.objects.filter(pk=sender.pk).update(
        processor_name="", processor_safeguard="", proof_kept_years=None, deliveries_kept_months=None
    )
    page = fresh_client().get("/privacy/").content.decode()
    for silence in ("Deutschland", "outside the EU", "more year", "after it was sent", "None"):
        assert silence not in page


def test_the_privacy_notice_says_of_each_kind_of_record_how_long_it_is_kept(settings: LazySettings) -> None:
    assert set(retention.SETTABLE) == set(settings.KEPT_DAYS) - {"sign_ins"}  # which are of staff
    numbers = {name: 40 + number for number, name in enumerate(sorted(settings.KEPT_DAYS))}
    settings.KEPT_DAYS = numbers

    page = fresh_client().get("/privacy/").content.decode()

    for name in retention.SETTABLE:
        days = numbers[name]
        assert f"<dt>after {days} days</dt><dd>{retention.SETTABLE[name]}</dd>" in page
    for fixed in ("<dt>after 1 day</dt>", "<dt>after 7 days</dt>", "<dt>after 90 days</dt>"):
        assert fixed in page


def test_the_privacy_notice_tells_the_true_age_of_counted_links() -> None:
    assert clicks.KEPT_DAYS == 13 * 365 // 12 + 1

    assert "after thirteen months" in fresh_client().get("/privacy/").content.decode()


def test_the_privacy_notice_names_the_two_links_that_know_a_person() -> None:
    page = fresh_client().get("/privacy/").content.decode()

    assert "Links to articles are the same for all readers" in page
    assert "one unsubscribes you, one opens your settings" in page


def test_the_privacy_notice_says_what_network_addresses_are_used_for() -> None:
    page = fresh_client().get("/privacy/").content.decode()

    assert "and the IP address: to be able to prove your consent" in page
    assert "How often within an hour a sign-up or a link is asked for from the same IP address" in page
    assert "logs of our web server show, for as long as they are kept, only the network" in page


@pytest.mark.parametrize(("dsn", "is_told"), [("", False), ("https://key@errors.example.org/1", True)])
def test_the_privacy_notice_tells_of_error_reports_where_there_are_any(
    settings: LazySettings, dsn: str, is_told: bool
) -> None:
    settings.SENTRY_DSN = dsn

    page = fresh_client().get("/privacy/").content.decode()

    assert ("a service for error reports hears of it" in page) is is_told
    assert ("without e-mail addresses, without IP addresses" in page) is is_told


def test_the_privacy_notice_gives_a_legal_basis_for_each_purpose() -> None:
    page = fresh_client().get("/privacy/").content.decode()

    bases = re.findall(r"<li>(For the [^<]*)</li>", page)
    assert [re.findall(r"6\(1\)\(([a-f])\)", each) for each in bases] == [["a"], ["f"], ["c", "f"]]
    for purpose, basis in zip(("e-mails", "defence against abuse", "checksum"), bases, strict=True):
        assert purpose in basis


def test_the_imprint_has_room_for_register_and_vat_number() -> None:
    make_sender(imprint_details="Amtsgericht Lindenufer, HRB 00000\nUSt-IdNr. DE000000000")

    page = fresh_client().get("/imprint/").content.decode()

    assert "HRB 00000<br>USt-IdNr. DE000000000" in page
    assert "<dt>Phone</dt>" in page


def test_a_new_sender_keeps_nothing_for_ever_unless_it_says_so() -> None:
    sender = Sender()

    assert (sender.proof_kept_years, sender.deliveries_kept_months) == (3, 12)


def test_the_check_names_what_the_privacy_notice_leaves_open() -> None:
    make_newsletter()
    Sender.objects.update(phone="", processor_country="", deliveries_kept_months=None)

    (found,) = active_newsletters_have_a_sender(databases=["default"])

    assert found.id == "subscriptions.W003"
    assert (
        "leave open: a second quick way to reach you, such as a phone number, the country of the e-mail"
        in found.msg
    )
    assert "how long records of deliveries are kept" in found.msg


def test_the_check_wants_a_wording_in_every_language() -> None:
    assert not [each for each in run_checks() if each.id == "subscriptions.E001"]

    with override_settings(LANGUAGES=[("de", "German"), ("en", "English"), ("nl", "Dutch")]):
        found = [each for each in run_checks() if each.id == "subscriptions.E001"]

    assert len(found) == 1
    assert "nl" in found[0].msg
