"""The lead exchanged ten minutes before the time: approved anew by a link in a letter, back on the schedule, and out.

Everything runs: site, broker, two workers, beat, and an SMTP inbox, and all of them by the real clock. Nobody waits for
ten minutes, though: once everything stands as it should, the test's hand moves the time of the digest to now.
"""

import datetime as dt
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests import workflow
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.models import Digest
from digests.states import DigestState
from newsroom.web import clock
from subscriptions.models import Subscriber
from tests.digests.factories import HOUR, make_colleague, make_planned, make_user
from tests.engine_room import Inbox
from tests.factories import make_article, make_digest, make_pick, make_subscription

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BERLIN = ZoneInfo("Europe/Berlin")
READERS = 20
OLD, NEW = "Der Kran dreht sich", "Die Brücke ist gesperrt"
SUBJECT = "Guten Morgen vom Alten Kran"
AHEAD = dt.timedelta(minutes=10)


@pytest.fixture
def digest(site: str) -> Digest:
    """Approved, with a lead and two briefs. The story of the day came in a minute ago."""
    now = clock.now()
    newsletter = make_planned(first_window_from=now - 24 * HOUR, last_due_at=now).newsletter
    for _ in range(READERS):
        make_subscription(newsletter=newsletter)
    digest = make_digest(
        newsletter=newsletter, subject=SUBJECT, window_start=now - 24 * HOUR, window_end=now + HOUR
    )
    make_pick(digest=digest, article=make_article(title=OLD, first_seen_at=now - 2 * HOUR))
    for position, title in enumerate(["Licht am Treidelpfad", "Strom vom Depotdach"]):
        article = make_article(title=title, first_seen_at=now - 3 * HOUR)
        make_pick(digest=digest, slot="briefs", position=position, article=article)
    proof = workflow.propose(digest, by=make_user("thea"), at=now)
    workflow.approve(proof, by=make_user("ruben"), at=now)
    make_article(title=NEW, first_seen_at=now - dt.timedelta(minutes=1))
    digest.refresh_from_db()
    return digest


def in_ten_minutes() -> dt.datetime:
    """The full minute that an editor would choose."""
    return (clock.now() + AHEAD + dt.timedelta(seconds=59)).replace(second=0, microsecond=0)


def seconds_left(page: Page) -> int:
    """What the page shows of its countdown."""
    minutes, _, seconds = page.locator(".sending-left").inner_text().partition(":")
    return int(minutes) * 60 + int(seconds)


def link_of_approval(inbox: Inbox, address: str) -> str:
    body = inbox.mail_to(address, subject="Freigabe erbeten").get_body(("plain",))
    assert body is not None
    found = re.search(r"https?://\S+/approve/\S+", body.get_content())
    assert found is not None
    return found[0]


def test_a_lead_exchanged_ten_minutes_before_is_scheduled_again_for_its_time_and_goes_out(
    inbox: Inbox, digest: Digest, sit_down: Callable[..., Page], open_page: Callable[..., Page]
) -> None:
    jonas, aylin = make_colleague("jonas", "Redaktion"), make_colleague("aylin", "Abnahme")
    page_of_digest = reverse("admin:digests_digest_change", args=[digest.pk])
    second = sit_down(aylin, page_of_digest)
    due = in_ten_minutes()
    second.locator("#id_when").fill(f"{due.astimezone(BERLIN):%Y-%m-%dT%H:%M}")
    second.get_by_role("button", name="Einplanen").click()
    expect(second.locator(".sending-bar")).to_contain_text("Versand in")

    desk = sit_down(jonas, page_of_digest)
    desk.get_by_role("link", name="Artikel austauschen").click()
    desk.get_by_role("radio", name=OLD).check()
    desk.get_by_role("radio", name=NEW).check()
    desk.get_by_role("button", name="Austauschen").click()
    expect(desk.locator(".sending-bar")).to_contain_text("Wartet auf Freigabe")
    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.PROOFED, None)

    phone = open_page(width=390, height=844)
    phone.goto(link_of_approval(inbox, "aylin@example.org"))
    expect(phone.frame_locator("iframe").locator("body")).to_contain_text(NEW)
    # By key: right after scrolling Chromium may take a click for one into the frame above, which has a process of its own.
    phone.get_by_role("button", name="Abnahme 2 freigeben").press("Enter")
    expect(phone.get_by_role("status")).to_contain_text("Danke. Die Abnahme ist freigegeben.")
    expect(desk.locator(".sending-bar")).to_contain_text("Versand in")

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at, digest.wanted_at) == (DigestState.SCHEDULED, due, None)
    assert abs((due - clock.now()).total_seconds() - seconds_left(desk)) < 60
    assert not Mailing.objects.exists()

    moved_to = clock.now()
    Digest.objects.filter(pk=digest.pk).update(scheduled_at=moved_to)
    expect(desk.locator(".sending-bar")).to_contain_text(
        f"Versendet: {READERS} von {READERS} angenommen", timeout=90_000
    )
    digest.refresh_from_db()
    assert digest.handed_over_at is not None
    assert dt.timedelta(0) <= digest.handed_over_at - moved_to < dt.timedelta(seconds=45)
    assert Mailing.objects.get().state == MailingState.FINISHED
    call_command("audit_delivery", "--all")
    assert inbox.copies(SUBJECT) == (READERS, READERS)
    for address in Subscriber.objects.values_list("address", flat=True):
        mail = inbox.mail_to(address or "", subject=SUBJECT)
        for kind in ("plain", "html"):
            body = mail.get_body((kind,))
            assert body is not None
            assert NEW in body.get_content()
            assert OLD not in body.get_content()
