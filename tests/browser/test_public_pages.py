"""Every page of the public, in every state, in a real browser: no barriers, no sideways scrolling, two whole languages.

Each state is made once by the site itself and shown from memory, so that one page object can look at all of them.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Locator, Page, Route, expect

from newsroom.mail.models import Letter
from newsroom.web import tokens
from subscriptions import consent
from subscriptions.models import Subscription
from subscriptions.signing_up import TIME_TO_TYPE
from tests.browser.scenes import SCENES, WITHOUT_PAGE, Town, all_scenes
from tests.factories import make_article, make_newsletter
from tests.rules.test_templates import public_names
from tests.subscriptions.factories import path_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NARROW, WIDE, HEIGHT = 320, 640, 720
# What a program would say in either language: names, addresses, and words that both languages have.
SAME_IN_BOTH = re.compile(
    r"""
    [\W\d_]*                                                # nothing to read
    | \S+@\S+                                               # an address
    | :?\ ?(Kultur\ am\ Wochenende|Wirtschaft\ &\ Technik|Donaudampf\w+\ &\ \w+)   # names of newsletters
    | Uferblick(\ Verlag\ GmbH)?.* | .*Am\ Alten\ Kran.* | Jonas\ Ufermann | Postboot\ GmbH.*
    | Thea\ Brandwald\ \d+ | Newsroom | .*\ –\ Newsroom
    | Newsletter(\ ·)? | Cookies | Text | Name | DE | EN | Deutsch | English | HTML | JSON | Atom | .*Feed
    | /\S* | \d+\.\d+\.\d+\.\d+ | \S+\ \S+\ UTC | openapi\.json
    """,
    re.VERBOSE,
)
# How many radio buttons belong to the one that has the focus.
BUTTONS_HERE = """(here => here.type === 'radio' ? document.querySelectorAll(
    `[type=radio][name="${here.name}"]`).length : 0)(document.activeElement)"""
# What a tab must reach. Of parts of a page that are folded away, nothing.
REACHABLE = """
    [...document.querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary'
    )].filter(each => !each.disabled && each.checkVisibility({visibilityProperty: true}))
"""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A page as the site answered it."""

    name: str
    path: str
    status: int
    body: bytes
    policy: str


def shown(language: str) -> Iterator[Shown]:
    """All scenes of a town, one after the other."""
    Group.objects.all().delete()
    town = Town(language)
    for name, way in all_scenes():
        answer = way(town)
        request = answer.request  # type: ignore[attr-defined]
        query = f"?{request['QUERY_STRING']}" if request["QUERY_STRING"] else ""
        yield Shown(
            name=name,
            path=request["PATH_INFO"] + query,
            status=answer.status_code,
            body=answer.content,
            policy=answer.headers.get("Content-Security-Policy", ""),
        )


