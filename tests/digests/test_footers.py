"""Why a reader gets a copy stands in it in her own language, whatever the newsletter's is."""

import datetime as dt
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from pytest_django.fixtures import Settings

from digests.delivery import control, footers, freezing, pump
from digests.delivery.models import Mailing
from digests.rendering import LONGEST_VALUES, READER_SLOTS, render
from newsroom.mail import providers
from newsroom.mail.plain_text import WIDTH
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.mail.wire import slot_names
from subscriptions.models import Newsletter, Subscription
from tests.digests.delivery.factories import Clock
from tests.digests.factories import DAY, MONDAY_SIX, make_handed_over
from tests.factories import NOON, make_newsletter, make_plan, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db

NAME = "Hafen & <Ufer>"
ENGLISH = f"You receive {NAME} because you signed up with m…@example.org on April 4, 2026 below an article."
GERMAN = (
    f"Sie erhalten {NAME}, weil Sie sich am 4. April 2026 auf unserer Newsletter-Seite mit n…@example.org"
    " angemeldet haben."
)


@pytest.fixture
def in_print(tmp_path: Path, settings: Settings) -> None:
    """Tests quote the source; here the German counts, as readers get it."""
    folder = Path("de", "LC_MESSAGES")
    (tmp_path / folder).mkdir(parents=True)
    with (settings.BASE_DIR / "locale" / folder / "django.po").open("rb") as source:
        catalogue = read_po(source, locale="de")
    with (tmp_path / folder / "django.mo").open("wb") as compiled:
        write_mo(compiled, catalogue)
    settings.LOCALE_PATHS = [tmp_path]


