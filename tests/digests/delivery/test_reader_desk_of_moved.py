"""The reader desk and readers who moved: found by an address they have left, told as moves, and nobody taken for them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from digests.delivery import reader_history
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from subscriptions import consent, privacy, retention, settings_links, suppression
from subscriptions.models import AddressChange, Subscriber, Subscription
from subscriptions.states import SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client
from tests.subscriptions.moving import DAY, NEW, OLD, ask, confirm, reading, undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    return client


def moved() -> Subscription:
    row = reading()
    ask(row)
    confirm()
    row.subscriber.refresh_from_db()
    return row


def united() -> tuple[Subscriber, Subscriber]:
    """The reader at OLD, and the one at NEW whom she became."""
    row = reading()
    other = make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address=NEW.casefold())
    )
    ask(row)
    confirm()
    row.subscriber.refresh_from_db()
    return row.subscriber, other.subscriber


def find(client: Client, typed: str) -> tuple[str, str]:
    """Where it leads, and what that page says."""
    answer = client.post(reverse("admin:reader_desk_find"), {"address": typed}, follow=True)
    return (answer.redirect_chain or [("", 0)])[-1][0], answer.content.decode()


def desk_of(reader: Subscriber) -> str:
    return reverse("admin:reader_desk", args=[reader.pk])


@pytest.mark.parametrize("typed", [" MIA@example.org", address_hash(OLD)])
def test_who_moved_is_found_by_her_former_address_and_told_to_be_elsewhere(typed: str, desk: Client) -> None:
    row = moved()

    where, page = find(desk, typed)

    assert where == desk_of(row.subscriber)
    assert "a former address of this reader" in page
    assert "a former address" not in find(desk, NEW)[1]


def test_what_stops_mail_to_a_former_address_is_one_press_away(desk: Client) -> None:
    row = moved()
    suppression.suppress(address_hash(OLD), reason=SuppressionReason.COMPLAINT, at=NOON)

    where, page = find(desk, OLD)

    assert where == desk_of(row.subscriber)
    assert reverse("admin:reader_desk_hash", args=[address_hash(OLD)]) in page
    assert "Gets no mail at all" not in page


def test_whose_address_it_is_by_now_comes_first(desk: Client) -> None:
    moved()
    other = make_subscriber(address=OLD)

    where, page = find(desk, OLD)

    assert where == desk_of(other)
    assert "a former address" not in page


@pytest.mark.parametrize("is_erased", [True, False])
def test_who_became_another_reader_is_found_as_that_one(is_erased: bool, desk: Client) -> None:
    former, now = united()
    retention.tidy(at=NOON + 8 * DAY)
    if is_erased:
        privacy.erase_reader(now, actor="", at=NOON + 9 * DAY)

    where, _page = find(desk, OLD)

    assert where == desk_of(former if is_erased else now)


@pytest.mark.parametrize("act", ["reads on", "is erased"])
def test_by_hash_and_by_address_the_same_reader_is_found(act: str) -> None:
    row = moved()
    if act == "is erased":
        privacy.erase_reader(row.subscriber, actor="", at=NOON + 2 * DAY)

    found = [reader_history.find(typed).reader for typed in (OLD, NEW, address_hash(OLD))]

    assert found == [row.subscriber] * 3


def test_moves_are_told_in_words_of_their_own(desk: Client) -> None:
    row = reading()
    ask(row)
    confirm()
    undo()

    page = desk.get(desk_of(row.subscriber)).content.decode()

    places = [
        page.index(text)
        for text in (
            "Change of address taken back",
            "New address confirmed",
            "New address asked for",
        )
    ]
    assert places == sorted(places)
    assert "Setting changed: address" not in page


def test_letters_to_either_mailbox_are_told() -> None:
    row = moved()
    Letter.objects.create(
        kind=LetterKind.WELCOME, dedupe_key="w", state="sent", language="en", subscriber_id=row.subscriber.pk,
        address_hash=address_hash(OLD), not_before=NOON, created_at=NOON,
    )  # fmt: skip

    page = reader_history.page(
        reader_history.known(row.subscriber), subscriptions=[], suppressions=[], before=None
    )

    told = [entry.title for entry in page.entries if entry.kind == "letter"]
    assert len(told) == Letter.objects.count() == 3


def test_a_former_address_opens_nothing_to_whoever_has_it_now() -> None:
    row = moved()
    before = Letter.objects.count()

    page = fresh_client().post("/preferences/link/", {"address": OLD})
    settings_links.send_asked()

    assert page.status_code == 200
    assert Letter.objects.count() == before
    wish = consent.Wish(
        typed_address=OLD,
        newsletters=[row.newsletter],
        language="en",
        form="/",
        network_address="203.0.113.7",
    )
    consent.request_subscription(wish, at=NOON + 40 * DAY)
    letter = Letter.objects.latest("pk")
    assert (letter.kind, letter.subscriber_id == row.subscriber_id) == (LetterKind.CONFIRMATION, False)
    assert AddressChange.objects.count() == 1