class Projector:
    """Shows pages from memory under their own address, with their own policy; all else comes from the site."""

    def __init__(self, page: Page, site: str) -> None:
        self.page, self.site, self._now = page, site, Shown(name="", path="", status=0, body=b"", policy="")
        page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        asked = route.request
        parts = urlsplit(asked.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if (
            path != self._now.path
            or asked.frame.parent_frame is not None
            or not asked.is_navigation_request()
        ):
            route.fallback()
            return
        headers = {"Content-Type": "text/html; charset=utf-8"}
        if self._now.policy:
            headers["Content-Security-Policy"] = self._now.policy
        # 200 whatever it was: the browser calls all else an error.
        route.fulfill(status=200, headers=headers, body=self._now.body)

    def show(self, scene: Shown) -> None:
        self._now = scene
        self.page.goto(self.site + scene.path)


class Findings(list[str]):
    """What is wrong on which page: all of it is told at the end."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__()
        self._complaints = complaints

    @contextlib.contextmanager
    def on(self, scene: Shown) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            self.append(f"{scene.name}: {error}")
        self += [f"{scene.name}: {complaint}" for complaint in self._complaints]
        self._complaints.clear()

    def __str__(self) -> str:
        return "\n".join(["", *self])


def keep(page: Page, name: str, *, scheme: str = "light") -> None:
    """A picture to look at, where SHOTS names a folder: on a phone in this scheme, on a desktop in the light one."""
    if folder := os.environ.get("SHOTS"):
        file = re.sub(r"\W+", "-", name).strip("-")
        page.set_viewport_size({"width": 390, "height": 844})
        page.screenshot(path=Path(folder) / f"{file}-390-{scheme}.png", full_page=True)
        if scheme == "light":
            page.set_viewport_size({"width": 1280, "height": 900})
            page.screenshot(path=Path(folder) / f"{file}-1280.png", full_page=True)
        page.set_viewport_size({"width": NARROW, "height": HEIGHT})


def test_every_page_of_the_public_is_looked_at() -> None:
    """Another page? Add a row to SCENES, with each state that it can be in."""
    names = set(public_names())

    assert names == (set(SCENES) - {"api", "errors"}) | set(WITHOUT_PAGE)
    assert not set(SCENES) & set(WITHOUT_PAGE)


def test_no_page_has_a_barrier_or_scrolls_sideways_in_light_or_dark(
    site: str,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
    complaints: list[str],
) -> None:
    page = open_page(width=NARROW, height=HEIGHT)
    projector, found = Projector(page, site), Findings(complaints)

    for scene in shown("de"):
        with found.on(scene):
            page.emulate_media(color_scheme="light")
            projector.show(scene)
            keep(page, scene.name)
            fits(page)
            axe(page)
            page.emulate_media(color_scheme="dark")
            keep(page, scene.name, scheme="dark")
            if b"stylesheet" in scene.body:  # axe takes a browser's own dark canvas for a white one
                axe(page, only=("color-contrast", "link-in-text-block"))

    assert not found, str(found)


def test_no_page_scrolls_sideways_in_english_without_script_and_with_letters_twice_as_large(
    site: str, open_page: Callable[..., Page], fits: Callable[[Page], None], complaints: list[str]
) -> None:
    page = open_page(width=WIDE, height=HEIGHT, locale="en-GB", java_script_enabled=False)
    projector, found = Projector(page, site), Findings(complaints)

    for scene in shown("en"):
        with found.on(scene):
            projector.show(scene)
            assert page.locator("h1").count() == 1
            page.evaluate("document.documentElement.style.fontSize = '200%'")  # 200 %: text alone
            fits(page)
            page.evaluate("document.documentElement.style.fontSize = ''")
            page.evaluate("document.documentElement.dir = 'rtl'")
            fits(page)
            page.evaluate("document.documentElement.dir = 'ltr'")
            page.set_viewport_size({"width": NARROW, "height": HEIGHT})  # and the whole page: half as wide
            fits(page)
        page.set_viewport_size({"width": WIDE, "height": HEIGHT})

    assert not found, str(found)


def test_a_page_of_a_language_from_right_to_left_is_mirrored(
    site: str, open_page: Callable[..., Page]
) -> None:
    make_newsletter(language="de", name="Wirtschaft & Technik")
    page = open_page(width=1024, height=HEIGHT)
    page.goto(f"{site}/newsletters/")

    def places() -> list[tuple[float, float]]:
        """How far each part is from where a line begins, and how wide it is."""
        boxes = [
            page.locator(part).bounding_box() for part in (".nameplate", "h1", ".card-title", ".choice input")
        ]
        return [(box["x"], box["width"]) for box in boxes if box]

    here = places()
    page.evaluate("document.documentElement.dir = 'rtl'")
    there = [(1024 - left - width, width) for left, width in places()]

    assert len(here) == 4
    assert there == [pytest.approx(place, abs=1.5) for place in here]


def test_every_control_is_reached_by_keyboard_and_seen_there(
    site: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(width=1024, height=HEIGHT)
    projector, found = Projector(page, site), Findings([])

    for scene in shown("de"):
        with found.on(scene):
            projector.show(scene)
            missed, unseen = tab_through(page)
            assert not missed, f"no tab reaches {missed}"
            assert not unseen, f"focus cannot be seen on {unseen}"

    assert not found, str(found)


def tab_through(page: Page) -> tuple[list[str], list[str]]:
    """What no tab reaches, and where focus is not seen. The way begins at the top, wherever the page put the focus."""
    page.evaluate(
        """() => {
            document.activeElement.blur();
            document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex');
            window.seen = new Set(); window.unseen = [];
            document.addEventListener('focusin', event => {
                // The focus of a card's link is drawn around the whole card.
                const isSeen = [event.target, event.target.closest('.card')].some(each => {
                    if (!each) return false;
                    const style = getComputedStyle(each);
                    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
                });
                if (!isSeen) window.unseen.push(event.target.outerHTML.slice(0, 120));
                window.seen.add(event.target);
            });
        }"""
    )
    # A field for a date takes three tabs and more, a mail in a frame one for each of its links.
    for _round in range(
        1
        + page.evaluate(
            f"{REACHABLE}.length + 4 * document.querySelectorAll('[type=date]').length + 40 * document.querySelectorAll('iframe').length"
        )
    ):
        page.keyboard.press("Tab")
        # To one of several radio buttons leads a tab, to the others the arrows, once around.
        for _button in range(page.evaluate(BUTTONS_HERE)):
            page.keyboard.press("ArrowDown")
    missed = page.evaluate(
        f"{REACHABLE}.filter(each => !window.seen.has(each)).map(each => each.outerHTML.slice(0, 120))"
    )
    return missed, page.evaluate("window.unseen")


def test_both_languages_are_whole_and_foreign_words_say_what_they_are(
    site: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(java_script_enabled=False)
    projector = Projector(page, site)
    said = {}
    for language in ("de", "en"):
        said[language] = {scene.name: spoken(projector, scene) for scene in shown(language)}

    left = []
    for name, texts in said["en"].items():
        german = {text for language, text in said["de"][name] if language == "de"}
        same = {text for language, text in texts if language == "en"} & german
        left += [f"{name}: {text!r}" for text in sorted(same) if not SAME_IN_BOTH.fullmatch(text)]

    assert not left, "neither translated nor marked as another language:\n" + "\n".join(left)


def spoken(projector: Projector, scene: Shown) -> list[tuple[str, str]]:
    """Everything a page says, also to screen readers, each with the language it says it is in."""
    projector.show(scene)
    found = projector.page.evaluate(
        """() => {
            const found = [], say = (element, text) => {
                if (text.trim() && !element.closest('[translate=no], script, style, textarea, code'))
                    found.push([element.closest('[lang]').lang, text.trim().replace(/\\s+/g, ' ')]);
            };
            const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) say(texts.currentNode.parentElement, texts.currentNode.data);
            for (const name of ['title', 'aria-label', 'placeholder', 'alt'])
                for (const each of document.querySelectorAll(`[${name}]`)) say(each, each.getAttribute(name));
            return found;
        }"""
    )
    return [(language, text) for language, text in found]


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    for _press in range(80):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"No tab leads to {target}.")


def press_on(page: Page, target: Locator) -> None:
    tab_to(page, target)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_from_the_article_to_the_first_issue_and_back_by_keyboard_alone_without_script(
    site: str, open_page: Callable[..., Page]
) -> None:
    newsletter = make_newsletter(language="de", has_weekly=True)
    article = make_article(language="de")
    page = open_page(java_script_enabled=False, width=NARROW, height=HEIGHT)
    button = page.locator("main form button").first

    page.goto(site + article.get_absolute_url())
    tab_to(page, page.locator("#signup-address"))
    page.keyboard.type("mia@gmial.com")
    page.wait_for_timeout(TIME_TO_TYPE.total_seconds() * 1000)  # as long as a person takes
    with page.expect_navigation():
        page.keyboard.press("Enter")
    press_on(page, page.get_by_role("button", name="Ja, mia@gmail.com"))
    expect(page).to_have_url(f"{site}/subscribe/sent/")

    consent.decide_sign_ups()
    page.goto(site + path_of(re.findall(r"https?://\S+/confirm/\S+", Letter.objects.get().text)[0]))
    press_on(page, button)
    press_on(page, page.get_by_role("link", name="Einstellungen öffnen"))
    press_on(page, button)
    expect(page).to_have_url(f"{site}/preferences/")
    tab_to(page, page.locator(f"#cadence-{newsletter.slug}"))
    page.keyboard.press("ArrowDown")
    press_on(page, page.get_by_role("button", name="Speichern"))
    expect(page.locator("h1")).to_have_text("Gespeichert")
    row = Subscription.objects.get()
    assert (row.state, row.cadence) == ("active", "weekly")

    page.goto(site + path_of(tokens.leave_url(row.pk)))
    press_on(page, button)
    expect(page.locator("h1")).to_have_text("Abbestellt")
    press_on(page, page.get_by_role("button", name="Rückgängig"))
    expect(page.locator("h1")).to_have_text("Willkommen zurück")
    row.refresh_from_db()
    assert (row.state, row.cadence) == ("active", "weekly")
