"""The form on other sites: no cookie, no script, the same rules, and no way to lead a reader to a stranger's page."""

import datetime as dt
import html
import re
import time
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from newsroom.mail.models import Letter
from newsroom.web.clock import now
from newsroom.web.stamps import stamp
from subscriptions import consent, wording
from subscriptions.models import ConsentEvent, Newsletter, Subscriber
from subscriptions.other_sites import may_return_to
from subscriptions.sources import in_words
from subscriptions.states import NewsletterState
from subscriptions.views import embedding
from tests.factories import make_newsletter
from tests.subscriptions.factories import fresh_client, signup_fields, stamped_hours_ago

pytestmark = pytest.mark.django_db

THANKS = "https://www.example.org/thank-you/"


@pytest.fixture(autouse=True)
def _sites(settings: LazySettings) -> None:
    settings.RETURN_SITES = frozenset({"https://www.example.org", "https://shop.example.org:8443"})


def send(newsletter: Newsletter, address: str = "mia@example.org", **more: Any) -> Any:
    client = fresh_client(enforce_csrf_checks=True)
    fields = {"address": address, "website": ""} | more
    answer = client.post(f"/embed/{newsletter.slug}/", fields, headers={"origin": "https://www.example.org"})
    consent.decide_sign_ups()
    return answer


def test_a_form_elsewhere_needs_no_cookie_and_ends_at_our_page() -> None:
    newsletter = make_newsletter()

    answer = send(newsletter)

    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    event = ConsentEvent.objects.get()
    assert (event.form, event.wording_version) == (f"/embed/{newsletter.slug}/", "2026-11-box")
    assert newsletter.name in event.wording


def test_a_form_says_which_wording_it_showed_and_a_later_one_is_not_put_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newsletter = make_newsletter()
    monkeypatch.setitem(wording._TEXTS, "2027-01-box", {"de": "Neu: {name}", "en": "New: {name}"})
    monkeypatch.setattr(wording, "AT_SIGN_UP", (*wording.AT_SIGN_UP, "2027-01-box"))
    monkeypatch.setattr(embedding, "BOX", "2027-01-box")
    code = html.unescape(fresh_client().get(f"/embed/{newsletter.slug}/").content.decode())
    shown = re.search(r'name="wording" value="([^"]*)"', code)
    assert shown is not None

    send(newsletter, "before@example.org")
    send(newsletter, "today@example.org", wording=shown[1])
    send(newsletter, "forged@example.org", wording="2026-11-address")

    versions = dict(ConsentEvent.objects.values_list("address", "wording_version"))
    assert versions == {
        "before@example.org": "2026-11-box",
        "today@example.org": "2027-01-box",
        "forged@example.org": "2026-11-picks",
    }


def test_it_leads_back_to_a_page_that_is_allowed() -> None:
    answer = send(make_newsletter(), **{"return": THANKS})

    assert (answer.status_code, answer["Location"]) == (303, THANKS)
    assert Letter.objects.count() == 1


@pytest.mark.parametrize(
    ("back", "referer", "page"),
    [
        (THANKS + "?name=mia#top", "https://other.example.org/", " " + THANKS),
        ("https://evil.example/", "https://www.example.org/kontakt/?name=mia", " https://www.example.org"),
        ("", "HTTPS://Shop.example.org:8443/", " https://shop.example.org:8443"),
        ("", "https://www.example.org", " https://www.example.org"),
        ("", "https://mia@www.example.org/", ""),
        ("", "about:blank", ""),
        (THANKS + "a" * 300, "", " " + THANKS + "a" * 300),
    ],
)
def test_the_record_keeps_on_which_site_the_form_stood(back: str, referer: str, page: str) -> None:
    newsletter = make_newsletter()
    client = fresh_client(enforce_csrf_checks=True)

    client.post(
        f"/embed/{newsletter.slug}/",
        {"address": "mia@example.org", "return": back},
        headers={"referer": referer},
    )

    consent.decide_sign_ups()
    place = f"/embed/{newsletter.slug}/{page}"[:200]
    assert ConsentEvent.objects.get().form == place
    assert Subscriber.objects.get().subscriptions.get().source == place
    assert in_words(place, "en") == "on another site"


