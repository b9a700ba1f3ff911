"""A reader's own data hold her copies and what providers reported of her mail, for programs and for people."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from digests.delivery import reader_copies
from digests.delivery.models import Delivery
from digests.delivery.states import DeliveryState
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from subscriptions import privacy, suppression
from subscriptions.models import SoftBounces, Subscription
from subscriptions.states import SuppressionReason
from tests.digests.delivery.test_reader_desk import make_copies, make_event
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, settings_path

pytestmark = pytest.mark.django_db

MIA = "mia@example.org"


def reading(name: str = "Wirtschaft") -> Subscription:
    reader = make_subscriber(address=MIA, language="en")
    return make_subscription(newsletter=make_newsletter(name=name), subscriber=reader)


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


def a_life() -> Subscription:
    """Two copies of hers and one of somebody else's, a letter that came back, a stop, and days without delivery."""
    row = reading()
    first, second = make_copies(row, 2)
    Delivery.objects.filter(pk=second.pk).update(state=DeliveryState.SKIPPED, reason="on a break")
    make_event("delivered", tokens.make(TokenKind.DELIVERY, first.pk), payload={"Event": "Delivery", "Id": 7})
    other = make_subscription(newsletter=make_newsletter(name="Reise"))
    (strange,) = make_copies(other, 1, first=9)
    make_event("complained", tokens.make(TokenKind.DELIVERY, strange.pk))
    letter = Letter.objects.create(
        kind="welcome", dedupe_key="w", state="sent", language="en", subscriber_id=row.subscriber_id,
        address_hash=address_hash(MIA), not_before=NOON, created_at=NOON,
    )  # fmt: skip
    make_event(
        "bounced",
        tokens.make(TokenKind.LETTER, letter.pk),
        reject_reason="invalid",
        description="550 unknown",
    )
    SoftBounces.objects.create(address_hash=address_hash(MIA), days=["2026-05-02"])
    suppression.suppress(
        address_hash(MIA),
        reason=SuppressionReason.MANUAL,
        newsletter=row.newsletter,
        note="asked by phone",
        at=NOON,
    )
    return row


def test_the_file_for_programs_has_copies_and_reports_of_hers_alone() -> None:
    row = a_life()

    data: dict[str, Any] = json.loads(json.dumps(privacy.export_reader(row.subscriber)))

    assert [(copy["title"], copy["outcome"], copy["code"]) for copy in data["copies"]] == [
        ("Issue 1", "accepted", ""),
        ("Issue 2", "skipped", "on a break"),
    ]
    assert {copy["newsletter"] for copy in data["copies"]} == {"Wirtschaft"}
    (delivered,), none = (copy["reported"] for copy in data["copies"])
    assert (delivered["what"], delivered["as_received"]) == ("delivered", {"Event": "Delivery", "Id": 7})
    assert none == []
    (bounced,) = data["letters"][0]["reported"]
    assert (bounced["what"], bounced["because"], bounced["description"]) == (
        "bounced",
        "invalid",
        "550 unknown",
    )
    (stop,) = data["stopped"]
    assert (stop["newsletter"], stop["reason"], stop["because"]) == ("Wirtschaft", "manual", "asked by phone")
    assert data["refused_for_the_time_being_on"] == [{"day": "2026-05-02"}]


def test_the_file_for_people_says_the_same_in_words() -> None:
    row = a_life()

    page = opened(row).get("/preferences/data/html/").content.decode()

    for fact in (
        "<dt>Title</dt><dd>Issue 2</dd>",
        "<dt>Outcome</dt><dd>skipped</dd></dl>",
        "CEST: delivered</dd>",
        "CEST: bounced, invalid, 550 unknown</dd>",
        "<dt>Note</dt><dd>asked by phone</dd>",
        "<dt>Day</dt><dd>May 2, 2026</dd>",
    ):
        assert fact in page
    assert "{&#x27;" not in page
    assert "Issue 9" not in page


@pytest.mark.parametrize("copies", [1, 60])
def test_her_copies_take_the_same_queries_however_many_they_are(copies: int) -> None:
    row = reading()
    for copy in make_copies(row, copies):
        make_event("delivered", tokens.make(TokenKind.DELIVERY, copy.pk))

    with CaptureQueriesContext(connection) as queries:
        assert len(reader_copies.of_reader(row.subscriber)) == copies

    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        privacy.export_reader(row.subscriber)
    assert len(queries) == 10
