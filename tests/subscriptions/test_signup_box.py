"""The box that other pages include."""

import re

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from newsroom.mail.models import Letter
from subscriptions import consent
from subscriptions.models import ConsentEvent, Newsletter
from subscriptions.states import NewsletterState
from subscriptions.wording import BOX, wording
from tests.factories import make_newsletter
from tests.subscriptions.factories import fresh_client, signup_fields
from tests.subscriptions.test_signing_up import Inputs

pytestmark = pytest.mark.django_db

PAGE = RequestFactory().get("/articles/a/")


def box(language: str = "de", newsletter: Newsletter | None = None) -> str:
    template = Template(
        "{% load signup %}{% signup_box path='/articles/a/' language=language newsletter=newsletter %}"
    )
    context = Context(
        {"request": PAGE, "language": language, "newsletter": newsletter, "csrf_token": "guard"}
    )
    return template.render(context)


def test_the_box_has_one_field_with_a_label_one_button_and_no_script() -> None:
    newsletter = make_newsletter(latest_url="/newsletters/wirtschaft/12/", latest_title="Die Fähre fährt")

    html = box()

    fields = Inputs(html).found
    visible = [
        each for each in fields if each.get("type") not in {"hidden"} and each.get("name") != "website"
    ]
    assert [each["type"] for each in visible] == ["email"]
    assert f'<label for="{visible[0]["id"]}">' in html
    assert html.count("<button") == 1
    assert "<script" not in html
    assert re.search(r'class="trap" hidden aria-hidden="true".*name="website"', html)
    for fact in (
        newsletter.promise,
        newsletter.cadence_text,
        "/newsletters/wirtschaft/12/",
        "/privacy/",
        "guard",
    ):
        assert fact in html


def test_what_the_box_shows_is_what_the_record_keeps() -> None:
    newsletter = make_newsletter(name="Am Fluss")
    html = box(newsletter=newsletter)
    hidden = {str(each.get("name")): each.get("value") for each in Inputs(html).found}

    fields = signup_fields("mia@example.org", newsletter, wording=hidden["wording"], path=hidden["path"])
    fresh_client().post("/subscribe/", fields)
    consent.decide_sign_ups()

    event = ConsentEvent.objects.get()
    assert event.wording == wording(BOX, "de", name="Am Fluss").text
    assert event.wording in html
    assert event.form == "/articles/a/"
    assert Letter.objects.get().language == "de"


def test_the_box_offers_a_newsletter_in_the_pages_language() -> None:
    make_newsletter(name="Deutsch", language="de", position=1)
    make_newsletter(name="Second", language="en", position=3)
    make_newsletter(name="First", language="en", position=2)

    assert "<h2" in box("en")
    assert "First" in box("en")
    assert "Deutsch" in box("de")


def test_no_box_where_nothing_takes_sign_ups() -> None:
    make_newsletter(state=NewsletterState.PAUSED)

    assert box().strip() == ""


def test_the_box_below_the_newest_issue_does_not_send_her_there_again() -> None:
    newsletter = make_newsletter(latest_url="/newsletters/wirtschaft/12/", latest_title="Die Fähre fährt")
    below = "{% load signup %}{% signup_box path=path language='de' newsletter=newsletter %}"

    def shown(path: str) -> str:
        return Template(below).render(Context({"request": PAGE, "newsletter": newsletter, "path": path}))

    assert "Die Fähre fährt" in shown("/newsletters/wirtschaft/11/")
    assert "Die Fähre fährt" not in shown("/newsletters/wirtschaft/12/")