@pytest.mark.parametrize(
    "url",
    [
        "https://www.example.org",
        "https://www.example.org/",
        "https://www.example.org/a?b=c&d=//evil.example#e",
        "https://shop.example.org:8443/thanks",
    ],
)
def test_addresses_on_an_allowed_site_are_accepted(url: str) -> None:
    assert may_return_to(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/thank-you/",
        "//evil.example/",
        "///www.example.org/",
        "https:www.example.org/",
        "https:/www.example.org/",
        "https:\\\\www.example.org\\",
        "https://evil.example/",
        "http://www.example.org/",
        "https://example.org/",
        "https://evil.www.example.org/",
        "https://www.example.org.evil.example/",
        "https://www.example.org./",
        "https://www.example.org:443/",
        "https://www.example.org:8443/",
        "https://shop.example.org/",
        "https://www.example.org@evil.example/",
        "https://www.example.org:x@evil.example/",
        "https://mia@www.example.org/",
        "https://www.example.org\\@evil.example/",
        "https://evil.example\\@www.example.org/",
        "https://evil.example\\.www.example.org/",
        "https://www.example.org\\.evil.example/",
        "https://www.example.org/\\evil.example/",
        "https://www.example.org?x",
        "https://www.example.org#@evil.example/",
        "https://www.example.org%2f@evil.example/",
        "https://www%2eexample.org/",
        "https%3a//www.example.org/",
        "https://www。example。org/",
        "https://www.exаmple.org/",
        "https://www.example.org\N{FULLWIDTH SOLIDUS}evil.example/",
        "https://www.example.org/\N{LATIN SMALL LETTER A WITH DIAERESIS}",
        "HTTPS://WWW.EXAMPLE.ORG/",
        " https://www.example.org/",
        "https://www.example.org/\n",
        "https://www.example.org/\r\nSet-Cookie: a=b",
        "ht\ttps://www.example.org/",
        "https://www.example.org\t/",
        "javascript:alert(1)//https://www.example.org/",
        "data:text/html,https://www.example.org/",
        "https://[www.example.org]/",
        "https://www.example.org/" + "a" * 600,
    ],
)
def test_no_spelling_leads_a_reader_to_a_strangers_page(url: str) -> None:
    answer = send(make_newsletter(), **{"return": url})

    assert not may_return_to(url)
    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")


_PARTS = st.sampled_from(
    [
        "https",
        "http",
        ":",
        "/",
        "//",
        "\\",
        "@",
        ".",
        "www.example.org",
        "evil.example",
        "?",
        "#",
        "%2f",
        "\t",
        " ",
        "。",
    ]
)


@given(st.lists(_PARTS, max_size=9).map("".join))
def test_whatever_is_accepted_begins_with_an_allowed_site_and_a_path(url: str) -> None:
    if may_return_to(url):
        assert re.match(r"https://www\.example\.org(/|$)", url)
        assert "\\" not in url


def test_where_no_site_is_allowed_none_is(settings: LazySettings) -> None:
    settings.RETURN_SITES = frozenset()

    assert send(make_newsletter(), **{"return": THANKS})["Location"] == "/subscribe/sent/"


@pytest.mark.parametrize("address", ["", "mia", "mia@@example.org"])
def test_an_error_is_shown_on_our_page_where_it_can_be_corrected(address: str) -> None:
    newsletter = make_newsletter()

    page = send(newsletter, address, **{"return": THANKS})

    html = page.content.decode()
    assert page.status_code == 200
    assert 'class="error-summary"' in html
    assert 'action="/subscribe/"' in html
    assert not Subscriber.objects.exists()


def test_a_slip_is_asked_about_and_the_answer_need_not_wait() -> None:
    newsletter = make_newsletter()
    client = fresh_client()

    page = client.post(f"/embed/{newsletter.slug}/", {"address": "mia@gmial.com"}).content.decode()
    kept = dict(
        re.findall(r'name="(started|path|language|wording|newsletter|address)" value="([^"]*)"', page)
    )
    client.post("/subscribe/", {**kept, "take": "mia@gmail.com"})
    consent.decide_sign_ups()

    assert Subscriber.objects.get().address == "mia@gmail.com"


# --- Corrected on our pages -----------------------------------------------------------------------------------


