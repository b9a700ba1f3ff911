"""Leaving: one POST from a mail program, one button for people, and the way back afterwards."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from newsroom.mail.models import Letter
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import consent, privacy, settings_form
from subscriptions.models import ConsentEvent, Subscription
from subscriptions.states import ConsentKind
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, path_of, signup_fields

pytestmark = pytest.mark.django_db


def reading(**values: Any) -> tuple[Subscription, str]:
    """A subscription and the path of its leave link."""
    reader = make_subscriber(language="en", address="mia@example.org")
    row = make_subscription(newsletter=make_newsletter(name="Wirtschaft"), subscriber=reader, **values)
    return row, path_of(tokens.leave_url(row.pk))


def state(row: Subscription) -> str:
    return Subscription.objects.values_list("state", flat=True).get(pk=row.pk)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_works_for_mailbox_providers(content_type: str) -> None:
    row, url = reading()
    bare = Client(enforce_csrf_checks=True, HTTP_USER_AGENT="")  # no cookie, no referer, no language
    body: Any = "List-Unsubscribe=One-Click"
    if content_type.startswith("multipart"):
        body = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
        content_type += "; boundary=b"

    answer = bare.generic("POST", url, body, content_type=content_type)

    assert answer.status_code == 200
    # Nobody reads it but who wrote the mail program.
    assert answer["Content-Type"].startswith("text/plain")
    assert answer.content.decode() == "You are unsubscribed."
    assert answer["Cache-Control"] == "no-store"
    assert "Location" not in answer
    assert not answer.cookies
    assert state(row) == "unsubscribed"
    assert ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED).form == "one-click"
    assert not Letter.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=b", "not multipart at all"),
        ("multipart/form-data", "no boundary"),
        ("text/plain", "List-Unsubscribe=One-Click"),
        ("application/x-www-form-urlencoded", ""),
    ],
)
def test_a_strange_body_is_a_wish_to_leave_all_the_same(content_type: str, body: str) -> None:
    row, url = reading()

    answer = Client(enforce_csrf_checks=True).generic("POST", url, body, content_type=content_type)

    assert answer.status_code == 200
    assert state(row) == "unsubscribed"


def test_repeating_is_harmless_and_kind() -> None:
    row, url = reading()

    answers = [fresh_client().post(url, {"List-Unsubscribe": "One-Click"}) for _time in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert ConsentEvent.objects.filter(kind=ConsentKind.UNSUBSCRIBED).count() == 1
    assert state(row) == "unsubscribed"


def test_one_click_ends_that_newsletter_only() -> None:
    row, url = reading()
    other = make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber)

    fresh_client().post(url, {"List-Unsubscribe": "One-Click"})

    assert (state(row), state(other)) == ("unsubscribed", "active")


def test_no_limit_stands_before_a_mailbox_provider() -> None:
    newsletter = make_newsletter()
    rows = [make_subscription(newsletter=newsletter) for _number in range(60)]
    provider = Client(REMOTE_ADDR="192.0.2.1")

    answers = {
        provider.post(path_of(tokens.leave_url(row.pk)), {"List-Unsubscribe": "One-Click"}).status_code
        for row in rows
    }

    assert answers == {200}
    assert not Subscription.objects.active().exists()


@pytest.mark.parametrize("token", ["x", "AAAAAAAAAAAAAAAAAAAA", "%00", "EQAAAAAAAcjuCsEWCiWl="])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_broken_link_is_told_so_with_help(token: str, method: str) -> None:
    answer = getattr(fresh_client(), method)(f"/u/{token}")

    assert answer.status_code == 404
    assert "/preferences/" in answer.content.decode()
    assert answer["Referrer-Policy"] == "no-referrer"


def test_a_link_for_settings_is_no_link_to_leave() -> None:
    row, _url = reading()

    answer = fresh_client().post(f"/u/{tokens.make(tokens.TokenKind.MANAGE, row.pk)}")

    assert answer.status_code == 404
    assert state(row) == "active"


def test_old_links_survive_new_keys() -> None:
    row, url = reading()

    with override_settings(LINK_KEYS={1: b"1" * 64, 2: b"2" * 64}, SECRET_KEY="another"):
        answer = fresh_client().post(url)

    assert answer.status_code == 200
    assert state(row) == "unsubscribed"


def test_links_of_the_erased_and_the_vanished_answer_kindly() -> None:
    row, url = reading()
    privacy.erase_reader(row.subscriber, actor="", at=now())

    for method in ("get", "post"):
        assert getattr(fresh_client(), method)(url).status_code == 200
        vanished = getattr(fresh_client(), method)(path_of(tokens.leave_url(4_711_000)))
        assert vanished.status_code == 200


def test_the_page_shows_whose_subscription_it_is_and_one_button() -> None:
    _row, url = reading()

    page = fresh_client().get(url).content.decode()

    main = page[page.index("<main") : page.index("</main>")]
    assert "m…@example.org" in main
    assert "mia@example.org" not in page
    assert main.count("<button") == 1
    assert "<script" not in page


def test_offers_to_stay_come_only_after_the_effect() -> None:
    _row, url = reading()
    client = fresh_client()

    before = client.get(url).content.decode()
    after = client.post(url, {"from_page": "1"}).content.decode()

    assert "/undo" not in before
    assert f'action="{url}/undo"' in after
    assert [f'name="weeks" value="{weeks}"' in after for weeks in (1, 2, 4)] == [True] * 3


def test_after_a_mail_programs_press_the_page_still_offers_to_leave_all() -> None:
    row, url = reading()
    make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber)
    fresh_client().post(url, {"List-Unsubscribe": "One-Click"})

    page = fresh_client().get(url).content.decode()

    assert 'name="everything"' in page


def test_undo_brings_it_back_once() -> None:
    row, url = reading()
    client = fresh_client(enforce_csrf_checks=True)
    client.post(url)

    answers = [client.post(f"{url}/undo") for _time in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert state(row) == "active"
    assert ConsentEvent.objects.filter(kind=ConsentKind.RESTORED).count() == 1


def test_somebody_who_asks_for_her_takes_no_way_back_away() -> None:
    row, url = reading(cadence="weekly")
    client = fresh_client()
    client.post(url)
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", row.newsletter))
    consent.decide_sign_ups()
    assert state(row) == "pending"

    page = client.get(url).content.decode()
    client.post(f"{url}/undo")

    assert f'action="{url}/undo"' in page
    row.refresh_from_db()
    assert (row.state, row.cadence, row.unsubscribed_at) == ("active", "weekly", None)


def test_the_way_back_is_none_for_who_never_left() -> None:
    row, url = reading()

    for wish in ({"weeks": "4"}, {"cadence": "weekly"}):
        assert fresh_client().post(f"{url}/undo", wish).status_code == 200

    row.refresh_from_db()
    assert (row.state, row.paused_until, row.cadence) == ("active", None, "each")
    assert not ConsentEvent.objects.filter(kind="changed").exists()


def test_a_break_after_coming_back_is_taken() -> None:
    row, url = reading()
    client = fresh_client()
    client.post(url)
    client.post(f"{url}/undo")

    client.post(f"{url}/undo", {"weeks": "2"})

    row.refresh_from_db()
    assert row.paused_until is not None


def test_all_are_taken_back_but_what_she_left_by_itself() -> None:
    row, url = reading()
    alone, together = (
        make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber) for _each in range(2)
    )
    client = fresh_client()
    client.post(url, {"from_page": "1"})
    client.post(path_of(tokens.leave_url(alone.pk)))
    client.post(url, {"everything": "1"})

    client.post(f"{url}/undo", {"everything": "1"})

    assert [state(each) for each in (row, alone, together)] == ["active", "unsubscribed", "active"]


def test_the_page_names_all_that_came_back_also_at_a_second_press() -> None:
    row, url = reading()
    kinds: dict[str, dict[str, Any]] = {
        "Kultur": {"cadence": "weekly"},
        "Sport": {"paused_until": now() + dt.timedelta(days=9)},
        "Umland": {"paused_until": now() - dt.timedelta(days=9)},
        "Wetter": {},
    }
    rows = {
        name: make_subscription(newsletter=make_newsletter(name=name), subscriber=row.subscriber, **values)
        for name, values in kinds.items()
    }
    client = fresh_client()
    client.post(path_of(tokens.leave_url(rows["Wetter"].pk)))
    client.post(url, {"everything": "1"})

    pages = [client.post(f"{url}/undo", {"everything": "1"}).content.decode() for _time in range(2)]

    for page in pages:
        assert page.index("“Wirtschaft” comes as before.") < page.index("“Kultur” comes once a week.")
        assert "“Sport” takes a break up to and including" in page
        assert "“Umland” comes as before." in page
        assert "Wetter" not in page
    assert "Kultur" not in client.post(f"{url}/undo").content.decode()


def test_a_break_instead_of_leaving() -> None:
    row, url = reading()
    client = fresh_client()
    client.post(url)

    client.post(f"{url}/undo", {"weeks": "2"})

    row.refresh_from_db()
    assert row.state == "active"
    assert row.paused_until is not None
    last_day = timezone.localdate(now()) + dt.timedelta(weeks=2)
    assert settings_form.last_day(row.paused_until) == last_day


def test_after_a_day_undo_explains_and_leads_to_a_new_sign_up() -> None:
    row, url = reading(state="unsubscribed", unsubscribed_at=now() - dt.timedelta(days=1))

    page = fresh_client().get(url).content.decode()
    answer = fresh_client().post(f"{url}/undo")

    assert "/undo" not in page
    assert answer.status_code == 200
    assert f"/subscribe/?newsletter={row.newsletter.slug}" in answer.content.decode()
    assert state(row) == "unsubscribed"


def test_everything_off_is_one_press_on_the_page_after() -> None:
    row, url = reading()
    other = make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber)
    somebody = make_subscription(newsletter=other.newsletter)
    client = fresh_client()

    after = client.post(url, {"from_page": "1"}).content.decode()
    client.post(url, {"everything": "1"})

    assert 'name="everything"' in after
    assert (state(row), state(other), state(somebody)) == ("unsubscribed", "unsubscribed", "active")


def test_the_page_keeps_its_secret() -> None:
    _row, url = reading()

    for answer in (fresh_client().get(url), fresh_client().post(url), fresh_client().post(f"{url}/undo")):
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
