"""The composer in a real browser: by keyboard alone, by drag, without a script, and saving while somebody types."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Dialog, Page, expect

from digests.models import Digest, Mark
from digests.roles import bring_up_to_date
from newsroom.web import clock
from tests.factories import (
    make_article,
    make_digest,
    make_newsletter,
    make_pick,
    make_plan,
    make_subscription,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def digest(site: str) -> Digest:
    """A draft with two briefs, and three candidates beside it."""
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    make_subscription(newsletter=newsletter)
    now = clock.now()
    digest = make_digest(
        newsletter=newsletter, window_start=now - 24 * HOUR, window_end=now + HOUR, due_at=now + HOUR
    )
    for position, title in enumerate(["Der Kran dreht sich", "Die Schleuse schließt"]):
        make_pick(digest=digest, slot="briefs", position=position, article=make_article(title=title))
    for hours, title in enumerate(["Die Fähre legt ab", "Das Rathaus tagt", "Der Markt zieht um"], 1):
        make_article(title=title, first_seen_at=now - hours * HOUR)
    return digest


@pytest.fixture
def desk(site: str, digest: Digest) -> Callable[[Page], Page]:
    """Opens the composer as somebody of the desk."""
    user = User.objects.create_user(
        "jonas", "jonas@example.org", "ebbe-und-flut", is_staff=True, first_name="Jonas", last_name="Ufermann"
    )
    bring_up_to_date(Group.objects, Permission.objects)  # other tests of a real database empty it
    user.groups.set(Group.objects.filter(name="Redaktion"))

    def open_composer(page: Page) -> Page:
        client = Client()
        client.force_login(User.objects.get(username="jonas"))
        cookie = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": site}])
        page.goto(f"{site}{reverse('admin:digests_digest_change', args=[digest.pk])}")
        return page

    return open_composer


@pytest.fixture
def asked(page: Page) -> list[str]:
    """What the browser asked whoever sits before it."""
    found: list[str] = []

    def note(dialog: Dialog) -> None:
        found.append(f"{dialog.type} {dialog.message}")
        dialog.accept()

    page.on("dialog", note)
    return found


def order(digest: Digest, slot: str) -> list[str]:
    picks = digest.picks.filter(slot=slot).select_related("article").order_by("position")
    return [pick.article.title for pick in picks]


def says(page: Page, text: str) -> None:
    expect(page.locator("#composer-says")).to_contain_text(text)


def is_saved(page: Page) -> None:
    expect(page.locator("#composer-saved")).to_contain_text("Gespeichert um")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_composer_has_no_barriers_and_fits(
    width: int,
    scheme: str,
    desk: Callable[[Page], Page],
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    page = desk(open_page(width=width, color_scheme=scheme))
    expect(page.locator(".desk-handle")).to_have_count(2)
    page.locator(".desk-filters summary").first.click()

    axe(page)
    fits(page)
    page.locator("#composer-help").click()
    axe(page)


def test_a_digest_is_filled_and_ordered_by_keyboard_alone(
    desk: Callable[[Page], Page], page: Page, digest: Digest
) -> None:
    desk(page)
    press = page.keyboard.press

    page.locator("#candidates").focus()
    press("j")
    expect(page.locator(".desk-candidate a:focus")).to_have_text("Die Fähre legt ab")
    press("1")
    says(page, "„Die Fähre legt ab“")
    assert order(digest, "lead") == ["Die Fähre legt ab"]
    expect(page.locator(".desk-candidate a:focus")).to_have_count(1)  # on to the next one
    press("2")
    expect(page.locator(".desk-candidate")).to_have_count(1)

    page.locator("#slot-briefs .desk-handle").last.focus()
    press("Alt+ArrowUp")
    says(page, "Stelle 2 von 3")
    press("Alt+ArrowRight")
    says(page, "Mehr lesen")
    is_saved(page)
    expect(page.locator(".desk-pick :focus")).to_have_count(1)  # the focus stays with what was moved

    assert order(digest, "more") == ["Das Rathaus tagt"]
    assert order(digest, "briefs") == ["Der Kran dreht sich", "Die Schleuse schließt"]


def test_keys_do_nothing_in_fields_and_can_be_switched_off(
    desk: Callable[[Page], Page], page: Page, digest: Digest
) -> None:
    desk(page)
    page.locator("#id_subject").fill("")
    page.locator("#id_subject").press_sequentially("1 j ? /")
    assert page.locator("#id_subject").input_value() == "1 j ? /"
    assert not page.locator("#composer-keys").is_visible()

    page.locator("#candidates").focus()
    page.keyboard.press("?")
    page.locator("#composer-keys input[type=checkbox]").uncheck()
    page.keyboard.press("Escape")
    page.locator(".desk-candidate a").first.focus()
    page.keyboard.press("1")
    is_saved(page)

    assert order(digest, "lead") == []


def test_a_pick_is_dragged_into_another_slot(
    desk: Callable[[Page], Page], page: Page, digest: Digest
) -> None:
    desk(page)
    handle = page.locator("#slot-briefs .desk-handle").last
    handle.scroll_into_view_if_needed()
    start, goal = handle.bounding_box(), page.locator("#slot-lead").bounding_box()
    assert start
    assert goal

    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(goal["x"] + 60, goal["y"] + goal["height"] - 8, steps=10)
    page.mouse.up()

    says(page, "Aufmacher, Stelle 1 von 1")
    is_saved(page)
    assert order(digest, "lead") == ["Die Schleuse schließt"]


def test_what_is_typed_is_saved_and_shown_as_readers_will_get_it(
    desk: Callable[[Page], Page], page: Page, digest: Digest
) -> None:
    desk(page)

    page.locator("#id_subject").fill("Die Fähre ist wieder da")

    expect(page.locator(".desk-inbox strong")).to_have_text("Die Fähre ist wieder da")
    is_saved(page)
    digest.refresh_from_db()
    assert digest.subject == "Die Fähre ist wieder da"
    page.locator("a[data-view=text]").click()
    expect(page.locator("pre.desk-text")).to_contain_text("Der Kran dreht sich")
    page.locator("a[data-view=dark]").click()
    expect(page.frame_locator("iframe").locator("h1")).to_have_css("color", "rgb(236, 231, 220)")


def test_a_button_pressed_right_after_typing_takes_along_what_was_typed(
    desk: Callable[[Page], Page], page: Page, digest: Digest, asked: list[str]
) -> None:
    digest.picks.filter(position=0).update(slot="lead")
    desk(page)

    page.locator("#id_preheader").fill("Und der Kran dreht sich wieder.")
    page.locator("#id_subject").fill("")
    page.locator("#id_subject").press_sequentially("Die Fähre ist da", delay=5)
    page.get_by_role("button", name="Abnahme erzeugen").click()

    expect(page.locator(".messagelist .success")).to_contain_text("Abnahme 1")
    digest.refresh_from_db()
    assert (digest.subject, digest.state) == ("Die Fähre ist da", "proofed")
    assert digest.proofs.get().renditions.get().rendition.subject == "Die Fähre ist da"
    assert asked == []


def test_who_leaves_once_all_is_saved_is_not_asked(
    desk: Callable[[Page], Page], page: Page, asked: list[str]
) -> None:
    desk(page)
    page.locator("#id_subject").press_sequentially("!")
    is_saved(page)

    page.get_by_role("link", name="Test senden").click()

    expect(page.locator("h1")).to_contain_text("Test senden")
    assert asked == []


def test_a_second_editor_is_not_overwritten_by_a_page_that_saves_by_itself(
    desk: Callable[[Page], Page], open_page: Callable[..., Page], digest: Digest, complaints: list[str]
) -> None:
    first, second = desk(open_page()), desk(open_page())

    first.locator("#id_subject").fill("Von Jonas")
    is_saved(first)
    second.locator("#id_subject").fill("Von Aylin")

    expect(second.locator("#composer-saved")).to_have_text("Nicht gespeichert.")
    digest.refresh_from_db()
    assert digest.subject == "Von Jonas"
    assert second.locator("#id_subject").input_value() == "Von Aylin", "what was typed is still there"
    complaints[:] = [each for each in complaints if "409" not in each]


def test_everything_works_without_a_script(
    desk: Callable[[Page], Page], open_page: Callable[..., Page], digest: Digest
) -> None:
    page = desk(open_page(java_script_enabled=False))

    page.locator(".desk-candidate").first.locator("select").select_option("lead")
    page.locator(".desk-candidate").first.locator("[data-pick-form] input[type=submit]").click()
    expect(page.locator(".messagelist .success")).to_contain_text("Die Fähre legt ab")
    marking = page.locator(".desk-candidate").first
    marking.locator("summary").click()
    marking.locator("input[name=note]").fill("Für morgen")
    marking.locator(".desk-marking input[type=submit]").click()
    expect(page.locator(".desk-mark")).to_contain_text("Jonas Ufermann")
    page.locator("#slot-briefs input[type=number]").last.fill("1")
    page.locator("#id_subject").fill("Die Fähre legt ab")
    page.locator(".desk-digest .desk-actions input[type=submit]").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    page.locator("a[data-view=text]").click()
    expect(page.locator("pre.desk-text")).to_contain_text("Die Fähre legt ab")

    assert order(digest, "lead") == ["Die Fähre legt ab"]
    assert order(digest, "briefs") == ["Die Schleuse schließt", "Der Kran dreht sich"]
    assert Mark.objects.get().note == "Für morgen"
