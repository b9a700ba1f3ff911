"""Asking and confirming: what each act does to the rows, the record and the mail."""

import datetime as dt

import pytest
from django.conf import LazySettings

from newsroom.mail.addresses import address_hash
from newsroom.mail.errors import BadAddress
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from subscriptions import consent, suppression
from subscriptions.consent.limits import PER_DAY, RESEND_AFTER
from subscriptions.errors import LinkExpired, LinkUnknown
from subscriptions.models import Confirmation, ConsentEvent, Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind, NewsletterState, SubscriptionState, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def ask(address: str, *newsletters: Newsletter, at: dt.datetime = NOON, network: str = "203.0.113.7") -> None:
    consent.request_subscription(
        consent.Wish(
            typed_address=address,
            newsletters=newsletters,
            language="de",
            form="/articles/die-faehre/",
            network_address=network,
            wording_version="2026-11-box",
        ),
        at=at,
    )


def confirmations() -> list[Letter]:
    return list(Letter.objects.filter(kind=LetterKind.CONFIRMATION).order_by("pk"))


def test_a_request_waits_until_its_link_is_confirmed() -> None:
    newsletter = make_newsletter()

    ask("Mia@EXÄMPLE.de", newsletter)

    reader = Subscriber.objects.get()
    assert reader.address == "mia@xn--exmple-cua.de"
    assert reader.typed_address == "Mia@EXÄMPLE.de"
    assert reader.sendable == "Mia@xn--exmple-cua.de"
    row = Subscription.objects.get()
    assert (row.state, row.source, row.confirmed_at) == ("pending", "/articles/die-faehre/", None)
    assert [letter.kind for letter in Letter.objects.all()] == [LetterKind.CONFIRMATION]


def test_the_record_of_a_request_rebuilds_what_was_seen() -> None:
    newsletter = make_newsletter(name="Wirtschaft & Technik")

    ask("mia@example.org", newsletter)

    event = ConsentEvent.objects.get()
    assert (event.kind, event.address, event.language) == (ConsentKind.REQUESTED, "mia@example.org", "de")
    assert "„Wirtschaft & Technik“ kostenlos per E-Mail" in event.wording
    assert event.wording_version == "2026-11-box"
    assert (event.form, event.network_address, event.at) == ("/articles/die-faehre/", "203.0.113.7", NOON)
    assert event.facts == {"letter": confirmations()[0].pk}


def test_several_newsletters_share_one_letter_that_names_them_all() -> None:
    names = ["Wirtschaft & Technik", "Kultur am Fluss", "Uferblick Weekend"]
    picks = [make_newsletter(name=name) for name in names]

    ask("mia@example.org", *picks)

    (letter,) = confirmations()
    assert all(name in letter.text for name in names)
    done = consent.confirm(confirm_token(letter), network_address="203.0.113.8", at=NOON)
    assert {each.name for each in done.newsletters} == set(names)
    assert Subscription.objects.active().count() == 3


def test_two_spellings_are_one_reader_and_dots_make_another() -> None:
    newsletter = make_newsletter()

    ask("Ann@EXÄMPLE.de", newsletter)
    ask("ann@xn--exmple-cua.de", newsletter, at=NOON + dt.timedelta(minutes=2))
    ask("a.nn@example.org", newsletter)

    assert Subscriber.objects.count() == 2


def test_what_is_no_address_is_refused_by_the_service_too() -> None:
    with pytest.raises(BadAddress):
        ask("mia@localhost", make_newsletter())

    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    "state", [NewsletterState.DRAFT, NewsletterState.PAUSED, NewsletterState.RETIRED], ids=str
)
def test_only_active_newsletters_take_requests(state: NewsletterState) -> None:
    ask("mia@example.org", make_newsletter(state=state))

    assert not Subscriber.objects.exists()
    assert not Letter.objects.exists()


def test_a_reader_who_asks_again_is_told_that_she_reads_already_once_a_day() -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))

    for minutes in (0, 5, 10):
        ask("mia@example.org", newsletter, at=NOON + dt.timedelta(minutes=minutes))

    assert [letter.kind for letter in Letter.objects.all()] == [LetterKind.ALREADY_SUBSCRIBED]
    row.refresh_from_db()
    assert row.state == SubscriptionState.ACTIVE
    assert ConsentEvent.objects.filter(kind=ConsentKind.REQUESTED).count() == 1  # the factory's own


def test_a_reader_is_told_that_she_reads_already_five_times_a_month_at_most() -> None:
    newsletter = make_newsletter()
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))
    written = []

    for day in range(32):
        ask("mia@example.org", newsletter, at=NOON + dt.timedelta(days=day), network=f"203.0.113.{day}")
        written.append(Letter.objects.count())

    assert written[3:7] == [4, 5, 5, 5]
    assert written[29:] == [5, 5, 6]


