"""What every header of a digest and of a letter says, and what none of them may say."""

import re

import pytest

from digests import workflow
from digests.delivery import freezing
from digests.delivery.loading import Mails, load
from digests.delivery.models import Batch, Mailing
from digests.envelopes import correction_envelope_of, envelope_of
from digests.models import Digest
from newsroom.mail import letters, providers
from newsroom.mail.models import Letter
from newsroom.mail.providers.memory import MemoryProvider
from subscriptions import correspondence
from subscriptions.models import Newsletter
from subscriptions.states import NewsletterState
from tests.digests.factories import make_approved, make_handed_over
from tests.factories import (
    NOON,
    make_newsletter,
    make_plan,
    make_sender,
    make_subscriber,
    make_subscription,
)

pytestmark = pytest.mark.django_db

# Keys that no date, port or issue number looks like.
NEWSLETTER, SENDER, READER, SUBSCRIPTION, DIGEST, MAILING, LETTER = range(7_310_001, 7_310_008)
ADDRESS = "Mia.Sorgenfrei@example.org"


def make_reader() -> Newsletter:
    """A newsletter with one reader, all of them with keys that can be told."""
    newsletter = make_newsletter(pk=NEWSLETTER, sender=make_sender(pk=SENDER))
    reader = make_subscriber(pk=READER, address=ADDRESS.lower(), typed_address=ADDRESS)
    make_subscription(pk=SUBSCRIPTION, newsletter=newsletter, subscriber=reader)
    return newsletter


def said_of_her(headers: list[tuple[str, str]], *keys: int) -> list[tuple[str, str]]:
    """Headers that hold a database key, or tell the reader where only her mailbox may be named."""
    told = re.compile("|".join(map(str, (NEWSLETTER, SENDER, READER, SUBSCRIPTION, *keys))))
    her = re.compile("mia|sorgenfrei", re.IGNORECASE)
    return [
        (name, value) for name, value in headers if told.search(value) or (name != "To" and her.search(value))
    ]


def test_no_header_of_a_digest_holds_a_database_key_or_tells_who_reads() -> None:
    newsletter = make_reader()
    make_plan(newsletter=newsletter)
    digest = make_approved(newsletter, pk=DIGEST)
    workflow.send_now(digest, by=None, at=NOON, grace_seconds=0)
    Mailing.objects.create(
        pk=MAILING - 1, newsletter=newsletter, audience={}, envelope={}, late_limit_seconds=1,
        created_at=NOON, active_at=NOON,
    )  # fmt: skip
    mailing = freezing.freeze(workflow.hand_over(digest, at=NOON).pk, at=NOON)

    loaded = load(Batch.objects.get(mailing=mailing), Mails(), at=NOON)

    assert mailing.pk == MAILING
    assert loaded.mail
    (copy,) = loaded.copies
    headers = loaded.mail.headers(copy, date=NOON)
    assert said_of_her(headers, DIGEST, MAILING, MAILING << 32) == []
    assert {"List-Id", "Feedback-ID", "List-Owner", "Archived-At", "List-Unsubscribe"} <= dict(headers).keys()
    assert dict(headers)["To"] == ADDRESS


def test_no_header_of_a_letter_holds_a_database_key_or_tells_who_reads() -> None:
    newsletter = make_reader()
    provider = providers.provider("main")
    assert isinstance(provider, MemoryProvider)
    provider.outbox.clear()
    correspondence.send_management_link(newsletter.subscriptions.get().subscriber, at=NOON)
    Letter.objects.update(id=LETTER)

    letters.send_due(at=NOON)

    raw = provider.outbox[-1].raw
    head = raw.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", " ").split("\r\n")
    headers = [(name, value) for name, _colon, value in (line.partition(": ") for line in head)]
    assert said_of_her(headers, LETTER) == []
    assert dict(headers)["List-Help"] == "<https://news.example.org/preferences/>"


@pytest.mark.parametrize("label", ["digest", "newsroom", "12", "wirtschaft-12"])
def test_no_field_of_the_feedback_id_says_what_another_says(label: str) -> None:
    newsletter = make_newsletter(list_id_label=label)

    fields = envelope_of(Digest(newsletter=newsletter, number=12)).feedback_id.split(":")

    assert fields == [f"{label}_12", f"{label}.news.example.org", "digest", "newsroom"]
    assert len(set(fields)) == 4


def test_a_digest_names_its_own_page_and_who_answers_for_the_list() -> None:
    digest = make_handed_over()

    envelope = envelope_of(digest)

    page = f"https://news.example.org/newsletters/{digest.newsletter.slug}/{digest.number}/"
    assert envelope.page_url == page
    assert envelope.owner == "kontakt@news.example.org"
    assert correction_envelope_of(digest).page_url == ""


def test_what_has_no_page_and_a_contact_that_no_header_can_hold_are_left_out() -> None:
    newsletter = make_newsletter(state=NewsletterState.DRAFT, sender=make_sender(email="fragen@office.local"))

    envelope = envelope_of(Digest(newsletter=newsletter, number=12))

    assert (envelope.page_url, envelope.owner) == ("", "")
