"""From “Today” to the schedule by keyboard alone: every place is reached by Tab, every act is a key."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from digests.models import Digest
from digests.states import DigestState
from newsroom.web import clock
from tests.digests.factories import HOUR, make_built_ahead, make_colleague
from tests.factories import make_article, make_subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_TABS = 120


@pytest.fixture
def draft(site: str) -> Digest:
    """What the plan put together; one more story came in since."""
    due = (clock.now() + HOUR / 2).replace(second=0, microsecond=0)
    digest = make_built_ahead("Die Fähre legt ab", "Licht am Treidelpfad", "Der Kran dreht sich", due=due)
    make_subscription(newsletter=digest.newsletter)
    make_article(title="Die Brücke ist gesperrt", first_seen_at=clock.now())
    return digest


def walk(page: Page, goal: Locator, *, by: str = "Tab") -> None:
    """Press Tab until the goal has the focus, which everybody must be able to see."""
    for _ in range(MOST_TABS):
        page.keyboard.press(by)
        if goal.evaluate("element => element === document.activeElement"):
            style = goal.evaluate("element => getComputedStyle(element).outlineStyle")
            shadow = goal.evaluate("element => getComputedStyle(element).boxShadow")
            assert style != "none" or shadow != "none", f"nobody sees that {goal} has the focus"
            return
    raise AssertionError(f"{goal} was not reached with {MOST_TABS} times {by}.")


def test_a_draft_is_curated_proofed_approved_and_scheduled(
    draft: Digest, sit_down: Callable[..., Page]
) -> None:
    desk = sit_down(make_colleague("jonas", "Redaktion"))
    press = desk.keyboard.press
    walk(desk, desk.locator(".board-card .board-foot .button"))
    press("Enter")
    walk(desk, desk.locator(".desk-candidate .desk-title a"))
    press("2")
    expect(desk.locator("#composer-says")).to_contain_text("Die Brücke ist gesperrt")
    walk(desk, desk.locator("#slot-briefs .desk-pick").last.locator(".desk-handle"))
    press("Alt+ArrowUp")
    expect(desk.locator("#composer-says")).to_contain_text("Stelle 2 von 3")
    walk(desk, desk.locator("#id_subject"), by="Shift+Tab")
    desk.keyboard.type("Die Brücke ist zu")
    walk(desk, desk.locator("#id_preheader"))
    desk.keyboard.type("Dazu Licht am Treidelpfad.")
    expect(desk.locator("#composer-saved")).to_contain_text("Gespeichert um")
    walk(desk, desk.get_by_role("button", name="Abnahme erzeugen"), by="Shift+Tab")
    press("Enter")
    expect(desk.locator(".messagelist .success")).to_contain_text("Abnahme 1")

    second = sit_down(make_colleague("aylin", "Abnahme"))
    walk(second, second.locator(".board-card .board-foot .button"))
    second.keyboard.press("Enter")
    walk(second, second.get_by_role("button", name="Abnahme 1 freigeben"))
    second.keyboard.press("Enter")
    walk(second, second.get_by_role("button", name="Einplanen"))
    second.keyboard.press("Enter")
    expect(second.locator(".sending-bar")).to_contain_text("Versand in")

    draft.refresh_from_db()
    assert (draft.state, draft.scheduled_at) == (DigestState.SCHEDULED, draft.due_at)
    assert draft.subject == "Die Brücke ist zu"
    briefs = draft.picks.filter(slot="briefs").order_by("position")
    assert [pick.article.title for pick in briefs][1] == "Die Brücke ist gesperrt"


def test_where_a_hint_leads_is_not_hidden_by_the_line_that_stays(
    draft: Digest, sit_down: Callable[..., Page]
) -> None:
    """The line at the top of the page stays while one scrolls, and a jump scrolls its goal to the top."""
    desk = sit_down(make_colleague("jonas", "Redaktion"), f"/admin/digests/digest/{draft.pk}/change/")
    desk.evaluate("document.querySelectorAll('.desk-pick details').forEach(each => { each.open = true; })")

    desk.get_by_role("link", name="Die Vorschauzeile fehlt").press("Enter")

    assert desk.evaluate("document.querySelector('.desk-line').getBoundingClientRect().top") == 0
    assert desk.locator("#id_preheader").evaluate(
        """element => {
            const box = element.getBoundingClientRect();
            return document.elementFromPoint(box.x + box.width / 2, box.y + 2) === element;
        }"""
    )


def test_what_is_taken_out_by_its_key_is_out_of_the_page_the_order_and_the_way_of_tab(
    draft: Digest, sit_down: Callable[..., Page]
) -> None:
    desk = sit_down(make_colleague("jonas", "Redaktion"), f"/admin/digests/digest/{draft.pk}/change/")
    briefs = desk.locator("#slot-briefs .desk-pick")
    handles = desk.locator("#slot-briefs .desk-handle")

    handles.first.focus()
    desk.keyboard.press("Delete")
    expect(briefs.first).to_be_hidden()
    expect(desk.locator("#composer-says")).to_have_text(
        "„Licht am Treidelpfad“ ist nicht mehr in der Ausgabe."
    )
    expect(handles.nth(1)).to_be_focused()
    desk.keyboard.press("Alt+ArrowUp")
    expect(desk.locator("#composer-says")).to_contain_text("Aufmacher")
    desk.keyboard.press("Alt+ArrowDown")
    expect(desk.locator("#composer-says")).to_contain_text("Stelle 1 von 1")
    expect(desk.locator("#composer-saved")).to_contain_text("Gespeichert um")
    desk.keyboard.press("Delete")
    expect(desk.locator("#candidates")).to_be_focused()
    expect(desk.locator("#slot-briefs h3")).to_contain_text("0 von")

    assert [pick.article.title for pick in draft.picks.all()] == ["Die Fähre legt ab"]
