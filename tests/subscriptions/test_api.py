"""Signing up and settings by the API: the same rules as every form, the same answer for every address."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.web import clock, throttles
from newsroom.web.clock import now
from newsroom.web.tokens import TokenKind, make
from subscriptions import consent, privacy, suppression, wording
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import NewsletterState, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, make_pending

pytestmark = pytest.mark.django_db

SIGN_UPS = "/api/v1/subscriptions"
SETTINGS = "/api/v1/preferences"


def send(*newsletters: Newsletter, address: str = "mia@example.org", **more: Any) -> Any:
    sent = {"address": address, "newsletters": [each.slug for each in newsletters]} | more
    return fresh_client(enforce_csrf_checks=True).post(SIGN_UPS, sent, content_type="application/json")


def sign_up(*newsletters: Newsletter, **sent: Any) -> Any:
    """The answer to a sign-up that a worker has decided meanwhile."""
    answer = send(*newsletters, **sent)
    consent.decide_sign_ups()
    return answer


def reader(row: Subscription, kind: TokenKind = TokenKind.MANAGE) -> Client:
    return Client(headers={"accept-language": "en", "authorization": f"Bearer {make(kind, row.pk)}"})


def patch(row: Subscription, **sent: Any) -> Any:
    return reader(row).patch(SETTINGS, sent, content_type="application/json")


def is_problem(answer: Any, status: int, sentence: str, *fields: str) -> bool:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status)
    assert (body["detail"], body["fields"]) == (sentence, list(fields))
    return True


# --- Signing up -----------------------------------------------------------------------------------------------


def test_a_sign_up_is_taken_and_asks_for_a_confirmation() -> None:
    first, second = make_newsletter(name="Erster", language="en"), make_newsletter(name="Zweiter")

    answer = sign_up(first, second)

    assert answer.status_code == 202
    letter = Letter.objects.get()
    assert (letter.kind, letter.language) == ("confirmation", "en")
    assert all(name in letter.text for name in ("Erster", "Zweiter"))
    assert {row.state for row in Subscription.objects.all()} == {"pending"}
    assert ConsentEvent.objects.first().form == SIGN_UPS  # type: ignore[union-attr]


def _new(newsletter: Newsletter) -> None:
    assert newsletter.pk


def _pending(newsletter: Newsletter) -> None:
    make_pending(newsletter, make_subscriber(address="mia@example.org"))


def _active(newsletter: Newsletter) -> None:
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))


def _suppressed(newsletter: Newsletter) -> None:
    suppression.suppress(address_hash("mia@example.org"), reason=SuppressionReason.COMPLAINT, at=NOON)


def _over_the_limit(newsletter: Newsletter) -> None:
    for _time in range(3):
        sign_up(newsletter)


def _network_over_its_limit(newsletter: Newsletter) -> None:
    for number in range(41):
        sign_up(newsletter, address=f"reader{number}@host{number}.example.org")


@pytest.mark.parametrize(
    "prepare", [_new, _pending, _active, _suppressed, _over_the_limit, _network_over_its_limit]
)
def test_every_kind_of_address_gets_the_same_bytes(prepare: Callable[[Newsletter], None]) -> None:
    newsletter = make_newsletter()
    prepare(newsletter)

    answer = sign_up(newsletter)

    assert answer.status_code == 202
    assert answer.content == (
        b'{"detail": "If all is right, a letter that asks for confirmation is on its way."}'
    )


def test_a_slip_comes_back_with_what_may_be_meant_and_can_be_insisted_on() -> None:
    newsletter = make_newsletter()

    answer = sign_up(newsletter, address="mia@gmial.com")

    assert is_problem(answer, 422, "Did you mean mia@gmail.com?", "address")
    assert answer.json()["suggestion"] == "mia@gmail.com"
    assert not Subscriber.objects.exists()
    assert sign_up(newsletter, address="mia@gmial.com", insist=True).status_code == 202
    assert Subscriber.objects.get().address == "mia@gmial.com"


@pytest.mark.parametrize(
    ("sent", "sentence", "field"),
    [
        (
            {"address": "mia"},
            "Please enter exactly one e-mail address, such as name@example.org.",
            "address",
        ),
        ({"address": "mia@example.org\0"}, "Please correct: address.", "address"),
        ({"newsletters": []}, "Please correct: newsletters.", "newsletters"),
        (
            {"newsletters": ["gone"]},
            "This newsletter takes no sign-ups now. Please choose another, or try later.",
            "newsletters",
        ),
        ({"newsletters": "a"}, "Please correct: newsletters.", "newsletters"),
        ({"language": "fr"}, "Please correct: language.", "language"),
        ({"name": "Mia"}, "Please correct: name.", "name"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(sent: dict[str, Any], sentence: str, field: str) -> None:
    newsletter = make_newsletter()

    answer = sign_up(newsletter, **sent)

    assert is_problem(answer, 422, sentence, field)
    assert not Subscriber.objects.exists()


def test_a_newsletter_that_rests_takes_nobody() -> None:
    resting = make_newsletter(state=NewsletterState.PAUSED)

    assert sign_up(resting).status_code == 422


def test_the_catalogue_says_what_readers_agree_to() -> None:
    newsletter = make_newsletter(name="Am Fluss", language="de")
    make_newsletter(state=NewsletterState.DRAFT)

    (found,) = fresh_client().get("/api/v1/newsletters").json()

    assert (found["slug"], found["name"]) == (newsletter.slug, "Am Fluss")
    sign_up(newsletter, wording_version=found["wording_version"], language="de")
    assert ConsentEvent.objects.get().wording == found["wording"]


@pytest.mark.parametrize("size", [1, 12])
def test_a_sign_up_takes_as_many_queries_as_the_form(
    size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    newsletters = [make_newsletter() for _number in range(size)]

    throttles.has_forgotten()  # Redis has been counting for a while
    clock.reckoned()  # and the clock was looked at some seconds ago

    with django_assert_num_queries(2):  # those of the form: tests/subscriptions/test_query_counts.py
        assert send(*newsletters).status_code == 202


# --- Settings -------------------------------------------------------------------------------------------------


def reading(**values: Any) -> Subscription:
    mia = make_subscriber(address="mia@example.org", language="de")
    return make_subscription(newsletter=make_newsletter(slug="fluss"), subscriber=mia, **values)


def test_settings_open_by_the_token_of_the_mails() -> None:
    row = reading()
    make_newsletter(slug="markt", position=9)

    answer = reader(row).get(SETTINGS)

    body = answer.json()
    assert (body["address"], body["language"]) == ("m…@example.org", "de")
    assert [(each["slug"], each["state"]) for each in body["newsletters"]] == [
        ("fluss", "active"),
        ("markt", "none"),
    ]
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", [TokenKind.LEAVE, TokenKind.LINK, TokenKind.LETTER])
def test_no_other_token_opens_settings(kind: TokenKind) -> None:
    answer = reader(reading(), kind).get(SETTINGS)

    assert is_problem(answer, 401, "This needs a valid token in the Authorization header.")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic bWlhOm1pYQ==", "Bearer \ud83d", "Bearer ä"]
)
def test_without_a_token_nothing_opens(header: str) -> None:
    answer = Client().get(SETTINGS, HTTP_AUTHORIZATION=header)

    assert answer.status_code == 401


def test_an_erased_readers_token_opens_nothing() -> None:
    row = reading()
    privacy.erase_reader(row.subscriber, actor="desk", at=NOON)

    assert reader(row).get(SETTINGS).status_code == 401


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    row = reading()
    other = make_subscription(newsletter=make_newsletter(slug="markt"), subscriber=row.subscriber)

    body = patch(row, language="en", newsletters={"fluss": {"on": False}}).json()

    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state) == ("unsubscribed", "active")
    assert body["language"] == "en"
    assert body["newsletters"][0]["state"] == "unsubscribed"


def test_a_pause_is_set_and_lifted_and_left_alone() -> None:
    row = reading()
    until = now() + dt.timedelta(weeks=2)

    paused = patch(row, newsletters={"fluss": {"paused_until": until.isoformat()}}).json()
    untouched = patch(row, newsletters={"fluss": {}}).json()
    lifted = patch(row, newsletters={"fluss": {"paused_until": None}}).json()

    states = [each["newsletters"][0]["paused_until"] is None for each in (paused, untouched, lifted)]
    assert states == [False, False, True]


@pytest.mark.parametrize("weeks", [-1, 54])
def test_a_pause_that_cannot_be_changes_nothing_at_all(weeks: int) -> None:
    row = reading()
    until = (now() + dt.timedelta(weeks=weeks)).isoformat()

    answer = patch(row, language="en", newsletters={"fluss": {"paused_until": until}})

    assert is_problem(answer, 422, "A pause ends after now and within a year.", "newsletters")
    row.subscriber.refresh_from_db()
    assert row.subscriber.language == "de"


def test_how_often_it_comes_is_told_and_changed_and_left_alone() -> None:
    row = reading()
    Newsletter.objects.update(has_weekly=True)

    answers = [
        patch(row, newsletters={"fluss": change}).json()["newsletters"][0]
        for change in ({"cadence": "weekly"}, {}, {"cadence": "each"})
    ]

    assert [(each["cadence"], each["has_weekly"]) for each in answers] == [
        ("weekly", True), ("weekly", True), ("each", True)
    ]  # fmt: skip
    changed = ConsentEvent.objects.filter(kind="changed").order_by("pk").values_list("facts", flat=True)
    assert [(each["before"], each["after"]) for each in changed] == [("each", "weekly"), ("weekly", "each")]


@pytest.mark.parametrize(
    ("slug", "cadence", "sentence"),
    [
        (
            "fluss",
            "weekly",
            "“Fluss” has no best of the week. Please choose every issue or another newsletter.",
        ),
        (
            "fluss",
            "hourly",
            "“Fluss” does not come that often. Please choose every issue or the best of the week.",
        ),
        ("markt", "each", "How often “Markt” comes can be changed only while you receive it."),
    ],
)
def test_a_cadence_that_cannot_be_changes_nothing_at_all(slug: str, cadence: str, sentence: str) -> None:
    row = reading()
    Newsletter.objects.update(name="Fluss")
    make_newsletter(slug="markt", name="Markt")

    answer = patch(row, language="en", newsletters={slug: {"cadence": cadence}})

    assert is_problem(answer, 422, sentence, f"newsletters.{slug}.cadence")
    row.subscriber.refresh_from_db()
    row.refresh_from_db()
    assert (row.subscriber.language, row.cadence) == ("de", "each")


def test_how_often_comes_what_is_switched_off_is_no_setting() -> None:
    row = reading()
    Newsletter.objects.update(name="Fluss", has_weekly=True)

    answer = patch(row, language="en", newsletters={"fluss": {"on": False, "cadence": "weekly"}})

    sentence = "How often “Fluss” comes can be changed only while you receive it."
    assert is_problem(answer, 422, sentence, "newsletters.fluss.cadence")
    row.refresh_from_db()
    assert (row.state, row.cadence) == ("active", "each")


def test_switching_on_asks_for_a_confirmation_as_everywhere() -> None:
    row = reading()
    make_newsletter(slug="markt")

    patch(row, newsletters={"markt": {"on": True}})

    assert Letter.objects.get().kind == "confirmation"
    assert Subscription.objects.get(newsletter__slug="markt").state == "pending"
    asked = ConsentEvent.objects.filter(kind="requested").latest("pk")
    assert (asked.form, asked.wording_version) == ("/api/v1/preferences", wording.BOX)


def test_an_unknown_newsletter_changes_nothing_at_all() -> None:
    row = reading()

    answer = patch(row, newsletters={"gone": {"on": True}, "fluss": {"on": False}})

    sentence = "This newsletter takes no sign-ups now. Please choose another, or try later."
    assert is_problem(answer, 422, sentence, "newsletters.gone")
    row.refresh_from_db()
    assert row.state == "active"


def test_reading_settings_changes_no_row(settings: LazySettings) -> None:
    from tests.subscriptions.factories import dump

    row = reading()
    before = dump()

    for method in ("get", "head", "options"):
        getattr(reader(row), method)(SETTINGS)

    assert dump() == before


def _unsubscribed(row: Subscription) -> None:
    consent.unsubscribe(row, how="/u/", network_address="", at=now() - dt.timedelta(days=3))


def _waiting(row: Subscription) -> None:
    Subscription.objects.filter(pk=row.pk).update(state="pending")


def _reading(_row: Subscription) -> None:
    """As it was made."""


@pytest.mark.parametrize(
    ("stand", "beside"),
    [(_unsubscribed, {}), (_unsubscribed, {"on": True}), (_waiting, {}), (_reading, {"on": False})],
)
def test_a_pause_of_what_does_not_come_changes_nothing_at_all(
    stand: Callable[[Subscription], None], beside: dict[str, Any]
) -> None:
    row = reading()
    Newsletter.objects.update(name="Fluss")
    stand(row)
    row.refresh_from_db()
    until = (now() + dt.timedelta(weeks=2)).isoformat()

    answer = patch(row, language="en", newsletters={"fluss": {"paused_until": until} | beside})

    sentence = "“Fluss” can be paused only while you receive it."
    assert is_problem(answer, 422, sentence, "newsletters.fluss.paused_until")
    row.subscriber.refresh_from_db()
    assert row.subscriber.language == "de"
    assert Subscription.objects.get().state == row.state
    assert not Letter.objects.exists()


def test_no_pause_is_no_mistake_where_nothing_comes() -> None:
    row = reading()
    _unsubscribed(row)

    answer = patch(row, newsletters={"fluss": {"paused_until": None}})

    assert answer.status_code == 200
    assert answer.json()["newsletters"][0]["paused_until"] is None
