"""Settings by a mailed link: who gets one, what it opens, and what is said after saving."""

import datetime as dt
import re
import time

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web.clock import now
from newsroom.web.tags import weekday_date
from subscriptions import correspondence, privacy, settings_links, suppression
from subscriptions.models import LinkRequest, Subscriber, Subscription
from subscriptions.states import SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, make_pending, settings_path

pytestmark = pytest.mark.django_db


def reading(name: str = "Wirtschaft") -> Subscription:
    reader = make_subscriber(address="mia@example.org", language="en")
    return make_subscription(newsletter=make_newsletter(name=name), subscriber=reader)


def opened(row: Subscription) -> Client:
    """A browser in which the settings are open."""
    client = fresh_client()
    client.post(settings_path(row))
    return client


def test_the_link_shows_a_shortened_address_and_opens_by_a_press() -> None:
    row = reading()
    url = settings_path(row)
    client = fresh_client(enforce_csrf_checks=True)

    looked = client.get(url)
    assert "m…@example.org" in looked.content.decode()
    assert "mia@example.org" not in looked.content.decode()
    assert not client.cookies
    pressed = client.post(url)

    assert (pressed.status_code, pressed["Location"]) == (303, "/preferences/")
    for answer in (looked, pressed):
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"
    page = client.get("/preferences/")
    assert "mia@example.org" in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    assert page["X-Robots-Tag"] == "noindex"


def test_the_settings_close_after_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened(reading())
    cookie = client.cookies["reader"]
    assert (cookie["max-age"], cookie["httponly"], cookie["samesite"]) == (1800, True, "Lax")

    later = time.time() + 1801
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)

    assert "mia@example.org" not in client.get("/preferences/").content.decode()


def test_each_page_gives_half_an_hour_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened(reading())
    begun = time.time()
    shown = []

    for minutes in (25, 50, 81):
        monkeypatch.setattr("django.core.signing.time.time", lambda minutes=minutes: begun + minutes * 60)
        shown.append("mia@example.org" in client.get("/preferences/").content.decode())

    assert shown == [True, True, False]


def test_no_page_keeps_the_settings_open_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened(reading())
    begun = time.time()
    shown = []

    for minutes in range(21, 300, 21):
        monkeypatch.setattr("time.time", lambda minutes=minutes: begun + minutes * 60)
        shown.append("mia@example.org" in client.get("/preferences/").content.decode())

    assert shown == [True] * 11 + [False] * 3


def test_what_is_sent_too_late_is_said_not_to_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    row = reading()
    client = opened(row)
    unsaved = "nothing was saved"
    assert unsaved not in fresh_client().get("/preferences/").content.decode()
    later = time.time() + 1801
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)

    page = client.post("/preferences/", {"language": "de"}).content.decode()

    assert unsaved in page
    row.refresh_from_db()
    assert row.state == "active"


def test_closing_closes() -> None:
    client = opened(reading())

    client.post("/preferences/close/")

    assert "mia@example.org" not in client.get("/preferences/").content.decode()


def test_a_forged_session_opens_nothing() -> None:
    row = reading()
    client = fresh_client()
    client.cookies["reader"] = signing.dumps(row.subscriber_id, salt="something else")

    assert "mia@example.org" not in client.get("/preferences/").content.decode()


def test_saving_needs_the_forgery_guard() -> None:
    row = reading()
    client = fresh_client(enforce_csrf_checks=True)
    client.post(settings_path(row))

    assert client.post("/preferences/", {"language": "en"}).status_code == 403


