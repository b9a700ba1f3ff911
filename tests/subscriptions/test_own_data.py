"""A reader's own data on her own page: to take along, to print, to erase; and undoing what was switched off."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from newsroom.mail.models import Letter
from newsroom.web import tokens
from newsroom.web.clock import now
from newsroom.web.tags import weekday_date
from subscriptions import consent, privacy
from subscriptions.models import Confirmation, ConsentEvent, Subscriber, Subscription
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    confirm_token,
    dump,
    fresh_client,
    make_confirmation,
    make_pending,
    path_of,
    settings_path,
    signup_fields,
)

pytestmark = pytest.mark.django_db

PAGES = ("data", "data/json", "data/html", "proof", "erase", "address")


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


def signed_up() -> tuple[Subscription, Client]:
    """A reader who came by the form and confirmed, in a browser where her settings are open."""
    newsletter = make_newsletter(name="Wirtschaft & Technik")
    fresh_client().post("/subscribe/", signup_fields("Mia@example.org", newsletter, language="en"))
    consent.decide_sign_ups()
    fresh_client().post(f"/confirm/{confirm_token(Letter.objects.get())}/")
    row = Subscription.objects.get()
    return row, opened(row)


@pytest.mark.parametrize("page", PAGES)
def test_her_data_are_shown_to_her_alone_kept_by_nobody_and_looking_changes_nothing(page: str) -> None:
    _row, client = signed_up()
    before = dump()

    own = client.get(f"/preferences/{page}/")
    strange = fresh_client().get(f"/preferences/{page}/").content.decode()

    assert own.status_code == 200
    assert "Mia@example.org" in own.content.decode()
    assert (own["Cache-Control"], own["X-Robots-Tag"]) == ("no-store", "noindex")
    assert "@example.org" not in strange
    assert dump() == before


def test_the_files_hold_what_the_command_tells() -> None:
    row, client = signed_up()

    as_json, as_page = client.get("/preferences/data/json/"), client.get("/preferences/data/html/")

    assert json.loads(as_json.content) == json.loads(json.dumps(privacy.export_reader(row.subscriber)))
    assert as_json["Content-Disposition"] == 'attachment; filename="newsletter-data.json"'
    assert as_page["Content-Disposition"] == 'attachment; filename="newsletter-data.html"'
    page = as_page.content.decode()
    for fact in (
        "Wirtschaft &amp; Technik",
        "/articles/die-faehre/",
        "2026-11-box",
        "127.0.0.1",
        "sign-up requested",
    ):
        assert fact in page
    assert f"{weekday_date(row.requested_at)}, " in page
    for raw in ("requested</dd>", "+00:00", "double_opt_in", "{&#x27;"):
        assert raw not in page.replace("sign-up requested", "")
    assert "<script" not in page
    assert "http" not in page.replace("https://www.w3.org", "")  # nothing from elsewhere


def test_the_proof_rebuilds_what_she_saw() -> None:
    _row, client = signed_up()

    page = client.get("/preferences/proof/").content.decode()

    assert page.count("<li>\n      <h2>") == ConsentEvent.objects.count() == 2
    assert "We will send you “Wirtschaft &amp; Technik” by e-mail, free of charge" in page
    assert "version 2026-11-box" in page
    assert page.count("127.0.0.1") == 2  # her own, whole
    assert "Uferblick Verlag GmbH" in page


@pytest.mark.parametrize("events", [2, 40])
def test_the_proof_takes_the_same_queries_however_long_it_is(events: int) -> None:
    row, client = signed_up()
    for _number in range(events - 2):
        ConsentEvent.objects.create(
            subscriber=row.subscriber,
            newsletter=row.newsletter,
            kind="changed",
            address="mia@example.org",
            at=row.requested_at,
        )

    with CaptureQueriesContext(connection) as queries:
        client.get("/preferences/proof/")

    assert len(queries) == 4  # reader, senders, clock, events with their newsletters


def test_erasing_says_what_goes_and_what_stays_and_does_it() -> None:
    row, client = signed_up()
    leave = path_of(tokens.leave_url(row.pk))

    asked = client.get("/preferences/erase/").content.decode()
    assert "What must stay" in asked
    assert Subscriber.objects.get().address
    done = client.post("/preferences/erase/")

    assert "We have forgotten your address." in done.content.decode()
    assert done.cookies["reader"]["max-age"] == 0
    reader = Subscriber.objects.get()
    assert (reader.address, reader.typed_address) == (None, "")
    assert ConsentEvent.objects.get(kind="erased").actor == ""
    assert fresh_client().get(leave).status_code == 200
    assert fresh_client().post(leave, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert "My data" not in client.get("/preferences/").content.decode()


def test_erasing_needs_the_forgery_guard() -> None:
    row, _client = signed_up()
    client = fresh_client(enforce_csrf_checks=True)
    client.post(settings_path(row))

    assert client.post("/preferences/erase/").status_code == 403
    assert Subscriber.objects.get().address


# --- Undo -----------------------------------------------------------------------------------------------------


def reading(number: int) -> list[Subscription]:
    reader = make_subscriber(address="mia@example.org", language="en")
    return [
        make_subscription(newsletter=make_newsletter(has_weekly=True), subscriber=reader, cadence="weekly")
        for _each in range(number)
    ]


def test_everything_off_in_the_settings_is_undone_by_one_press() -> None:
    rows = reading(3)
    client = opened(rows[0])

    page = client.post("/preferences/", {"everything_off": "1", "language": "en"}).content.decode()
    assert page.count('<input type="hidden" name="newsletter"') == 3
    before_offer = client.get("/preferences/").content.decode()
    assert "Unsubscribed by mistake?" not in before_offer
    slugs = [row.newsletter.slug for row in rows]
    client.post("/preferences/undo/", {"newsletter": slugs})

    assert Subscription.objects.active().count() == 3
    assert set(Subscription.objects.values_list("cadence", flat=True)) == {"weekly"}
    assert ConsentEvent.objects.filter(kind="restored").count() == 3


def test_everything_off_behind_a_link_is_undone_by_one_press() -> None:
    rows = reading(3)
    earlier = make_subscription(newsletter=make_newsletter(), subscriber=rows[0].subscriber)
    url = path_of(tokens.leave_url(rows[0].pk))
    fresh_client().post(path_of(tokens.leave_url(earlier.pk)))
    fresh_client().post(url, {"from_page": "1"})

    page = fresh_client().post(url, {"everything": "1"}).content.decode()
    assert 'name="everything" value="1"' in page
    assert "weeks off" not in page  # a break of everything is not what Undo does
    fresh_client().post(f"{url}/undo", {"everything": "1"})

    active = set(Subscription.objects.active().values_list("pk", flat=True))
    assert active == {row.pk for row in rows}  # what she had left before stays left


def test_nothing_is_offered_instead_before_she_has_left() -> None:
    (row,) = reading(1)
    Subscription.objects.update(cadence="each")
    url = path_of(tokens.leave_url(row.pk))

    before = fresh_client().get(url).content.decode()
    after = fresh_client().post(url, {"from_page": "1"}).content.decode()
    fresh_client().post(f"{url}/undo", {"cadence": "weekly"})

    assert "weeks off" not in before
    assert "best of the week" not in before
    assert "weeks off" in after
    assert "Only the best of the week" in after
    row.refresh_from_db()
    assert (row.state, row.cadence) == ("active", "weekly")


def test_what_she_never_left_is_not_switched_on_by_undo() -> None:
    rows = reading(1)
    never = make_newsletter()
    client = opened(rows[0])

    page = client.post("/preferences/undo/", {"newsletter": [never.slug]}).content.decode()

    assert "There was nothing to take back here." in page
    assert not Subscription.objects.filter(newsletter=never).exists()


# --- One welcome ----------------------------------------------------------------------------------------------


def test_one_welcome_for_all_picks_and_none_for_those_welcomed_before() -> None:
    first, second, third = (make_newsletter(name=name) for name in ("Eins", "Zwei", "Drei"))
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", first, second))
    consent.decide_sign_ups()
    token = confirm_token(Letter.objects.get(kind="confirmation"))
    for _time in range(2):
        fresh_client().post(f"/confirm/{token}/")
    welcome = Letter.objects.get(kind="welcome")
    assert "Eins" in welcome.text
    assert "Zwei" in welcome.text

    Letter.objects.all().delete()
    Confirmation.objects.update(created_at=NOON)  # long enough ago for another
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", first, third))
    consent.decide_sign_ups()
    fresh_client().post(f"/confirm/{confirm_token(Letter.objects.get(kind='confirmation'))}/")

    again = Letter.objects.get(kind="welcome")
    assert "Drei" in again.text
    assert "Eins" not in again.text


def test_the_file_for_people_is_made_of_whatever_the_record_holds() -> None:
    row, client = signed_up()
    other = make_pending(make_newsletter(name="Kultur"), row.subscriber)
    confirmation, _secret = make_confirmation(other, at=now())
    url = path_of(tokens.decline_url(confirmation.pk))
    fresh_client().post(url)

    answer = client.get("/preferences/data/html/")

    assert answer.status_code == 200
    assert "Sign-up declined; does not want to be asked to confirm again" in answer.content.decode()
