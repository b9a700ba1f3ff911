"""The reader desk: found in any spelling, told as one story, acted for with a reason, and made a reader by nobody."""

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from digests.delivery import ledger, reader_history
from digests.delivery.models import Delivery, Mailing
from digests.delivery.states import DeliveryState
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.web import clock, tokens
from newsroom.web.tokens import TokenKind
from subscriptions import privacy, suppression, transfer
from subscriptions.models import ConsentEvent, Subscriber, Subscription, Suppression
from subscriptions.states import ConsentKind, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import dump, make_pending

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("rui", "rui@news.example.org", "x"))
    return client


@pytest.fixture
def mia() -> Subscriber:
    return make_subscriber(address="mia@xn--exmple-cua.de", typed_address="Mia@exämple.de")


def make_copies(row: Subscription, number: int, *, first: int = 1) -> list[Delivery]:
    copies = []
    for day in range(first, first + number):
        mailing = Mailing.objects.create(
            newsletter=row.newsletter, title=f"Issue {day}", audience={}, envelope={}, provider="main",
            late_limit_seconds=60, created_at=NOON + dt.timedelta(hours=day), active_at=NOON,
        )  # fmt: skip
        copies.append(
            Delivery(
                id=ledger.first_id(mailing.pk),
                mailing=mailing,
                subscription=row,
                state=DeliveryState.ACCEPTED,
            )
        )
    return Delivery.objects.bulk_create(copies)


def make_event(kind: str, token: str, **values: object) -> ProviderEvent:
    return ProviderEvent.objects.create(
        **{"provider": "main", "event_id": f"{kind}{token}", "kind": kind, "token": token, "occurred_at": NOON,
           "received_at": NOON} | values
    )  # fmt: skip


def desk_of(reader: Subscriber) -> str:
    return reverse("admin:reader_desk", args=[reader.pk])


@pytest.mark.parametrize(
    "typed", [" MIA@EXÄMPLE.de ", "mia@xn--exmple-cua.de", address_hash("mia@xn--exmple-cua.de")]
)
def test_a_reader_is_found_in_any_spelling(typed: str, desk: Client, mia: Subscriber) -> None:
    answer = desk.post(reverse("admin:reader_desk_find"), {"address": typed})

    assert answer["Location"] == desk_of(mia)


def test_an_erased_reader_is_found_by_the_address_she_had(desk: Client, mia: Subscriber) -> None:
    make_subscription(newsletter=make_newsletter(), subscriber=mia)
    privacy.erase_reader(mia, actor="", at=NOON)

    answer = desk.post(reverse("admin:reader_desk_find"), {"address": "mia@exämple.de"}, follow=True)

    page = answer.content.decode()
    assert answer.redirect_chain[-1][0] == desk_of(mia)
    assert "erased on the reader&#x27;s wish" in page
    assert "mia@" not in page.lower()
    assert "Erase this reader" not in page


def test_an_address_that_is_only_suppressed_is_found(desk: Client) -> None:
    suppression.suppress(address_hash("gone@example.org"), reason=SuppressionReason.HARD_BOUNCE, at=NOON)

    page = desk.post(reverse("admin:reader_desk_find"), {"address": "gone@example.org"}, follow=True)

    assert "Gets no mail at all: the mailbox does not exist." in page.content.decode()


@pytest.mark.parametrize(
    ("typed", "said"), [("nobody@example.org", "We know nobody"), ("mia", "exactly one")]
)
def test_who_is_not_found_is_said_so(typed: str, said: str, desk: Client) -> None:
    page = desk.post(reverse("admin:reader_desk_find"), {"address": typed})

    assert said in page.content.decode()


def test_the_story_tells_consent_letters_copies_and_what_came_back(desk: Client, mia: Subscriber) -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    copy = make_copies(row, 1)[0]
    make_event("delivered", tokens.make(TokenKind.DELIVERY, copy.pk))
    letter = Letter.objects.create(
        kind="welcome", dedupe_key="w", state="sent", language="de", subscriber_id=mia.pk,
        address_hash=mia.address_hash, not_before=NOON, created_at=NOON,
    )  # fmt: skip
    make_event("bounced", tokens.make(TokenKind.LETTER, letter.pk), reject_reason="invalid")

    page = desk.get(desk_of(mia)).content.decode()

    places = [page.index(text) for text in ("Issue 1", "Letter “welcome”: sent", "Confirmed by the button")]
    assert places == sorted(places)
    assert "delivered <time" in page
    assert "bounced (invalid) <time" in page


