"""The letters as they leave: one purpose, plain words, nothing that tracks or sells, small, in the right language."""

import datetime as dt
import re
from dataclasses import replace

import pytest

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.mail.wire import Content, Copy, Envelope, compile_mail
from subscriptions import consent, correspondence
from subscriptions.models import Subscription
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token

pytestmark = pytest.mark.django_db


def _letters() -> dict[str, Letter]:
    """One of each kind, written by the acts that write them."""
    newsletter = make_newsletter(
        name="Wirtschaft & Technik",
        next_at=NOON + dt.timedelta(hours=1),
        latest_url="/newsletters/wirtschaft/12/",
        latest_title="Die Fähre fährt",
    )
    wish = consent.Wish(
        typed_address="Mia@example.org",
        newsletters=[newsletter],
        language="en",
        form="/",
        network_address="203.0.113.7",
    )
    consent.request_subscription(wish, at=NOON)
    consent.confirm(confirm_token(Letter.objects.get()), network_address="", at=NOON)
    consent.request_subscription(replace(wish, typed_address="mia@example.org"), at=NOON)
    correspondence.send_management_link(Subscription.objects.get().subscriber, at=NOON)
    return {letter.kind: letter for letter in Letter.objects.all()}


KINDS = [
    LetterKind.CONFIRMATION,
    LetterKind.ALREADY_SUBSCRIBED,
    LetterKind.WELCOME,
    LetterKind.MANAGEMENT_LINK,
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_text_of_a_letter_is_wrapped_and_its_addresses_are_whole(kind: LetterKind) -> None:
    letter = _letters()[kind]

    long = [line for line in letter.text.splitlines() if len(line) > 76]
    assert [line for line in long if not line.strip().startswith("https://")] == []
    assert re.findall(r"https://news\.example\.org/(?:confirm|preferences)/\S{16,}", letter.text)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_letter_is_small_plain_and_says_who_writes(kind: LetterKind) -> None:
    letter = _letters()[kind]

    assert len(letter.html.encode()) + len(letter.text.encode()) < 15_000
    assert not re.search(r"<(img|script|form|iframe|object|link)\b|url\(|@import", letter.html)
    for part in (letter.text, letter.html):
        for fact in (
            "Uferblick Verlag GmbH",
            "Am Alten Kran 3, 99999 Lindenufer",
            "kontakt@news.example.org",
            "https://news.example.org/imprint/",
            "https://news.example.org/privacy/",
        ):
            assert fact in part
        assert "/r/" not in part  # no counting redirects
        assert "{{" not in part
        assert "{%" not in part
    assert letter.html.count('class="button"') == 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_address_behind_the_button_stands_bare_in_both_parts(kind: LetterKind) -> None:
    letter = _letters()[kind]

    (behind,) = re.findall(r'class="button".*?href="([^"]+)"', letter.html, flags=re.S)
    assert f">{behind}</a>" in letter.html
    assert behind in letter.text.split()
    links = set(re.findall(r'href="(https?://[^"]+)"', letter.html))
    assert links <= set(re.findall(r"https?://\S+", letter.text)) | {"https://news.example.org/"}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_letter_leaves_as_proper_mail_with_a_list_id(kind: LetterKind) -> None:
    letter = _letters()[kind]
    envelope = {key: value for key, value in letter.envelope.items() if key != "leave_url"}

    mail = compile_mail(
        Envelope.from_json(envelope), Content(subject=letter.subject, html=letter.html, text=letter.text)
    )
    copy = Copy(
        seq=0,
        address=letter.address,
        message_token="UAAAAAAAAAB",
        leave_url=str(letter.envelope["leave_url"]),
    )
    headers = dict(mail.headers(copy, date=NOON))

    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["List-Id"].endswith(".news.example.org>")
    assert headers["List-Help"] == "<https://news.example.org/preferences/>"
    assert ("List-Unsubscribe" in headers) == (kind in {LetterKind.WELCOME, LetterKind.CONFIRMATION})
    assert ("List-Unsubscribe-Post" in headers) == ("List-Unsubscribe" in headers)
    assert "/confirm/" not in str(headers)  # more programs read headers than bodies


def test_the_confirmation_says_what_when_and_what_if_not() -> None:
    letter = _letters()[LetterKind.CONFIRMATION]

    assert letter.address == "Mia@example.org"
    for part in (letter.text, letter.html):
        assert "Montag bis Freitag um 6 Uhr" in part
        assert "at 14:00" in part  # where the newsroom is
        assert "Nothing ordered?" in part
    assert "Wirtschaft & Technik" in letter.subject
    assert "&amp;" not in letter.subject + letter.text


def test_the_welcome_has_the_next_date_the_latest_digest_and_the_settings() -> None:
    letter = _letters()[LetterKind.WELCOME]

    for part in (letter.text, letter.html):
        assert "https://news.example.org/newsletters/wirtschaft/12/" in part
        assert "Die Fähre fährt" in part
        assert "4. Mai 2026" in part or "May 4, 2026" in part or "4 May 2026" in part
        assert "/preferences/" in part
        assert "post@news.example.org" in part


def test_letters_to_readers_speak_their_language() -> None:
    reader = make_subscriber(language="en")
    row = make_subscription(newsletter=make_newsletter(language="de"), subscriber=reader)

    correspondence.send_management_link(row.subscriber, at=NOON)

    letter = Letter.objects.get()
    assert letter.language == "en"
    assert 'lang="en"' in letter.html
