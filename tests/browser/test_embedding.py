"""The form of another site, the page that shows its code, the API's page and a new token, in a real browser."""

import html
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings

from newsroom.articles.models import ApiToken, Feed
from newsroom.mail.models import Letter
from subscriptions import consent
from subscriptions.models import ConsentEvent
from tests.factories import make_newsletter
from tests.newsroom.http_server import Answer, Asked, WebServer, web_server

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280


class Elsewhere:
    """A site of somebody else's with one page, and one to say thanks. Its policy allows nothing but our form."""

    def __init__(self, policy: str) -> None:
        self.page, self.policy = "", policy

    def __call__(self, asked: Asked) -> Answer:
        body = "<h1>Danke!</h1>" if asked.path == "/danke/" else self.page
        text = f'<!doctype html><html lang="de"><title>Elsewhere</title><body>{body}</body></html>'
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": self.policy}
        return Answer(body=text.encode(), headers=headers)


@pytest.fixture
def elsewhere(site: str, settings: Settings) -> Iterator[tuple[Elsewhere, WebServer]]:
    script = Elsewhere(f"default-src 'none'; base-uri 'none'; form-action 'self' {site}")
    with web_server(script) as server:
        settings.RETURN_SITES = frozenset({server.url})
        yield script, server


def keep(page: Page, name: str) -> None:
    """A picture to look at, where SHOTS names a folder."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_pages_for_webmasters_have_no_barriers(
    width: int,
    scheme: str,
    site: str,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    newsletter = make_newsletter(name="Wirtschaft & Technik", language="de")
    page = open_page(width=width, color_scheme=scheme)

    for name, path in (("embed", f"/embed/{newsletter.slug}/"), ("api", "/api/v1/")):
        page.goto(site + path)
        keep(page, f"api-{name}-{width}-{scheme}")
        axe(page)
        fits(page)


def test_the_code_works_on_another_site_without_cookies_and_leads_back(
    site: str, page: Page, open_page: Callable[..., Page], elsewhere: tuple[Elsewhere, WebServer]
) -> None:
    newsletter = make_newsletter(language="de")
    script, server = elsewhere
    page.goto(f"{site}/embed/{newsletter.slug}/")
    code = page.locator("#code").input_value()
    script.page = code.replace(
        "</form>", f'<input type="hidden" name="return" value="{server.url}/danke/"></form>'
    )

    reader = open_page()  # has never been on our site
    reader.goto(server.url)
    reader.get_by_label("Ihre E\N{NON-BREAKING HYPHEN}Mail-Adresse").fill("mia@example.org")
    reader.keyboard.press("Enter")

    expect(reader).to_have_url(f"{server.url}/danke/")
    assert reader.context.cookies() == []
    consent.decide_sign_ups()
    assert Letter.objects.get().kind == "confirmation"


def test_a_policy_that_does_not_allow_our_address_stops_the_form_and_the_page_of_the_code_says_so(
    site: str, page: Page, complaints: list[str], elsewhere: tuple[Elsewhere, WebServer]
) -> None:
    newsletter = make_newsletter(language="de")
    script, server = elsewhere
    page.goto(f"{site}/embed/{newsletter.slug}/")
    told = page.locator("code").inner_text()
    script.page, script.policy = page.locator("#code").input_value(), "form-action 'self'"

    page.goto(server.url)
    page.get_by_label("Ihre E\N{NON-BREAKING HYPHEN}Mail-Adresse").fill("mia@example.org")
    with page.expect_event("console"):
        page.keyboard.press("Enter")

    assert page.url.startswith(server.url)
    assert "form-action" in complaints.pop()
    assert told == f"form-action 'self' {site}"
    script.policy = told
    page.goto(server.url)
    page.get_by_label("Ihre E\N{NON-BREAKING HYPHEN}Mail-Adresse").fill("mia@example.org")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/subscribe/sent/")


def test_a_slip_elsewhere_is_put_right_on_our_page(
    site: str, page: Page, elsewhere: tuple[Elsewhere, WebServer]
) -> None:
    newsletter = make_newsletter(language="de")
    script, server = elsewhere
    page.goto(f"{site}/embed/{newsletter.slug}/")
    script.page = page.locator("#code").input_value()

    page.goto(server.url)
    page.get_by_label("Ihre E\N{NON-BREAKING HYPHEN}Mail-Adresse").fill("mia@gmial.com")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("mia@gmail.com")).click()

    expect(page).to_have_url(f"{site}/subscribe/sent/")
    consent.decide_sign_ups()
    assert Letter.objects.get().address == "mia@gmail.com"


def test_a_slip_that_is_put_right_leads_back_to_the_other_site(
    site: str, page: Page, elsewhere: tuple[Elsewhere, WebServer]
) -> None:
    newsletter = make_newsletter(language="de")
    script, server = elsewhere
    page.goto(f"{site}/embed/{newsletter.slug}/")
    script.page = (
        page.locator("#code")
        .input_value()
        .replace("</form>", f'<input type="hidden" name="return" value="{server.url}/danke/"></form>')
    )

    page.goto(server.url)
    page.get_by_label("Ihre E\N{NON-BREAKING HYPHEN}Mail-Adresse").fill("mia@gmial.com")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("mia@gmail.com")).click()

    expect(page).to_have_url(f"{server.url}/danke/")
    consent.decide_sign_ups()
    event = ConsentEvent.objects.get()
    assert (event.address, event.form) == ("mia@gmail.com", f"/embed/{newsletter.slug}/ {server.url}/danke/")


def test_a_page_of_an_allowed_site_signs_up_by_script_and_no_other(
    site: str, browser: Browser, elsewhere: tuple[Elsewhere, WebServer], settings: Settings
) -> None:
    newsletter = make_newsletter()
    script, server = elsewhere
    script.policy = f"connect-src {site}"
    send = """async ([url, wish]) => {
        const headers = {"Content-Type": "application/json"};
        const body = JSON.stringify(wish);
        try { return (await fetch(url, {method: "POST", headers, body})).status; } catch { return "refused"; }
    }"""
    wish = {"address": "mia@example.org", "newsletters": [newsletter.slug]}
    # A page of its own: where requests are looked at on their way, Playwright answers preflights itself.
    page = browser.new_page()
    page.goto(server.url)

    settings.CORS_ALLOWED_ORIGINS = []
    assert page.evaluate(send, [f"{site}/api/v1/subscriptions", wish]) == "refused"
    consent.decide_sign_ups()
    assert not ConsentEvent.objects.exists()

    settings.CORS_ALLOWED_ORIGINS = [server.url]
    assert page.evaluate(send, [f"{site}/api/v1/subscriptions", wish]) == 202
    consent.decide_sign_ups()
    assert ConsentEvent.objects.get().form == "/api/v1/subscriptions"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_token_is_made_by_keyboard_and_stands_ready_to_copy(
    width: int, scheme: str, site: str, open_page: Callable[..., Page], axe: Callable[..., None]
) -> None:
    User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")
    feed = Feed.objects.create(url="https://example.org/feed", title="Redaktionssystem")
    page = open_page(width=width, color_scheme=scheme)
    page.goto(f"{site}/admin/articles/apitoken/add/?feed={feed.pk}")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill("ebbe-und-flut")
    page.locator("input[type=submit]").click()

    page.wait_for_load_state("load")  # the admin leads the keyboard to the first field once it is there
    page.locator("#id_name").fill("Echtbetrieb")
    page.locator("#id_name").press("Enter")

    secret = page.locator("#secret")
    expect(secret).to_be_focused()
    keep(page, f"api-token-{width}-{scheme}")
    assert secret.input_value().startswith(ApiToken.objects.get().beginning)
    assert html.escape(secret.input_value()) in page.content()
    axe(page, without=("page-has-heading-one", "region"))
