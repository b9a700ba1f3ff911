"""Mails themselves, as a browser engine draws them: words stand out, in light and in dark, and nothing is too wide."""

import datetime as dt
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page
from pytest_django.fixtures import Settings

from digests import correspondence as to_staff
from digests import workflow
from digests.composer.previews import sample
from digests.models import Digest
from digests.rendering import render
from newsroom.articles.states import Origin, Review
from newsroom.mail import incidents, notices
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from subscriptions import consent, correspondence, suppression
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import SuppressionReason
from tests.browser.scenes import LONG_NAME, LONG_WORD
from tests.digests.factories import make_colleague, make_planned, make_proofed, make_ready
from tests.factories import NOON, make_article, make_author, make_newsletter, make_pick, make_sender
from tests.subscriptions.factories import confirm_token

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOUR = dt.timedelta(hours=1)
RULES = ("color-contrast", "link-in-text-block", "link-name", "image-alt", "html-has-lang", "document-title")


def keep(page: Page, name: str) -> None:
    """A picture to look at, where SHOTS names a folder."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def make_full() -> Digest:
    """A digest with each thing that a mail can show and that has a colour of its own."""
    author = make_author(name="Jonas Ufermann", role_de="Redaktion")
    digest = make_ready(note="Guten **Morgen** vom [Kran](https://news.example.org/kran/).", note_author=author, is_automatic=True)  # fmt: skip
    for position in range(2):
        make_pick(digest=digest, slot="more", position=position)
    make_pick(
        digest=digest,
        slot="briefs",
        label="update",
        article=make_article(origin=Origin.USER_SUBMISSION, review=Review.REVIEWED),
    )
    make_pick(
        digest=digest, slot="more", article=make_article(picture_is_illustration=True, authors=(author,))
    )
    return Digest.objects.with_frame().get(pk=digest.pk)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 640])
def test_a_digest_has_contrast_and_fits(
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
    width: int,
    color_scheme: str,
) -> None:
    digest = make_full()
    html, _text = sample(digest, render(digest))
    page = open_page(width=width, color_scheme=color_scheme)

    page.set_content(html)

    assert page.locator(".label").count() >= 3
    fits(page)
    axe(page, only=RULES)


ADDRESS = "mia.brandwald-ufermann.am.alten.kran@lindenufer-nachrichten.example.org"


def letters_to_a_reader() -> None:
    """Each kind once, of newsletters of two publishers."""
    house = make_sender(
        name="Kulturhaus", legal_name=f"{LONG_WORD} e. V.", address="post@haus.example.org", phone=""
    )
    newsletters = [
        make_newsletter(
            name=LONG_NAME,
            has_weekly=True,
            next_at=NOON,
            latest_url="/newsletters/1/",
            latest_title=LONG_WORD,
        ),
        make_newsletter(name="Bühne", sender=house),
    ]
    wish = consent.Wish(
        typed_address=ADDRESS, newsletters=newsletters, language="de", form="/", network_address=""
    )
    consent.request_subscription(wish, at=NOON)
    consent.confirm(confirm_token(Letter.objects.get()), network_address="", at=NOON)
    consent.request_subscription(wish, at=NOON)
    row = Subscription.objects.select_related("subscriber", "newsletter__sender").earliest("pk")
    reader = row.subscriber
    correspondence.send_management_link(reader, at=NOON)
    Newsletter.objects.update(weekly_ended_at=NOON)
    row.newsletter.refresh_from_db()
    correspondence.say_best_of_ended(row, at=NOON)
    consent.ask_for_new_address(reader, typed_address=f"neu.{ADDRESS}", network_address="", at=NOON)
    consent.decide_new_addresses(at=NOON)
    secret = re.findall(r"/address/([\w-]+)/", Letter.objects.get(kind=LetterKind.NEW_ADDRESS).text)[0]
    consent.confirm_new_address(secret, network_address="", at=NOON)
    reader.refresh_from_db()
    suppression.suppress(reader.address_hash, reason=SuppressionReason.HARD_BOUNCE, at=NOON)
    consent.ask_to_return(reader, newsletters, how="/preferences/", network_address="", at=NOON + HOUR)


def letters_to_staff() -> None:
    proposer, colleague = make_colleague("jonas", "Redaktion"), make_colleague("aylin")
    newsletter = make_planned().newsletter
    Newsletter.objects.filter(pk=newsletter.pk).update(name=LONG_NAME)
    proof = make_proofed(newsletter, stories=3, by=proposer)
    to_staff.ask_approvers(proof, at=NOON)
    workflow.return_proof(proof, by=colleague, because=f"Das {LONG_WORD} heißt anders.", at=NOON)
    told = {
        "minutes": 15,
        "state": LONG_WORD,
        "blocking": [LONG_WORD],
        "otherwise": "Sonst geht nichts hinaus.",
    }
    to_staff.remind([proposer], proof.digest, key="reminder", context=told, at=NOON)
    User.objects.create_superuser("petra", "petra@example.org", "ebbe-und-flut")
    incidents.report(
        "letters", title=f"{LONG_WORD} steht still", text="Seit einer Stunde.\n\nNichts geht.", at=NOON
    )
    notices.tell_staff(NOON)


# Not of its own: a test is a digest.
WRITTEN_BY = {
    **dict.fromkeys(
        (
            LetterKind.CONFIRMATION,
            LetterKind.ALREADY_SUBSCRIBED,
            LetterKind.WELCOME,
            LetterKind.MANAGEMENT_LINK,
            LetterKind.NEW_ADDRESS,
            LetterKind.ADDRESS_CHANGED,
            LetterKind.DELIVERY_AGAIN,
            LetterKind.BEST_OF_ENDED,
        ),
        letters_to_a_reader,
    ),
    **dict.fromkeys(
        (
            LetterKind.STAFF_NOTICE,
            LetterKind.REMINDER,
            LetterKind.APPROVAL_WANTED,
            LetterKind.PROOF_RETURNED,
        ),
        letters_to_staff,
    ),
}


def test_every_kind_of_letter_is_looked_at() -> None:
    assert set(WRITTEN_BY) == set(LetterKind) - {LetterKind.TEST}


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", WRITTEN_BY, ids=str)
def test_a_letter_has_contrast_and_fits_a_phone(
    settings: Settings,
    open_page: Callable[..., Page],
    axe: Callable[..., None],
    fits: Callable[[Page], None],
    kind: LetterKind,
    color_scheme: str,
) -> None:
    settings.LOCALE_PATHS = [settings.BASE_DIR / "locale"]  # German words are the longer ones
    WRITTEN_BY[kind]()
    page = open_page(width=320, color_scheme=color_scheme)

    page.set_content(Letter.objects.filter(kind=kind).latest("pk").html)

    keep(page, f"letter-{kind}-{color_scheme}")
    fits(page)
    axe(page, only=RULES)
