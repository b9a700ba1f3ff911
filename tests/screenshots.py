"""Takes the pictures that the documentation shows, from the running demo: `python -m tests.screenshots`."""

import io
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from newsroom.demo.stage import PASSWORD
from tests.house import ROOT, House, running_demo
from tests.servers import CHROMIUM_FLAGS, chromium

PICTURES = ROOT / "docs" / "img"
PHONE, DESKTOP = (390, 844), (1280, 900)
SLUG = "wirtschaft-technik"


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder) / "house") as house,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=list(CHROMIUM_FLAGS), chromium_sandbox=False
        )
        readers(browser, house)
        mail(browser, house)
        desk(browser, house)
        browser.close()
    return 0


@contextmanager
def window(browser: Browser, size: tuple[int, int], scheme: str = "light") -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="de-DE",
        timezone_id="Europe/Berlin",
    )
    yield context.new_page()
    context.close()


# Pictures are loaded as they come into sight: what is seen must be there.
_LOADED = """() => Promise.all([...document.images]
    .filter((image) => image.getBoundingClientRect().top < innerHeight)
    .map((image) => image.complete || new Promise((done) => { image.onload = image.onerror = done; })))"""


def shoot(page: Page, name: str, *, whole: bool = False, part: str = "") -> None:
    """A picture with 256 colours: a third of the bytes, and nobody sees the difference. part: of this element only."""
    page.evaluate(_LOADED)
    taken = page.locator(part).first.screenshot() if part else page.screenshot(full_page=whole)
    image = Image.open(io.BytesIO(taken)).convert("RGB")
    image.quantize(256, Image.Quantize.MEDIANCUT).save(PICTURES / f"{name}.png", optimize=True)


def readers(browser: Browser, house: House) -> None:
    """Article, catalogue, confirmation, preferences, archive."""
    article = f"{house.site}/articles/faehre-legt-wieder-ab/"
    for name, size, scheme in (
        ("article-desktop", DESKTOP, "light"),
        ("article-phone", PHONE, "light"),
        ("article-dark", PHONE, "dark"),
    ):
        with window(browser, size, scheme) as page:
            page.goto(article)
            shoot(page, name)
    with window(browser, PHONE) as page:
        page.goto(f"{house.site}/newsletters/")
        shoot(page, "catalogue-phone", whole=True)
    with window(browser, DESKTOP) as page:
        page.goto(f"{house.site}/newsletters/")
        shoot(page, "catalogue-desktop")
        page.goto(f"{house.site}/")
        shoot(page, "front-desktop")
        page.goto(f"{house.site}/newsletters/{SLUG}/1/")
        shoot(page, "web-version-desktop")
    with window(browser, PHONE) as page:
        page.goto(article)
        page.get_by_label("E\N{NON-BREAKING HYPHEN}Mail-Adresse").first.fill("frida.anleger@example.org")
        page.wait_for_timeout(2500)
        page.get_by_role("button", name="Anmelden").first.click()
        shoot(page, "check-inbox-phone")
        page.goto(_link(house, "frida.anleger@example.org", "/confirm/"))
        shoot(page, "confirmation-phone")
        page.get_by_role("button").last.click()
        page.goto(_link(house, "frida.anleger@example.org", "/preferences/"))
        page.get_by_role("button", name="Weiter").click()
        shoot(page, "preferences-phone", whole=True)
        page.goto(_link(house, _first_reader(house), "/u/"))
        shoot(page, "leave-phone")


def mail(browser: Browser, house: House) -> None:
    """The digest as mail: phone, desktop, dark, without pictures."""
    number = _digest_mail(house)
    source = f"{house.inbox}/mails/{number}/html"
    for name, size, scheme, blocked in (
        ("mail-phone", PHONE, "light", False),
        ("mail-desktop", (800, 900), "light", False),
        ("mail-dark", PHONE, "dark", False),
        ("mail-images-off", PHONE, "light", True),
    ):
        with window(browser, size, scheme) as page:
            if blocked:
                page.route("**/media/**", lambda route: route.abort())
            page.goto(source)
            shoot(page, name, whole=True)
    with window(browser, DESKTOP) as page:
        page.goto(f"{house.inbox}/")
        shoot(page, "inbox-desktop")


