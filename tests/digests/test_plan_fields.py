"""A plan's page asks in words for what the plan keeps as codes."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from digests import recurrence
from digests.models import Plan
from digests.plan_fields import OriginOrderField, WeekdaysField
from newsroom.articles.states import Origin
from tests.digests.test_loosening import form_of
from tests.factories import make_newsletter, make_plan


@given(days=st.sets(st.sampled_from(recurrence.WEEKDAYS)))
def test_ticks_and_codes_say_the_same(days: set[str]) -> None:
    field = WeekdaysField(required=False)

    text = field.clean(sorted(days))

    assert recurrence.read_weekdays(text) == {recurrence.WEEKDAYS.index(day) for day in days}
    assert field.prepare_value(text) == [day for day in recurrence.WEEKDAYS if day in days]
    assert not field.has_changed(text, sorted(days, reverse=True))
    assert field.has_changed(text, sorted(days ^ {"sa"}))


@given(order=st.lists(st.sampled_from(Origin.values), unique=True, min_size=1, max_size=4))
def test_places_and_codes_say_the_same(order: list[str]) -> None:
    field = OriginOrderField()

    places = field.widget.decompress(",".join(order))

    assert len(places) == len(Origin.values)
    assert field.clean(places) == ",".join(order)


@pytest.mark.parametrize(
    ("days", "german", "english"),
    [
        ("mo,tu,we,th,fr", "Mo–Fr", "Mon–Fri"),
        ("we,mo", "Mo, Mi", "Mon, Wed"),
        ("mo,tu,th,fr,sa", "Mo, Di, Do–Sa", "Mon, Tue, Thu–Sat"),
        ("su", "So", "Sun"),
        ("", "", ""),
    ],
)
def test_days_are_written_as_people_write_them(days: str, german: str, english: str) -> None:
    with override("de"):
        assert recurrence.short_days(days) == german
    with override("en"):
        assert recurrence.short_days(days) == english


@pytest.mark.django_db
def test_the_plans_page_speaks_of_days_and_origins_in_words(admin_client: Client) -> None:
    plan = make_plan(newsletter=make_newsletter())
    url = reverse("admin:digests_plan_change", args=[plan.pk])

    page = admin_client.get(url, headers={"accept-language": "en"})
    text = page.content.decode()
    answer = admin_client.post(
        url, form_of(page) | {"weekdays": ["sa", "tu"], "origin_order_0": "agency", "origin_order_1": "staff",
                              "origin_order_2": "", "origin_order_3": ""}
    )  # fmt: skip

    assert re.search(
        r'<label[^>]*><input type="checkbox" name="weekdays" value="mo"[^>]*checked>\s*Monday', text
    )
    assert re.search(r'name="origin_order_0"[^>]*aria-label="in the first place"', text)
    assert ">own staff</option>" in text
    assert "mo,tu" not in text
    assert answer.status_code == 302
    plan.refresh_from_db()
    assert (plan.weekdays, plan.origin_order) == ("tu,sa", "agency,staff")


@pytest.mark.django_db
def test_no_day_and_an_origin_twice_are_explained_and_change_nothing(admin_client: Client) -> None:
    plan = make_plan(newsletter=make_newsletter())
    url = reverse("admin:digests_plan_change", args=[plan.pk])
    values = form_of(admin_client.get(url))
    values.pop("weekdays")

    refused = admin_client.post(url, values | {"origin_order_0": "staff", "origin_order_1": "staff"})

    errors = refused.context["adminform"].form.errors
    assert errors["weekdays"] == ["Please tick at least one day."]
    assert errors["origin_order"] == ["Each origin can have one place only."]
    before = (plan.weekdays, plan.origin_order)
    plan.refresh_from_db()
    assert (plan.weekdays, plan.origin_order) == before


@pytest.mark.django_db
def test_the_list_of_plans_opens_whatever_somebody_wrote_into_the_database(admin_client: Client) -> None:
    plan = make_plan(newsletter=make_newsletter())
    url = reverse("admin:digests_plan_changelist")
    assert "Mo–Fr" in admin_client.get(url).content.decode()

    Plan.objects.filter(pk=plan.pk).update(weekdays="funday")

    assert "funday" in admin_client.get(url).content.decode()
