"""The demo's inbox as a person meets it: on a phone, in the dark, in either language."""

import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from newsroom.demo.processes import Supervisor
from tests.demo.test_inbox import Inbox, start_inbox

pytestmark = pytest.mark.browser

HTML = """<!doctype html><html lang="de"><head><title>Morgen</title><style>p{color:#033}</style></head><body>
<h1>Der Morgen</h1><p id="said">Guten Morgen</p>
<a href="/mails/1?view=text">Bestätigen</a></body></html>"""


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Supervisor() as supervisor:
        yield start_inbox(supervisor, tmp_path / "inbox")


SCRIPT = '<script>document.getElementById("said").textContent = "run"</script>'


def post(inbox: Inbox, subject: str = "Der Morgen – Ausgabe 7", html: str = HTML) -> None:
    message = EmailMessage()
    message["From"] = "Täglich <brief@example.org>"
    message["Subject"] = subject
    message["List-Id"] = '"Der Morgen" <morgen.example.org>'
    message.set_content("Guten Morgen\n\nhttps://news.example.org/" + "lang" * 40)
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port, timeout=10) as client:
        client.sendmail(
            "brief@example.org", "eine-sehr-lange-adresse@example.org", message.as_bytes(policy=SMTP)
        )


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_every_page_fits_and_has_no_barrier(
    inbox: Inbox,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    fits: Callable[[Page], None],
    width: int,
    color_scheme: str,
) -> None:
    post(inbox)
    page = open_page(width=width, color_scheme=color_scheme)

    views = [f"/mails/1?view={view}" for view in ("html", "phone", "text", "headers", "source")]
    for path in ("/", "/?q=nichts", *views):
        page.goto(f"http://127.0.0.1:{inbox.http_port}{path}")

        fits(page)
        axe(page)


def test_a_mail_is_shown_but_its_script_does_not_run(inbox: Inbox, page: Page, complaints: list[str]) -> None:
    post(inbox, html=HTML.replace("</body>", f"{SCRIPT}</body>"))
    page.goto(f"http://127.0.0.1:{inbox.http_port}/")

    page.get_by_role("link", name="Der Morgen – Ausgabe 7").click()

    expect(page.frame_locator("iframe").locator("#said")).to_have_text("Guten Morgen")
    assert "Blocked script execution" in complaints.pop()


def test_a_link_in_a_mail_opens_outside_of_its_frame(inbox: Inbox, page: Page) -> None:
    post(inbox)
    page.goto(f"http://127.0.0.1:{inbox.http_port}/mails/1")

    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name="Bestätigen").click()

    expect(opened.value.locator("pre")).to_contain_text("Guten Morgen")


def test_the_list_says_when_mail_has_arrived(inbox: Inbox, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{inbox.http_port}/")
    expect(page.get_by_text("Noch keine Post.")).to_be_visible()

    post(inbox, "Eben angekommen")
    page.get_by_role("link", name="Neue Post anzeigen").click()

    expect(page.get_by_role("link", name="Eben angekommen")).to_be_visible()
