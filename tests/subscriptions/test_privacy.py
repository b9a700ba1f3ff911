"""What a reader may have: everything we hold about her, and its erasure."""

import json
from typing import Any

import pytest

from newsroom.mail.addresses import address_hash, normalise
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterState
from subscriptions import consent, privacy, suppression
from subscriptions.errors import UnknownReader
from subscriptions.models import ConsentEvent, Subscriber, Subscription, Suppression
from subscriptions.states import SuppressionReason
from tests.factories import NOON, make_newsletter
from tests.subscriptions.factories import confirm_token, dump, fresh_client, signup_fields

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TYPED = "Mia.Muster@Exämple.de"
NORMAL = "mia.muster@xn--exmple-cua.de"


def a_whole_life() -> Subscriber:
    """A reader who signed up by the form, confirmed, asked again, lost a letter, changed and left one newsletter."""
    first, second = make_newsletter(), make_newsletter()
    client = fresh_client()
    client.post("/subscribe/", signup_fields(TYPED, first, second))
    client.post(f"/confirm/{confirm_token(Letter.objects.get())}/")
    client.post("/subscribe/", signup_fields(TYPED, first))
    Letter.objects.filter(kind="welcome").update(
        state=LetterState.FAILED, last_error=f"550 <{NORMAL}> unknown"
    )
    reader = Subscriber.objects.get()
    row = Subscription.objects.get(newsletter=second)
    consent.pause(
        row, until=NOON.replace(year=2027), network_address="", at=NOON.replace(year=2026, month=12)
    )
    consent.unsubscribe(row, how="/u/", network_address="203.0.113.7", at=NOON)
    return reader


def texts() -> list[str]:
    return [str(value) for rows in dump().values() for row in rows for value in row]


def test_after_erasure_no_column_of_any_table_holds_the_address() -> None:
    reader = a_whole_life()
    needles = {"mia.muster", NORMAL, TYPED.casefold(), "exmple-cua", "exämple"}
    assert any(needle in text.casefold() for text in texts() for needle in needles)

    privacy.erase_reader(reader, actor="", at=NOON)

    assert [text for text in texts() for needle in needles if needle in text.casefold()] == []
    known = address_hash(NORMAL)
    assert set(ConsentEvent.objects.values_list("address", flat=True)) == {known}
    assert not Subscription.objects.active().exists()
    assert Suppression.objects.get().reason == SuppressionReason.ERASED
    assert not Letter.objects.filter(state=LetterState.WAITING).exists()


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
        typed_address=TYPED,
        newsletters=[make_newsletter()],
        language="de",
        form="/",
        network_address="203.0.113.7",
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
    assert all(event["network_address"] == "127.0.0.1" for event in requested)
    assert {letter["kind"] for letter in told["letters"]} == {"confirmation", "welcome", "already_subscribed"}


def test_nobody_is_found_by_an_address_we_do_not_know() -> None:
    with pytest.raises(UnknownReader):
        privacy.find_reader("nobody@example.org")
