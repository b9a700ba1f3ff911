"""Letters: written once, sent at least once, given up with a word to staff."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from celery import current_app
from django.db import connection, connections
from django.template.loader import select_template
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from newsroom.mail import letters, providers
from newsroom.mail.models import Incident, Letter
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.mail.states import LetterKind, LetterState
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.web import tokens
from tests.newsroom.mail.mails import NOW, make_envelope

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

LATER = timedelta(seconds=1)


class _Notice:
    """What a notice to staff shows of an incident."""

    title = "Größer & <besser>"
    text = "Erste Zeile\n\nZweite Zeile"


CONTEXT = {"incident": _Notice, "admin_url": "https://news.example.org/admin/"}


@pytest.fixture(autouse=True)
def outbox(settings: Settings) -> MemoryProvider:
    settings.MAIL_PROVIDERS = "letters=memory://"
    provider = providers.provider("letters")
    assert isinstance(provider, MemoryProvider)
    provider.outbox.clear()
    provider.answers.clear()
    return provider


def _write(key: str = "k", **changes: Any) -> Letter:
    values: dict[str, Any] = {
        "address": "Ann@example.org",
        "language": "de",
        "context": CONTEXT,
        "envelope": make_envelope(kind="letter", auto_submitted=True),
        "dedupe_key": key,
        "at": NOW,
    }
    return letters.write(LetterKind.STAFF_NOTICE, **{**values, **changes})


def _will(provider: MemoryProvider, verdict: Verdict, reason: str = "because ann@example.org") -> None:
    provider.answers["Ann@example.org"] = Outcome(verdict=verdict, reason=reason)


def test_a_letter_leaves_as_text_and_html_and_is_emptied(outbox: MemoryProvider) -> None:
    letter = _write(leave_url=tokens.leave_url(5))

    assert letters.send_due(at=NOW) == 1

    [kept] = outbox.outbox
    assert kept.copy.address == "Ann@example.org"
    assert kept.copy.message_token == tokens.make(tokens.TokenKind.LETTER, letter.pk)
    assert b"Auto-Submitted: auto-generated" in kept.raw
    assert f"List-Unsubscribe: <{tokens.leave_url(5)}>".encode() in kept.raw
    letter.refresh_from_db()
    assert (letter.state, letter.address, letter.subject, letter.text, letter.html, letter.envelope) == (
        LetterState.SENT,
        "",
        "",
        "",
        "",
        {},
    )
    assert letter.sent_at
    assert letter.provider == outbox.name
    assert letters.send_due(at=NOW + LATER) == 0


def test_the_same_key_is_the_same_letter() -> None:
    first = _write("same")

    assert _write("same") == first
    assert _write("x" * 200) == _write("x" * 200)
    assert Letter.objects.count() == 2


def test_values_are_escaped_in_html_only() -> None:
    letter = _write()

    assert letter.subject == "Newsroom: Größer & <besser>"
    assert "Größer & <besser>" in letter.text
    assert "Größer &amp; &lt;besser&gt;" in letter.html
    assert "<besser>" not in letter.html


def test_the_look_of_letters_holds_up_in_mail_programs() -> None:
    html = _write().html

    assert len(html.encode()) < 15_000
    assert "<img" not in html
    assert html.index('<meta charset="utf-8">') < html.index("<style>")
    assert 'lang="de" dir="ltr"' in html
    assert html.count("<h1") == 1
    assert html.count("<table") == html.count('role="presentation"')
    assert "prefers-color-scheme: dark" in html
    assert "http://" not in html
    # What a program without style blocks sees: colours and sizes stand at the elements.
    assert '<h1 style="' in html


def test_a_letter_waits_for_the_commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        _write()

    assert len(callbacks) == 1


def test_with_redis_away_a_letter_is_written_all_the_same(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with (
        mock.patch.object(current_app, "send_task", side_effect=OSError("away")),
        django_capture_on_commit_callbacks(execute=True),
    ):
        letter = _write()

    assert Letter.objects.get().pk == letter.pk


@pytest.mark.parametrize("verdict", [Verdict.NOT_SENT, Verdict.UNKNOWN])
def test_what_may_not_have_arrived_is_sent_again(outbox: MemoryProvider, verdict: Verdict) -> None:
    letter = _write()
    _will(outbox, verdict)

    assert letters.send_due(at=NOW) == 0

    letter.refresh_from_db()
    assert (letter.state, letter.tries) == (LetterState.WAITING, 1)
    assert letter.last_error == "because a…@example.org"
    assert timedelta(seconds=12) < letter.not_before - NOW < timedelta(seconds=20)
    outbox.answers.clear()
    assert letters.send_due(at=NOW + timedelta(seconds=30)) == 1


def test_after_eight_tries_staff_are_told_and_the_letter_is_kept(outbox: MemoryProvider) -> None:
    letter = _write()
    Letter.objects.update(kind=LetterKind.CONFIRMATION, tries=letters.MAX_TRIES - 1)
    _will(outbox, Verdict.NOT_SENT, "no connection")

    letters.send_due(at=NOW)

    letter.refresh_from_db()
    assert letter.state == LetterState.FAILED
    assert letter.text
    incident = Incident.objects.get()
    assert incident.key == "letter:confirmation:failed"
    assert letters.send_again(letter, at=NOW)
    outbox.answers.clear()
    assert letters.send_due(at=NOW + LATER) == 1


def test_a_refused_reader_ends_the_letter_without_fuss(outbox: MemoryProvider) -> None:
    letter = _write()
    _will(outbox, Verdict.REJECTED)

    letters.send_due(at=NOW)

    letter.refresh_from_db()
    assert (letter.state, letter.address, letter.text) == (LetterState.FAILED, "", "")
    assert not Incident.objects.exists()
    assert not letters.send_again(letter, at=NOW)


def test_a_letter_that_cannot_be_written_tells_staff_and_stops_nobody(outbox: MemoryProvider) -> None:
    broken = _write("broken")
    Letter.objects.update(subject="a\nb", kind=LetterKind.WELCOME)
    _write("good")

    assert letters.send_due(at=NOW) == 1

    broken.refresh_from_db()
    assert broken.state == LetterState.FAILED
    assert "Subject" in broken.last_error
    assert Incident.objects.get().key == "letter:welcome:failed"


def test_a_worker_that_never_came_back_costs_no_letter(outbox: MemoryProvider, settings: Settings) -> None:
    letter = _write()
    lost = letters.claim(letter.pk, at=NOW)
    assert lost

    assert letters.send_due(at=NOW + timedelta(seconds=settings.LETTER_LEASE_SECONDS - 1)) == 0
    assert letters.send_due(at=NOW + timedelta(seconds=settings.LETTER_LEASE_SECONDS + 1)) == 1

    # The lost worker wakes and reports: it has lost the letter and changes nothing.
    failure = letters.Call(provider="x", outcome=Outcome(verdict=Verdict.NOT_SENT, reason="late"))
    assert letters.settle(lost, failure, at=NOW + timedelta(hours=1)) is False
    letter.refresh_from_db()
    assert letter.state == LetterState.SENT
    assert len(outbox.outbox) == 1


def test_a_late_report_does_not_disturb_who_has_the_letter_now(settings: Settings) -> None:
    letter = _write()
    late = letters.claim(letter.pk, at=NOW)
    after = NOW + timedelta(seconds=settings.LETTER_LEASE_SECONDS + 1)
    letters.recover(after)
    present = letters.claim(letter.pk, at=after)
    assert late
    assert present

    failure = letters.Call(provider="x", outcome=Outcome(verdict=Verdict.REJECTED, reason="late"))
    letters.settle(late, failure, at=after)

    letter.refresh_from_db()
    assert (letter.state, letter.fence, letter.address) == (
        LetterState.CALLING,
        present.fence,
        "Ann@example.org",
    )


def test_a_call_whose_answer_was_lost_is_made_again(outbox: MemoryProvider, settings: Settings) -> None:
    letter = _write()
    claimed = letters.claim(letter.pk, at=NOW)
    assert claimed
    letters.hand_over(claimed)  # the provider took it; then the worker died

    letters.send_due(at=NOW + timedelta(seconds=settings.LETTER_LEASE_SECONDS + 1))

    assert len(outbox.outbox) == 2
    # Receivers can tell that both are one.
    assert outbox.outbox[0].copy.message_token == outbox.outbox[1].copy.message_token
    assert outbox.outbox[0].attempt_id == outbox.outbox[1].attempt_id


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_gets_the_letter() -> None:
    letter = _write()
    barrier = threading.Barrier(2)
    won: list[bool] = []

    def work() -> None:
        try:
            barrier.wait(5)
            won.append(letters.claim(letter.pk, at=NOW) is not None)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _each in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)

    assert sorted(won) == [False, True]
    letter.refresh_from_db()
    assert (letter.fence, letter.tries) == (1, 1)


def test_a_wait_that_the_provider_asked_for_costs_no_try(outbox: MemoryProvider) -> None:
    letter = _write()
    claimed = letters.claim(letter.pk, at=NOW)
    assert claimed
    patience = letters.Call(
        provider="x", outcome=Outcome(verdict=Verdict.NOT_SENT, reason="HTTP 429"), retry_after=90.0
    )

    letters.settle(claimed, patience, at=NOW)

    letter.refresh_from_db()
    assert (letter.state, letter.tries) == (LetterState.WAITING, 0)
    assert letter.not_before == NOW + timedelta(seconds=90)


def test_a_provider_that_refuses_us_is_told_to_staff(outbox: MemoryProvider) -> None:
    letter = _write()
    claimed = letters.claim(letter.pk, at=NOW)
    assert claimed
    refusal = letters.Call(
        provider="main", outcome=Outcome(verdict=Verdict.NOT_SENT, reason="HTTP 401"), is_configuration=True
    )

    letters.settle(claimed, refusal, at=NOW)

    assert Incident.objects.get().key == "provider:main:letters"


def test_no_transaction_is_open_across_a_call(outbox: MemoryProvider) -> None:
    # The test itself runs in one; the sender adds none.
    depth = len(connection.savepoint_ids)
    seen: list[int] = []
    kept = outbox.hand_over

    def look(*args: Any, **kwargs: Any) -> Any:
        seen.append(len(connection.savepoint_ids))
        return kept(*args, **kwargs)

    _write()
    with mock.patch.object(outbox, "hand_over", look):
        letters.send_due(at=NOW)

    assert seen == [depth]


def test_letters_to_an_address_are_counted_in_the_database() -> None:
    letter = _write("a")
    _write("b", address="ann@example.org")
    _write("c", address="bob@example.org")

    assert letters.count_since(letter.address_hash, LetterKind.STAFF_NOTICE, NOW - LATER) == 2
    assert letters.count_since(letter.address_hash, LetterKind.STAFF_NOTICE, NOW + LATER) == 0
    assert letters.count_since(letter.address_hash, LetterKind.WELCOME, NOW - LATER) == 0


def test_the_queries_of_a_letter_do_not_grow_with_their_number(
    django_assert_num_queries: Any, outbox: MemoryProvider
) -> None:
    for size in (1, 5):
        for number in range(size):
            _write(f"{size}-{number}")
        # Recover and look once; then read, claim and settle each letter.
        with django_assert_num_queries(2 + 3 * size):
            letters.send_due(at=NOW)


def test_every_letter_kind_template_is_a_set_of_three() -> None:
    folder = Path(select_template(["email/letter.html"]).template.origin.name).parent

    kinds = [path for path in folder.iterdir() if path.is_dir() and path.name in set(LetterKind.values)]
    for kind in kinds:
        assert {"subject.txt", "body.txt", "body.html"} <= {path.name for path in kind.iterdir()}, kind.name
    assert "staff_notice" in {kind.name for kind in kinds}
