"""From the sign-up box to a digest on its way, and out again: a reader and two editors in a real browser.

Everything runs: site, broker, two workers, beat, and an SMTP inbox.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from newsroom.demo.stage import PASSWORD
from tests.house import ROOT, House, running_demo

pytestmark = pytest.mark.journey

LETTER_SECONDS = 60.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_demo(tmp_path_factory.mktemp("journey") / "house") as running:
        yield running


def link_in_mail(house: House, address: str, part: str) -> str:
    """The newest link with this part that arrived for the address."""
    end = time.monotonic() + LETTER_SECONDS
    while time.monotonic() < end:
        for mail in httpx.get(f"{house.inbox}/messages.json", params={"to": address}).json():
            whole = httpx.get(f"{house.inbox}/mails/{mail['number']}/mail.json").text
            if found := re.search(rf"{re.escape(house.site)}{part}[\w/-]+", whole):
                return found.group()
        time.sleep(0.2)
    raise AssertionError(f"No mail to {address} holds a link with {part}.")


def manage(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the operator's, on the demo's database."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{house.directory}/newsroom.sqlite3",
        "SITE_URL": house.site,
    }
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def log_in(page: Page, house: House, name: str) -> None:
    page.goto(f"{house.site}/admin/login/?next=/admin/")
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("input[type=submit]").click()
    expect(page.locator("#user-tools")).to_contain_text(name, ignore_case=True)


def test_a_reader_signs_up_under_an_article_confirms_and_leaves_again(
    house: House, open_page: Callable[..., Page]
) -> None:
    page = open_page(width=390, height=844, java_script_enabled=False)
    address = "frida.anleger@example.org"

    page.goto(f"{house.site}/articles/faehre-legt-wieder-ab/")
    box = page.locator("form[action='/subscribe/']").last
    box.locator("input[type=email]").fill(address)
    page.wait_for_timeout(2200)  # a robot would not wait
    box.locator("button").click()
    expect(page).to_have_url(re.compile("/subscribe/sent/"))
    expect(page.locator("main")).to_contain_text(address)

    page.goto(link_in_mail(house, address, "/confirm/"))
    page.locator("main button").click()
    expect(page.locator("main")).to_contain_text("Wirtschaft & Technik")
    welcome = link_in_mail(house, address, "/preferences/")

    page.goto(welcome)
    page.locator("main button").first.click()
    expect(page).to_have_url(f"{house.site}/preferences/")

    page.goto(link_in_mail(house, "amara.adeyemi@example.org", "/u/"))
    page.locator("main button").first.click()
    expect(page.locator("main")).to_contain_text("Wirtschaft & Technik")


def test_two_editors_take_the_next_digest_from_draft_to_schedule_and_stop_it(
    house: House, open_page: Callable[..., Page]
) -> None:
    jonas, aylin = open_page(), open_page()
    log_in(jonas, house, "jonas")
    log_in(aylin, house, "aylin")

    jonas.goto(f"{house.site}/admin/digests/digest/add/")
    jonas.locator("#id_newsletter").select_option(label="Wirtschaft & Technik")
    jonas.locator(".desk input[type=submit]").click()
    jonas.locator("#id_subject").fill("Licht am Treidelpfad, Strom vom Depotdach")
    jonas.locator(".desk-digest .desk-actions input[type=submit]").click()
    expect(jonas.locator(".messagelist .success")).to_be_visible()
    jonas.locator(".desk-status input[type=submit]").click()
    expect(jonas.locator(".messagelist .success")).to_contain_text("1")
    composer = jonas.url

    jonas.goto(composer.replace("/change/", "/proofs/1/"))
    jonas.locator(".desk-status").wait_for()
    assert jonas.locator(".desk-status input[type=submit]").count() == 0, "who proposes does not approve"

    aylin.goto(composer)
    aylin.locator(".desk-status a.button").click()
    frame = aylin.frame_locator("iframe").first
    expect(frame.locator("h1")).to_have_text("Wirtschaft & Technik")
    aylin.locator(".desk-status input[type=submit]").click()
    aylin.locator("#id_when").fill("2099-05-04T06:00")
    aylin.locator(".desk-status form").first.locator("input[type=submit]").click()
    expect(aylin.locator(".desk-danger").first).to_be_visible()
    aylin.locator(".sending-bar .desk-danger").click()
    expect(aylin.locator("#id_when")).to_be_visible()


def test_every_copy_of_the_demo_is_accounted_for_and_a_forged_row_is_found(
    house: House, tmp_path: Path
) -> None:
    import sqlite3

    holds = manage(house, "audit_delivery", "--all", "--json")
    assert holds.returncode == 0, holds.stderr
    facts = [json.loads(line) for line in holds.stdout.splitlines() if line.startswith("{")]
    assert [(fact["frozen"], fact["accepted"]) for fact in facts] == [(301, 301)]

    with sqlite3.connect(house.directory / "newsroom.sqlite3", timeout=20) as database:
        (forged,) = database.execute("SELECT max(id) FROM delivery_delivery").fetchone()
        database.execute("UPDATE delivery_delivery SET state = 'rejected' WHERE id = ?", [forged])
    broken = manage(house, "audit_delivery", "--all")

    assert broken.returncode == 1
    assert str(forged & 0xFFFFFFFF) in broken.stdout + broken.stderr


def test_no_reader_got_two_copies(house: House) -> None:
    groups = httpx.get(
        f"{house.inbox}/count.json", params={"subject": "Neues von der Fähre"}, timeout=30
    ).json()["groups"]

    assert [(group["messages"], group["recipients"]) for group in groups] == [(301, 301)]
