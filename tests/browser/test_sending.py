"""From the approval on a phone to the stop: the last steps of a digest in a real browser, with and without scripts."""

import datetime as dt
import os
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests import workflow
from digests.approval_tokens import approval_url
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import MailingState
from digests.models import Approval, Digest, Proof
from digests.states import DigestState
from newsroom.web import clock
from tests.digests.factories import make_ready, make_scheduled, make_user
from tests.digests.test_sending_bar import make_sending
from tests.factories import make_article, make_subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280
MINUTE = dt.timedelta(minutes=1)
PICTURES = os.environ.get("PICTURES", "")
"""A folder, for whoever wants to look at the pages."""


@pytest.fixture
def anna(transactional_db: None) -> User:
    return User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")


@pytest.fixture
def open_desk(site: str, anna: User, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens a page of the admin, signed in."""

    def open_one(name: str, *arguments: int, **options: object) -> Page:
        page = open_page(**options)
        page.goto(f"{site}{reverse(f'admin:{name}', args=arguments)}")
        page.locator("#id_username").fill("anna")
        page.locator("#id_password").fill("ebbe-und-flut")
        page.locator("input[type=submit]").click()
        return page

    return open_one


def make_counting(left: dt.timedelta = 5 * MINUTE) -> Digest:
    digest = make_scheduled(stories=3)
    make_subscription(newsletter=digest.newsletter)
    Digest.objects.update(scheduled_at=clock.now() + left)
    digest.refresh_from_db()
    return digest


def shoot(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def test_a_proof_is_approved_on_a_phone_by_the_link_in_the_letter(
    site: str,
    anna: User,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    proof = workflow.propose(make_ready(stories=3), by=make_user("jonas"), at=clock.now())
    page = open_page(width=PHONE, height=844)

    page.goto(approval_url(proof, anna))
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("Die Fähre fährt wieder")
    shoot(page, "approve-phone")
    axe(page)
    fits(page)
    # By key: right after scrolling Chromium may take a click for one into the frame above, which has a process of its own.
    page.get_by_role("button", name="Abnahme 1 freigeben").press("Enter")

    expect(page.get_by_role("status")).to_contain_text("Danke. Die Abnahme ist freigegeben.")
    shoot(page, "approved-phone")
    axe(page)
    assert Approval.objects.get().approver == anna


def test_a_proof_is_returned_by_keyboard_alone(
    site: str, anna: User, open_page: Callable[..., Page], axe: Callable[..., None]
) -> None:
    proof = workflow.propose(make_ready(), by=make_user("jonas"), at=clock.now())
    page = open_page(color_scheme="dark", java_script_enabled=True)
    page.goto(approval_url(proof, anna))

    page.locator(".approval-return summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Der Aufmacher fehlt.")
    axe(page)
    shoot(page, "return-dark")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("ging an die Redaktion zurück")
    assert Proof.objects.get().returned_because == "Der Aufmacher fehlt."


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")])
@pytest.mark.parametrize("name", ["change", "swap", "test", "choices"])
def test_the_pages_of_a_digest_that_counts_down_have_no_barrier(
    name: str,
    width: int,
    scheme: str,
    open_desk: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
) -> None:
    digest = make_counting()
    for number in range(3):
        make_article(first_seen_at=digest.window_start + number * MINUTE, title=f"Neues vom Hafen {number}")
    Digest.objects.update(
        choices=[
            {"article": 1, "title": "Die Fähre fährt wieder", "slot": "lead", "reason": "", "details": {}, "score": 3.2,
             "terms": {"fresh": 2.0, "picture": 1.2}},
            {"article": 2, "title": "Ein Morgen am Kai", "slot": "", "reason": "slot_full", "details": {}, "score": 1.0,
             "terms": {}},
        ]
    )  # fmt: skip
    page = open_desk(f"digests_digest_{name}", digest.pk, width=width, color_scheme=scheme)

    expect(page.locator(".sending-bar")).to_contain_text("Versand in")
    shoot(page, f"{name}-{width}-{scheme}")
    axe(page)
    fits(page)


def test_the_countdown_runs_and_a_press_stops_it(open_desk: Callable[..., Page]) -> None:
    digest = make_counting()
    page = open_desk("digests_digest_change", digest.pk)
    left = page.locator("[data-part=left]")
    seen = left.inner_text()

    expect(left).not_to_have_text(seen)
    expect(page.locator("[data-sending-says]")).to_have_text("")  # not each second
    page.get_by_role("button", name="Versand stoppen").first.click()

    expect(page.locator(".messagelist .success")).to_contain_text("Nichts ist hinausgegangen.")
    expect(page.locator(".sending-bar")).to_have_count(0)
    assert Digest.objects.get().state == DigestState.APPROVED


def test_a_far_day_is_counted_in_days_also_by_the_script(
    open_desk: Callable[..., Page], fits: Callable[[Page], None]
) -> None:
    digest = make_counting(left=100 * 24 * 60 * MINUTE)
    page = open_desk("digests_digest_change", digest.pk, width=PHONE)
    in_days = re.compile(r"^(99|100) Tagen$")
    expect(page.locator("[data-part=left]")).to_have_text(in_days)

    with page.expect_response(lambda response: response.url.endswith("/sending/")):
        pass
    page.wait_for_timeout(600)  # two ticks of the countdown

    expect(page.locator("[data-part=left]")).to_have_text(in_days)
    expect(page.locator("[data-part=detail]")).to_contain_text(str(digest.scheduled_at.year))  # type: ignore[union-attr]
    shoot(page, "far-phone")
    fits(page)


def test_the_bar_follows_a_mailing_and_leaves_the_button_under_the_finger(
    open_desk: Callable[..., Page], axe: Callable[..., None]
) -> None:
    digest = make_sending(readers=10)
    page = open_desk("digests_digest_change", digest.pk)
    button = page.locator(".sending-bar input[type=submit]")
    button.focus()
    expect(page.locator(".sending-bar")).to_contain_text("Versand läuft: 0 %")

    Batch.objects.update(accepted=4, rejected=1)

    expect(page.locator(".sending-bar")).to_contain_text("Versand läuft: 50 %")
    expect(page.locator(".sending-bar")).to_contain_text("4 angenommen · 5 warten · 1 abgelehnt")
    expect(page.locator("[data-sending-says]")).to_have_text("Versand läuft: 50 %")
    expect(button).to_be_focused()
    shoot(page, "sends")
    axe(page)

    page.keyboard.press("Enter")
    expect(page.locator(".sending-bar")).to_contain_text("Angehalten: 4 von 10 sind hinausgegangen")
    assert Mailing.objects.get().state == MailingState.PAUSED
    shoot(page, "stopped")
    axe(page)

    page.get_by_role("button", name="Weiter senden").click()
    expect(page.locator(".sending-bar")).to_contain_text("Versand läuft")
    assert Mailing.objects.get().state == MailingState.SENDING


def test_a_page_that_was_open_before_says_and_offers_what_holds_now(
    open_desk: Callable[..., Page], axe: Callable[..., None]
) -> None:
    digest = make_counting()
    page = open_desk("digests_digest_change", digest.pk)
    expect(page.locator(".desk-status")).to_contain_text("Artikel austauschen")
    expect(page.locator("#id_subject")).to_be_enabled()

    digest.refresh_from_db()
    workflow.send_now(digest, by=None, at=clock.now(), grace_seconds=0)
    workflow.hand_over(digest, at=clock.now())

    expect(page.locator(".desk-status")).to_contain_text("Übergeben am")
    expect(page.locator(".desk-status")).not_to_contain_text("Artikel austauschen")
    expect(page.locator("#id_subject")).to_be_disabled()
    expect(page.locator(".sending-bar")).to_have_count(1)
    axe(page)


def test_words_not_saved_yet_outlast_the_step_of_somebody_else(open_desk: Callable[..., Page]) -> None:
    digest = make_counting()
    page = open_desk("digests_digest_change", digest.pk)
    expect(page.locator(".desk-handle").first).to_be_visible()  # the script is there
    page.locator("#id_subject").fill("Noch nicht gesichert")

    workflow.stop(digest, by=make_user("aylin"), at=clock.now())

    expect(page.locator(".desk-status")).to_contain_text("Freigegeben")
    expect(page.locator("#id_subject")).to_have_value("Noch nicht gesichert")


def test_somebody_elses_stop_is_seen_and_said_without_reloading(open_desk: Callable[..., Page]) -> None:
    digest = make_sending(readers=10)
    page = open_desk("digests_digest_change", digest.pk)
    expect(page.locator(".sending-bar")).to_have_attribute("data-stage", "sends")

    workflow.stop(digest, by=make_user("aylin"), at=clock.now())

    expect(page.locator(".sending-bar")).to_have_attribute("data-stage", "stopped")
    expect(page.locator("[data-sending-says]")).to_contain_text("Angehalten: 0 von 10")


def test_without_a_script_everything_can_be_done(
    open_desk: Callable[..., Page], axe: Callable[..., None]
) -> None:
    digest = make_sending(readers=10)
    page = open_desk("digests_digest_change", digest.pk, java_script_enabled=False)
    Batch.objects.update(accepted=3)

    page.get_by_role("link", name="Stand erneuern").click()
    expect(page.locator(".sending-bar")).to_contain_text("Versand läuft: 30 %")
    page.get_by_role("button", name="Versand stoppen").click()
    page.get_by_role("link", name="Beenden …").click()
    shoot(page, "end")
    page.get_by_label("Grund").fill("Der Aufmacher ist falsch.")
    page.get_by_role("button", name="Endgültig beenden").click()

    expect(page.locator(".messagelist .success")).to_contain_text("Vorzeitig beendet")
    assert Mailing.objects.get().state == MailingState.ENDED


def test_a_story_is_exchanged_and_one_approval_puts_it_back(
    site: str, anna: User, open_desk: Callable[..., Page]
) -> None:
    digest = make_counting(left=10 * MINUTE)
    wanted = digest.scheduled_at
    make_article(first_seen_at=digest.window_start + MINUTE, title="Die Brücke ist gesperrt")
    page = open_desk("digests_digest_change", digest.pk, width=PHONE)

    page.get_by_role("link", name="Artikel austauschen").click()
    page.get_by_role("radio", name="Die Fähre").first.check()
    page.get_by_role("radio", name="Die Brücke ist gesperrt").check()
    page.get_by_role("button", name="Austauschen").click()

    expect(page.locator(".sending-bar")).to_contain_text("Wartet auf Freigabe")
    shoot(page, "waits-phone")
    digest.refresh_from_db()
    assert digest.state == DigestState.PROOFED
    workflow.approve(Proof.objects.first(), by=make_user("aylin"), at=clock.now())  # type: ignore[arg-type]
    expect(page.locator(".sending-bar")).to_contain_text("Versand in")
    digest.refresh_from_db()
    assert digest.scheduled_at == wanted
