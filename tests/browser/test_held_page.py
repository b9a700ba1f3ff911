"""The page of held copies on a phone and a desktop, light and dark, without a script and by keyboard alone."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests.delivery import claiming, holding, ledger, settling
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.remedies import decide
from digests.delivery.states import BatchState, DeliveryState
from newsroom.mail.providers.base import HandOver
from tests.digests.delivery.asserts import states
from tests.digests.delivery.factories import make_sending
from tests.factories import NOON

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280


@pytest.fixture
def mailing() -> Mailing:
    """Twenty copies of one call without an answer, looked for and not found."""
    mailing = make_sending(readers=20)
    batch = claiming.claim(at=NOON, owner="a worker")
    assert batch is not None
    numbers = list(range(20))
    attempt = claiming.begin(batch, attempt_id=uuid4(), offered=numbers, skipped={}, digest="", at=NOON)
    assert attempt is not None
    answer = HandOver(outcomes={}, http_status=502, response="<html>Bad gateway</html>")
    settling.settle(attempt, decide(numbers, answer, tries=0, at=NOON), answer, at=NOON)
    looks = [
        {"at": (NOON + timedelta(minutes=3)).isoformat(), "by": "journal", "accepted": 0},
        {
            "at": (NOON + timedelta(minutes=3)).isoformat(),
            "by": "search", "absent": 20, "counts": False, "what": "HTTP 500",
        },
    ]  # fmt: skip
    Attempt.objects.filter(pk=attempt.pk).update(evidence={"looks": looks})
    holding.hold(Batch.objects.get(), because="no answer, and no proof since", at=NOON + timedelta(hours=1))
    Batch.objects.update(not_before=NOON + timedelta(hours=6))
    assert Batch.objects.get().state == BatchState.HELD
    assert not ledger.of_mailing(mailing.pk).filter(state=DeliveryState.WAITING).exists()
    return mailing


def log_in(page: Page, site: str, mailing: Mailing) -> None:
    User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")
    page.goto(f"{site}{reverse('admin:delivery_mailing_held', args=[mailing.pk])}")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill("ebbe-und-flut")
    page.locator("input[type=submit]").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("locale", ["de-DE", "en-GB"])
def test_page_fits_and_has_no_barrier(
    width: int,
    scheme: str,
    locale: str,
    site: str,
    mailing: Mailing,
    open_page: Callable[..., Page],
    fits: Callable[[Page], None],
    axe: Callable[..., None],
) -> None:
    page = open_page(width=width, color_scheme=scheme, locale=locale, java_script_enabled=True)
    log_in(page, site, mailing)

    expect(page.locator(".desk-held")).to_have_count(1)
    fits(page)
    axe(page)


def test_decision_by_keyboard_alone_without_a_script(
    site: str, mailing: Mailing, open_page: Callable[..., Page]
) -> None:
    page = open_page(java_script_enabled=False)
    log_in(page, site, mailing)

    page.locator("input[name=because]").focus()
    page.keyboard.type("in their log")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#id_because")).to_have_value("in their log")
    page.locator("#id_because").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".messagelist .success")).to_be_visible()
    expect(page.locator(".desk-held")).to_have_count(0)
    assert states(mailing) == {"accepted": 20}
