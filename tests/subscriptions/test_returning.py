"""Why mail stopped, told to the reader, and her way back: one letter that she asks for herself, and confirms."""

import datetime as dt

import pytest
from django.test import Client

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import consent, suppression
from subscriptions.errors import UndoExpired
from subscriptions.models import ConsentEvent, Newsletter, Subscription, Suppression
from subscriptions.states import ConsentKind, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, path_of, settings_path

pytestmark = pytest.mark.django_db

MIA = "mia@example.org"
DAY = dt.timedelta(days=1)


def reading(*names: str) -> list[Subscription]:
    reader = make_subscriber(address=MIA, language="en")
    return [make_subscription(newsletter=make_newsletter(name=name), subscriber=reader) for name in names]


def stop(
    reason: SuppressionReason, *, newsletter: Newsletter | None = None, at: dt.datetime | None = None
) -> None:
    suppression.suppress(address_hash(MIA), reason=reason, newsletter=newsletter, at=at or now() - DAY)


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


def states() -> list[str]:
    return list(Subscription.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (SuppressionReason.HARD_BOUNCE, "Your mailbox refuses our e-mails for good."),
        (SuppressionReason.SOFT_BOUNCES, "turned our e-mails away again and again."),
        (
            SuppressionReason.COMPLAINT,
            "One of our e-mails was reported as spam in your mailbox. We respect that.",
        ),
        (SuppressionReason.UNSUBSCRIBED, "You have unsubscribed."),
        (
            SuppressionReason.MANUAL,
            "The newsroom has stopped writing to you. Please get in touch if that is a mistake.",
        ),
    ],
)
def test_her_page_says_why_and_since_when(reason: SuppressionReason, words: str) -> None:
    (row,) = reading("Wirtschaft")
    stop(reason, at=NOON)

    page = opened(row).get("/preferences/").content.decode()

    assert f"{words} Since May 4, 2026 we have not written to you." in page
    assert ("/preferences/again/" in page) is (reason != SuppressionReason.MANUAL)
    assert ("disabled" in page) is (reason == SuppressionReason.MANUAL)


def test_a_stop_of_one_newsletter_is_told_at_that_newsletter() -> None:
    first, _second = reading("Wirtschaft", "Kultur")
    stop(SuppressionReason.COMPLAINT, newsletter=first.newsletter, at=NOON)

    page = opened(first).get("/preferences/").content.decode()

    assert f'aria-describedby="stop-{first.newsletter.slug}"' in page
    assert page.count("reported as spam") == 1
    assert "Was it a mistake?" in page
    assert "Is your mailbox well again?" not in page


def test_a_letter_is_promised_only_where_a_button_asks_for_it() -> None:
    (row,) = reading("Wirtschaft")
    consent.unsubscribe(row, how="/u/", network_address="203.0.113.7", at=NOON)
    stop(SuppressionReason.HARD_BOUNCE)

    page = opened(row).get("/preferences/").content.decode()

    assert "Your mailbox refuses our e-mails for good" in page
    assert "Then we will send you an e-mail" not in page
    assert "/preferences/again/" not in page


def test_nothing_is_said_where_nothing_stopped() -> None:
    (row,) = reading("Wirtschaft")

    assert "Why nothing comes" not in opened(row).get("/preferences/").content.decode()


@pytest.mark.parametrize("reason", [SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT])
def test_the_way_back_is_a_fresh_agreement(reason: SuppressionReason) -> None:
    first, second = reading("Wirtschaft", "Kultur")
    consent.unsubscribe(second, how="/u/", network_address="", at=now() - 2 * DAY)
    stop(reason)

    page = opened(first).post("/preferences/again/").content.decode()

    letter = Letter.objects.get()
    assert (letter.kind, letter.address) == (LetterKind.DELIVERY_AGAIN, MIA)
    assert "Wirtschaft" in page
    assert "Kultur" not in letter.text + page.split("</h1>")[1]  # she left that one herself
    assert states() == ["pending", "unsubscribed"]
    assert Suppression.objects.exists()  # the press alone lifts nothing
    fresh_client().get(f"/confirm/{confirm_token(letter)}/")
    assert Suppression.objects.exists()
    fresh_client().post(f"/confirm/{confirm_token(letter)}/")
    assert states() == ["active", "unsubscribed"]
    assert not Suppression.objects.exists()
    requested = ConsentEvent.objects.filter(kind=ConsentKind.REQUESTED).latest("pk")
    assert requested.facts["after_stop"]
    assert requested.wording


