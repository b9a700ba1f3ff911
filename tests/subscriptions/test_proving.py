"""The record of a letter that asked to confirm outlives the letter: when it left, its Message-ID, its words."""

import datetime as dt
import hashlib
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from digests.delivery import reader_history
from newsroom.mail import letters, providers, retention
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.mail.states import LetterState
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import consent, correspondence, privacy, wording
from subscriptions.models import Confirmation, ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind
from subscriptions.tasks import note_letters
from tests.factories import NOON, make_newsletter, make_sender, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, settings_path

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
MIA = "mia@example.org"


def ask(*newsletters: Newsletter, at: dt.datetime = NOON) -> str:
    """Mia signs up; the secret in her letter, which waits."""
    consent.request_subscription(
        consent.Wish(
            typed_address=MIA,
            newsletters=newsletters or [make_newsletter()],
            language="en",
            form="/newsletters/",
            network_address="203.0.113.7",
        ),
        at=at,
    )
    return confirm_token(Letter.objects.latest("pk"))


def wire_message_id() -> str:
    """The Message-ID of the last mail as it went over the wire."""
    provider = providers.provider("main")
    assert isinstance(provider, MemoryProvider)
    return str(message_from_bytes(provider.outbox[-1].raw, policy=policy.default)["Message-ID"])


def noted() -> list[ConsentEvent]:
    return list(ConsentEvent.objects.filter(kind=ConsentKind.LETTER_SENT).order_by("pk"))


def test_what_left_is_noted_for_each_newsletter_and_stays_when_the_letter_is_gone() -> None:
    first, second = make_newsletter(), make_newsletter()
    ask(first, second)
    assert letters.send_due(at=NOON + MINUTE) == 1

    assert consent.note_letters(at=NOON + 2 * MINUTE) == 1
    retention.tidy(at=NOON + 400 * DAY)

    assert not Letter.objects.exists()
    events = noted()
    assert {event.newsletter for event in events} == {first, second}
    for event in events:
        assert NOON + MINUTE <= event.at < NOON + 2 * MINUTE
        assert (event.address, event.language) == (MIA, "en")
        assert (event.form, event.wording_version) == ("confirmation", wording.LETTER)
        assert event.facts["message_id"] == wire_message_id()
        assert event.facts["provider"] == "main"


def test_a_second_run_notes_nothing_twice_and_looks_at_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ask()
    letters.send_due(at=NOON)
    consent.note_letters(at=NOON)

    with django_assert_num_queries(3):  # savepoint; what is new; release
        assert consent.note_letters(at=NOON) == 0
    assert len(noted()) == 1


