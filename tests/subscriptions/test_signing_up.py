"""The forms: what a visitor sees, what she can get wrong, and that the answer never tells who reads us."""

import datetime as dt
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.test import Client

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web.clock import now
from newsroom.web.stamps import shown_at, stamp
from newsroom.web.tags import long_date
from subscriptions import consent, signing_up, suppression
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind, NewsletterState, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    confirm_token,
    fresh_client,
    make_pending,
    signup_fields,
    stamped_hours_ago,
)

pytestmark = pytest.mark.django_db


class Inputs(HTMLParser):
    """All inputs of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input":
            self.found.append(dict(attrs))


def test_several_picks_in_one_post_give_one_letter_naming_all() -> None:
    picks = [make_newsletter(name=name) for name in ("Erster", "Zweiter", "Dritter")]

    answer = fresh_client().post("/subscribe/", signup_fields("mia@example.org", *picks))
    consent.decide_sign_ups()

    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    letter = Letter.objects.get()
    assert all(each.name in letter.text and each.name in letter.html for each in picks)


def test_the_catalogue_ticks_nothing_and_shows_each_newsletter() -> None:
    make_newsletter(name="Am Fluss", theme="Stadt", language="en", latest_url="/newsletters/x/1/")
    make_newsletter(name="Ruhend", state=NewsletterState.PAUSED)

    page = fresh_client().get("/newsletters/").content.decode()

    assert "Am Fluss" in page
    assert "Ruhend" not in page
    assert "/newsletters/x/1/" in page
    assert "English" in page
    assert not any("checked" in each for each in Inputs(page).found)


def test_only_the_newsletter_she_came_for_is_ticked() -> None:
    here, _other = make_newsletter(), make_newsletter()

    page = fresh_client().get(f"/subscribe/?newsletter={here.slug}").content.decode()

    assert [each["value"] for each in Inputs(page).found if "checked" in each] == [here.slug]


def test_no_link_ticks_more_than_one() -> None:
    slugs = [make_newsletter().slug for _each in range(3)]

    page = fresh_client().get("/subscribe/?" + "&".join(f"newsletter={slug}" for slug in slugs))

    assert len([each for each in Inputs(page.content.decode()).found if "checked" in each]) == 1


def test_the_address_field_helps_phones_and_screen_readers() -> None:
    make_newsletter()

    page = fresh_client().get("/subscribe/").content.decode()

    (field,) = [each for each in Inputs(page).found if each.get("type") == "email"]
    assert field["autocomplete"] == "email"
    assert field["autocapitalize"] == "none"
    assert field["spellcheck"] == "false"
    assert f'<label for="{field["id"]}">' in page


@pytest.mark.parametrize(
    ("address", "picks", "message"),
    [
        ("", 1, "Please enter your e-mail address."),
        ("mia", 1, "Please enter exactly one e-mail address, such as name@example.org."),
        ("mia@@example.org", 1, "Please enter exactly one e-mail address, such as name@example.org."),
        (
            "mia@example.org, bo@example.org",
            1,
            "Please enter exactly one e-mail address, such as name@example.org.",
        ),
        (
            "mia@example.org bo@example.org",
            1,
            "Please enter exactly one e-mail address, such as name@example.org.",
        ),
        ("mia@example.org", 0, "Please choose at least one newsletter."),
    ],
)
def test_an_error_comes_back_with_focus_title_link_and_all_that_was_typed(
    address: str, picks: int, message: str
) -> None:
    newsletter = make_newsletter()

    fields = signup_fields(address, *[newsletter][:picks])
    page = fresh_client().post("/subscribe/", fields).content.decode()

    assert re.search(r"<title>\s*Error: ", page)
    summary = page[page.index('class="error-summary"') :]
    assert 'role="alert" tabindex="-1" autofocus' in summary[:120]
    assert page.count(message) == 2  # in the summary and at the field, word for word
    target = "id_address" if picks else "picks"
    assert f'<a href="#{target}">{message}</a>' in page
    assert f'id="{target}"' in page
    assert f'aria-describedby="{"address" if picks else "newsletter"}-error"' in page
    (field,) = [each for each in Inputs(page).found if each.get("type") == "email"]
    assert field["value"] == address
    assert [each["value"] for each in Inputs(page).found if "checked" in each] == [newsletter.slug][:picks]
    assert not Subscriber.objects.exists()


def test_a_null_byte_gets_the_same_sentence_as_any_other_slip() -> None:
    page = fresh_client().post("/subscribe/", signup_fields("mia\0@example.org", make_newsletter()))

    assert (
        page.content.decode().count("Please enter exactly one e-mail address, such as name@example.org.") == 2
    )


def test_a_slip_is_asked_about_and_either_answer_keeps_her_picks() -> None:
    picks = [make_newsletter(), make_newsletter()]
    client = fresh_client()
    fields = signup_fields("mia@gmial.com", *picks)

    page = client.post("/subscribe/", fields).content.decode()

    assert 'name="take" value="mia@gmail.com"' in page
    assert 'name="insist" value="1"' in page
    assert not Letter.objects.exists()
    hidden = Inputs(page).found
    kept = {
        "newsletter": [each["value"] for each in hidden if each.get("name") == "newsletter"],
        **{
            str(each["name"]): each.get("value") or ""
            for each in hidden
            if each.get("name") in {"address", "started", "path", "language", "wording"}
        },
    }
    client.post("/subscribe/", {**kept, "insist": "1"})
    client.post("/subscribe/", {**kept, "take": "mia@gmail.com"})
    consent.decide_sign_ups()
    assert set(Subscriber.objects.values_list("address", flat=True)) == {"mia@gmial.com", "mia@gmail.com"}
    assert Subscription.objects.count() == 4


def test_a_robot_that_fills_the_trap_gets_the_same_answer_and_nothing_happens() -> None:
    newsletter = make_newsletter()

    answer = fresh_client().post(
        "/subscribe/", signup_fields("mia@example.org", newsletter, website="http://spam.example")
    )

    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/")
    assert not Subscriber.objects.exists()
    assert not Letter.objects.exists()


def test_who_is_quicker_than_a_person_is_asked_again_kindly() -> None:
    newsletter = make_newsletter()
    client = fresh_client()
    fields = signup_fields("mia@example.org", newsletter, started=stamp(time.time()))

    page = client.post("/subscribe/", fields)

    assert page.status_code == 200
    assert "That was faster than people usually are." in page.content.decode()
    assert not Subscriber.objects.exists()
    inputs = Inputs(page.content.decode()).found
    assert [each["value"] for each in inputs if each.get("type") == "email"] == ["mia@example.org"]
    assert [each["value"] for each in inputs if "checked" in each] == [newsletter.slug]
    # Pressed once more two seconds later it goes through, with the stamp of the first page.
    (again,) = [each["value"] for each in inputs if each.get("name") == "started"]
    assert again == fields["started"]
    fields["started"] = stamp(time.time() - 3)
    assert client.post("/subscribe/", fields).status_code == 303


@pytest.mark.parametrize(
    "started",
    [stamped_hours_ago(24.1), stamped_hours_ago(24 * 365), "", "forged:stamp"],
    ids=["yesterday", "last year", "missing", "forged"],
)
def test_who_sends_a_page_of_yesterday_is_asked_to_press_once_more_and_loses_nothing(
    started: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_newsletter(has_weekly=True), make_newsletter()
    client = fresh_client()
    before = int(time.time())
    fields = signup_fields("mia@example.org", first, second, weekly=[first.slug], started=started)

    page = client.post("/subscribe/", fields)

    assert page.status_code == 200
    shown = page.content.decode()
    assert "This page was open for too long. Please press “Sign up” once more." in shown
    assert "quicker" not in shown
    assert not Subscriber.objects.exists()
    inputs = Inputs(shown).found
    assert [each["value"] for each in inputs if each.get("type") == "email"] == ["mia@example.org"]
    ticked = {(each["name"], each["value"]) for each in inputs if "checked" in each}
    assert ticked == {("newsletter", first.slug), ("newsletter", second.slug), ("weekly", first.slug)}
    (path,) = [each["value"] for each in inputs if each.get("name") == "path"]
    assert path == fields["path"]
    # The page brings a stamp of its own, with which it goes through.
    (fresh,) = [each["value"] or "" for each in inputs if each.get("name") == "started"]
    assert (shown_at(fresh) or 0) >= before
    monkeypatch.setattr(
        "subscriptions.views.signing_up.reckoned", lambda: now() + signing_up.TIME_TO_TYPE * 2
    )
    assert client.post("/subscribe/", fields | {"started": fresh}).status_code == 303


def test_a_page_that_was_open_for_most_of_a_day_is_good() -> None:
    fields = signup_fields("mia@example.org", make_newsletter(), started=stamped_hours_ago(23.9))

    assert fresh_client().post("/subscribe/", fields).status_code == 303


def test_an_error_on_a_page_of_yesterday_comes_back_with_a_stamp_of_today() -> None:
    before = int(time.time())
    fields = signup_fields("mia", make_newsletter(), started=stamped_hours_ago(25))

    page = fresh_client().post("/subscribe/", fields).content.decode()

    (fresh,) = [each["value"] or "" for each in Inputs(page).found if each.get("name") == "started"]
    assert (shown_at(fresh) or 0) >= before
    assert "open for too long" not in page  # said one after the other, and perhaps never


def test_the_forms_words_never_reach_the_letter() -> None:
    newsletter = make_newsletter()
    evil = "Win http://evil.example now"

    fresh_client().post("/subscribe/", signup_fields("mia@example.org", newsletter, path=evil, name=evil))
    consent.decide_sign_ups()

    letter = Letter.objects.get()
    assert "evil" not in letter.text + letter.html + letter.subject
    assert Subscription.objects.get().source == "/subscribe/"


def test_a_sign_up_without_the_forgery_guard_is_refused() -> None:
    newsletter = make_newsletter()

    answer = fresh_client(enforce_csrf_checks=True).post(
        "/subscribe/", signup_fields("mia@example.org", newsletter)
    )

    assert answer.status_code == 403
    assert not Subscriber.objects.exists()


# --- No leaking -----------------------------------------------------------------------------------------------


def _new(newsletter: Newsletter) -> None:
    assert newsletter.pk


def _pending(newsletter: Newsletter) -> None:
    make_pending(newsletter, make_subscriber(address="mia@example.org"))


def _active(newsletter: Newsletter) -> None:
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))


def _suppressed(newsletter: Newsletter) -> None:
    suppression.suppress(address_hash("mia@example.org"), reason=SuppressionReason.COMPLAINT, at=NOON)


def _over_the_limit(newsletter: Newsletter) -> None:
    client = fresh_client()
    for _time in range(3):
        client.post("/subscribe/", signup_fields("mia@example.org", newsletter))
        consent.decide_sign_ups()


@pytest.mark.parametrize("prepare", [_new, _pending, _active, _suppressed, _over_the_limit])
def test_five_kinds_of_address_get_the_same_bytes(prepare: Callable[[Newsletter], None]) -> None:
    newsletter = make_newsletter(slug="wirtschaft", list_id_label="wirtschaft")
    prepare(newsletter)
    client = Client(headers={"accept-language": "en"})

    answer = client.post("/subscribe/", signup_fields("mia@example.org", newsletter))
    consent.decide_sign_ups()
    page = client.get("/subscribe/sent/")

    seen = re.sub(rb'(csrfmiddlewaretoken" value=")[^"]+', rb"\1", page.content)
    reference = re.sub(rb'(csrfmiddlewaretoken" value=")[^"]+', rb"\1", _reference_page())
    assert (answer.status_code, answer.content, answer["Location"]) == (303, b"", "/subscribe/sent/")
    assert seen == reference


def _reference_page() -> bytes:
    """What a visitor sees whose address nobody knows."""
    client = Client(headers={"accept-language": "en"})
    newsletter = Newsletter.objects.get()
    client.post("/subscribe/", signup_fields("new@example.org", newsletter))
    return client.get("/subscribe/sent/").content.replace(b"new@example.org", b"mia@example.org")


# --- Look in your inbox ---------------------------------------------------------------------------------------


def test_the_waiting_page_says_where_from_whom_and_how_long() -> None:
    newsletter = make_newsletter(name="Wirtschaft")
    client = fresh_client()
    client.post("/subscribe/", signup_fields("Mia@example.org", newsletter))

    answer = client.get("/subscribe/sent/")

    page = answer.content.decode()
    last_day = f"until {long_date(now() + dt.timedelta(days=7), 'en')}"
    for fact in ("Mia@example.org", "Wirtschaft", newsletter.sender.address, last_day):
        assert fact in page
    assert answer["Cache-Control"] == "no-store"


def test_changing_the_address_keeps_her_picks() -> None:
    picked, _other = make_newsletter(), make_newsletter()
    client = fresh_client()
    client.post("/subscribe/", signup_fields("mia@exampel.org", picked))

    page = client.get("/subscribe/?change=1").content.decode()

    inputs = Inputs(page).found
    assert [each["value"] for each in inputs if each.get("type") == "email"] == ["mia@exampel.org"]
    assert [each["value"] for each in inputs if "checked" in each] == [picked.slug]


def test_a_second_letter_within_a_minute_is_refused_politely() -> None:
    newsletter = make_newsletter()
    client = fresh_client()
    client.post("/subscribe/", signup_fields("mia@example.org", newsletter))
    consent.decide_sign_ups()

    answer = client.post("/subscribe/sent/")

    assert answer.status_code == 200
    assert re.search(r"Please wait (\d+) more seconds", answer.content.decode())
    assert Letter.objects.filter(kind=LetterKind.CONFIRMATION).count() == 1


def test_after_a_minute_a_second_letter_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    newsletter = make_newsletter()
    client = fresh_client()
    clock = [NOON]
    monkeypatch.setattr("subscriptions.views.signing_up.now", lambda: clock[0])
    monkeypatch.setattr("subscriptions.views.signing_up.reckoned", lambda: clock[0])
    fields = signup_fields("mia@example.org", newsletter, started=stamp(NOON.timestamp() - 60))
    client.post("/subscribe/", fields)
    consent.decide_sign_ups()
    clock[0] = NOON.replace(minute=1, second=1)

    answer = client.post("/subscribe/sent/")
    consent.decide_sign_ups()

    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent/?again=1")
    assert Letter.objects.filter(kind=LetterKind.CONFIRMATION).count() == 2
    assert client.get(answer["Location"]).status_code == 200


def test_the_waiting_page_without_a_request_leads_on() -> None:
    answer = fresh_client().post("/subscribe/sent/")

    assert answer.status_code == 200
    assert "/newsletters/" in answer.content.decode()
    assert not Letter.objects.exists()


# --- Only the best of the week --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/subscribe/", "/newsletters/"])
def test_the_best_of_the_week_is_offered_where_there_is_one_and_nowhere_else(page: str) -> None:
    has, _has_not = make_newsletter(has_weekly=True), make_newsletter()

    inputs = Inputs(fresh_client().get(page).content.decode()).found

    assert [each["value"] for each in inputs if each.get("name") == "weekly"] == [has.slug]


def test_who_ticks_only_the_best_of_the_week_gets_that_and_the_letter_says_so() -> None:
    next_at = now() + dt.timedelta(days=5)
    newsletter = make_newsletter(name="Am Fluss", has_weekly=True, next_weekly_at=next_at)

    fresh_client().post("/subscribe/", signup_fields("mia@example.org", weekly=[newsletter.slug]))
    consent.decide_sign_ups()
    letter = Letter.objects.get()
    token = confirm_token(letter)
    asked = fresh_client().get(f"/confirm/{token}/").content.decode()
    confirmed = fresh_client().post(f"/confirm/{token}/").content.decode()

    row = Subscription.objects.get()
    assert (row.cadence, row.state) == ("weekly", "active")
    assert "The best of the week" in letter.text
    assert newsletter.cadence_text not in letter.text
    assert "The best of the week" in asked
    assert newsletter.cadence_text not in asked
    assert long_date(next_at, "de") in confirmed
    welcome = Letter.objects.get(kind=LetterKind.WELCOME)
    assert "The best of the week" in welcome.text
    assert ConsentEvent.objects.get(kind=ConsentKind.REQUESTED).facts["cadence"] == "weekly"


def test_what_she_chose_outlives_a_slip_and_a_second_letter() -> None:
    newsletter, other = make_newsletter(has_weekly=True), make_newsletter()
    client = fresh_client()

    slip = client.post("/subscribe/", signup_fields("mia@gmial.com", newsletter, weekly=[newsletter.slug]))
    wrong = client.post("/subscribe/", signup_fields("mia", other, weekly=[newsletter.slug]))
    client.post("/subscribe/", signup_fields("mia@example.org", other, weekly=[newsletter.slug]))
    consent.decide_sign_ups()
    changed = client.get("/subscribe/?change=1")

    for page in (slip, wrong, changed):
        weekly = [each for each in Inputs(page.content.decode()).found if each.get("name") == "weekly"]
        assert [each["value"] for each in weekly if each["type"] == "hidden" or "checked" in each] == [
            newsletter.slug
        ]
    rows = {row.newsletter_id: row.cadence for row in Subscription.objects.all()}
    assert rows == {newsletter.pk: "weekly", other.pk: "each"}


@pytest.mark.parametrize(
    ("was", "now_weekly", "cadence"),
    [("pending", True, "weekly"), ("unsubscribed", False, "each"), ("active", True, "each")],
    ids=["asked-anew", "came-back", "reads-already"],
)
def test_the_last_wish_counts_and_changes_nothing_for_who_reads_already(
    was: str, now_weekly: bool, cadence: str
) -> None:
    newsletter = make_newsletter(has_weekly=True)
    row = make_subscription(
        newsletter=newsletter,
        state=was,
        cadence="weekly" if was == "unsubscribed" else "each",
        subscriber=make_subscriber(address="mia@example.org", address_hash=address_hash("mia@example.org")),
    )

    weekly = [newsletter.slug] if now_weekly else []
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", newsletter, weekly=weekly))
    consent.decide_sign_ups()

    row.refresh_from_db()
    assert row.cadence == cadence


def test_a_best_of_that_ended_meanwhile_does_not_become_each_issue_in_a_second_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newsletter = make_newsletter(name="Am Fluss", has_weekly=True)
    client = fresh_client()
    clock = [NOON]
    monkeypatch.setattr("subscriptions.views.signing_up.now", lambda: clock[0])
    monkeypatch.setattr("subscriptions.views.signing_up.reckoned", lambda: clock[0])
    wish = {"weekly": [newsletter.slug], "started": stamp(NOON.timestamp() - 60)}
    client.post("/subscribe/", signup_fields("mia@example.org", newsletter, **wish))
    consent.decide_sign_ups()
    Newsletter.objects.update(has_weekly=False)
    clock[0] = NOON.replace(minute=1, second=1)

    page = client.post("/subscribe/sent/")

    html = page.content.decode()
    assert "“Am Fluss” has no best of the week." in html
    assert [each["value"] for each in Inputs(html).found if each.get("type") == "email"] == [
        "mia@example.org"
    ]
    assert Letter.objects.count() == 1
    assert Subscription.objects.get().cadence == "weekly"
