"""What a reader may have: everything we hold about her, and its erasure."""

import datetime as dt
import io
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from anymail.signals import AnymailTrackingEvent
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import BinaryField, CharField, GenericIPAddressField, JSONField, TextField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsroom.mail import events, incidents, letters
from newsroom.mail.addresses import address_hash, mask_text, normalise
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterState
from newsroom.mail.wire import Envelope
from subscriptions import consent, privacy, settings_links, suppression
from subscriptions.errors import UnknownReader
from subscriptions.models import AddressChange, ConsentEvent, Sender, Subscriber, Subscription, Suppression
from subscriptions.states import SuppressionReason
from subscriptions.tasks import tidy
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter, make_sender, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, dump, fresh_client, make_pending, signup_fields

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TYPED = "Mia.Muster@Exämple.de"
NORMAL = "mia.muster@xn--exmple-cua.de"
NETWORK = "198.51.100.23"  # where she signs up from, and nobody else


# Tables with words in them where no reader's address can stand. All others must hold hers before it is erased.
WITHOUT_READERS: Mapping[str, str] = {
    "Django's own": "auth_group auth_permission django_content_type",
    "the newsroom's people and machines": (
        "auth_user axes_accessattempt axes_accessfailurelog axes_accesslog django_session otp_static_staticdevice"
        " otp_static_statictoken otp_totp_totpdevice articles_apitoken digests_savedfilter"
    ),
    "what the newsroom writes": (
        "articles_article articles_articlefingerprint articles_author articles_clusterdecision articles_correction"
        " articles_feed articles_formerversion articles_picture articles_receipt articles_section"
        " delivery_mailing delivery_rendition digests_approval digests_correctionmail digests_digest"
        " digests_digestmailing digests_digestversion digests_link digests_linkcheck digests_mark digests_pick"
        " digests_plan digests_proof digests_slotrule subscriptions_newsletter subscriptions_sender"
    ),
    "what the engine notes": (
        "delivery_attempt delivery_batch delivery_delivery delivery_providerstate delivery_quotaday mail_heartbeat"
    ),
    "hashes alone": (
        "subscriptions_confirmation subscriptions_linkrequest subscriptions_softbounces subscriptions_suppression"
    ),
    "her number alone": "subscriptions_subscription",
    "masked as it is written": "django_admin_log mail_incident mail_providerevent subscriptions_subscriberimport",
}
_WORDS = (CharField, TextField, JSONField, BinaryField, GenericIPAddressField)


def a_whole_life() -> Subscriber:
    """A reader who signed up by the form, confirmed, asked again, lost a letter, changed, left one newsletter, and wants it again."""
    first, second = make_newsletter(), make_newsletter()
    client = fresh_client(REMOTE_ADDR=NETWORK)
    client.post("/subscribe/", signup_fields(TYPED, first, second))
    consent.decide_sign_ups()
    client.post(f"/confirm/{confirm_token(Letter.objects.get())}/")
    client.post("/subscribe/", signup_fields(TYPED, first))
    consent.decide_sign_ups()
    Letter.objects.filter(kind="welcome").update(
        state=LetterState.FAILED, last_error=f"550 <{NORMAL}> unknown"
    )
    reader = Subscriber.objects.get()
    row = Subscription.objects.get(newsletter=second)
    consent.pause(
        row,
        until=NOON.replace(year=2027),
        how="/preferences/",
        network_address="",
        at=NOON.replace(year=2026, month=12),
    )
    consent.unsubscribe(row, how="/u/", network_address="203.0.113.7", at=NOON)
    _moved_and_more(reader)
    _in_files()
    client.post("/subscribe/", signup_fields(TYPED, second))  # which no worker has seen yet
    return reader


