"""The lists of the large tables: none is counted to its end, neither for its pages nor for its filters."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsroom.mail.admin import BoundedPaginator
from newsroom.mail.models import ProviderEvent
from tests.newsroom.mail.mails import NOW

pytestmark = pytest.mark.django_db

LARGE = (
    "mail_letter",
    "mail_providerevent",
    "subscriptions_consentevent",
    "subscriptions_subscriber",
    "subscriptions_subscription",
    "delivery_delivery",
    "delivery_attempt",
)


@pytest.mark.parametrize("query", ["", "?_facets=True"])
@pytest.mark.parametrize("table", LARGE)
def test_list_of_a_large_table_counts_no_further_than_it_shows(
    table: str, query: str, admin_client: Client
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = admin_client.get(reverse(f"admin:{table}_changelist") + query)

    counts = [each["sql"] for each in queries if re.search(rf"COUNT\(.*{table}", each["sql"])]
    assert answer.status_code == 200
    assert len(counts) == 1
    assert f"LIMIT {BoundedPaginator.MOST_ROWS}" in counts[0]
    # What filters ask for their values, and Django's line of dates for the first and the last.
    whole = rf'(DISTINCT|MIN\(|MAX\().*FROM "{table}"'
    assert [each["sql"] for each in queries if re.search(whole, each["sql"])] == []


def test_events_are_listed_and_filtered_in_words(admin_client: Client) -> None:
    for kind in ("complained", "delivered", "odd"):
        ProviderEvent.objects.create(
            provider="main", event_id=kind, kind=kind, occurred_at=NOW, received_at=NOW
        )

    text = admin_client.get(reverse("admin:mail_providerevent_changelist")).text

    assert text.count("reported as spam") == 2
    assert ">complained<" not in text
    assert ">odd<" in text
    assert "?provider=main" in text
    assert "?provider=bounces" in text
    assert "?outcome=foreign+token" in text
    filtered = admin_client.get(reverse("admin:mail_providerevent_changelist"), {"kind": "complained"})
    assert [event.kind for event in filtered.context["cl"].result_list] == ["complained"]