def test_a_strangers_request_changes_nothing_of_a_readers_settings() -> None:
    newsletter = make_newsletter()
    reader = make_subscriber(address="mia@example.org", language="en", typed_address="Mia@example.org")
    make_subscription(newsletter=newsletter, subscriber=reader)

    ask("MIA@example.org", newsletter, make_newsletter())

    reader.refresh_from_db()
    assert (reader.language, reader.typed_address) == ("en", "Mia@example.org")


# --- Limits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "letters"),
    [
        ([0, 59], 1),
        ([0, 60], 2),
        ([0, 60, 120, 180], 3),
        ([0, 60, 120, 86_461], 4),
        ([0, 90_000, 180_000, 270_000, 360_000, 450_000], 5),
        ([0, 90_000, 180_000, 270_000, 360_000, 31 * 86_400], 6),
    ],
    ids=["59 s apart", "60 s apart", "3 a day", "a day later", "5 a month", "a month later"],
)
def test_confirmations_per_address_are_limited(seconds: list[int], letters: int) -> None:
    newsletter = make_newsletter()

    for passed in seconds:
        ask("mia@example.org", newsletter, at=NOON + dt.timedelta(seconds=passed))

    assert len(confirmations()) == letters


def test_a_thousand_networks_cannot_bomb_one_mailbox() -> None:
    newsletter = make_newsletter()

    for number in range(60):
        spelling = f"m.i.a+{number}@gmail.com" if number % 2 else f"mia+{number}@gmail.com"
        ask(spelling, newsletter, network=f"198.51.100.{number}", at=NOON + dt.timedelta(seconds=number))

    assert len(confirmations()) == 1


def test_one_network_cannot_write_to_a_thousand_mailboxes(settings: LazySettings) -> None:
    newsletter = make_newsletter()

    for number in range(settings.SIGNUPS_PER_HOUR["network"] + 20):
        ask(f"reader{number}@host{number}.example.org", newsletter, network=f"2001:db8::{number:x}")

    assert len(confirmations()) == settings.SIGNUPS_PER_HOUR["network"]


def test_over_the_limit_nothing_is_written() -> None:
    newsletters = [make_newsletter() for _each in range(PER_DAY + 1)]
    ask("mia@example.org", newsletters[0])
    ask("mia@example.org", newsletters[0], at=NOON + dt.timedelta(seconds=5))  # the same once more
    ask(
        "mia+de@example.org", newsletters[1], at=NOON + dt.timedelta(seconds=6)
    )  # the same mailbox, another reader
    assert (Subscription.objects.count(), ConsentEvent.objects.count()) == (1, 1)

    for number, newsletter in enumerate(newsletters[1:], start=1):
        ask("mia@example.org", newsletter, at=NOON + number * dt.timedelta(hours=1))

    assert (Subscription.objects.count(), ConsentEvent.objects.count()) == (PER_DAY, PER_DAY)


def test_who_asks_for_another_newsletter_at_once_gets_its_letter_a_minute_later() -> None:
    newsletters = [make_newsletter() for _each in range(PER_DAY + 1)]

    for number, newsletter in enumerate(newsletters):
        ask("mia@example.org", newsletter, at=NOON + number * dt.timedelta(seconds=10))

    letters = Letter.objects.filter(kind=LetterKind.CONFIRMATION).order_by("pk")
    assert [letter.not_before - NOON for letter in letters] == [
        number * RESEND_AFTER for number in range(PER_DAY)
    ]
    asked = Subscription.objects.order_by("pk").values_list("newsletter", flat=True)
    assert list(asked) == [newsletter.pk for newsletter in newsletters[:PER_DAY]]


# --- Confirming -----------------------------------------------------------------------------------------------


def test_only_a_hash_of_the_secret_is_kept() -> None:
    ask("mia@example.org", make_newsletter())

    token = confirm_token(confirmations()[0])
    confirmation = Confirmation.objects.get()
    assert len(token) >= 22  # 128 bits
    assert token not in confirmation.token_hash
    assert confirmation.expires_at == NOON + 7 * DAY


def test_confirming_twice_is_as_good_as_once() -> None:
    ask("mia@example.org", make_newsletter())
    token = confirm_token(confirmations()[0])

    first = consent.confirm(token, network_address="203.0.113.8", at=NOON + DAY)
    second = consent.confirm(token, network_address="203.0.113.8", at=NOON + 2 * DAY)

    assert (first.was_already, second.was_already) == (False, True)
    row = Subscription.objects.get()
    assert (row.state, row.confirmed_at) == (SubscriptionState.ACTIVE, NOON + DAY)
    assert ConsentEvent.objects.filter(kind=ConsentKind.CONFIRMED).count() == 1
    assert Letter.objects.filter(kind=LetterKind.WELCOME).count() == 1


@pytest.mark.parametrize(("after", "works"), [(7 * DAY - dt.timedelta(seconds=1), True), (7 * DAY, False)])
def test_a_link_works_for_seven_days(after: dt.timedelta, works: bool) -> None:
    ask("mia@example.org", make_newsletter())
    token = confirm_token(confirmations()[0])

    if works:
        consent.confirm(token, network_address="", at=NOON + after)
    else:
        with pytest.raises(LinkExpired):
            consent.confirm(token, network_address="", at=NOON + after)

    assert Subscription.objects.active().exists() == works


