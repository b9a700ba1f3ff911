"""The reader desk, imports and exports on a phone and a desktop, light and dark, by keyboard and without a script."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests.delivery import ledger
from digests.delivery.models import Delivery, Mailing
from digests.delivery.states import DeliveryState
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.web import clock, tokens
from newsroom.web.tokens import TokenKind
from subscriptions import suppression
from subscriptions.models import Subscriber, SubscriberImport, Subscription
from subscriptions.states import SuppressionReason
from subscriptions.tasks import run_imports
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_pending

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280
FILE = (
    "Email Address,First Name,OPTIN_TIME,CONFIRM_TIME\n"
    "jonas@example.org,Jonas,2021-03-04 08:00:00,2021-03-05 09:30:00\nbroken,Kai,,\n"
)


@pytest.fixture
def mia() -> Subscriber:
    """A reader with a story: agreed, got mail, waits for a second newsletter, and was stopped for a third."""
    reader = make_subscriber(address="mia@xn--exmple-cua.de", typed_address="Mia@exämple.de")
    row = make_subscription(newsletter=make_newsletter(), subscriber=reader)
    make_pending(make_newsletter(name="Kultur am Wochenende"), reader)
    sport = make_newsletter(name="Sport")
    suppression.suppress(
        reader.address_hash, reason=SuppressionReason.COMPLAINT, newsletter=sport, note="Bericht", at=NOON
    )
    Letter.objects.create(
        kind="welcome", dedupe_key="w", state="sent", language="de", subscriber_id=reader.pk,
        address_hash=reader.address_hash, not_before=NOON, created_at=NOON,
    )  # fmt: skip
    for day in range(60):
        mailing = Mailing.objects.create(
            newsletter=row.newsletter, title=f"Die Fähre fährt wieder, Tag {day}", audience={}, envelope={},
            provider="main", late_limit_seconds=60, created_at=NOON + timedelta(days=day), active_at=NOON,
        )  # fmt: skip
        Delivery.objects.create(
            id=ledger.first_id(mailing.pk), mailing=mailing, subscription=row, state=DeliveryState.ACCEPTED
        )
        token = tokens.make(TokenKind.DELIVERY, ledger.first_id(mailing.pk))
        ProviderEvent.objects.create(
            provider="main", event_id=str(day), kind="delivered", token=token,
            occurred_at=mailing.created_at + timedelta(seconds=4), received_at=NOON,
        )  # fmt: skip
    return reader


@pytest.fixture
def waiting() -> SubscriberImport:
    return journal.stage(
        io.BytesIO(FILE.encode()),
        newsletter=make_newsletter(),
        basis="Double-Opt-in beim früheren Anbieter; das Protokoll liegt im Archiv.",
        actor="anna",
        filename="leserschaft-2021.csv",
        at=clock.now(),
    )


def log_in(page: Page, site: str, path: str) -> None:
    if not User.objects.exists():
        User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")
    page.goto(f"{site}{path}")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill("ebbe-und-flut")
    page.locator("input[type=submit]").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pages_fit_and_have_no_barrier(
    width: int,
    scheme: str,
    site: str,
    mia: Subscriber,
    waiting: SubscriberImport,
    open_page: Callable[..., Page],
    fits: Callable[[Page], None],
    axe: Callable[..., None],
) -> None:
    page = open_page(width=width, color_scheme=scheme)
    log_in(page, site, reverse("admin:reader_desk", args=[mia.pk]))

    for path in (
        reverse("admin:reader_desk", args=[mia.pk]),
        reverse("admin:reader_desk_find"),
        reverse("admin:subscriptions_reader_erase", args=[mia.pk]),
        reverse("admin:subscriptions_export"),
        reverse("admin:subscriptions_subscriberimport_add"),
        reverse("admin:subscriptions_subscriberimport_change", args=[waiting.pk]),
    ):
        page.goto(f"{site}{path}")
        expect(page.locator("#content h1")).to_be_visible()
        fits(page)
        axe(page)


def test_reader_is_found_and_unsubscribed_by_keyboard_without_a_script(
    site: str, mia: Subscriber, open_page: Callable[..., Page]
) -> None:
    page = open_page(java_script_enabled=False)
    log_in(page, site, reverse("admin:reader_desk_find"))

    page.locator("#id_address").focus()
    page.keyboard.type("MIA@EXÄMPLE.DE")
    page.keyboard.press("Enter")
    expect(page.locator("#content h1")).to_have_text("Mia@exämple.de")
    assert "mia" not in page.url.lower()
    page.get_by_role("link", name="Von „Wirtschaft & Technik“ abmelden").focus()
    page.keyboard.press("Enter")
    page.locator("#id_because").focus()
    page.keyboard.type("rief am 3. Mai an")
    page.keyboard.press("Enter")

    expect(page.locator(".reader-story")).to_contain_text("rief am 3. Mai an")
    assert not Subscription.objects.active().filter(subscriber=mia).exists()


def test_import_is_followed_while_a_worker_is_at_it(
    site: str, waiting: SubscriberImport, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    log_in(page, site, reverse("admin:subscriptions_subscriberimport_change", args=[waiting.pk]))

    page.get_by_role("button", name="Ausprobieren").click()
    expect(page.locator("progress")).to_be_visible()
    run_imports()
    expect(page.locator("h2", has_text="Was aus den Zeilen würde")).to_be_visible()
    page.locator("input[name=confirmed]").check()
    page.get_by_role("button", name="2 Zeilen aufnehmen").click()
    expect(page.locator("progress")).to_be_visible()
    run_imports()

    expect(page.locator("h2", has_text="Was aus den Zeilen wurde")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Übrige Zeilen herunterladen").click()
    assert "broken" in download.value.path().read_text("utf-8")
    assert Subscription.objects.active().count() == 1
