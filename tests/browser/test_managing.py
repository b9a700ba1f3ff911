"""What a reader does with her subscriptions, on a phone and a desktop, light and dark, without a script, by keyboard."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import consent, suppression
from subscriptions.models import Subscriber, Subscription
from subscriptions.states import SuppressionReason
from tests.factories import make_newsletter, make_subscriber, make_subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SMALL, DESKTOP = 320, 1280


@pytest.fixture
def reader() -> Subscriber:
    """Mia reads two newsletters, one of them with a long name; a third one is on offer."""
    reader = make_subscriber(address="mia@example.org")
    for name in ("Uferblick am Abend", "Größenübersicht-Donaudampfschifffahrt"):
        make_subscription(newsletter=make_newsletter(name=name, has_weekly=True), subscriber=reader)
    make_newsletter(name="Kultur am Fluss")
    return reader


def open_settings(page: Page, site: str, reader: Subscriber) -> None:
    row = reader.subscriptions.order_by("pk").first()
    assert row is not None
    page.goto(site + "/preferences/" + tokens.make(tokens.TokenKind.MANAGE, row.pk) + "/")
    page.locator("main form button").first.click()
    expect(page).to_have_url(f"{site}/preferences/")


def link_in(kind: str) -> str:
    letter = Letter.objects.filter(kind=kind).latest("pk")
    found = re.search(r"/address/[\w-]+/(?:undo/)?", letter.text)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALL, DESKTOP])
def test_every_page_of_hers_fits_and_has_no_barrier(
    width: int,
    scheme: str,
    site: str,
    reader: Subscriber,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    page = open_page(width=width, color_scheme=scheme)
    stopped = Subscription.objects.latest("pk").newsletter
    suppression.suppress(
        address_hash("mia@example.org"), reason=SuppressionReason.COMPLAINT, newsletter=stopped, at=now()
    )
    open_settings(page, site, reader)

    for path in ("", "address/", "data/", "proof/", "erase/"):
        page.goto(f"{site}/preferences/{path}")
        expect(page.locator("h1")).to_have_count(1)
        fits(page)
        axe(page)
    suppression.suppress(address_hash("mia@example.org"), reason=SuppressionReason.HARD_BOUNCE, at=now())
    page.goto(f"{site}/preferences/")
    expect(page.locator("#stopped")).to_be_visible()
    fits(page)
    axe(page)
    page.locator("form[action$='/again/'] button").click()
    page.wait_for_url("**/again/")
    axe(page)
    assert Letter.objects.get().kind == "delivery_again"


def test_a_break_to_a_day_by_keyboard_alone_without_a_script(
    site: str, reader: Subscriber, open_page: Callable[..., Page], fits: Callable[[Page], None]
) -> None:
    page = open_page(width=SMALL, java_script_enabled=False)
    open_settings(page, site, reader)
    row = reader.subscriptions.order_by("pk").first()
    assert row is not None
    slug = row.newsletter.slug
    day = timezone.localdate(now()) + timedelta(days=20)

    page.locator(f"#pause-{slug}").select_option("2")
    page.locator(f"#until-{slug}").fill(day.isoformat())
    page.locator(f"#until-{slug}").press("Enter")
    expect(page).to_have_title(re.compile("^Fehler: "))
    expect(page.locator("#error-summary a")).to_have_count(1)
    assert page.locator(f"#until-{slug}").input_value() == day.isoformat()
    assert page.locator(f"#pause-{slug}").input_value() == "2"
    page.locator("#error-summary a").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == f"until-{slug}"
    page.locator(f"#pause-{slug}").select_option("keep")
    page.locator(f"#until-{slug}").press("Enter")

    expect(page.locator("h1")).to_have_text("Gespeichert")
    expect(page.locator("main")).to_contain_text("Pause bis einschließlich")
    row.refresh_from_db()
    assert row.paused_until is not None


def test_an_error_takes_the_focus(
    site: str, reader: Subscriber, page: Page, axe: Callable[..., None]
) -> None:
    open_settings(page, site, reader)
    page.goto(f"{site}/preferences/address/")

    page.locator("#id_address").fill("mia")
    page.locator("#id_address").press("Enter")

    expect(page.locator("#error-summary")).to_be_focused()
    axe(page)


def test_moving_and_taking_it_back(
    site: str,
    reader: Subscriber,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    page = open_page(width=SMALL)
    open_settings(page, site, reader)
    page.goto(f"{site}/preferences/address/")
    page.locator("#id_address").fill("mia.neu@gmial.com")
    page.locator("#id_address").press("Enter")
    expect(page.locator("h1")).to_have_text("Bitte sehen Sie in Ihr neues Postfach")
    axe(page)
    consent.decide_new_addresses(at=now())

    stranger = open_page(width=SMALL, color_scheme="dark")
    for kind in ("new_address", "address_changed"):
        stranger.goto(site + link_in(kind))
        fits(stranger)
        axe(stranger)
        stranger.locator("main form button").click()
        expect(stranger.locator(".notice-good")).to_be_visible()
        fits(stranger)
        axe(stranger)

    reader.refresh_from_db()
    assert reader.address == "mia@example.org"


def test_all_off_and_back_and_gone_for_good(
    site: str, reader: Subscriber, page: Page, axe: Callable[..., None]
) -> None:
    open_settings(page, site, reader)

    page.locator("button[name=everything_off]").click()
    expect(page.locator("form[action$='/undo/'] button")).to_be_visible()
    axe(page)
    page.locator("form[action$='/undo/'] button").click()
    expect(page.locator("form[action$='/undo/'] button")).to_have_count(0)
    axe(page)
    assert Subscription.objects.active().count() == 2
    page.goto(f"{site}/preferences/data/")
    for ending in ("html", "json"):
        with page.expect_download() as download:
            page.locator(f"a[href$='/{ending}/']").click()
        assert download.value.suggested_filename == f"newsletter-data.{ending}"
    page.goto(f"{site}/preferences/erase/")
    page.locator("main form button").click()

    expect(page.locator("h1")).to_have_text("Gelöscht")
    axe(page)
    reader.refresh_from_db()
    assert reader.address is None
