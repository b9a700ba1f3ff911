"""From the plan's draft to the schedule with JavaScript off: two people, forms and links alone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from digests.models import Digest
from digests.states import DigestState
from newsroom.web import clock
from tests.digests.factories import HOUR, make_built_ahead, make_colleague
from tests.factories import make_article, make_subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def draft(site: str) -> Digest:
    """What the plan put together; one more story came in since."""
    due = (clock.now() + HOUR / 2).replace(second=0, microsecond=0)
    digest = make_built_ahead("Die Fähre legt ab", "Licht am Treidelpfad", "Der Kran dreht sich", due=due)
    make_subscription(newsletter=digest.newsletter)
    make_article(title="Die Brücke ist gesperrt", first_seen_at=clock.now())
    return digest


@pytest.mark.parametrize("width", [390, 1280])
def test_a_draft_is_curated_proofed_approved_and_scheduled(
    width: int, draft: Digest, sit_down: Callable[..., Page]
) -> None:
    desk = sit_down(make_colleague("jonas", "Redaktion"), width=width, java_script_enabled=False)
    desk.get_by_role("link", name="Hindernisse beheben").click()
    candidate = desk.locator(".desk-candidate", has_text="Die Brücke ist gesperrt")
    candidate.locator("select").select_option("briefs")
    candidate.locator("[data-pick-form] input[type=submit]").click()
    expect(desk.locator(".messagelist .success")).to_contain_text("Die Brücke ist gesperrt")
    lead = desk.locator("#slot-lead .desk-pick")
    lead.locator("summary").click()
    lead.locator("[name$=-title]").fill("Um sieben legt sie ab")
    bridge = desk.locator("#slot-briefs .desk-pick", has_text="Die Brücke ist gesperrt")
    bridge.locator("[name$=-position]").fill("1")
    desk.locator("#id_subject").fill("Die Brücke ist zu")
    desk.locator("#id_preheader").fill("Dazu Licht am Treidelpfad.")
    desk.get_by_role("button", name="Speichern").click()
    expect(desk.locator(".messagelist .success")).to_contain_text("Gespeichert")
    desk.get_by_role("button", name="Abnahme erzeugen").click()
    expect(desk.locator(".messagelist .success")).to_contain_text("Abnahme 1")

    second = sit_down(make_colleague("aylin", "Abnahme"), width=width, java_script_enabled=False)
    second.locator(".board-card .board-foot .button").click()
    second.get_by_role("button", name="Abnahme 1 freigeben").click()
    second.get_by_role("button", name="Einplanen").click()
    expect(second.locator(".sending-bar")).to_contain_text("Versand in")
    second.get_by_role("link", name="Stand erneuern").click()
    expect(second.locator(".sending-bar")).to_contain_text("Versand in")

    draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at) == (DigestState.SCHEDULED, draft.due_at)
    first = draft.picks.filter(slot="briefs").order_by("position")[0]
    assert first.article.title == "Die Brücke ist gesperrt"
    assert draft.picks.get(slot="lead").title == "Um sieben legt sie ab"
