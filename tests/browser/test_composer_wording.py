"""The composer's fields and rows: lengths that count along, the way back to the original, drags, and what is full."""

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from digests.models import Digest, Pick
from newsroom.articles.models import Article
from newsroom.web import clock
from tests.digests.factories import make_colleague
from tests.factories import make_article, make_digest, make_newsletter, make_pick, make_plan

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOUR = dt.timedelta(hours=1)
TEASER = "Nach der Pause setzt sie wieder über, jede halbe Stunde."


@pytest.fixture
def digest(site: str) -> Digest:
    """A draft with a full lead and two briefs, and two candidates beside it."""
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    now = clock.now()
    digest = make_digest(newsletter=newsletter, window_start=now - 24 * HOUR, window_end=now + HOUR)
    make_pick(digest=digest, article=make_article(title="Die Fähre legt ab"))
    for position, title in enumerate(["Der Kran dreht sich", "Die Schleuse schließt"]):
        make_pick(digest=digest, slot="briefs", position=position, article=make_article(title=title))
    for hours, title in enumerate(["Das Rathaus tagt", "Der Markt zieht um"], 1):
        make_article(title=title, first_seen_at=now - hours * HOUR)
    return digest


@pytest.fixture
def open_desk(digest: Digest, sit_down: Callable[..., Page]) -> Callable[..., Page]:
    user = make_colleague("jonas", "Redaktion")

    def open_one(**options: object) -> Page:
        return sit_down(user, f"/admin/digests/digest/{digest.pk}/change/", **options)

    return open_one


def order(digest: Digest, slot: str) -> list[str]:
    picks = digest.picks.filter(slot=slot).select_related("article").order_by("position")
    return [pick.article.title for pick in picks]


def is_saved(page: Page) -> None:
    expect(page.locator("#composer-saved")).to_contain_text("Gespeichert um")


def field(page: Page, name: str) -> Locator:
    return page.locator(".desk-field", has=page.locator(f"[name={name}]"))


def test_lengths_count_along_and_are_not_read_out(open_desk: Callable[..., Page], digest: Digest) -> None:
    page = open_desk()
    subject, preheader = field(page, "subject"), field(page, "preheader")
    hint = subject.locator("[data-length]")
    page.locator("#id_subject").fill("F")
    expect(hint).to_have_text("1 Zeichen, gut sind 40 bis 50")
    expect(hint).to_have_class("help is-off")
    page.locator("#id_subject").fill("Die Fähre legt ab, und der Kran dreht sich 🚢")
    expect(hint).to_have_text("44 Zeichen, gut sind 40 bis 50")
    expect(hint).to_have_class("help")
    page.locator("#id_preheader").fill("Kurz")
    expect(preheader.locator("[data-length]")).to_have_text("4 Zeichen, gut sind 40 bis 90")
    assert hint.evaluate("hint => hint.closest('[aria-live], [role=status], [role=alert]')") is None
    is_saved(page)

    live = hint.inner_text()
    page.reload()
    expect(hint).to_have_text(live)


def test_own_words_show_at_once_and_go_back_to_the_original(
    open_desk: Callable[..., Page], digest: Digest
) -> None:
    pick = digest.picks.get(slot="lead")
    page = open_desk()
    row = page.locator(f"#pick-{pick.pk}")
    headline, teaser = field(page, f"pick-{pick.pk}-title"), field(page, f"pick-{pick.pk}-teaser")
    row.locator("summary").click()
    expect(row.locator(".desk-dot")).to_be_hidden()
    expect(headline.locator(".desk-reset")).to_be_hidden()

    headline.locator("input").fill("Am Kai legt sie ab")
    teaser.locator("textarea").fill("Kurz.")

    expect(row.locator(".desk-dot")).to_be_visible()
    expect(headline.locator("[data-length]")).to_have_text("18 Zeichen, gut sind bis zu 60")
    expect(row.locator(".desk-title")).to_contain_text("Am Kai legt sie ab")
    is_saved(page)
    page.get_by_role("button", name="Zurück zum Original: Überschrift: „Die Fähre legt ab“").click()
    expect(headline.locator("input")).to_be_focused()
    expect(headline.locator("[data-length]")).to_have_text("17 Zeichen, gut sind bis zu 60")
    expect(row.locator(".desk-title")).to_contain_text("Die Fähre legt ab")
    expect(row.locator(".desk-dot")).to_be_visible()  # the teaser's
    teaser.locator(".desk-reset").click()
    expect(teaser.locator("[data-length]")).to_contain_text(f"{len(TEASER)} Zeichen")
    expect(row.locator(".desk-dot")).to_be_hidden()
    is_saved(page)

    pick.refresh_from_db()
    assert (pick.title, pick.teaser) == ("", "")


