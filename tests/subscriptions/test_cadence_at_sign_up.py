"""How often, asked wherever one signs up: the box, the pages, forms on other sites, the API. The same rules for all."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from newsroom.mail.models import Letter
from subscriptions import consent
from subscriptions.errors import NoWeekly
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, signup_fields
from tests.subscriptions.test_signing_up import Inputs

pytestmark = pytest.mark.django_db


def _box(newsletter: Newsletter, cadence: str) -> Any:
    fields = signup_fields("mia@example.org", newsletter, cadence=cadence)
    return fresh_client().post("/subscribe/", fields)


def _embedded(newsletter: Newsletter, cadence: str) -> Any:
    fields = {"address": "mia@example.org", "website": "", "cadence": cadence, "language": "de"}
    return fresh_client(enforce_csrf_checks=True).post(f"/embed/{newsletter.slug}/", fields)


def _api(newsletter: Newsletter, cadence: str) -> Any:
    sent = {
        "address": "mia@example.org",
        "newsletters": [newsletter.slug],
        "cadences": {newsletter.slug: cadence},
        "language": "de",
    }
    client = fresh_client(enforce_csrf_checks=True)
    return client.post("/api/v1/subscriptions", sent, content_type="application/json")


WAYS = pytest.mark.parametrize("send", [_box, _embedded, _api])
Send = Callable[[Newsletter, str], Any]


@WAYS
def test_who_asks_for_the_weekly_gets_that_the_letter_says_so_and_the_record_keeps_it(send: Send) -> None:
    newsletter = make_newsletter(has_weekly=True)

    send(newsletter, "weekly")
    consent.decide_sign_ups()
    letter = Letter.objects.get()
    asked = fresh_client().get(f"/confirm/{confirm_token(letter)}/").content.decode()

    assert Subscription.objects.get().cadence == "weekly"
    for text in (letter.text, letter.html, asked):
        assert "The best of the week" in text
        assert newsletter.cadence_text not in text
    assert ConsentEvent.objects.get().facts["cadence"] == "weekly"


@WAYS
def test_who_asks_for_each_issue_gets_each(send: Send) -> None:
    newsletter = make_newsletter(has_weekly=True)

    send(newsletter, "each")
    consent.decide_sign_ups()

    assert Subscription.objects.get().cadence == "each"
    assert newsletter.cadence_text in Letter.objects.get().text
    assert "cadence" not in ConsentEvent.objects.get().facts


@WAYS
@pytest.mark.parametrize(
    ("has_weekly", "cadence", "sentence"),
    [
        (False, "weekly", "“Am Fluss” has no best of the week. Please choose every issue or another newsletter."),
        (True, "hourly", "“Am Fluss” does not come that often. Please choose every issue or the best of the week."),
    ],
    ids=["has-none", "unknown"],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_sentence_and_nothing_is_lost(
    has_weekly: bool, cadence: str, sentence: str, send: Send
) -> None:
    newsletter = make_newsletter(name="Am Fluss", has_weekly=has_weekly)

    answer = send(newsletter, cadence)

    if send is _api:
        body = answer.json()
        assert (answer.status_code, body["detail"]) == (422, sentence)
        assert body["fields"] == [f"cadences.{newsletter.slug}"]
    else:
        html = unescape(answer.content.decode())
        assert html.count(sentence) == 2  # in the summary, and where she chooses
        inputs = Inputs(html).found
        assert "mia@example.org" in [each.get("value") for each in inputs]
        (pick,) = (each for each in inputs if each.get("name") == "newsletter")
        assert "checked" in pick
    assert not Subscriber.objects.exists()
    assert not Letter.objects.exists()


def test_a_slip_in_the_box_keeps_the_choice() -> None:
    newsletter = make_newsletter(has_weekly=True)

    slip = fresh_client().post(
        "/subscribe/", signup_fields("mia@gmial.com", newsletter, cadence="weekly")
    ).content.decode()  # fmt: skip
    wrong = fresh_client().post(
        "/subscribe/", signup_fields("mia", newsletter, cadence="weekly")
    ).content.decode()  # fmt: skip

    for page in (slip, wrong):
        weekly = [each for each in Inputs(page).found if each.get("name") == "weekly"]
        assert [each["value"] for each in weekly if each["type"] == "hidden" or "checked" in each] == [
            newsletter.slug
        ]


@pytest.mark.parametrize("has_weekly", [True, False])
def test_the_box_asks_how_often_only_where_there_is_a_choice(has_weekly: bool) -> None:
    newsletter = make_newsletter(has_weekly=has_weekly)
    template = Template("{% load signup %}{% signup_box path='/' language='de' newsletter=newsletter %}")

    html = template.render(Context({"request": RequestFactory().get("/"), "newsletter": newsletter}))

    inputs = Inputs(html).found
    choices = [(each["value"], "checked" in each) for each in inputs if each.get("name") == "cadence"]
    assert choices == ([("each", True), ("weekly", False)] if has_weekly else [])
    typed = [
        each for each in inputs if each.get("type") not in {"hidden", "radio"} and each["name"] != "website"
    ]
    assert [each["type"] for each in typed] == ["email"]
    assert html.count("<button") == 1
    assert html.count("<fieldset") == html.count("<legend") == has_weekly


@pytest.mark.parametrize("has_weekly", [True, False])
def test_the_code_for_other_sites_asks_too_and_works_as_it_stands(has_weekly: bool) -> None:
    newsletter = make_newsletter(has_weekly=has_weekly)
    page = fresh_client().get(f"/embed/{newsletter.slug}/").content.decode()

    form = Inputs(unescape(page.partition('id="code"')[2].partition("</textarea>")[0])).found
    offered = [str(each["value"]) for each in form if each.get("name") == "cadence"]
    sent = {"address": "mia@example.org", "website": "", "language": "de"}
    fresh_client().post(f"/embed/{newsletter.slug}/", sent | {"cadence": offered[-1]} if offered else sent)
    consent.decide_sign_ups()

    assert offered == (["each", "weekly"] if has_weekly else [])
    assert Subscription.objects.get().cadence == ("weekly" if has_weekly else "each")


def test_the_api_says_which_have_one_and_takes_one_answer_for_each() -> None:
    first, second = make_newsletter(has_weekly=True), make_newsletter()

    offered = {each["slug"]: each["has_weekly"] for each in fresh_client().get("/api/v1/newsletters").json()}
    sent = {"address": "mia@example.org", "newsletters": [first.slug, second.slug], "language": "en"}
    answer = fresh_client().post(
        "/api/v1/subscriptions", sent | {"cadences": {first.slug: "weekly"}}, content_type="application/json"
    )
    consent.decide_sign_ups()

    assert offered == {first.slug: True, second.slug: False}
    assert answer.status_code == 202
    assert dict(Subscription.objects.values_list("newsletter", "cadence")) == {
        first.pk: "weekly",
        second.pk: "each",
    }


def test_the_api_takes_no_cadence_of_a_newsletter_that_is_not_asked_for() -> None:
    first, second = make_newsletter(), make_newsletter(slug="markt", has_weekly=True)

    sent = {"address": "mia@example.org", "newsletters": [first.slug], "cadences": {second.slug: "weekly"}}
    answer = fresh_client().post("/api/v1/subscriptions", sent, content_type="application/json")

    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "“markt” is not among the newsletters asked for.",
    )
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("is_known", [True, False])
def test_the_service_refuses_a_best_of_that_is_none_whoever_asks(is_known: bool) -> None:
    newsletter = make_newsletter()
    if is_known:
        make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))

    with pytest.raises(NoWeekly):
        consent.request_subscription(
            consent.Wish(
                typed_address="mia@example.org",
                newsletters=[newsletter],
                language="de",
                form="/",
                network_address="203.0.113.9",
                weekly=[newsletter.pk],
            ),
            at=NOON,
        )

    assert not Letter.objects.exists()
