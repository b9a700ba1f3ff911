"""The weekly best-of as readers choose it and the desk plans it: on a phone and a desktop, light and dark."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from digests import selection
from digests.models import Digest
from newsroom.web import clock
from subscriptions import consent
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import Cadence
from tests.browser.test_board import log_in
from tests.digests.factories import make_planned, make_sent, make_weekly
from tests.factories import make_article, make_subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280


@pytest.fixture
def best_of(site: str) -> Digest:
    """A newsletter with two plans, a best-of that went out, and one in the making."""
    now = clock.now()
    newsletter = make_planned(first_window_from=now - timedelta(days=9)).newsletter
    newsletter.name, newsletter.theme = "Am Fluss", "Stadt"
    newsletter.save()
    make_weekly(newsletter, first_window_from=now - timedelta(days=9), last_due_at=now)
    for days in (8, 3, 2):
        titles = ("Die Fähre fährt wieder", "Brücke gesperrt", "Ein Fest am Ufer")
        seen = now - timedelta(days=days)
        make_sent(
            newsletter, at=seen, articles=[make_article(title=each, first_seen_at=seen) for each in titles]
        )
    make_sent(
        newsletter,
        at=now - timedelta(days=7),
        subject="Sechs Tage am Fluss",
        cadence=Cadence.WEEKLY,
        window_start=now - timedelta(days=9),
    )
    make_subscription(newsletter=newsletter, cadence=Cadence.WEEKLY)
    make_subscription(newsletter=newsletter)
    User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut", first_name="Anna")
    return selection.build(newsletter, cadence=Cadence.WEEKLY, at=now)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pages_with_a_best_of_fit_and_have_no_barrier(
    width: int,
    scheme: str,
    site: str,
    best_of: Digest,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    page = open_page(width=width, color_scheme=scheme)
    newsletter = best_of.newsletter
    last = Digest.objects.public().get(cadence=Cadence.WEEKLY)
    weekly = newsletter.plans.get(cadence=Cadence.WEEKLY)

    article = make_article(language="de", published_at=clock.now()).get_absolute_url()
    for path in (
        "/newsletters/",
        "/subscribe/",
        article,
        f"/embed/{newsletter.slug}/",
        newsletter.get_absolute_url(),
        last.get_absolute_url(),
    ):
        page.goto(site + path)
        expect(page.locator("main")).to_contain_text("das Beste der Woche", ignore_case=True)
        fits(page)
        axe(page)
    log_in(page, site)
    for path in (
        "/admin/",
        "/admin/digests/digest/add/",
        f"/admin/digests/digest/{best_of.pk}/change/",
        f"/admin/digests/plan/{weekly.pk}/rehearsal/",
    ):
        page.goto(site + path)
        expect(page.locator("#content")).to_contain_text("das Beste der Woche", ignore_case=True)
        fits(page)
        axe(page)


def test_the_best_of_the_week_is_chosen_by_keyboard_without_a_script(
    site: str, best_of: Digest, open_page: Callable[..., Page]
) -> None:
    page = open_page(width=PHONE, java_script_enabled=False)
    page.goto(f"{site}/subscribe/")

    page.get_by_label("nur das Beste der Woche: Am Fluss").focus()
    page.keyboard.press("Space")
    page.get_by_label("Ihre E\N{NON-BREAKING HYPHEN}Mail-Adresse").fill("mia@example.org")
    page.wait_for_timeout(2100)  # quicker than that is no person
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_contain_text("Am Fluss (Das Beste der Woche)")
    consent.decide_sign_ups()
    row = Subscription.objects.get(subscriber__address="mia@example.org")
    assert (row.newsletter, row.cadence) == (best_of.newsletter, Cadence.WEEKLY)


def test_the_box_below_an_article_asks_how_often_and_is_answered_by_keyboard_without_a_script(
    site: str,
    best_of: Digest,
    open_page: Callable[..., Page],
    fits: Callable[[Page], None],
) -> None:
    page = open_page(width=320, java_script_enabled=False)
    page.goto(site + make_article(language="de", published_at=clock.now()).get_absolute_url())
    fits(page)
    box = page.locator("#signup")
    expect(box.get_by_role("radio", name="Jede Ausgabe")).to_be_checked()

    box.get_by_role("radio", name="Jede Ausgabe").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("mia@example.org")
    page.wait_for_timeout(2100)  # quicker than that is no person
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_contain_text("Am Fluss (Das Beste der Woche)")
    consent.decide_sign_ups()
    row = Subscription.objects.get(subscriber__address="mia@example.org")
    assert (row.newsletter, row.cadence) == (best_of.newsletter, Cadence.WEEKLY)


def test_an_editor_lets_it_rest_only_knowing_what_that_means(
    site: str, best_of: Digest, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    weekly = best_of.newsletter.plans.get(cadence=Cadence.WEEKLY)
    log_in(page, site, f"/admin/digests/plan/{weekly.pk}/change/")

    page.locator("#id_is_active").uncheck()
    page.locator("input[name=_save]").click()
    expect(page.locator(".errornote")).to_be_visible()
    expect(page.locator(".field-lets_rest")).to_contain_text("1 Person hat das Beste der Woche gewählt")
    page.locator("#id_lets_rest").check()
    page.locator("input[name=_save]").click()

    expect(page.locator(".messagelist")).to_be_visible()
    assert not Newsletter.objects.get(pk=best_of.newsletter_id).has_weekly