class Reader:
    """Whoever fills in the form on another site, and then the forms of ours that she is shown."""

    def __init__(self, newsletter: Newsletter) -> None:
        self.newsletter = newsletter
        self.client = fresh_client(enforce_csrf_checks=True)
        self.referer = "https://www.example.org/kontakt/"

    def fills_in(self, address: str, **more: Any) -> Any:
        fields = {"address": address, "website": ""} | more
        self.answer = self.client.post(
            f"/embed/{self.newsletter.slug}/", fields, headers={"referer": self.referer}
        )
        return self.answer

    def goes_on(self, **more: Any) -> Any:
        """She sends the form of the page that she sees, as far as `more` says nothing else."""
        shown = self.answer.content.decode()
        page = shown[shown.index('<form class="form" action="/subscribe/"') :]
        inputs = re.findall(r'<input type="(?:hidden|text)" name="(\w+)" value="([^"]*)"', page)
        fields = {name: html.unescape(value) for name, value in inputs} | {
            "newsletter": self.newsletter.slug,
            **more,
        }
        # To our own pages browsers name the page she comes from: ours.
        self.answer = self.client.post(
            "/subscribe/", fields, headers={"referer": f"http://testserver/embed/{self.newsletter.slug}/"}
        )
        return self.answer


def the_place() -> str:
    consent.decide_sign_ups()
    event = ConsentEvent.objects.get()
    assert event.address == "mia@gmail.com"
    return event.form


def form_action(answer: Any) -> str:
    """Where the page's forms may lead, by its content policy."""
    (found,) = re.findall(r"form-action ([^;]*)", answer["Content-Security-Policy"])
    return str(found)


def test_after_an_error_and_a_slip_she_still_comes_back_to_the_site_she_came_from() -> None:
    reader = Reader(make_newsletter())

    reader.fills_in("mia", **{"return": THANKS + "?a=1&b='2'"})
    reader.goes_on(address="mia@@gmial.com")
    reader.goes_on(address="mia@gmial.com")
    answer = reader.goes_on(take="mia@gmail.com")

    assert (answer.status_code, answer["Location"]) == (303, THANKS + "?a=1&b='2'")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert not answer.cookies
    assert the_place() == f"/embed/{reader.newsletter.slug}/ {THANKS}"


def test_the_site_the_form_stood_on_is_recorded_after_corrections_too() -> None:
    reader = Reader(make_newsletter())

    reader.fills_in("mia")
    reader.goes_on(address="mia@gmial.com")
    answer = reader.goes_on(insist="1", address="mia@gmail.com")

    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    assert the_place() == f"/embed/{reader.newsletter.slug}/ https://www.example.org"


def test_who_changes_her_address_or_asks_once_more_came_from_the_same_site(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = Reader(make_newsletter())
    reader.fills_in("mia@other.example.org")
    reader.answer = reader.client.get("/subscribe/?change=1")
    reader.goes_on(address="bo@example.org", started=stamp(time.time() - 60))
    later = now() + dt.timedelta(minutes=2)
    monkeypatch.setattr("subscriptions.views.signing_up.now", lambda: later)
    monkeypatch.setattr("subscriptions.views.signing_up.reckoned", lambda: later)
    page = reader.client.get("/subscribe/sent/").content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]

    reader.client.post("/subscribe/sent/", {"csrfmiddlewaretoken": token})

    consent.decide_sign_ups()
    places = list(ConsentEvent.objects.values_list("address", "form"))
    place = f"/embed/{reader.newsletter.slug}/ https://www.example.org"
    assert places == [("mia@other.example.org", place), ("bo@example.org", place), ("bo@example.org", place)]


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example/",
        "https://www.example.org@evil.example/",
        " " + THANKS,
        "https://www.example.org/\r\nSet-Cookie: a=b",
        THANKS + "a" * 600,
    ],
)
@pytest.mark.parametrize("is_late", [False, True], ids=["on the form", "on our page"])
def test_no_page_of_ours_leads_on_to_a_strangers(evil: str, is_late: bool) -> None:
    reader = Reader(make_newsletter())

    first = reader.fills_in("mia", **{"return": THANKS if is_late else evil})
    second = reader.goes_on(address="mia@gmial.com", **({"return": evil} if is_late else {}))
    answer = reader.goes_on(take="mia@gmail.com")

    assert ('name="return"' in first.content.decode()) == is_late
    assert 'name="return"' not in second.content.decode()
    assert form_action(second) == "'self'"
    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    assert the_place() == f"/embed/{reader.newsletter.slug}/ https://www.example.org"


