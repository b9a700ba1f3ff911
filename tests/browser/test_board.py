"""The board and the self-check on a phone and a desktop, light and dark, and by keyboard alone without a script."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.models import Digest
from newsroom.articles.states import Origin, Review
from newsroom.mail import heartbeats, incidents
from newsroom.web import clock
from tests.digests.factories import make_handed_over, make_planned, make_proofed, make_ready
from tests.factories import NOON, make_article, make_section

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280


@pytest.fixture
def desk() -> None:
    """One of each: a draft with a hole, a proof, one not built, one under way, one over; and an open incident."""
    at = clock.now()
    anna = User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut", first_name="Anna")
    empty = make_ready(due_at=at + timedelta(minutes=134, seconds=30))
    empty.picks.all().delete()
    make_proofed(due_at=at - timedelta(hours=3), subject="Donaudampfschifffahrtsgesellschaft hört auf")
    make_ready(due_at=at + timedelta(days=3), owner=anna)
    make_planned()
    on_its_way = make_handed_over(at=NOON).mailings.get().mailing_id
    Mailing.objects.filter(pk=on_its_way).update(state=MailingState.SENDING, frozen=300)
    over = make_handed_over().mailings.get().mailing_id
    Mailing.objects.filter(pk=over).update(state=MailingState.FINISHED, accepted=12_345, rejected=2)
    heartbeats.beat("queue:control", at=at)
    heartbeats.beat("worker:letters@a-host-with-a-name-that-does-not-end.example.org", at=at)
    incidents.report("feed:1", title="A feed is silent", at=at)


def log_in(page: Page, site: str, path: str = "/admin/") -> None:
    page.goto(f"{site}{path}")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill("ebbe-und-flut")
    page.locator("input[type=submit]").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("path", ["/admin/", "/admin/self-check/"])
def test_pages_fit_and_have_no_barrier(
    path: str,
    width: int,
    scheme: str,
    site: str,
    desk: None,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    page = open_page(width=width, color_scheme=scheme)
    log_in(page, site, path)

    expect(page.locator(".board-card" if path == "/admin/" else ".check-lines").first).to_be_visible()
    fits(page)
    axe(page)


def test_countdown_goes_on_by_itself(site: str, desk: None, page: Page) -> None:
    page.clock.install()
    log_in(page, site)
    countdown = page.get_by_text("in 2 Std. 14 Min.")
    expect(countdown).to_be_visible()
    page.wait_for_load_state()  # the script reads the server's clock as it loads

    page.clock.fast_forward("10:00")

    expect(page.get_by_text("in 2 Std. 4 Min.")).to_be_visible()


def test_duty_is_taken_by_keyboard_alone_without_a_script(
    site: str, desk: None, open_page: Callable[..., Page]
) -> None:
    page = open_page(java_script_enabled=False)
    log_in(page, site)
    card = page.locator(".board-card", has_text="in 2 Std.")
    expect(card).to_contain_text("Niemand hat Dienst")

    card.get_by_role("button", name="Übernehmen").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".board-card", has_text="in 2 Std.")).to_contain_text("Dienst: Sie")
    assert Digest.objects.filter(owner__username="anna").count() == 2


def test_each_card_has_one_button_large_enough_to_hit(site: str, desk: None, page: Page) -> None:
    log_in(page, site)

    for card in page.locator(".board-card").all():
        buttons = card.locator(".button")
        assert buttons.count() == 1
        box = buttons.bounding_box()
        assert box is not None
        assert box["height"] >= 24


@pytest.mark.parametrize("path", ["/admin/articles/article/", "/admin/digests/digest/"])
def test_no_column_of_a_list_is_out_of_sight(path: str, site: str, desk: None, page: Page) -> None:
    make_article(
        title="Die Straßenbeleuchtungsfernüberwachungsanlage meldet sich zum Dienst",
        section=make_section(name_de="Wirtschaft"),
        origin=Origin.USER_SUBMISSION,
        review=Review.REVIEWED,
    )
    log_in(page, site, path)

    results = page.locator(".results")
    expect(results).to_be_visible()
    assert results.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