def test_switching_a_newsletter_on_is_the_same_wish() -> None:
    (row,) = reading("Wirtschaft")
    stop(SuppressionReason.HARD_BOUNCE)

    opened(row).post("/preferences/", {f"on-{row.newsletter.slug}": "1", "language": "en"})

    assert Letter.objects.get().kind == LetterKind.DELIVERY_AGAIN


def test_what_staff_stopped_no_reader_brings_back() -> None:
    (row,) = reading("Wirtschaft")
    stop(SuppressionReason.MANUAL)
    client = opened(row)

    client.post("/preferences/again/")
    page = client.post("/preferences/", {f"on-{row.newsletter.slug}": "1", "language": "en"}).content.decode()

    assert "Nothing changed" in page
    assert not Letter.objects.exists()
    assert states() == ["unsubscribed"]


def test_nobody_else_can_make_us_write_to_a_stopped_address() -> None:
    (row,) = reading("Wirtschaft")
    stop(SuppressionReason.HARD_BOUNCE)

    fresh_client().post("/preferences/again/")
    consent.request_subscription(
        consent.Wish(
            typed_address=MIA,
            newsletters=[row.newsletter],
            language="en",
            form="/",
            network_address="203.0.113.7",
        ),
        at=now(),
    )

    assert not Letter.objects.exists()


def test_a_complaint_after_the_letter_is_not_lifted_by_it() -> None:
    (row,) = reading("Wirtschaft")
    stop(SuppressionReason.HARD_BOUNCE, at=NOON)
    consent.ask_to_return(
        row.subscriber, [row.newsletter], how="/preferences/", network_address="", at=NOON + DAY
    )
    Suppression.objects.all().delete()
    stop(SuppressionReason.COMPLAINT, at=NOON + 2 * DAY)

    consent.confirm(confirm_token(Letter.objects.get()), network_address="", at=NOON + 3 * DAY)

    assert Suppression.objects.get().reason == SuppressionReason.COMPLAINT
    assert states() == ["unsubscribed"]


def test_a_sign_ups_confirmation_lifts_no_bounce() -> None:
    reading("Wirtschaft")
    other = make_newsletter()
    consent.request_subscription(
        consent.Wish(typed_address=MIA, newsletters=[other], language="en", form="/", network_address=""),
        at=NOON,
    )
    Suppression.objects.create(
        address_hash=address_hash(MIA), reason=SuppressionReason.HARD_BOUNCE, created_at=NOON - DAY
    )

    consent.confirm(confirm_token(Letter.objects.get()), network_address="", at=NOON)

    assert Suppression.objects.exists()


def test_the_letter_is_limited_like_any_confirmation() -> None:
    (row,) = reading("Wirtschaft")
    stop(SuppressionReason.HARD_BOUNCE, at=NOON)

    for minutes in range(0, 20, 2):
        at = NOON + dt.timedelta(minutes=minutes)
        consent.ask_to_return(
            row.subscriber, [row.newsletter], how="/preferences/", network_address="", at=at
        )

    assert Letter.objects.count() == 3


def test_leaving_cannot_be_undone_once_mail_is_stopped() -> None:
    (row,) = reading("Wirtschaft")
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON)
    stop(SuppressionReason.UNSUBSCRIBED, at=NOON)

    with pytest.raises(UndoExpired):
        consent.restore(row, how="/u/", network_address="", at=NOON)
    assert states() == ["unsubscribed"]


@pytest.mark.parametrize("reason", [SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT])
@pytest.mark.parametrize("left_before", [True, False])
def test_nothing_is_offered_that_would_be_refused(reason: SuppressionReason, left_before: bool) -> None:
    (row,) = reading("Wirtschaft")
    url = path_of(tokens.leave_url(row.pk))
    if left_before:
        fresh_client().post(url)
        assert "/undo" in fresh_client().get(url).content.decode()

    stop(reason, at=now())

    assert "/undo" not in fresh_client().get(url).content.decode()


def test_a_letter_that_the_limits_forbid_is_not_claimed() -> None:
    (row,) = reading("Wirtschaft")
    stop(SuppressionReason.HARD_BOUNCE)
    client = opened(row)
    for hours in (3, 2, 1):
        consent.ask_to_return(
            row.subscriber,
            [row.newsletter],
            how="/preferences/",
            network_address="",
            at=now() - hours * dt.timedelta(hours=1),
        )
    Subscription.objects.update(
        state="unsubscribed", unsubscribed_at=ConsentEvent.objects.get(kind="suppressed").at
    )

    page = client.post("/preferences/again/").content.decode()

    assert "Please try again later" in page
    assert "Please look in your inbox" not in page
    assert Letter.objects.count() == 3