def test_who_takes_a_day_to_correct_herself_presses_once_more_and_still_comes_back() -> None:
    reader = Reader(make_newsletter())
    reader.fills_in("mia@gmial.com", **{"return": THANKS})

    page = reader.goes_on(take="mia@gmail.com", started=stamped_hours_ago(25))
    answer = reader.goes_on(address="mia@gmail.com", started=stamp(time.time() - 3))

    assert "This page was open for too long." in page.content.decode()
    assert (answer.status_code, answer["Location"]) == (303, THANKS)
    assert the_place() == f"/embed/{reader.newsletter.slug}/ {THANKS}"


def test_a_site_that_is_no_longer_allowed_is_not_led_back_to(settings: LazySettings) -> None:
    reader = Reader(make_newsletter())
    reader.fills_in("mia", **{"return": THANKS})
    settings.RETURN_SITES = frozenset({"https://shop.example.org:8443"})

    assert reader.goes_on(address="mia@gmail.com")["Location"] == "/subscribe/sent/"


@pytest.mark.parametrize(
    ("forged", "kept"),
    [
        ("https://other.example.org/a?name=mia", " https://other.example.org"),
        ("https://" + "a" * 240 + ".example.org", " https://" + "a" * 240 + ".example.org"),
        ("https://" + "a" * 300, ""),
        ("https://mia@example.org/", ""),
        ("javascript:alert(1)", ""),
        ('"><script>', ""),
    ],
)
def test_a_site_that_the_sender_made_up_is_at_most_a_site(forged: str, kept: str) -> None:
    reader = Reader(make_newsletter())
    reader.fills_in("mia")

    reader.goes_on(address="mia@gmial.com", site=forged)
    reader.goes_on(take="mia@gmail.com")

    assert the_place() == f"/embed/{reader.newsletter.slug}/{kept}"[:200]


def test_only_a_page_that_may_lead_back_lets_its_form_leave_us_and_only_for_that_site() -> None:
    reader = Reader(make_newsletter())

    assert form_action(reader.fills_in("mia", **{"return": THANKS})) == "'self' https://www.example.org"
    assert form_action(reader.goes_on(address="mia@gmial.com")) == "'self' https://www.example.org"
    assert form_action(reader.fills_in("mia")) == "'self'"
    assert form_action(reader.client.get("/subscribe/")) == "'self'"


def test_who_signs_up_with_us_is_recorded_and_led_on_as_ever() -> None:
    newsletter = make_newsletter()
    client = fresh_client()
    fields = signup_fields("mia@gmial.com", newsletter)

    page = client.post(
        "/subscribe/", fields, headers={"referer": "https://www.example.org/"}
    ).content.decode()
    answer = client.post("/subscribe/", fields | {"take": "mia@gmail.com"})

    assert 'name="return"' not in page
    assert 'name="site"' not in page
    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    assert the_place() == "/articles/die-faehre/"


def test_the_trap_is_answered_like_a_sign_up() -> None:
    answer = send(make_newsletter(), website="http://spam.example", **{"return": THANKS})

    assert (answer.status_code, answer["Location"]) == (303, THANKS)
    assert not Subscriber.objects.exists()


def test_the_page_shows_a_form_that_works_as_it_stands() -> None:
    newsletter = make_newsletter(name="Ufer & Fluss", language="de")

    page = fresh_client().get(f"/embed/{newsletter.slug}/").content.decode()

    code = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert code is not None
    assert "&lt;form action=" in code[1]
    assert f"/embed/{newsletter.slug}/" in code[1]
    assert "csrf" not in code[1]
    assert "script" not in code[1]
    assert "Ufer &amp;amp; Fluss" in code[1]


def test_a_newsletter_that_takes_no_sign_ups_has_no_form() -> None:
    resting = make_newsletter(state=NewsletterState.PAUSED)

    assert Client().get(f"/embed/{resting.slug}/").status_code == 404
    assert send(resting).status_code == 404
