"""The pages after sending on a phone and a desktop, light and dark, without a script and by keyboard alone."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests import archive, correcting, links
from digests.models import CorrectionMail, Digest, Link
from tests.digests.factories import DAY, HOUR, make_planned, make_user
from tests.digests.test_correcting import make_sent
from tests.digests.test_insights import make_counted
from tests.factories import NOON

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280
PAGES = ["numbers", "links", "note", "correct", "corrections", "correction"]


@pytest.fixture
def digest() -> Digest:
    """A digest with a long headline, followed often, sometimes and hardly, after three others."""
    newsletter = make_planned().newsletter
    for number in range(3):
        make_counted(newsletter, 300 + number, 60, 40, at=NOON - number * HOUR - DAY)
    digest = make_counted(newsletter, 412, 88, 31, 7, 2, machines=120, at=NOON)
    pick = digest.picks.get(slot="lead")
    pick.title = "Die Donaudampfschifffahrtsgesellschaft nimmt im Frühjahr den Betrieb wieder auf"
    pick.save()
    return digest


@pytest.fixture
def correction(digest: Digest) -> CorrectionMail:
    links.repoint(Link.objects.filter(pick__digest=digest)[0], url="https://example.org/" + "richtig/" * 12)
    archive.annotate(digest, text="Die Fähre legt um **sieben** ab.", at=NOON + HOUR)
    return correcting.write(
        digest, subject="Um sieben, nicht um acht", text="Die Fähre legt um *sieben* ab.",
        by=make_user("thea"), at=NOON + HOUR,
    )  # fmt: skip


def address(name: str, digest: Digest, correction: CorrectionMail) -> str:
    more = [correction.pk] if name == "correction" else []
    return reverse(f"admin:digests_digest_{name}", args=[digest.pk, *more])


def log_in(page: Page, site: str, path: str) -> None:
    User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")
    page.goto(f"{site}{path}")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill("ebbe-und-flut")
    page.locator("input[type=submit]").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pages_after_sending_fit_and_have_no_barrier(
    width: int,
    scheme: str,
    site: str,
    digest: Digest,
    correction: CorrectionMail,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    page = open_page(width=width, color_scheme=scheme, java_script_enabled=True)
    log_in(page, site, address("numbers", digest, correction))

    for name in PAGES:
        page.goto(f"{site}{address(name, digest, correction)}")
        fits(page)
        axe(page)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_chart_s_bars_keep_their_proportion_and_its_letters_their_size(
    width: int, site: str, digest: Digest, correction: CorrectionMail, open_page: Callable[..., Page]
) -> None:
    page = open_page(width=width)
    log_in(page, site, address("numbers", digest, correction))

    expect(page.locator(".numbers-bar")).to_have_count(4)
    bars = [box["width"] for bar in page.locator(".numbers-bar").all() if (box := bar.bounding_box())]
    chart = page.locator(".numbers-chart").bounding_box()
    count = page.locator(".numbers-count").first.bounding_box()

    assert chart is not None
    assert count is not None
    assert bars[1] / bars[0] == pytest.approx(88 / 412, abs=0.02)
    assert count["height"] >= 14
    assert count["x"] + count["width"] <= chart["x"] + chart["width"]


def test_a_link_is_repointed_by_keyboard_alone_without_a_script(
    site: str, digest: Digest, correction: CorrectionMail, open_page: Callable[..., Page]
) -> None:
    page = open_page(java_script_enabled=False)
    log_in(page, site, address("links", digest, correction))

    field = page.locator("input[type=url]").last
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("https://example.org/besser")
    page.keyboard.press("Enter")

    expect(page.locator(".messagelist .success")).to_contain_text("https://example.org/besser")
    assert Link.objects.filter(current_url="https://example.org/besser").count() == 1


def test_a_correction_mail_is_written_and_proofed_by_keyboard_alone(
    site: str, open_page: Callable[..., Page]
) -> None:
    digest = make_sent(readers=2)
    page = open_page(java_script_enabled=False)
    log_in(page, site, reverse("admin:digests_digest_corrections", args=[digest.pk]))

    page.locator("#id_subject").focus()
    page.keyboard.type("Um sieben")
    page.keyboard.press("Tab")
    page.keyboard.type("Nicht um acht.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".desk-inbox strong")).to_have_text("Korrektur: Um sieben")
    page.locator(".desk-status input[type=submit]").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".messagelist .success")).to_be_visible()
    assert CorrectionMail.objects.get().proofs.count() == 1