class Texts(HTMLParser):
    """The words of an HTML part, each with the language that its elements give it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._open: list[tuple[str, str]] = []
        self.said: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img", "br", "link", "hr"}:
            inherited = self._open[-1][1] if self._open else ""
            self._open.append((tag, dict(attrs).get("lang") or inherited))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if words := " ".join(data.split()):
            self.said.append((self._open[-1][1] if self._open else "", words))

    def language_of(self, words: str) -> str:
        (language,) = {language for language, said in self.said if said == words}
        return language


def mails_of(newsletter: Newsletter) -> dict[str, EmailMessage]:
    """Send its digest; the mails as they are on the wire, by address."""
    make_handed_over(newsletter)
    memory = providers.provider("main")
    assert isinstance(memory, MemoryProvider)
    memory.outbox.clear()
    control.start(freezing.freeze(Mailing.objects.get().pk, at=NOON), at=NOON)
    pump.run(seconds=30, at_clock=Clock(NOON))
    return {kept.copy.address: message_from_bytes(kept.raw, policy=policy.default) for kept in memory.outbox}


def parts(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text
    assert html
    return text.get_content().replace("\r\n", "\n"), html.get_content()


def two_readers(**values: Any) -> Newsletter:
    """A German newsletter that Mia reads, who speaks English, and Noah, who speaks German."""
    newsletter = make_newsletter(name=NAME, language="de")
    make_plan(newsletter=newsletter, first_window_from=MONDAY_SIX - DAY)
    for name, language, source in (("mia", "en", "/articles/die-faehre/"), ("noah", "de", "/newsletters/")):
        reader = make_subscriber(address=f"{name}@example.org", language=language)
        make_subscription(newsletter=newsletter, subscriber=reader, source=source, **values)
    return newsletter


@pytest.mark.usefixtures("in_print")
def test_each_reader_of_a_german_newsletter_reads_in_her_own_language_why_she_gets_it() -> None:
    mails = mails_of(two_readers())

    for address, sentence, language, leave, manage in (
        ("mia@example.org", ENGLISH, "en", "Unsubscribe", "Change settings or pause"),
        ("noah@example.org", GERMAN, "de", "Abbestellen", "Einstellungen ändern oder pausieren"),
    ):
        text, html = parts(mails[address])
        assert sentence in " ".join(text.split())
        assert f"\n{leave}:\nhttps://news.example.org/u/" in text
        assert f"\n{manage}:\nhttps://news.example.org/preferences/" in text
        said = Texts(html)
        assert {words: said.language_of(words) for words in (sentence, leave, manage)} == {
            sentence: language, leave: language, manage: language,
        }  # fmt: skip
        assert said.language_of("Impressum") == "de", "the rest is the newsletter's"
        assert "Hafen &amp; &lt;Ufer&gt;" in html
        assert NAME not in html
    english, german = (parts(mails[f"{name}@example.org"]) for name in ("mia", "noah"))
    assert "angemeldet haben" not in "".join(english)
    assert "you signed up" not in "".join(german)


def test_the_sentence_is_broken_into_lines_like_the_rest_of_the_text() -> None:
    text, _html = parts(mails_of(two_readers())["mia@example.org"])

    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("You receive"))
    assert lines[first - 1] == ""
    assert len(lines[first : lines.index("", first)]) == 2
    assert all(len(line) <= WIDTH for line in lines[first : lines.index("", first)])


def test_only_the_foot_and_no_header_differs_from_reader_to_reader() -> None:
    mails = mails_of(two_readers())
    english, german = mails["mia@example.org"], mails["noah@example.org"]

    own = {"To", "Message-ID", "Date", "List-Unsubscribe", "Content-Type"}
    shared = [
        {name: str(value) for name, value in mail.items() if name not in own} for mail in (english, german)
    ]
    assert shared[0] == shared[1]
    assert shared[0]["Content-Language"] == "de"
    before = [parts(mail)[0].partition("You receive")[0] for mail in (english, german)]
    assert before[0] == before[1]


def test_a_reader_of_a_language_that_we_do_not_speak_gets_the_newsletters() -> None:
    reader = footers.Reader(language="xx", since=dt.date(2026, 4, 4))
    swiss = footers.Reader(language="de-ch", since=dt.date(2026, 4, 4))

    assert footers.words(reader, newsletter=NAME, language="en")["reader_language"] == "en"
    assert footers.words(swiss, newsletter=NAME, language="en")["reader_language"] == "de"


@pytest.mark.usefixtures("in_print")
@pytest.mark.parametrize(
    ("dates", "english", "german"),
    [
        pytest.param(
            {"requested_at": NOON, "confirmed_at": NOON},
            "because you signed up with m…@example.org at our former newsletter service.",
            "weil Sie sich bei unserem früheren Newsletter-Dienst mit n…@example.org angemeldet haben.",
            id="a file without dates",
        ),
        pytest.param(
            {"requested_at": NOON - 40 * DAY, "confirmed_at": NOON},
            "because you signed up with m…@example.org on March 25, 2026 at our former newsletter service.",
            "weil Sie sich am 25. März 2026 bei unserem früheren Newsletter-Dienst mit n…@example.org angemeldet haben.",
            id="a file that says when she asked",
        ),
    ],
)
def test_of_imported_readers_no_day_is_named_that_nobody_knows(
    dates: dict[str, dt.datetime], english: str, german: str
) -> None:
    newsletter = two_readers(**dates)
    Subscription.objects.update(source="leserschaft.csv")

    mails = mails_of(newsletter)

    for name, sentence in (("mia", english), ("noah", german)):
        text, html = parts(mails[f"{name}@example.org"])
        assert sentence in " ".join(text.split())
        assert sentence in " ".join(html.split())


def test_templates_get_every_slot_and_the_size_reckons_with_the_longest() -> None:
    rendered = render(make_handed_over())
    longest = dict.fromkeys(LONGEST_VALUES, 0)
    for language, _name in settings.LANGUAGES:
        reader = footers.Reader(
            language=language, since=dt.date(2026, 9, 30), source="leserschaft.csv", is_back=True
        )
        made = footers.words(reader, newsletter="ü" * 80, language=language)
        made |= footers.former_words(reader, language=language)
        for name, value in made.items():
            longest[name] = max(longest[name], len(value.encode()))

    assert slot_names(rendered.html) == slot_names(rendered.text) | {"reader_language"}
    assert set(READER_SLOTS) == set(LONGEST_VALUES)
    assert [name for name in longest if longest[name] > len(LONGEST_VALUES[name])] == []
