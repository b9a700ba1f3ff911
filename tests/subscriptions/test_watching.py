"""Sign-ups that are not as usual are told to staff, and a switch closes the forms: by this newsroom's own weeks."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from newsroom.mail.models import Incident, Letter
from subscriptions import consent
from subscriptions.consent import attack, watching
from subscriptions.models import Confirmation, Newsletter, SignUpRequest, Subscriber, Subscription
from subscriptions.states import SubscriptionState
from tests.factories import make_newsletter, make_subscriber
from tests.subscriptions.factories import fresh_client, make_pending, signup_fields

pytestmark = pytest.mark.django_db

AT = dt.datetime(2026, 5, 29, 10, 30, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def letters(number: int, *, at: dt.datetime, confirmed: int = 0) -> None:
    """So many letters to confirm were asked for, and of these so many followed."""
    letters_at([at], number, confirmed=confirmed)


def letters_at(times: list[dt.datetime], number: int, *, confirmed: int = 0) -> None:
    """The same at each of these times."""
    made, someone = Confirmation.objects.count(), reader()
    moments = [at for at in times for _each in range(number)]
    rows = Confirmation.objects.bulk_create(
        Confirmation(
            token_hash=f"{made + place:064x}",
            counting_hash="",
            subscriber=someone,
            created_at=at,
            expires_at=at + 7 * DAY,
        )
        for place, at in enumerate(moments)
    )
    through, row = Confirmation.subscriptions.through, followed()
    through.objects.bulk_create(
        through(confirmation=each, subscription=row)
        for place, each in enumerate(rows)
        if place % max(number, 1) < confirmed
    )


def reader() -> Subscriber:
    known = Subscription.objects.select_related("subscriber").first()
    return known.subscriber if known else make_pending(make_newsletter(), make_subscriber()).subscriber


def followed() -> Subscription:
    """A subscription that was confirmed after all of these."""
    row = Subscription.objects.filter(state=SubscriptionState.ACTIVE).first()
    return row or make_pending(
        make_newsletter(), state=SubscriptionState.ACTIVE, confirmed_at=AT + DAY, source=""
    )


def weeks(an_hour: int, *, days: int = 28, confirmed: int = 0) -> None:
    """In each hour from nine to eleven of so many days, the earliest first, as many letters."""
    times = [
        AT.replace(hour=hour, minute=15) - day * DAY for day in range(days, 0, -1) for hour in (9, 10, 11)
    ]
    letters_at(times, an_hour, confirmed=confirmed)


def open_keys() -> set[str]:
    return set(Incident.objects.open().values_list("key", flat=True))


def test_five_times_the_usual_hour_is_told_once_and_ends_by_itself() -> None:
    weeks(12)
    letters(60, at=AT - 20 * MINUTE)
    watching.watch(at=AT)
    assert open_keys() == set()  # 60 are five times 12, not more

    letters(1, at=AT - MINUTE)
    for minute in range(3):
        watching.watch(at=AT + minute * MINUTE)

    (incident,) = Incident.objects.all()
    assert (incident.key, incident.facts["most"], incident.facts["usual"]) == (watching.JUMP_KEY, 60, 12)
    assert "takes sign-ups" in incident.text
    watching.watch(at=AT + 50 * MINUTE)
    assert open_keys() == set()


def test_what_staff_have_resolved_is_not_told_again_at_once() -> None:
    weeks(12)
    letters(80, at=AT - MINUTE)
    watching.watch(at=AT)
    Incident.objects.update(resolved_at=AT)

    watching.watch(at=AT + MINUTE)

    assert open_keys() == set()


@pytest.mark.parametrize(("usual", "days", "now"), [(2, 28, 45), (2, 5, 500), (0, 28, 500)])
def test_small_numbers_and_the_first_days_say_nothing(usual: int, days: int, now: int) -> None:
    weeks(usual, days=days)
    letters(now, at=AT - MINUTE)

    watching.watch(at=AT)

    assert open_keys() == set()


def test_one_flood_of_the_past_does_not_become_usual() -> None:
    weeks(12)
    letters(900, at=AT - 3 * DAY)
    letters(61, at=AT - MINUTE)

    watching.watch(at=AT)

    assert open_keys() == {watching.JUMP_KEY}


def test_attack_mode_has_told_of_it_already() -> None:
    weeks(12)
    letters(80, at=AT - MINUTE)
    attack.begin(600, at=AT)

    watching.watch(at=AT)

    assert open_keys() == {attack.KEY}


@pytest.mark.parametrize(("confirmed", "is_told"), [(14, True), (16, False)])
def test_a_sharp_fall_of_those_who_confirm_is_told(confirmed: int, is_told: bool) -> None:
    weeks(20, confirmed=10)  # half of them
    Confirmation.objects.filter(created_at__gt=AT - 2 * DAY).delete()
    letters(60, at=AT - 5 * HOUR, confirmed=confirmed)

    watching.watch(at=AT)

    assert open_keys() == ({watching.SHARE_KEY} if is_told else set())
    letters(200, at=AT + 3 * HOUR, confirmed=200)
    watching.watch(at=AT + 5 * HOUR)
    assert open_keys() == set()


def test_it_costs_little_and_the_weeks_are_read_once_an_hour(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    weeks(12)
    with django_assert_num_queries(8):  # kept; by hour, twice the share, keep; newest; resolve twice
        watching.watch(at=AT)
    with django_assert_num_queries(4):  # kept; newest; resolve twice
        watching.watch(at=AT + MINUTE)


# --- The switch -----------------------------------------------------------------------------------------------


def closed(**values: object) -> Newsletter:
    newsletter = make_newsletter(slug="morgen", name="Morgen", language="en", **values)
    Newsletter.objects.filter(pk=newsletter.pk).update(takes_sign_ups=False)
    newsletter.refresh_from_db()
    return newsletter


def test_a_closed_newsletter_says_so_everywhere_and_takes_nobody() -> None:
    newsletter = closed()
    client = fresh_client()
    rests = "We are not taking sign-ups at the moment."

    for url in ("/newsletters/", "/subscribe/", newsletter.get_absolute_url()):
        page = client.get(url).content.decode()
        assert rests in page, url
        assert 'name="address"' not in page, url
        assert "Choose what you would like to read" not in page, url
    posted = client.post("/subscribe/", signup_fields("mia@example.org", newsletter))
    embedded = client.post("/embed/morgen/", {"address": "mia@example.org", "language": "en"})
    by_api = client.post(
        "/api/v1/subscriptions",
        '{"address": "mia@example.org", "newsletters": ["morgen"]}',
        content_type="application/json",
    )

    assert rests in posted.content.decode()
    assert rests in embedded.content.decode()
    assert by_api.status_code == 422
    assert "takes no sign-ups now" in by_api.json()["detail"]
    assert client.get("/api/v1/newsletters").json() == []
    assert not SignUpRequest.objects.exists()


def test_what_waits_when_it_is_closed_gets_no_letter() -> None:
    newsletter = make_newsletter()
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", newsletter))
    Newsletter.objects.update(takes_sign_ups=False)

    assert consent.decide_sign_ups() == 1
    assert not Letter.objects.exists()


def test_staff_close_all_of_them_with_one_press() -> None:
    for name in ("Morgen", "Abend"):
        make_newsletter(name=name)
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    rows = list(Newsletter.objects.order_by("position", "name"))
    form = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    form |= {f"form-{number}-id": row.pk for number, row in enumerate(rows)}

    desk.post(reverse("admin:subscriptions_newsletter_changelist"), form)

    assert not Newsletter.objects.filter(takes_sign_ups=True).exists()
    assert Newsletter.objects.active().count() == 2  # their digests go on
