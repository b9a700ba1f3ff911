"""One sign-up for newsletters of two publishers: its letters and its page name both, each with what is theirs."""

import re

import pytest
from pytest_django import DjangoAssertNumQueries

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import clock
from subscriptions import consent, correspondence
from subscriptions.models import Newsletter
from tests.factories import NOON, make_newsletter, make_sender, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, make_confirmation, signup_fields

pytestmark = pytest.mark.django_db

OURS = (
    "Uferblick Verlag GmbH",
    "Am Alten Kran 3, 99999 Lindenufer",
    "kontakt@news.example.org",
    "+49 30 23125 100",
    "https://news.example.org/imprint/",
    "https://news.example.org/privacy/",
)
THEIRS = (
    "Kulturhaus Lindenufer e. V.",
    "Hafengasse 9, 99999 Lindenufer",
    "buero@haus.example.org",
    "https://haus.example.org/impressum",
    "https://haus.example.org/datenschutz",
)


def two_publishers() -> list[Newsletter]:
    """Two newsletters of ours, from two addresses, and one of a house beside us."""
    house = make_sender(
        name="Kulturhaus",
        address="post@haus.example.org",
        legal_name=THEIRS[0],
        postal_address=THEIRS[1],
        email=THEIRS[2],
        phone="",
        imprint_url=THEIRS[3],
        privacy_url=THEIRS[4],
    )
    evening = make_sender(name="Uferblick am Abend", address="abend@news.example.org")
    return [
        make_newsletter(name="Wirtschaft & Technik", position=1),
        make_newsletter(name="Bühne", sender=house, position=2),
        make_newsletter(name="Feierabend", sender=evening, position=3),
    ]


def letters_about(newsletters: list[Newsletter], *, language: str = "en") -> dict[str, Letter]:
    """What a stranger gets who asks for these, confirms, and asks once more."""
    wish = consent.Wish(
        typed_address="mia@example.org",
        newsletters=newsletters,
        language=language,
        form="/",
        network_address="203.0.113.7",
    )
    consent.request_subscription(wish, at=NOON)
    consent.confirm(confirm_token(Letter.objects.get()), network_address="", at=NOON)
    consent.request_subscription(wish, at=NOON)
    return {letter.kind: letter for letter in Letter.objects.all()}


KINDS = [LetterKind.CONFIRMATION, LetterKind.WELCOME, LetterKind.ALREADY_SUBSCRIBED]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_letter_names_each_publisher_once_with_imprint_and_privacy(kind: LetterKind, language: str) -> None:
    letter = letters_about(two_publishers(), language=language)[kind]

    html = letter.html.replace("&amp;", "&")
    for part in (letter.text, html):
        for fact in (OURS[0], OURS[1], *THEIRS[:2]):
            assert part.count(fact) == 1
        for fact in (*OURS, *THEIRS):
            assert fact in part
        ours, theirs = part.index("Wirtschaft & Technik, Feierabend:"), part.index("Bühne:")
        assert ours < part.index(OURS[0]) < theirs < part.index(THEIRS[0])
    head = re.findall(r'class="head"[^>]*>([^<]*)<', html)
    assert head == ["Uferblick · Kulturhaus · Uferblick am Abend"]
    assert letter.text.count("\n--\n") == 1
    assert max(len(line) for line in letter.text.splitlines() if "://" not in line) <= 76


def test_the_welcome_names_every_address_that_mail_will_come_from() -> None:
    letter = letters_about(two_publishers())[LetterKind.WELCOME]

    for part in (letter.text, letter.html):
        told = " ".join(part.split())
        assert "add post@news.example.org, post@haus.example.org, abend@news.example.org to your" in told


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_one_publisher_is_named_as_ever(kind: LetterKind) -> None:
    sender = make_sender()
    letter = letters_about([make_newsletter(sender=sender), make_newsletter()])[kind]

    for part in (letter.text, letter.html):
        assert part.count(OURS[0]) == 1
        assert "Publisher of" not in part


def test_who_moves_or_wants_mail_again_reads_of_both_publishers() -> None:
    reader = make_subscriber(address="mia@example.org", language="en")
    rows = [make_subscription(newsletter=each, subscriber=reader) for each in two_publishers()]

    consent.ask_for_new_address(
        reader, typed_address="neu@example.org", network_address="203.0.113.7", at=NOON
    )
    consent.decide_new_addresses(at=NOON)
    confirmation, secret = make_confirmation(*rows)
    correspondence.ask_to_return(confirmation, rows, reader, secret=secret, at=NOON)

    for kind in (LetterKind.NEW_ADDRESS, LetterKind.DELIVERY_AGAIN):
        letter = Letter.objects.get(kind=kind)
        for fact in (*OURS, *THEIRS):
            assert fact in letter.text
            assert fact in letter.html


def test_the_page_says_from_which_addresses_mail_will_come() -> None:
    client = fresh_client()
    client.post("/subscribe/", signup_fields("mia@example.org", *two_publishers(), make_newsletter()))

    page = client.get("/subscribe/sent/").content.decode()

    for mailbox in (
        "Uferblick &lt;post@news.example.org&gt;",
        "Kulturhaus &lt;post@haus.example.org&gt;",
        "Uferblick am Abend &lt;abend@news.example.org&gt;",
    ):
        assert page.count(mailbox) == 1
    assert "The e-mail to confirm comes from one of these, your newsletters from all of them." in page


def test_the_page_of_one_sender_says_no_more_than_that() -> None:
    client = fresh_client()
    client.post("/subscribe/", signup_fields("mia@example.org", make_newsletter(), make_newsletter()))

    page = client.get("/subscribe/sent/").content.decode()

    assert page.count("Uferblick &lt;post@news.example.org&gt;") == 1
    assert "from one of these" not in page


@pytest.mark.parametrize("size", [1, 12])
def test_more_publishers_cost_no_more_queries(
    size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    picks = [
        make_newsletter(
            sender=make_sender(legal_name=f"Verlag {number}", address=f"post@{number}.example.org")
        )
        for number in range(size)
    ]
    client = fresh_client()
    client.post("/subscribe/", signup_fields("mia@example.org", *picks))
    clock.reckoned()

    with django_assert_num_queries(1):  # newsletters with their senders
        assert client.get("/subscribe/sent/").content.decode().count("&lt;post@") == size
    with django_assert_num_queries(23):  # as for one publisher
        consent.decide_sign_ups()
    assert Letter.objects.get().text.count("Verlag ") == size