def test_events_of_tokens_made_with_a_former_key_are_told(mia: Subscriber, settings: object) -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    copy = make_copies(row, 1)[0]
    make_event("delivered", tokens.make(TokenKind.DELIVERY, copy.pk))
    settings.LINK_KEYS = {**settings.LINK_KEYS, 2: b"2" * 32}  # type: ignore[attr-defined]

    page = reader_history.page(reader_history.known(mia), subscriptions=[row], suppressions=[], before=None)

    assert [said for entry in page.entries for _, said in entry.events] == ["delivered"]


@pytest.mark.parametrize("size", [50, 500])
def test_a_long_story_costs_no_more_queries(size: int, desk: Client, mia: Subscriber) -> None:
    make_copies(make_subscription(newsletter=make_newsletter(), subscriber=mia), size)

    with CaptureQueriesContext(connection) as queries:
        desk.get(desk_of(mia))

    # Session, user; reader, subscriptions, suppressions; consent, letters, their events, copies, their events; incidents.
    assert len(queries) <= 13, [one["sql"][:80] for one in queries]


def test_page_by_page_nothing_is_told_twice_or_left_out(mia: Subscriber) -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    make_copies(row, 130)
    told: list[str] = []
    before = None

    while True:
        page = reader_history.page(
            reader_history.known(mia), subscriptions=[row], suppressions=[], before=before
        )
        told += [entry.title for entry in page.entries]
        if page.before is None:
            break
        before = page.before

    copies = [title for title in told if "Issue" in title]
    assert len(copies) == len(set(copies)) == 130
    assert len(told) == 132


