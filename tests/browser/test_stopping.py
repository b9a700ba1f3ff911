"""Stop in mid-send and go on: a real mailing, stopped from the bar while copies go out, and nobody twice.

Everything runs: site, broker, two workers, beat, and an SMTP inbox. The newsletter's own limit makes it slow.
"""

import os
import re
import time
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Page, expect

from digests import workflow
from digests.delivery.models import Attempt, Mailing
from digests.delivery.states import MailingState
from digests.models import Digest
from newsroom.web import clock
from tests.digests.factories import HOUR, make_colleague, make_planned, make_ready, make_user
from tests.engine_room import Inbox
from tests.factories import make_subscription

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

READERS = 300
# Ten a second: a hundred copies, the most that go in one connection, then ten seconds without any.
COPIES_PER_HOUR = 36_000
STOP_SECONDS = 10
# Longer than until the next hundred would go.
QUIET_SECONDS = 15
SUBJECT = "Die Fähre fährt wieder"
PICTURES = os.environ.get("PICTURES", "")
"""A folder, for whoever wants to look at the pages."""


@pytest.fixture
def digest(site: str) -> Digest:
    """Approved, for three hundred readers of a newsletter that goes out slowly."""
    now = clock.now()
    newsletter = make_planned(first_window_from=now - 24 * HOUR, last_due_at=now).newsletter
    newsletter.most_copies_per_hour = COPIES_PER_HOUR
    newsletter.save()
    with transaction.atomic():
        for _ in range(READERS):
            make_subscription(newsletter=newsletter)
    digest = make_ready(
        newsletter, stories=3, subject=SUBJECT, window_start=now - 24 * HOUR, window_end=now + HOUR
    )
    proof = workflow.propose(digest, by=make_user("jonas"), at=now)
    workflow.approve(proof, by=make_user("thea"), at=now)
    digest.refresh_from_db()
    return digest


def shoot(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png")


def went_out(page: Page) -> int:
    """How many copies went out, as the bar of a stopped mailing says."""
    said = page.locator(".sending-bar [data-part=headline]").inner_text()
    found = re.fullmatch(rf"Angehalten: (\d+) von {READERS} sind hinausgegangen", said)
    assert found is not None, said
    return int(found[1])


def test_a_mailing_stopped_in_mid_send_goes_on_where_it_stopped(
    inbox: Inbox, digest: Digest, sit_down: Callable[..., Page], axe: Callable[..., None]
) -> None:
    workflow.send_now(digest, by=None, at=clock.now(), grace_seconds=0)
    page = sit_down(
        make_colleague("aylin", "Abnahme"), reverse("admin:digests_digest_change", args=[digest.pk])
    )
    bar = page.locator(".sending-bar")
    expect(bar).to_contain_text(re.compile(r"Versand läuft: [1-9]\d? %"), timeout=60_000)
    shoot(page, "progress")

    page.get_by_role("button", name="Versand stoppen").click()
    pressed = time.monotonic()
    expect(bar).to_have_attribute("data-stage", "stopped")
    while Attempt.objects.filter(ended_at__isnull=True).exists():
        assert time.monotonic() - pressed < STOP_SECONDS
        time.sleep(0.1)
    page.wait_for_timeout(3_000)  # the bar looks every two seconds
    out = went_out(page)
    assert 0 < out < READERS
    assert inbox.copies(SUBJECT) == (out, out)
    shoot(page, "stopped")
    axe(page)
    time.sleep(QUIET_SECONDS)
    assert inbox.copies(SUBJECT) == (out, out), "copies still went out after the stop"
    assert went_out(page) == out

    page.get_by_role("button", name="Weiter senden").click()
    expect(bar).to_contain_text(f"Versendet: {READERS} von {READERS} angenommen", timeout=90_000)
    shoot(page, "over")
    assert inbox.copies(SUBJECT) == (READERS, READERS)
    mailing = Mailing.objects.get()
    assert (mailing.state, mailing.accepted) == (MailingState.FINISHED, READERS)
    call_command("audit_delivery", str(mailing.pk))
