"""The record of consent holds the words that a reader saw, in the language in which she saw them, whatever our letters speak."""

import datetime as dt
import html
import re
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import trans_real

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.web.clock import now
from newsroom.web.tokens import TokenKind, make
from subscriptions import consent, suppression
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from subscriptions.states import SuppressionReason
from subscriptions.wording import BOX, PICKS, SETTINGS, wording
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, settings_path, signup_fields

pytestmark = pytest.mark.django_db

MIA = "mia@example.org"
DAY = dt.timedelta(days=1)


def recorded() -> dict[str, tuple[str, str]]:
    """By newsletter, what the record holds of her last request: the words, and their language."""
    asked = ConsentEvent.objects.filter(kind="requested").exclude(wording="").order_by("pk")
    return {event.newsletter.slug: (event.wording, event.language) for event in asked if event.newsletter}


def catalogued() -> dict[str, tuple[str, str]]:
    """By newsletter, what the API gives out: the words, and the newsletter's language."""
    found = fresh_client().get("/api/v1/newsletters").json()
    return {each["slug"]: (each["wording"], each["language"]) for each in found}


def two_languages() -> list[Newsletter]:
    return [
        make_newsletter(slug="fluss", name="Am Fluss", language="de"),
        make_newsletter(slug="river", name="By the River", language="en"),
    ]


def reading(language: str = "en") -> Subscription:
    return make_subscription(
        newsletter=make_newsletter(slug="markt"), subscriber=make_subscriber(address=MIA, language=language)
    )