@pytest.mark.parametrize("before", ["x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_page_that_begins_at_no_moment_begins_at_the_newest(
    before: str, desk: Client, mia: Subscriber
) -> None:
    make_copies(make_subscription(newsletter=make_newsletter(), subscriber=mia), 2)

    assert "Issue" in desk.get(desk_of(mia), {"before": before}).text


def test_unsubscribing_by_phone_names_who_and_why(desk: Client, mia: Subscriber) -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    url = reverse("admin:subscriptions_subscription_unsubscribe", args=[row.pk])
    assert url in desk.get(desk_of(mia)).content.decode()

    answer = desk.post(url, {"because": "called on 3 May"})

    assert answer["Location"] == desk_of(mia)
    event = ConsentEvent.objects.get(kind=ConsentKind.UNSUBSCRIBED)
    assert (event.actor, event.facts["because"]) == ("rui", "called on 3 May")
    assert "called on 3 May" in desk.get(desk_of(mia)).content.decode()


def test_the_confirmation_goes_again_within_its_limits_and_confirms_nothing(
    desk: Client, mia: Subscriber
) -> None:
    row = make_pending(make_newsletter(), mia)
    url = reverse("admin:subscriptions_reader_resend", args=[mia.pk])

    pages = [desk.post(url, {"because": "never came"}, follow=True).content.decode() for _ in range(2)]

    row.refresh_from_db()
    assert row.state == "pending"
    assert Letter.objects.filter(kind="confirmation").count() == 1
    assert "on its way" in pages[0]
    assert "as many confirmation letters as are allowed" in pages[1]
    event = ConsentEvent.objects.get(kind=ConsentKind.CHANGED)
    assert (event.actor, event.facts["because"]) == ("rui", "never came")
    assert LogEntry.objects.filter(object_id=str(mia.pk)).count() == 2


@pytest.mark.parametrize("state", ["active", "unsubscribed"])
def test_without_anything_waiting_no_confirmation_goes(state: str, desk: Client, mia: Subscriber) -> None:
    make_subscription(newsletter=make_newsletter(), subscriber=mia, state=state)

    page = desk.post(
        reverse("admin:subscriptions_reader_resend", args=[mia.pk]), {"because": "asked"}, follow=True
    )

    assert "no letter was sent" in page.content.decode()
    assert not Letter.objects.exists()


def test_a_complaint_is_lifted_only_for_a_reason_one_can_read(desk: Client, mia: Subscriber) -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    stop = suppression.suppress(mia.address_hash, reason=SuppressionReason.COMPLAINT, at=NOON)
    url = reverse("admin:subscriptions_suppression_lift", args=[stop.pk])

    short = desk.post(url, {"because": "ok"})
    assert "write down in a sentence" in short.content.decode()
    assert Suppression.objects.exists()
    desk.post(url, {"because": "asked in her mail of 3 May, a slip"})

    row.refresh_from_db()
    assert (Suppression.objects.count(), row.state) == (0, "unsubscribed")
    assert "Suppression lifted" in desk.get(desk_of(mia)).content.decode()


def test_a_reader_s_data_go_out_with_a_reason(desk: Client, mia: Subscriber) -> None:
    url = reverse("admin:subscriptions_reader_data", args=[mia.pk])

    assert desk.post(url, {"because": ""}).status_code == 200
    answer = desk.post(url, {"because": "asked by letter"})

    assert answer.json()["address"] == mia.address
    assert "attachment" in answer["Content-Disposition"]
    assert "asked by letter" in LogEntry.objects.get().change_message


def test_erasing_leaves_no_address_not_even_in_the_log(desk: Client, mia: Subscriber) -> None:
    make_subscription(newsletter=make_newsletter(), subscriber=mia)
    desk.get(desk_of(mia))

    desk.post(reverse("admin:subscriptions_reader_erase", args=[mia.pk]), {"because": "asked by letter"})

    everything = repr(dump()).casefold()
    assert "mia@" not in everything
    assert Suppression.objects.get().reason == SuppressionReason.ERASED
    report = transfer.import_subscribers(
        "email\nmia@exämple.de\n", newsletter=make_newsletter(), basis="b", actor="", at=clock.now()
    )
    assert report.counts() == {transfer.LineResult.SUPPRESSED: 1}


ACTS = ("resend", "data", "erase")


@pytest.mark.parametrize("act", ACTS)
def test_looking_changes_nothing_and_acting_needs_its_permission(act: str, mia: Subscriber) -> None:
    make_pending(make_newsletter(), mia)
    looker = User.objects.create_user("petra", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(looker)
    before = dump()["subscriptions_subscriber"], Letter.objects.count()

    page = client.get(desk_of(mia))
    refused = client.post(reverse(f"admin:subscriptions_reader_{act}", args=[mia.pk]), {"because": "x"})

    assert (page.status_code, refused.status_code) == (200, 403)
    assert reverse(f"admin:subscriptions_reader_{act}", args=[mia.pk]) not in page.content.decode()
    assert (dump()["subscriptions_subscriber"], Letter.objects.count()) == before


def test_no_door_of_the_admin_makes_a_waiting_subscription_active(desk: Client, mia: Subscriber) -> None:
    row = make_pending(make_newsletter(), mia)
    wished = {
        "state": "active", "confirmed_at_0": "2026-05-04", "confirmed_at_1": "12:00:00", "because": "wished by staff today",
        "subscriber": mia.pk, "newsletter": row.newsletter_id, "basis": "double_opt_in", "_save": "Save", "_popup": "1",
        "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": row.pk, "form-0-state": "active",
        "subscriptions-TOTAL_FORMS": "1", "subscriptions-INITIAL_FORMS": "1", "subscriptions-0-id": row.pk,
        "subscriptions-0-state": "active", "subscriptions-0-subscriber": mia.pk, "confirmed": "yes",
    }  # fmt: skip
    doors = [
        reverse("admin:subscriptions_subscription_add"),
        reverse("admin:subscriptions_subscription_change", args=[row.pk]),
        reverse("admin:subscriptions_subscription_changelist"),
        reverse("admin:subscriptions_subscriber_add"),
        reverse("admin:subscriptions_subscriber_change", args=[mia.pk]),
        reverse("admin:subscriptions_subscriber_changelist"),
        reverse("admin:subscriptions_consentevent_add"),
        *(reverse(f"admin:subscriptions_reader_{act}", args=[mia.pk]) for act in ("resend", "data")),
    ]
    actions = ["delete_selected", "activate", "confirm", ""]

    for door in doors:
        for action in actions:
            desk.post(door, {**wished, "action": action, "_selected_action": [row.pk, mia.pk]})

    row.refresh_from_db()
    assert (row.state, row.confirmed_at) == ("pending", None)
    assert not ConsentEvent.objects.filter(kind__in=["confirmed", "imported", "restored"]).exists()
    assert Subscription.objects.count() == 1