def test_a_guessed_link_is_unknown() -> None:
    with pytest.raises(LinkUnknown):
        consent.confirm("AAAAAAAAAAAAAAAAAAAAAA", network_address="", at=NOON)


def test_an_older_link_lives_until_a_newer_one_is_used() -> None:
    newsletter = make_newsletter()
    ask("mia@example.org", newsletter)
    ask("mia@example.org", newsletter, at=NOON + dt.timedelta(minutes=2))
    older, newer = (confirm_token(letter) for letter in confirmations())

    consent.find_confirmation(older, at=NOON + DAY)  # alive
    consent.confirm(newer, network_address="", at=NOON + DAY)
    consent.unsubscribe(Subscription.objects.get(), how="/u/", network_address="", at=NOON + 2 * DAY)
    assert consent.find_confirmation(older, at=NOON + 3 * DAY).used_at == NOON + DAY
    done = consent.confirm(older, network_address="", at=NOON + 3 * DAY)

    assert done.was_already
    assert Subscription.objects.get().state == SubscriptionState.UNSUBSCRIBED


def test_an_older_link_for_another_newsletter_stays_good() -> None:
    first, second = make_newsletter(), make_newsletter()
    ask("mia@example.org", first)
    ask("mia@example.org", second, at=NOON + dt.timedelta(minutes=2))
    older, newer = (confirm_token(letter) for letter in confirmations())

    consent.confirm(newer, network_address="", at=NOON + DAY)
    consent.confirm(older, network_address="", at=NOON + DAY)

    assert Subscription.objects.active().count() == 2


def test_a_link_from_before_leaving_revives_nothing() -> None:
    newsletter = make_newsletter()
    ask("mia@example.org", newsletter)
    old = confirm_token(confirmations()[0])
    row = Subscription.objects.get()
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON + dt.timedelta(hours=1))
    ask("mia@example.org", newsletter, at=NOON + dt.timedelta(hours=2))

    consent.confirm(old, network_address="", at=NOON + dt.timedelta(hours=3))

    row.refresh_from_db()
    assert row.state == SubscriptionState.PENDING


def test_a_used_link_is_used_even_within_the_same_moment() -> None:
    newsletter = make_newsletter()
    ask("mia@example.org", newsletter)
    token = confirm_token(confirmations()[0])
    row = consent.confirm(token, network_address="", at=NOON).subscriptions[0]
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON)
    Subscription.objects.update(state=SubscriptionState.PENDING)

    assert consent.confirm(token, network_address="", at=NOON).was_already
    assert not Subscription.objects.active().exists()


def test_a_newsletter_welcomes_a_reader_once_in_her_life() -> None:
    newsletter = make_newsletter()
    ask("mia@example.org", newsletter)
    consent.confirm(confirm_token(confirmations()[0]), network_address="", at=NOON)
    row = Subscription.objects.get()
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON + DAY)
    ask("mia@example.org", newsletter, at=NOON + 3 * DAY)
    consent.confirm(confirm_token(confirmations()[1]), network_address="", at=NOON + 3 * DAY)

    row.refresh_from_db()
    assert row.state == SubscriptionState.ACTIVE
    assert Letter.objects.filter(kind=LetterKind.WELCOME).count() == 1


def test_an_expired_link_can_be_asked_for_anew() -> None:
    ask("Mia@example.org", make_newsletter())
    token = confirm_token(confirmations()[0])

    asked = consent.ask_again(token, network_address="203.0.113.9", at=NOON + 8 * DAY)

    assert (asked.subscriber.address, len(asked.subscriptions)) == ("mia@example.org", 1)
    # She agrees to what she saw when she asked first.
    wordings = ConsentEvent.objects.filter(kind="requested").values_list("wording_version", "wording")
    assert len(wordings) == 2
    assert len(set(wordings)) == 1
    assert [shown.version for shown in asked.shown.values()] == ["2026-11-box"]
    consent.confirm(confirm_token(confirmations()[1]), network_address="", at=NOON + 8 * DAY)
    assert Subscription.objects.active().count() == 1


# --- Suppression and consent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(SuppressionReason), ids=str)
def test_only_what_a_confirmation_can_lift_gets_a_letter(reason: SuppressionReason) -> None:
    newsletter = make_newsletter()
    suppression.suppress(address_hash("mia@example.org"), reason=reason, at=NOON)

    ask("mia@example.org", newsletter)

    lifted = reason in suppression.LIFTED_BY_CONFIRMING
    assert len(confirmations()) == int(lifted)
    if lifted:
        consent.confirm(confirm_token(confirmations()[0]), network_address="", at=NOON)
    assert Suppression.objects.exists() == (not lifted)
    assert Subscriber.objects.exists() == lifted