@pytest.mark.parametrize("size", [1, 6])
def test_queries_do_not_grow_with_letters_and_newsletters(
    size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    newsletters = [make_newsletter() for _number in range(size)]
    for number in range(size):
        consent.request_subscription(
            consent.Wish(
                typed_address=f"mia.{number}@example.org",
                newsletters=newsletters,
                language="en",
                form="/newsletters/",
                network_address=f"203.0.113.{number}",
            ),
            at=NOON,
        )
    assert letters.send_due(at=NOON) == size

    # savepoint; what is new; letters; asked for what; subscriptions; senders; events; noted; release
    with django_assert_num_queries(9):
        assert consent.note_letters(at=NOON) == size
    assert len(noted()) == size * size


def test_a_letter_that_waits_or_may_still_be_sent_again_is_looked_at_later() -> None:
    ask()
    assert consent.note_letters(at=NOON) == 0
    Letter.objects.update(state=LetterState.FAILED)
    assert consent.note_letters(at=NOON + DAY) == 0

    letters.send_again(Letter.objects.get(), at=NOON + 2 * DAY)
    letters.send_due(at=NOON + 2 * DAY)

    assert consent.note_letters(at=NOON + 2 * DAY) == 1
    assert noted()[0].at >= NOON + 2 * DAY


@pytest.mark.parametrize("state", [LetterState.CANCELLED, LetterState.FAILED, None])
def test_what_never_left_is_not_noted_and_not_looked_at_for_ever(state: LetterState | None) -> None:
    ask()
    Letter.objects.update(state=state) if state else Letter.objects.all().delete()

    assert consent.note_letters(at=NOON + 7 * DAY) == 0

    assert not noted()
    assert not Confirmation.objects.filter(letter_noted_at=None).exists()


def test_slices_go_past_letters_that_still_wait() -> None:
    for number in range(3):
        consent.request_subscription(
            consent.Wish(
                typed_address=f"mia.{number}@example.org",
                newsletters=[make_newsletter()],
                language="en",
                form="/newsletters/",
                network_address="203.0.113.7",
            ),
            at=NOON,
        )
    last = Letter.objects.latest("pk")
    Letter.objects.filter(pk=last.pk).update(state=LetterState.SENT, sent_at=NOON)

    assert consent.note_letters(at=NOON, rows=1) == 1


def test_the_letter_of_who_was_erased_meanwhile_is_noted_without_her_address() -> None:
    ask()
    letters.send_due(at=NOON)
    privacy.erase_reader(Subscriber.objects.get(), actor="", at=NOON)

    consent.note_letters(at=NOON)

    assert noted()[0].address == address_hash(MIA)


def test_a_note_that_comes_after_she_left_does_not_keep_her_from_coming_back() -> None:
    token = ask()
    letters.send_due(at=NOON)
    (row,) = consent.confirm(token, network_address="", at=NOON + MINUTE).subscriptions
    consent.unsubscribe(row, how="/u/", network_address=None, at=NOON + 2 * MINUTE)
    consent.note_letters(at=NOON + 3 * MINUTE)

    assert consent.restore(row, how="/u/", network_address=None, at=NOON + 4 * MINUTE)


def test_the_printable_proof_and_the_desk_show_it_between_request_and_confirmation() -> None:
    at = now() - DAY
    token = ask(make_newsletter(sender=make_sender()), at=at)
    letters.send_due(at=at + MINUTE)
    (row,) = consent.confirm(token, network_address="", at=at + 2 * MINUTE).subscriptions
    Letter.objects.update(provider_ref="their-own-7")
    consent.note_letters(at=at + 3 * MINUTE)
    row = Subscription.objects.select_related("subscriber").get(pk=row.pk)
    client = fresh_client()
    client.post(settings_path(row))

    page = client.get("/preferences/proof/").content.decode()

    for each in (
        "Confirmation letter sent",
        "Identifier of the e-mail",
        "Version of the letter",
        "main (their-own-7)",
        wording.LETTER,
    ):
        assert each in page
    token = tokens.make(tokens.TokenKind.LETTER, Letter.objects.earliest("pk").pk)
    assert f"&lt;{token}@news.example.org&gt;" in page
    known = reader_history.known(row.subscriber)
    story = reader_history.page(known, subscriptions=[row], suppressions=[], before=None)
    kinds = [entry.title for entry in story.entries if entry.kind == "consent"]
    assert token in kinds[1]
    assert len(kinds) == 3


def test_the_task_notes() -> None:
    ask(at=now())
    letters.send_due(at=now())

    assert note_letters() == 1


CONTEXT: dict[str, Any] = {
    "newsletters": [{"name": "Wirtschaft", "cadence_text": "Montag bis Freitag"}],
    "confirm_url": "https://news.example.org/confirm/secret/",
    "decline_url": "https://news.example.org/not-me/token",
    "asked_at": NOON,
    "expires_at": NOON + 7 * DAY,
}
# By version: the words of both letters as the source has them. Never change a line: changed words are a new version.
LETTERS = {
    "2026-11-letter": "1b8af74dda682cb9",
    "2026-11-letter-2": "e1ebc6bda1fc2b55",
    "2026-11-letter-3": "787dbe8508db6d83",
}


def test_changed_words_of_a_letter_get_a_new_version() -> None:
    context = {**CONTEXT, **correspondence._legal([make_newsletter()])}
    words = hashlib.sha256()
    for kind in ("confirmation", "delivery_again"):
        for language, _name in settings.LANGUAGES:
            content = letters.render(kind, language=language, context=context)
            words.update(f"{content.subject}\n{content.text}".encode())

    assert words.hexdigest()[:16] == LETTERS[wording.LETTER]


def test_the_proof_names_the_place_of_each_act() -> None:
    reader = make_subscriber(address=MIA, language="en")
    row = make_subscription(newsletter=make_newsletter(name="Wirtschaft"), subscriber=reader)
    token = tokens.make(tokens.TokenKind.LEAVE, row.pk)
    client = fresh_client()
    client.post(settings_path(row))

    client.post("/preferences/", {"language": "en"})
    client.post("/preferences/undo/", {"newsletter": row.newsletter.slug})
    client.post(f"/u/{token}")
    client.post(f"/u/{token}/undo", {"weeks": "2"})

    acts = ConsentEvent.objects.filter(kind__in=["unsubscribed", "restored", "changed"]).order_by("pk")
    assert list(acts.values_list("kind", "form")) == [
        ("unsubscribed", "/preferences/"),
        ("restored", "/preferences/"),
        ("unsubscribed", "/u/"),
        ("restored", "/u/"),
        ("changed", "/u/"),
    ]
