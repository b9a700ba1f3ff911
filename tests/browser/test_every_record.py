"""The list, the empty form and one row of whatever is registered in the admin: a new model is looked at by itself."""

import datetime as dt
import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests.delivery import ledger
from digests.delivery.models import Attempt, Batch, Delivery, Mailing, ProviderState, QuotaDay
from digests.models import Digest, NewsletterAccess
from newsroom.articles import handing_in
from newsroom.articles.models import Article, Correction, FormerVersion
from newsroom.mail import incidents
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.mail.states import Severity
from newsroom.web import clock
from subscriptions import suppression
from subscriptions.states import SuppressionReason
from subscriptions.transfer import journal
from tests.browser.test_desk_pages import TEXTS, English
from tests.digests.factories import make_colleague, make_handed_over
from tests.factories import NOON, make_article, make_author, make_section, make_subscription
from tests.newsroom.articles.factories import make_feed, make_picture

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PHONE, DESKTOP = 390, 1280
FADED = "Promise.allSettled(document.getAnimations().map(each => each.finished))"
"""Links change their colour slowly."""

CODES = {"suppression"}
"""What the record of consent holds for its author where that is a part of ours."""


@pytest.fixture
def anna(transactional_db: None) -> User:
    return User.objects.create_superuser("anna", "anna@example.org", "ebbe-und-flut")


@pytest.fixture
def newsroom(site: str, anna: User) -> None:
    """A row of everything. The newest of a kind is looked at: it has all that a row can have."""
    digest = make_handed_over()
    mailing = Mailing.objects.get()
    copy = make_subscription(newsletter=digest.newsletter)
    batch = Batch.objects.create(mailing=mailing, lo=0, hi=1, size=1, not_before=NOON, provider="main")
    Attempt.objects.create(batch=batch, fence=0, provider="main", size=1, calling_at=NOON, deadline_at=NOON)
    Delivery.objects.create(id=ledger.first_id(mailing.pk), mailing=mailing, subscription=copy)
    ProviderState.objects.create(name="main", changed_at=NOON, because="Fünf Aufrufe ohne Antwort.")
    QuotaDay.objects.create(provider="main", day=NOON.date(), used=7)
    make_staff(digest)
    LogEntry.objects.log_actions(anna.pk, Digest.objects.all(), CHANGE, "Getan.")

    mia = copy.subscriber.address_hash
    suppression.suppress(mia, reason=SuppressionReason.COMPLAINT, newsletter=None, note="Bericht", at=NOON)
    journal.stage(
        io.BytesIO(b"Email Address\nmia@example.org\n"), newsletter=digest.newsletter, basis="Frühere Anmeldung",
        actor="anna", filename="leserschaft.csv", at=NOON,
    )  # fmt: skip
    incidents.report("feed:1", title="Ein Feed schweigt", at=clock.now())
    incidents.report(
        "feed:2",
        title="Ein Feed ist langsam",
        severity=Severity.WARNING,
        at=clock.now() - dt.timedelta(hours=1),
    )
    Letter.objects.create(
        kind="welcome", dedupe_key="w", state="sent", language="de", not_before=NOON, created_at=NOON
    )
    ProviderEvent.objects.create(
        provider="main", event_id="1", kind="delivered", payload={"event": "delivered"}, occurred_at=NOON,
        received_at=NOON + dt.timedelta(seconds=4),
    )  # fmt: skip
    make_told(canonical_url="https://hafen.example.org/faehre")


def make_told(**values: Any) -> Article:
    """An article with everything that its page can show, and an author with a face."""
    feed = make_feed(title="Hafenblatt")
    handing_in.make_token(feed, name="live", by="anna", at=NOON)
    related = make_article()
    article = make_article(
        authors=(make_author(), make_author(role_de="Lokales", portrait=make_picture())),
        section=make_section(), feed=feed, picture=make_picture(), rights_notice="Das Bild ist von mir.", **values,
    )  # fmt: skip
    article.related.add(related)
    Correction.objects.create(article=article, text="Sie legt um sieben ab.", made_at=NOON, made_by="anna")
    FormerVersion.objects.create(article=article, title="Die Fähre ruht", replaced_at=NOON)
    return article


