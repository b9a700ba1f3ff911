"""Dates in the admin read as a newspaper writes them, wherever Django formats them."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone, translation
from django.utils.formats import date_format

from tests.digests.factories import make_colleague, make_ready

SUNDAY_FOUR = dt.datetime(2026, 5, 3, 4, 0, tzinfo=dt.UTC)
"""Six in the morning in Berlin."""


@pytest.mark.parametrize("name", ["DATETIME_FORMAT", "SHORT_DATETIME_FORMAT"])
def test_a_time_in_german_has_the_months_name_and_a_comma(name: str) -> None:
    with translation.override("de"):
        assert date_format(timezone.localtime(SUNDAY_FOUR), name) == "3. Mai 2026, 06:00"


@pytest.mark.django_db
def test_a_list_of_the_admin_says_it_so() -> None:
    make_ready(due_at=SUNDAY_FOUR)
    client = Client(headers={"accept-language": "de"})
    client.force_login(make_colleague("aylin"), backend="django.contrib.auth.backends.ModelBackend")

    assert "3. Mai 2026, 06:00" in client.get("/admin/digests/digest/").text
