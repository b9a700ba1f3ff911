"""A real Chromium for the tests marked `browser` and `journey`.

`page` fails its test for a script error, for anything the content policy stopped, and for every request that would
have left this machine. `site` is the running site; `inbox` is where its mail arrives, with workers in between; `axe`
looks for barriers.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Page,
    Route,
    TimeoutError,
    expect,
    sync_playwright,
)
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from tests import engine_room, servers
from tests.engine_room import Inbox

# Playwright's synchronous interface keeps an event loop running in this thread; Django would refuse its queries.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
# Milliseconds that the page may take to be as a test expects it: what it promises sooner, a test measures itself.
EXPECTED_WITHIN = 15_000
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=servers.chromium(), args=list(servers.CHROMIUM_FLAGS), chromium_sandbox=False
        )
        expect.set_options(timeout=EXPECTED_WITHIN)
        yield launched
        launched.close()


@pytest.fixture
def site(live_server: LiveServer, settings: Settings) -> str:
    """The address of the running site, which takes itself to be reached there."""
    settings.SITE_URL = live_server.url
    settings.LOCALE_PATHS = [settings.BASE_DIR / "locale"]  # what readers see; other tests quote the source
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    settings.ALLOWED_HOSTS = ["*"]
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE"):
        setattr(settings, name, False)
    settings.SECURE_HSTS_SECONDS = 0
    return live_server.url


@pytest.fixture
def inbox(
    site: str, settings: Settings, worker_environment: dict[str, str], tmp_path: Path
) -> Iterator[Inbox]:
    """Where the mail of the running site arrives: two workers, beat and an SMTP server work on the test's database."""
    with engine_room.running(tmp_path / "room", site_url=site, environment=worker_environment) as (
        arrived,
        providers,
    ):
        settings.MAIL_PROVIDERS = providers
        expect.set_options(timeout=20_000)  # two workers and a beat stand beside the browser
        yield arrived
        expect.set_options(timeout=EXPECTED_WITHIN)


@pytest.fixture
def complaints() -> list[str]:
    """What the browser found wrong so far. A test takes out what it expects; the rest fails it."""
    return []


@pytest.fixture
def open_page(browser: Browser, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens pages in contexts of their own: `open_page(width=390, locale="en-GB", color_scheme="dark")`.

    Other keywords are those of Playwright's Browser.new_context.
    """
    contexts = []

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location.get("url") or (message.page.url if message.page else "")
            complaints.append(f"{message.text} ({where})")

    def stay_here(route: Route) -> None:
        if urlsplit(route.request.url).hostname in {"127.0.0.1", "localhost"}:
            route.fallback()
        else:
            complaints.append(f"asked for {route.request.url}")
            route.abort()

    def open_one(*, width: int = 1280, height: int = 900, locale: str = "de-DE", **options: object) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            timezone_id="Europe/Berlin",
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("http://**/*", stay_here)
        context.route("https://**/*", stay_here)
        context.on("console", complain)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page on a desktop, in German."""
    return open_page()


@pytest.fixture
def sit_down(site: str, open_page: Callable[..., Page], complaints: list[str]) -> Callable[..., Page]:
    """Opens “Today”, or another page of the admin, as somebody signed in: `sit_down(user, "/admin/…", width=390)`.

    A browser that asks whether one really wants to leave fails the test. What the page itself asks is answered by yes.
    """

    def note(dialog: Dialog) -> None:
        if dialog.type != "confirm":
            complaints.append(f"The browser asks: {dialog.type} {dialog.message}")
        dialog.accept()

    def open_one(user: User, path: str = "/admin/", **options: object) -> Page:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        page = open_page(**options)
        page.context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}]
        )
        page.on("dialog", note)
        page.goto(f"{site}{path}")
        return page

    return open_one


@pytest.fixture(scope="session")
def axe_script() -> str:
    if not AXE.exists():
        raise servers.Missing(
            "axe-core is not installed: npm install --prefix tests/browser --no-package-lock"
        )
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def axe(axe_script: str) -> Callable[..., None]:
    """Asserts that axe finds no barrier on a page as it is now.

    `without` names rules that it may break, `only` the few to look at. A page that is still coming is waited for:
    without its style sheet it has barriers that nobody meets.
    """

    def look(page: Page, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> None:
        page.wait_for_load_state("load")
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe_script)
        # Nothing preloaded: axe would read imported style sheets by writing inline ones, which the policy stops.
        found = page.evaluate(
            """([runOnly, without]) => axe.run(document, {
                runOnly, iframes: false, preload: false, resultTypes: ['violations'],
                rules: Object.fromEntries(without.map(rule => [rule, {enabled: false}])),
            })""",
            [
                {"type": "rule", "values": list(only)} if only else {"type": "tag", "values": AXE_RULES},
                list(without),
            ],
        )
        barriers = [
            f"{barrier['id']} ({barrier['impact']}): {barrier['help']}\n"
            + "\n".join(
                f"    {node['html'][:160]}\n    {node['failureSummary']}" for node in barrier["nodes"]
            )
            for barrier in found["violations"]
        ]
        assert not barriers, f"{page.url}\n" + "\n".join(barriers)

    return look


@pytest.fixture
def fits() -> Callable[[Page], None]:
    """Asserts that nothing is wider than the window.

    A phone's width holds only once the page's own viewport has been laid out, which Chromium may do after it says
    that the page is there; what is too wide stays too wide.
    """

    def look(page: Page) -> None:
        assert page.viewport_size is not None
        width = page.viewport_size["width"]
        page.wait_for_load_state("load")
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(
                "width => document.documentElement.scrollWidth <= width", arg=width, timeout=EXPECTED_WITHIN
            )
        measured = page.evaluate("document.documentElement.scrollWidth")
        wide = page.evaluate(
            """width => [...document.querySelectorAll('body *')]
                .filter(element => element.getBoundingClientRect().right > width + 1)
                .slice(0, 5).map(element => element.outerHTML.slice(0, 120))""",
            width,
        )
        assert measured <= width, f"{page.url} is {measured} px wide in a window of {width}: {wide}"

    return look