def make_staff(digest: Digest) -> User:
    """A colleague who works on one newsletter and mistyped the password."""
    jonas = make_colleague("jonas", "Redaktion", first_name="Jonas")
    NewsletterAccess.objects.create(user=jonas, newsletter=digest.newsletter)
    seen = {"username": "jonas", "ip_address": "203.0.113.9", "user_agent": "Browser", "path_info": "/admin/"}
    AccessAttempt.objects.create(failures_since_start=2, get_data="", post_data="", **seen)
    AccessLog.objects.create(**seen)
    AccessFailureLog.objects.create(**seen)
    return jonas


def addresses(user: User) -> Iterator[str]:
    """Of each page of a record that this user may open, and of one beside them.

    What may be done is asked of the ModelAdmin, as the admin asks it.
    """
    request = RequestFactory().get("/admin/")
    request.user = user
    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        if page.has_view_or_change_permission(request):
            yield reverse(f"{name}_changelist")
            yield reverse(f"{name}_change", args=[_newest(model).pk])
        if page.has_add_permission(request):
            yield reverse(f"{name}_add")
    yield reverse("admin:auth_user_second_factor", args=[user.pk])


def _newest(model: type[Model]) -> Model:
    row = model._default_manager.order_by("pk").last()
    assert row is not None, f"Make a row of {model._meta.label} above, so that its page can be looked at."
    return row


def test_no_page_of_a_record_has_a_barrier_breaks_the_policy_or_speaks_english(
    site: str,
    anna: User,
    newsroom: None,
    sit_down: Callable[..., Page],
    fits: Callable[[Page], None],
    axe: Callable[..., None],
) -> None:
    """Each page is opened once, in the light of a desktop; then it gets dark, and narrow."""
    page = sit_down(anna, color_scheme="light")
    found, looked_at, english = [], 0, English.read()

    for address in addresses(anna):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": DESKTOP, "height": 900})
        answer = page.goto(f"{site}{address}")
        assert answer is not None
        assert answer.status == 200, address
        texts = [text for text in page.evaluate(TEXTS) if text not in CODES]
        found += [f"{address}: {text}" for text in texts if english.has(text)]
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        for look in (
            partial(fits, page),
            partial(axe, page),
            partial(page.emulate_media, color_scheme="dark"),
            partial(page.set_viewport_size, {"width": PHONE, "height": 844}),
            partial(page.evaluate, FADED),
            partial(fits, page),
            partial(axe, page, only=("color-contrast", "target-size")),
        ):
            try:
                look()
            except AssertionError as barrier:
                found.append(str(barrier))
        looked_at += 1

    assert not found, "\n\n".join(found)
    assert looked_at > 70


def test_a_search_for_a_row_says_what_it_is_for(
    site: str, anna: User, sit_down: Callable[..., Page], axe: Callable[..., None]
) -> None:
    """Shut, open, and in a line that is added while somebody works."""
    article = make_told()
    page = sit_down(anna, reverse("admin:articles_article_change", args=[article.pk]))

    page.get_by_role("combobox", name="Ressort").press("Enter")
    expect(page.get_by_role("listbox", name="Ressort")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Ressort")).to_be_focused()
    axe(page)
    page.keyboard.press("Escape")
    page.locator("#bylines-group .add-row a").press("Enter")
    expect(page.get_by_role("combobox", name="Autor")).to_have_count(3)
    page.get_by_role("combobox", name="Autor").last.press("Enter")
    expect(page.get_by_role("listbox", name="Autor")).to_be_visible()


def test_fields_in_a_table_say_what_and_whose_they_are(
    site: str, anna: User, sit_down: Callable[..., Page]
) -> None:
    make_section(name_de="Hafen", slug="hafen")
    article = make_told()

    page = sit_down(anna, reverse("admin:articles_section_changelist"))
    expect(page.get_by_role("spinbutton", name="Position: Hafen")).to_be_visible()
    page.goto(f"{site}{reverse('admin:articles_article_change', args=[article.pk])}")
    expect(page.get_by_role("textbox", name="Korrektur: Sie legt um sieben ab.")).to_be_visible()
    published = page.get_by_role("group", name="Veröffentlicht")
    expect(published.get_by_role("textbox", name="Datum")).to_be_visible()
    expect(published.get_by_role("textbox", name="Zeit")).to_be_visible()