def desk(browser: Browser, house: House) -> None:
    """The admin: its list of digests, the composer, a proof, the arithmetic."""
    with window(browser, (1440, 1000)) as page:
        log_in(page, house, "jonas")
        page.goto(f"{house.site}/admin/digests/digest/add/")
        page.locator("#id_newsletter").select_option(label="Wirtschaft & Technik")
        page.locator(".desk input[type=submit]").click()
        page.locator("#id_subject").fill("Licht am Treidelpfad, Strom vom Depotdach")
        page.locator("#id_preheader").fill("Dazu 83 Marionetten am Haken und ein Pegel zum Selberbauen.")
        for pick in page.locator("#slot-briefs .desk-pick").all()[-2:]:
            pick.locator("summary").click()
            pick.locator("input[type=checkbox]").check()
        page.locator(".desk-digest .desk-actions input[type=submit]").click()
        page.wait_for_load_state("networkidle")
        shoot(page, "admin-digest")
        composer = page.url
    tour(browser, house, composer)
    with window(browser, (1440, 1000), "dark") as page:
        log_in(page, house, "jonas")
        page.goto(composer)
        page.wait_for_load_state("networkidle")
        shoot(page, "admin-digest-dark")
    with window(browser, (1440, 1000)) as page:
        log_in(page, house, "rui")
        page.goto(f"{house.site}/admin/")
        shoot(page, "admin-front")
        page.goto(f"{house.site}/admin/digests/digest/")
        shoot(page, "admin-list")
        page.goto(f"{house.site}/admin/digests/digest/1/proofs/1/")
        page.wait_for_load_state("networkidle")
        shoot(page, "admin-proof")
        page.goto(f"{house.site}/admin/digests/digest/1/change/")
        page.locator(".desk-status a.button").first.click()
        shoot(page, "admin-arithmetic", whole=True)
    progress(browser, house, composer)


def tour(browser: Browser, house: House, composer: str) -> None:
    """A morning at the desk, from what is due to what came of it."""
    with window(browser, (1280, 900)) as page:
        log_in(page, house, "jonas")
        shoot(page, "desk-today")
        page.goto(composer)
        page.wait_for_load_state("networkidle")
        shoot(page, "desk-composer")
        shoot(page, "desk-candidate", part=".desk-candidate")
        shoot(page, "desk-findings", part=".desk-findings-part")
        page.goto(f"{composer.partition('?')[0]}?view=dark")
        page.wait_for_load_state("networkidle")
        shoot(page, "desk-preview", part="#readers-view")
        page.goto(composer)
        page.locator(".desk-status form input[type=submit]").first.click()
        page.wait_for_load_state("networkidle")
    with window(browser, (1280, 900)) as page:
        log_in(page, house, "aylin")
        page.goto(composer.replace("/change/", "/proofs/1/").partition("?")[0])
        page.wait_for_load_state("networkidle")
        shoot(page, "desk-proof")
        page.locator(".desk-status form input[type=submit]").first.click()
        when = page.locator("#id_when")
        morning = datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(days=1)
        when.fill(f"{morning:%Y-%m-%d}T06:00")
        when.press("Enter")
        page.wait_for_load_state("networkidle")
        shoot(page, "desk-sending")
        page.goto(f"{house.site}/admin/digests/digest/1/change/")
        shoot(page, "desk-after", part=".desk-after")
        page.goto(f"{house.site}/admin/digests/digest/1/numbers/")
        shoot(page, "desk-numbers")


def progress(browser: Browser, house: House, composer: str) -> None:
    """A mailing on its way: slow enough to be seen, by the newsletter's own limit, and due at the next full minute."""
    with window(browser, (1280, 900)) as page:
        log_in(page, house, "rui")
        page.goto(f"{house.site}/admin/subscriptions/newsletter/1/change/")
        page.locator("#id_most_copies_per_hour").fill("36000")
        page.locator("input[name=_save]").click()
        page.goto(composer)
        page.locator(".sending-bar .desk-danger").click()
        due = datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(seconds=70)
        when = page.locator("#id_when")
        when.fill(f"{due:%Y-%m-%dT%H:%M}")
        when.press("Enter")
        page.locator(".sending-bar", has_text=re.compile(r"[1-9]\d? %")).wait_for(timeout=120_000)
        page.locator(".desk-status", has_text="Übergeben am").wait_for()
        page.goto(composer)  # without the message of the schedule
        shoot(page, "desk-progress")
        page.locator(".sending-bar .desk-danger").click()
        page.locator(".sending-bar.is-stopped").wait_for()


def log_in(page: Page, house: House, name: str) -> None:
    page.goto(f"{house.site}/admin/login/?next=/admin/")
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("input[type=submit]").click()


def _mails(house: House, address: str) -> list[dict[str, object]]:
    answer = httpx.get(f"{house.inbox}/messages.json", params={"to": address, "limit": "10"})
    found: list[dict[str, object]] = answer.json()
    return found


def _link(house: House, address: str, part: str) -> str:
    """The newest link with this in its path that a mail to the address holds."""
    for _ in range(100):
        for known in _mails(house, address):
            text = httpx.get(f"{house.inbox}/mails/{known['number']}/mail.json").text
            if found := re.search(rf"{re.escape(house.site)}{part}[\w/-]+", text):
                return found.group()
        time.sleep(0.3)
    raise AssertionError(f"No mail to {address} holds a link with {part}.")


def _first_reader(house: House) -> str:
    return "amara.adeyemi@example.org"


def _digest_mail(house: House) -> int:
    return int(str(_mails(house, _first_reader(house))[0]["number"]))


if __name__ == "__main__":
    sys.exit(main())