def hidden_in(page: str) -> dict[str, str]:
    """What a page's form sends by itself."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


@pytest.mark.parametrize("language", [None, "en", "de"])
def test_a_sign_up_by_the_api_keeps_of_each_newsletter_what_the_catalogue_gave_out(
    language: str | None,
) -> None:
    both = two_languages()
    sent: dict[str, Any] = {"address": MIA, "newsletters": [each.slug for each in both], "language": language}

    fresh_client().post("/api/v1/subscriptions", sent, content_type="application/json")
    consent.decide_sign_ups()

    assert recorded() == catalogued()
    assert Letter.objects.get().language == (language or "de")


def test_switching_on_by_the_api_keeps_of_each_newsletter_what_the_catalogue_gave_out() -> None:
    row = reading("de")
    both = two_languages()
    client = Client(headers={"authorization": f"Bearer {make(TokenKind.MANAGE, row.pk)}"})

    sent = {"language": "en", "newsletters": {each.slug: {"on": True} for each in both}}
    client.patch("/api/v1/preferences", sent, content_type="application/json")

    given_out = catalogued()
    assert recorded() == {slug: given_out[slug] for slug in ("fluss", "river")}
    assert Letter.objects.get(kind="confirmation").language == "en"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_the_settings_keep_the_words_of_the_page_though_it_changes_the_language(is_stopped: bool) -> None:
    row = reading("en")
    other = make_newsletter(slug="fluss")
    if is_stopped:
        suppression.suppress(
            address_hash(MIA), reason=SuppressionReason.COMPLAINT, newsletter=other, at=now() - DAY
        )
    client = opened(row)
    page = client.get("/preferences/").content.decode()

    client.post("/preferences/", {"on-markt": "1", "on-fluss": "1", "language": "de"})

    words, language = recorded()["fluss"]
    assert html.escape(words) in page
    assert (words, language) == (wording(SETTINGS, "en").text, "en")
    assert Letter.objects.latest("pk").language == "de"


def test_the_settings_keep_the_words_of_a_page_that_another_one_has_overtaken() -> None:
    row = reading("en")
    make_newsletter(slug="fluss")
    client = opened(row)
    page = client.get("/preferences/").content.decode()
    shown_in = page.partition('name="shown_in" value="')[2][:2]
    client.post("/preferences/", {"on-markt": "1", "language": "de"})

    sent = {"on-markt": "1", "on-fluss": "1", "language": "de", "shown_in": shown_in}
    client.post("/preferences/", sent)

    assert recorded()["fluss"] == (wording(SETTINGS, "en").text, "en")


def test_a_link_that_staff_sent_again_and_that_expired_keeps_what_she_saw_when_she_asked() -> None:
    newsletter = make_newsletter(slug="fluss")
    wish = consent.Wish(
        typed_address=MIA,
        newsletters=[newsletter],
        language="en",
        form="/articles/",
        network_address="203.0.113.7",
        wording_version=BOX,
    )
    consent.request_subscription(wish, at=NOON)
    (asked,) = ConsentEvent.objects.filter(kind="requested")
    consent.resend_confirmation(asked.subscriber, actor="petra", because="gone", at=NOON + DAY)
    token = confirm_token(Letter.objects.latest("pk"))
    # Somebody else types her address into another form meanwhile.
    Subscription.objects.update(requested_at=NOON)
    stranger = {"wording_version": PICKS, "form": "/newsletters/", "network_address": "198.51.100.9"}
    consent.request_subscription(consent.Wish(**{**wish.__dict__, **stranger}), at=NOON + 2 * DAY)
    assert ConsentEvent.objects.filter(kind="requested").latest("pk").wording_version == PICKS

    consent.ask_again(token, network_address="203.0.113.7", at=NOON + 9 * DAY)

    again = ConsentEvent.objects.filter(kind="requested").latest("pk")
    assert again.at == NOON + 9 * DAY
    assert (again.wording_version, again.wording) == (BOX, asked.wording)


def test_an_expired_link_and_the_letter_after_it_keep_of_each_newsletter_what_she_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = two_languages()
    sent = {"address": MIA, "newsletters": [each.slug for each in both], "language": "en"}
    fresh_client().post("/api/v1/subscriptions", sent, content_type="application/json")
    consent.decide_sign_ups()
    later, client = now() + 8 * DAY, fresh_client()
    monkeypatch.setattr("subscriptions.views.confirming.now", lambda: later)
    monkeypatch.setattr("subscriptions.views.signing_up.now", lambda: later + DAY / 2)

    client.post(f"/confirm/{confirm_token(Letter.objects.get())}/", {"again": "1"})
    by_link = recorded()
    client.post("/subscribe/sent/")
    consent.decide_sign_ups()

    assert ConsentEvent.objects.filter(kind="requested").count() == 6
    assert by_link == recorded() == catalogued()
    assert {letter.language for letter in Letter.objects.all()} == {"en"}


@pytest.mark.parametrize("answer", [{"insist": "1"}, {"take": "mia@gmail.com"}], ids=["insists", "takes-it"])
@pytest.mark.parametrize("door", ["/subscribe/", "/embed/fluss/"])
def test_the_question_after_a_typo_shows_no_words_and_so_puts_none_into_the_record(
    door: str, answer: dict[str, str]
) -> None:
    newsletter = make_newsletter(slug="fluss", name="Am Fluss", language="de")
    client = fresh_client()  # its browser speaks English, the form that she filled in was German
    page = client.post(door, signup_fields("mia@gmial.com", newsletter, wording=BOX, language="de"))

    client.post("/subscribe/", hidden_in(page.content.decode()) | answer)
    consent.decide_sign_ups()

    seen = wording(BOX, "de", name="Am Fluss")
    assert recorded() == {"fluss": (seen.text, "de")}
    assert ConsentEvent.objects.get(kind="requested").wording_version == BOX
    assert Letter.objects.get().language == "de"


@pytest.mark.parametrize(("language", "told"), [("de", "„Bitte bestätigen …“"), ("en", "“Please confirm …”")])
def test_the_page_names_the_subject_that_the_letter_will_have_whatever_the_page_speaks(
    language: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests quote the source: the two texts that have to agree are all the German there is here.
    german = {
        "“Please confirm …”": "„Bitte bestätigen …“",
        "Please confirm: %(name)s": "Bitte bestätigen: %(name)s",
    }
    catalogue: Any = trans_real.translation("de")
    for msgid, words in german.items():
        monkeypatch.setitem(catalogue._catalog._catalogs[0], msgid, words)
    newsletter = make_newsletter(language=language)
    client = fresh_client()  # speaks English

    sent = client.post("/subscribe/", signup_fields(MIA, newsletter, language=language))
    page = client.get(sent["Location"]).content.decode()
    consent.decide_sign_ups()

    assert f'<dt>Subject</dt><dd lang="{language}">{told}</dd>' in page
    assert Letter.objects.get().subject.startswith(told.strip("„“” …"))