def _moved_and_more(reader: Subscriber) -> None:
    """From an older address and to others, with events, notes and entries of staff that came with it."""
    moves: dict[str, Any] = {"asked_at": NOON, "expires_at": NOON, "network_address": "203.0.113.7"}
    AddressChange.objects.create(
        subscriber=reader,
        typed_address="Mia.Muster@anderswo.example.org",
        address_hash="1" * 64,
        former_address=TYPED,
        former_hash=reader.address_hash,
        token_hash="2" * 64,
        undo_hash="3" * 64,
        **moves | {"network_address": NETWORK},
    )
    for values in (
        {"typed_address": TYPED, "address_hash": reader.address_hash},
        {"former_address": TYPED, "former_hash": reader.address_hash},
    ):
        AddressChange.objects.create(subscriber=make_subscriber(), **moves, **values)
    for kind, address in (("new_address", "mia.muster@anderswo.example.org"), ("management_link", NORMAL)):
        letters.write(
            kind,
            address=address,
            subscriber_id=reader.pk,
            language="de",
            context={
                "former_address": NORMAL,
                "newsletters": [],
                "asked_at": NOON,
                "expires_at": NOON,
                "sender": make_sender(),
            },
            envelope=Envelope(
                kind="letter",
                from_name="Uferblick",
                from_address="post@news.example.org",
                reply_to="",
                language="de",
                list_id="",
                list_name="",
                auto_submitted=True,
            ),
            dedupe_key=f"{kind}:of-her",
            at=NOON,
        )
    ConsentEvent.objects.create(
        subscriber=reader, kind="changed", address="mia.muster@frueher.example.org", at=NOON
    )
    bounced = AnymailTrackingEvent(
        event_type="bounced",
        recipient=TYPED,
        description=f"550 <{TYPED}> unknown",
        mta_response=f"no mailbox {NORMAL} here",
        esp_event={"to": [TYPED, NORMAL], "headers": {NORMAL: f"for <{NORMAL}>"}, NORMAL: 1},
    )
    assert events.store("main", [bounced], at=NOON) == 1
    incidents.report(
        "letters", title="Letters wait", text=mask_text(f"The last one: <{NORMAL}> unknown"), at=NOON
    )
    settings_links.ask(TYPED, at=NOON)
    petra = User.objects.create_superuser("petra", "petra@news.example.org", "ebbe-und-flut")
    LogEntry.objects.log_actions(
        petra.pk, [reader], 2, change_message="Left by telephone.", single_object=True
    )
    desk = Client()
    desk.force_login(petra)
    desk.get(reverse("admin:subscriptions_subscriber_changelist"), {"q": TYPED})


def _in_files() -> None:
    """In one that waits, in one that is tried out, and in the lines that one left over."""
    newsletter = make_newsletter()
    head = "email,confirmed_at,remark,OPTIN_IP\n"
    for line in (
        f"{TYPED},,",
        f"{NORMAL.upper()},,",
        f"{TYPED},when?,",
        f"{TYPED},{TYPED},",
        f"broken,,Mia <{TYPED}>",
    ):
        for is_done in (True, False):
            imported = journal.stage(
                io.BytesIO(
                    f"{head}tom@example.org,,,\n{line},{NETWORK}\nxmia.muster@exämple.de,,,\n".encode()
                ),
                newsletter=newsletter,
                basis="Double opt-in",
                actor="petra",
                filename=f"{TYPED}.csv",
                at=NOON,
            )
            if is_done:
                journal.start(imported, at=NOON)
                while journal.work(imported, at=NOON) is not None:
                    pass