def test_saving_says_what_was_and_what_is() -> None:
    row = reading("Wirtschaft")
    new = make_newsletter(name="Am Fluss")
    client = opened(row)
    slug = row.newsletter.slug

    page = client.post(
        "/preferences/", {f"on-{slug}": "1", f"pause-{slug}": "2", f"on-{new.slug}": "1", "language": "de"}
    ).content.decode()

    row.refresh_from_db()
    assert row.paused_until is not None
    last_day = timezone.localdate(now()) + dt.timedelta(weeks=2)
    ends = timezone.localtime(row.paused_until)
    assert (ends.date(), ends.time()) == (last_day + dt.timedelta(days=1), dt.time.min)
    assert f"On a break up to and including {weekday_date(last_day, 'de')}" in page
    assert f"from {weekday_date(ends, 'de')} on" in page
    assert row.subscriber.language == "de"
    changes = page[page.index('<ul class="entries">') : page.index("</main>")]
    assert changes.count("<li>") == changes.count("→") == 3  # the pause, the new one, the language
    assert Letter.objects.get().kind == LetterKind.CONFIRMATION
    assert Subscription.objects.get(newsletter=new).state == "pending"


def test_one_press_ends_everything() -> None:
    row = reading()
    make_subscription(newsletter=make_newsletter(), subscriber=row.subscriber)
    client = opened(row)

    client.post("/preferences/", {f"on-{row.newsletter.slug}": "1", "everything_off": "1", "language": "en"})

    assert not Subscription.objects.active().exists()


def test_a_pause_can_be_kept_and_ended() -> None:
    row = reading()
    until = now() + dt.timedelta(days=9)
    Subscription.objects.update(paused_until=until)
    client = opened(row)
    slug = row.newsletter.slug

    client.post("/preferences/", {f"on-{slug}": "1", f"pause-{slug}": "keep", "language": "en"})
    row.refresh_from_db()
    kept = row.paused_until
    client.post("/preferences/", {f"on-{slug}": "1", f"pause-{slug}": "none", "language": "en"})
    row.refresh_from_db()

    assert kept == until
    assert row.paused_until is None


def test_the_settings_of_an_erased_reader_are_gone() -> None:
    row = reading()
    client = opened(row)
    privacy.erase_reader(row.subscriber, actor="", at=now())

    assert "on-" not in client.get("/preferences/").content.decode()
    link = fresh_client().post(settings_path(row))
    assert link.status_code == 200
    assert not link.cookies


# --- Asking for the link --------------------------------------------------------------------------------------


def test_a_reader_gets_her_link_by_mail() -> None:
    row = reading()

    fresh_client().post("/preferences/link/", {"address": "MIA@example.org"})
    settings_links.send_asked()

    letter = Letter.objects.get()
    assert (letter.kind, letter.address) == (LetterKind.MANAGEMENT_LINK, "mia@example.org")
    assert settings_path(row) in letter.text


def test_nobody_else_gets_one_and_nobody_can_tell() -> None:
    reading()
    make_pending(make_newsletter(), make_subscriber(address="pending@example.org"))
    stopped = make_subscriber(address="stopped@example.org")
    make_subscription(newsletter=make_newsletter(), subscriber=stopped)
    suppression.suppress(address_hash("stopped@example.org"), reason=SuppressionReason.HARD_BOUNCE, at=NOON)

    pages = set()
    for address in ("mia@example.org", "new@example.org", "pending@example.org", "stopped@example.org"):
        page = fresh_client().post("/preferences/link/", {"address": address})
        pages.add((page.status_code, page.content.replace(address.encode(), b"")))
        pages = {(status, _without_guard(content)) for status, content in pages}

    assert len(pages) == 1
    assert settings_links.send_asked() == 4
    assert not LinkRequest.objects.exists()
    assert [letter.address for letter in Letter.objects.all()] == ["mia@example.org"]


def _without_guard(content: bytes) -> bytes:
    head, _guard, tail = content.partition(b'name="csrfmiddlewaretoken" value="')
    return head + tail.partition(b'"')[2]