def test_the_original_comes_back_without_a_script(open_desk: Callable[..., Page], digest: Digest) -> None:
    pick = digest.picks.get(slot="lead")
    Pick.objects.filter(pk=pick.pk).update(title="Am Kai legt sie ab", teaser="Kurz.")
    page = open_desk(java_script_enabled=False)
    page.locator(f"#pick-{pick.pk} summary").click()

    page.get_by_role("button", name="Zurück zum Original: Überschrift").click()

    expect(page.locator(".messagelist .success")).to_contain_text("Gespeichert")
    pick.refresh_from_db()
    assert (pick.title, pick.teaser) == ("", "Kurz.")


def test_a_candidate_is_dragged_between_two_picks(open_desk: Callable[..., Page], digest: Digest) -> None:
    page = open_desk(width=1600, height=1600)
    grip = page.locator(".desk-candidate", has_text="Das Rathaus tagt").locator(".desk-grip")
    second = page.locator("#slot-briefs .desk-pick").last
    second.scroll_into_view_if_needed()
    start, goal = grip.bounding_box(), second.bounding_box()
    assert start
    assert goal

    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(goal["x"] + 60, goal["y"] + 6, steps=10)
    expect(page.locator("#slot-briefs .desk-gap")).to_have_count(1)
    page.mouse.up()

    expect(page.locator("#composer-says")).to_contain_text("„Das Rathaus tagt“")
    expect(page.locator("#slot-briefs .desk-pick")).to_have_count(3)
    assert order(digest, "briefs") == ["Der Kran dreht sich", "Das Rathaus tagt", "Die Schleuse schließt"]
    assert page.locator(".desk-candidate").count() == 1


def test_a_key_says_that_the_slot_was_full_and_picks_like_the_click(
    open_desk: Callable[..., Page], digest: Digest
) -> None:
    page = open_desk()
    says = page.locator("#composer-says")

    page.locator(".desk-candidate a").first.focus()
    page.keyboard.press("1")
    expect(says).to_have_text("„Das Rathaus tagt“ ist aufgenommen. Aufmacher ist voll: 2 von 1 · 1 zu viel.")
    assert order(digest, "lead") == ["Die Fähre legt ab", "Das Rathaus tagt"]
    page.locator(".desk-candidate a").first.focus()
    page.keyboard.press("2")
    expect(says).to_have_text("„Der Markt zieht um“ ist aufgenommen.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_what_is_held_back_is_greyed_and_can_still_be_read(
    width: int,
    scheme: str,
    open_desk: Callable[..., Page],
    digest: Digest,
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    Article.objects.filter(title="Der Markt zieht um").update(is_sensitive=True)
    page = open_desk(width=width, color_scheme=scheme)
    held = page.locator(".desk-candidate.is-held-back")

    expect(held).to_have_count(1)
    expect(held.locator(".desk-title a")).to_have_text("Der Markt zieht um")
    free = page.locator(".desk-candidate:not(.is-held-back) .desk-title a")
    colours = [
        each.evaluate("a => getComputedStyle(a).color") for each in (held.locator(".desk-title a"), free)
    ]
    assert colours[0] != colours[1]
    axe(page)
    fits(page)