def readable() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, what is compressed opened."""
    return {table: [tuple(map(_opened, row)) for row in rows] for table, rows in dump().items()}


def _opened(value: Any) -> Any:
    if not isinstance(value, bytes | memoryview):
        return value
    try:
        return zlib.decompress(bytes(value)).decode()
    except zlib.error:
        return bytes(value)


def texts() -> list[str]:
    return [str(value) for rows in readable().values() for row in rows for value in row]


def tables_with(text: str) -> set[str]:
    return {name for name, rows in readable().items() for row in rows if text in " ".join(map(str, row))}


def folded(text: object) -> str:
    """Without her namesake, whose address ends like hers."""
    return str(text).casefold().replace("xmia.muster", "x")


def test_every_table_with_words_is_known_to_hold_her_address_or_not() -> None:
    """Another table? Let `a_whole_life` write her address into it, or name it in WITHOUT_READERS."""
    a_whole_life()
    named = {table for tables in WITHOUT_READERS.values() for table in tables.split()}
    worded = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if any(isinstance(field, _WORDS) for field in model._meta.concrete_fields)
    }

    holds = {name for name, rows in readable().items() if "mia.muster" in folded(rows)}

    assert holds | named >= worded
    assert not holds & named
    assert named <= worded  # and no name is left of a table that is gone


def test_after_erasure_no_column_of_any_table_holds_the_address() -> None:
    reader = a_whole_life()
    needles = {"mia.muster", "exmple-cua@", NORMAL, TYPED.casefold()}
    tables = {name for name, rows in readable().items() if "mia.muster" in folded(rows)}
    assert {"subscriptions_subscriber", "subscriptions_consentevent", "mail_letter"} < tables
    assert {"subscriptions_addresschange", "subscriptions_subscriberimportpart"} < tables
    assert any(needle in text.casefold() for text in texts() for needle in needles)

    privacy.erase_reader(reader, actor="", at=NOON)

    assert [text for text in texts() for needle in needles if needle in folded(text)] == []
    known = address_hash(NORMAL)
    former = address_hash("mia.muster@frueher.example.org")
    hers = ConsentEvent.objects.filter(subscriber=reader)
    assert set(hers.values_list("address", flat=True)) == {known, former}
    assert not reader.subscriptions.filter(state="active").exists()
    stops = Suppression.objects.values_list("address_hash", "reason")
    assert set(stops) == {(each, SuppressionReason.ERASED) for each in (known, former)}
    assert not Letter.objects.filter(state=LetterState.WAITING).exists()


def test_after_erasure_her_network_stands_in_the_proof_alone_and_goes_with_it() -> None:
    reader = a_whole_life()
    proof = "subscriptions_consentevent"
    assert tables_with(NETWORK) == {
        proof,
        "subscriptions_addresschange",
        "subscriptions_signuprequest",
        "subscriptions_subscriberimportpart",
    }
    assert reader.consent_events.filter(facts__requested_network_address=NETWORK).exists()

    privacy.erase_reader(reader, actor="", at=NOON)

    assert tables_with(NETWORK) == {proof}
    Sender.objects.update(proof_kept_years=3)
    assert privacy.forget_ended(at=dt.datetime(2031, 1, 2, tzinfo=dt.UTC)) == 1
    assert tables_with(NETWORK) == set()


def test_the_record_stays_whole_but_for_the_address() -> None:
    reader = a_whole_life()
    before = list(ConsentEvent.objects.order_by("pk").values("pk", "kind", "wording", "at", "facts", "form"))

    privacy.erase_reader(reader, actor="rui", at=NOON)

    after = list(ConsentEvent.objects.order_by("pk").values("pk", "kind", "wording", "at", "facts", "form"))
    assert after[: len(before)] == before
    assert {event["kind"] for event in after[len(before) :]} == {"erased", "suppressed"} & {
        event["kind"] for event in after[len(before) :]
    }
    assert ConsentEvent.objects.get(kind="erased").actor == "rui"


def test_erasing_twice_is_harmless() -> None:
    reader = a_whole_life()
    privacy.erase_reader(reader, actor="", at=NOON)
    before = dump()

    privacy.erase_reader(reader, actor="", at=NOON)

    assert dump() == before


def test_an_erased_reader_may_come_back_by_her_own_confirmation_only() -> None:
    reader = a_whole_life()
    privacy.erase_reader(reader, actor="", at=NOON)
    later = NOON.replace(year=2027)

    consent.request_subscription(
        consent.Wish(
            typed_address=TYPED,
            newsletters=[make_newsletter()],
            language="de",
            form="/",
            network_address="203.0.113.7",
        ),
        at=later,
    )
    assert suppression.is_suppressed(address_hash(normalise(TYPED).normal))
    letter = Letter.objects.filter(kind="confirmation").latest("pk")
    done = consent.confirm(confirm_token(letter), network_address="", at=later)

    assert done.subscriber.pk != reader.pk
    assert not suppression.is_suppressed(address_hash(normalise(TYPED).normal))


def test_the_export_tells_everything_and_is_json() -> None:
    reader = a_whole_life()

    told: dict[str, Any] = json.loads(json.dumps(privacy.export_reader(reader)))

    assert (told["address"], told["address_as_typed"]) == (NORMAL, TYPED)
    assert {row["state"] for row in told["subscriptions"]} == {"active", "unsubscribed"}
    requested = [event for event in told["consent"] if event["what"] == "requested"]
    assert len(requested) == 2
    assert all(event["wording"] and event["wording_version"] and event["at"] for event in requested)
    assert all(event["network_address"] == NETWORK for event in requested)
    kinds = {"confirmation", "welcome", "already_subscribed", "new_address", "management_link"}
    assert {letter["kind"] for letter in told["letters"]} == kinds
    (move,) = told["changes_of_address"]
    assert (move["from"], move["network_address"]) == (TYPED, NETWORK)


def test_nobody_is_found_by_an_address_we_do_not_know() -> None:
    with pytest.raises(UnknownReader):
        privacy.find_reader("nobody@example.org")


# --- Requests that nobody confirmed ---------------------------------------------------------------------------


def test_a_request_nobody_confirmed_is_forgotten_after_thirty_days() -> None:
    newsletter = make_newsletter()
    fresh_client(REMOTE_ADDR=NETWORK).post("/subscribe/", signup_fields(TYPED, newsletter))
    consent.decide_sign_ups()
    assert tables_with(NETWORK) == {"subscriptions_consentevent"}
    asked_at = Subscription.objects.get().requested_at
    day = dt.timedelta(days=1)

    early = privacy.forget_unconfirmed(at=asked_at + 30 * day - dt.timedelta(seconds=1))
    assert (early, Subscription.objects.get().state) == (0, "pending")
    late = privacy.forget_unconfirmed(at=asked_at + 30 * day)
    again = privacy.forget_unconfirmed(at=asked_at + 31 * day)

    assert (late, again, Subscription.objects.get().state) == (1, 0, "lapsed")
    assert not [text for text in texts() if "mia.muster" in text.casefold() or "exmple-cua" in text]
    assert tables_with(NETWORK) == set()
    assert not Suppression.objects.exists()
    assert not ConsentEvent.objects.exists(), "it proves nothing, and names her network"
    assert not Letter.objects.filter(state=LetterState.WAITING).exists()
    assert not consent.may_confirm_again(NORMAL, at=asked_at + dt.timedelta(seconds=30))  # limits remember


def _cancelled(row: Subscription) -> None:
    consent.unsubscribe(row, how="/u/", network_address="203.0.113.7", at=NOON)


def _stopped_by_staff(row: Subscription) -> None:
    consent.unsubscribe(row, how="admin", network_address=None, at=NOON, actor="rui", because="asked")


def _came_back(row: Subscription) -> None:
    suppression.suppress(row.subscriber.address_hash, reason=SuppressionReason.HARD_BOUNCE, at=NOON)


@pytest.mark.parametrize("end", [_cancelled, _stopped_by_staff, _came_back])
def test_a_request_that_ended_unconfirmed_is_forgotten_as_well(end: Callable[[Subscription], None]) -> None:
    row = make_pending(make_newsletter(), make_subscriber(created_at=NOON), requested_at=NOON)
    end(row)
    before = Suppression.objects.count()

    early = privacy.forget_unconfirmed(at=NOON + dt.timedelta(days=29))
    late = privacy.forget_unconfirmed(at=NOON + dt.timedelta(days=30))

    assert (early, late) == (0, 1)
    assert Subscriber.objects.get().address is None
    assert not ConsentEvent.objects.exists()
    assert Suppression.objects.count() == before, "what stops mail outlives it"


def test_who_asked_again_and_cancelled_lately_is_not_forgotten_yet() -> None:
    reader = make_subscriber(created_at=NOON - dt.timedelta(days=90))
    row = make_pending(make_newsletter(), reader, requested_at=NOON - dt.timedelta(days=2))
    consent.unsubscribe(row, how="/u/", network_address="", at=NOON - dt.timedelta(days=1))

    assert privacy.forget_unconfirmed(at=NOON) == 0


def test_who_ever_confirmed_or_still_waits_is_not_forgotten() -> None:
    reads, waits = make_subscriber(), make_subscriber()
    newsletter = make_newsletter()
    make_subscription(newsletter=newsletter, subscriber=reads)
    make_pending(make_newsletter(), reads, requested_at=NOON - dt.timedelta(days=31))
    make_pending(newsletter, waits, requested_at=NOON)
    make_pending(make_newsletter(), waits, requested_at=NOON - dt.timedelta(days=31))
    Subscriber.objects.update(created_at=NOON - dt.timedelta(days=40))

    assert privacy.forget_unconfirmed(at=NOON) == 0

    assert Subscriber.objects.filter(address__isnull=False).count() == 2
    assert sorted(Subscription.objects.values_list("state", flat=True)) == [
        "active",
        "lapsed",
        "lapsed",
        "pending",
    ]


def test_the_hourly_task_does_it() -> None:
    row = make_pending(make_newsletter(), make_subscriber(), requested_at=NOON)
    Subscriber.objects.update(created_at=NOON)

    tidy()

    row.subscriber.refresh_from_db()
    assert row.subscriber.address is None


@pytest.mark.postgres(only=True)
def test_who_confirmed_nothing_is_found_without_a_list_of_all_who_did() -> None:
    with CaptureQueriesContext(connection) as queries:
        privacy.forget_unconfirmed(at=NOON)

    look = queries.captured_queries[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + look)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Anti Join" in plan
    assert "SubPlan" not in plan


@pytest.mark.postgres
def test_a_readers_letters_are_found_without_reading_all_of_them() -> None:
    """140 ms to read 200,000 letters became 0.1, twice for each reader forgotten, a thousand of them in the new year."""
    Letter.objects.bulk_create(
        Letter(
            kind="welcome", dedupe_key=f"w{number}", state="sent", language="de", subscriber_id=number // 3,
            address_hash=f"{number // 3:064x}", not_before=NOON, created_at=NOON,
        )
        for number in range(6_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    hers = Letter.objects.about(7, address_hash=f"{1_000:064x}")

    found = hers.order_by("subscriber_id").values_list("subscriber_id", flat=True)
    assert list(found) == [7] * 3 + [1_000] * 3
    for rows in (hers, Letter.objects.filter(subscriber_id=7)):
        assert "letter_by_subscriber" in rows.explain()
