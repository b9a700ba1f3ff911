"""A morning at the desk, from the plan's draft to a copy in each inbox, and how many acts it takes of two people.

Everything runs: site, broker, two workers, beat, and an SMTP inbox.
"""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.management import call_command
from playwright.sync_api import Locator, Page, expect

from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.models import Approval, Digest
from digests.states import DigestState
from newsroom.web import clock
from subscriptions.models import Subscriber
from tests.digests.factories import make_built_ahead, make_colleague
from tests.engine_room import Inbox
from tests.factories import make_article, make_subscription

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

READERS = 25
MOST_ACTS = 12
# The hands of a test are quick; the machine under them may not be.
LEAST_SECONDS = 100
NEWS = (
    "Die Fähre legt wieder ab", "Licht am Treidelpfad", "Der Kran dreht sich", "Strom vom Depotdach",
    "Die Schleuse schließt für zwei Wochen", "Ein Pegel zum Selberbauen", "Brot aus der Nachtschicht",
    "Das Rathaus tagt im Museum", "Marionetten am Haken", "Der Markt zieht um",
)  # fmt: skip
LATE = "Die Brücke ist gesperrt"
HEADLINE = "Um sieben legt sie wieder ab"
SUBJECT = "Die Fähre fährt, die Brücke nicht"


class Hands:
    """What somebody does at a desk, and how often: a click, a field that is filled, a drag each count one."""

    def __init__(self) -> None:
        self.acts: list[str] = []

    def click(self, what: Locator) -> None:
        self.acts.append(f"click {what}")
        what.click()

    def fill(self, what: Locator, text: str) -> None:
        self.acts.append(f"fill {what}")
        what.fill(text)

    def drag(self, what: Locator, *, above: Locator) -> None:
        """With the mouse, as far as the upper edge of something."""
        self.acts.append(f"drag {what}")
        what.scroll_into_view_if_needed()
        start, goal = what.bounding_box(), above.bounding_box()
        assert start is not None
        assert goal is not None
        mouse = what.page.mouse
        mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
        mouse.down()
        mouse.move(goal["x"] + 60, goal["y"] + 4, steps=10)
        mouse.up()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def draft(site: str) -> Digest:
    """What the plan itself put together, due at a full minute; then one more story came in."""
    due = (clock.now() + dt.timedelta(seconds=LEAST_SECONDS + 59)).replace(second=0, microsecond=0)
    digest = make_built_ahead(*NEWS, due=due)
    for _ in range(READERS):
        make_subscription(newsletter=digest.newsletter)
    make_article(title=LATE, first_seen_at=clock.now())
    return digest


def test_a_plan_s_draft_is_curated_approved_and_sent_with_few_acts(
    inbox: Inbox, draft: Digest, hands: Hands, sit_down: Callable[..., Page]
) -> None:
    desk = sit_down(make_colleague("jonas", "Redaktion"), width=1440, height=1400)
    hands.click(desk.locator(".board-card .board-foot .button"))
    hands.click(desk.locator(".desk-candidate", has_text=LATE).locator("[data-pick-form] input[type=submit]"))
    expect(desk.locator("#slot-more .desk-pick")).to_have_count(len(NEWS) - 6 + 1)
    briefs = desk.locator("#slot-briefs .desk-pick")
    moved = briefs.last.locator(".desk-title").inner_text()
    hands.drag(briefs.last.locator(".desk-handle"), above=briefs.first)
    expect(briefs.first.locator(".desk-title")).to_have_text(moved, use_inner_text=True)
    lead = desk.locator("#slot-lead .desk-pick")
    hands.click(lead.locator("summary"))
    hands.fill(lead.locator("[name$=-title]"), HEADLINE)
    hands.fill(desk.locator("#id_subject"), SUBJECT)
    hands.fill(desk.locator("#id_preheader"), "Dazu Licht am Treidelpfad und Strom vom Depotdach.")
    hands.click(desk.get_by_role("button", name="Abnahme erzeugen"))
    expect(desk.locator(".messagelist .success")).to_contain_text("Abnahme 1")

    second = sit_down(make_colleague("aylin", "Abnahme"), width=1440)
    hands.click(second.locator(".board-card .board-foot .button"))
    expect(second.frame_locator("iframe").first.locator("body")).to_contain_text(HEADLINE)
    hands.click(second.get_by_role("button", name="Abnahme 1 freigeben"))
    hands.click(second.get_by_role("button", name="Einplanen"))
    expect(second.locator(".sending-bar")).to_contain_text("Versand in")

    wait = (draft.due_at - clock.now()).total_seconds() + 60  # type: ignore[operator]  # the plan gave it
    expect(second.locator(".sending-bar")).to_contain_text(
        f"Versendet: {READERS} von {READERS} angenommen", timeout=wait * 1000
    )
    assert len(hands.acts) <= MOST_ACTS, "\n".join(hands.acts)
    _went_out(draft, inbox, moved=moved)


def _went_out(draft: Digest, inbox: Inbox, *, moved: str) -> None:
    """At its time, as it was curated, one copy each, and the account holds."""
    draft.refresh_from_db()
    approval, mailing = Approval.objects.get(), Mailing.objects.get()
    assert draft.state == DigestState.HANDED_OVER
    assert (approval.proposer.username, approval.approver.username) == ("jonas", "aylin")  # type: ignore[union-attr]
    assert draft.due_at is not None
    assert draft.handed_over_at is not None
    assert dt.timedelta(0) <= draft.handed_over_at - draft.due_at < dt.timedelta(seconds=45)
    assert (mailing.state, mailing.frozen, mailing.accepted) == (MailingState.FINISHED, READERS, READERS)
    call_command("audit_delivery", "--all")
    assert inbox.copies(SUBJECT) == (READERS, READERS)
    body = inbox.mail_to(Subscriber.objects.latest("pk").address or "", subject=SUBJECT).get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert HEADLINE in text
    assert LATE in text
    assert text.index(HEADLINE) < text.index(moved) < text.index(LATE)