def test_links_are_limited_per_address(monkeypatch: pytest.MonkeyPatch) -> None:
    reading()
    clock = [NOON]
    monkeypatch.setattr("subscriptions.views.preferences.now", lambda: clock[0])

    for minutes in range(0, 20, 2):
        clock[0] = NOON + dt.timedelta(minutes=minutes)
        fresh_client().post("/preferences/link/", {"address": "mia@example.org"})
        settings_links.send_asked()

    assert Letter.objects.count() == 3


def test_links_are_limited_per_month_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reading()
    clock = [NOON]
    monkeypatch.setattr("subscriptions.views.preferences.now", lambda: clock[0])
    written, pages = [], set()

    for day in range(32):
        clock[0] = NOON + dt.timedelta(days=day)
        client = fresh_client(REMOTE_ADDR=f"203.0.113.{day}")
        page = client.post("/preferences/link/", {"address": "mia@example.org"})
        pages.add(_without_guard(page.content))
        settings_links.send_asked()
        written.append(Letter.objects.count())

    assert written[8:12] == [9, 10, 10, 10]
    assert written[29:] == [10, 10, 11]
    assert len(pages) == 1


@pytest.mark.parametrize("language", ["de", "en"])
def test_asking_is_the_same_work_for_a_reader_and_for_a_stranger(language: str) -> None:
    reading()

    def work(address: str) -> list[str]:
        """The statements of one request: what it costs, whatever the clock says today."""
        with CaptureQueriesContext(connection) as queries:
            client = Client(headers={"accept-language": language})
            assert client.post("/preferences/link/", {"address": address}).status_code == 200
        return [re.sub(r"'[^']*'|s\d+_x\d+", "?", query["sql"]) for query in queries]

    reader, stranger = work("mia@example.org"), work("new@example.org")

    assert reader == stranger
    assert len([sql for sql in reader if sql.startswith("INSERT")]) == 1
    assert not Letter.objects.exists()


def test_a_request_is_answered_once_by_many_workers() -> None:
    reading()
    fresh_client().post("/preferences/link/", {"address": "mia@example.org"})

    assert [settings_links.send_asked(), settings_links.send_asked()] == [1, 0]
    assert Letter.objects.count() == 1


def test_a_mistyped_address_is_explained() -> None:
    page = fresh_client().post("/preferences/link/", {"address": "mia"}).content.decode()

    assert "<title>Error: " in page
    assert page.count("Please enter exactly one e-mail address, such as name@example.org.") == 2
    assert 'value="mia"' in page


def test_a_letter_that_cannot_be_written_holds_up_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_subscriber(address="mia@example.org"), make_subscriber(address="tom@example.org")
    for reader in (first, second):
        make_subscription(newsletter=make_newsletter(), subscriber=reader)
        settings_links.ask(str(reader.address), at=NOON)
    write = correspondence.send_management_link

    def stumble(reader: Subscriber, *, at: dt.datetime) -> None:
        if reader == first:
            raise RuntimeError("no such template")
        write(reader, at=at)

    monkeypatch.setattr(correspondence, "send_management_link", stumble)

    assert settings_links.send_asked() == 1
    assert [letter.address for letter in Letter.objects.all()] == ["tom@example.org"]
    assert LinkRequest.objects.count() == 1


def test_no_letter_is_claimed_that_does_not_go() -> None:
    row = reading()
    other = make_newsletter(name="Kultur")
    refused = "For now we cannot send you another e-mail to confirm"
    letter = "please confirm: we have written to you"
    client = opened(row)

    pages = []
    for _press in range(4):
        Subscription.objects.filter(newsletter=other).update(requested_at=now() - dt.timedelta(hours=1))
        both = {f"on-{row.newsletter.slug}": "1", f"on-{other.slug}": "1", "language": "en"}
        pages.append(client.post("/preferences/", both).content.decode())

    assert [(letter in page, refused in page) for page in pages] == [(True, False)] * 3 + [(False, True)]
    assert Letter.objects.filter(kind=LetterKind.CONFIRMATION).count() == 3
