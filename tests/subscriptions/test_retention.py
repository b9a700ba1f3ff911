"""What of a reader goes by itself, and when: links, wishes, addresses she has left; what proves stays."""

import datetime as dt
import re
from typing import Any

import pytest

from newsroom.mail import letters
from newsroom.mail import retention as mail_retention
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from subscriptions import consent, privacy, retention, suppression
from subscriptions.errors import LinkError
from subscriptions.models import (
    AddressChange,
    Confirmation,
    ConsentEvent,
    LinkRequest,
    SoftBounces,
    Subscriber,
    Subscription,
    Suppression,
)
from subscriptions.states import SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    confirm_token,
    dump,
    fresh_client,
    make_confirmation,
    make_pending,
    settings_path,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)
NEW = "mia.neu@example.org"


def moved(*, at: dt.datetime, to_reader: bool = False) -> str:
    """A reader who has moved at that time; the secret in the former mailbox."""
    row = make_subscription(
        newsletter=make_newsletter(), subscriber=make_subscriber(address="mia@example.org")
    )
    if to_reader:
        make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address=NEW))
    consent.ask_for_new_address(row.subscriber, typed_address=NEW, network_address="203.0.113.7", at=at)
    consent.decide_new_addresses(at=at)
    consent.confirm_new_address(_secret(), network_address="", at=at)
    return _secret()


def _secret() -> str:
    found = re.findall(r"/address/([\w-]+)/", Letter.objects.latest("pk").text)
    return str(found[0])


def test_links_to_confirm_go_thirteen_months_after_they_expired() -> None:
    row = make_pending(make_newsletter(), requested_at=NOON)
    make_confirmation(row, at=NOON - 403 * DAY - SECOND)
    young, _token = make_confirmation(row, at=NOON - 403 * DAY)

    assert retention.tidy(at=NOON)["confirmations"] == 1

    assert Confirmation.objects.get() == young
    assert young.subscriptions.get() == row


def test_a_request_for_a_link_waits_a_day_at_most() -> None:
    for age in (DAY + SECOND, DAY):
        LinkRequest.objects.create(address_hash="0" * 64, asked_at=NOON - age)

    assert retention.tidy(at=NOON)["link_requests"] == 1
    assert LinkRequest.objects.get().asked_at == NOON - DAY


def test_a_wish_nobody_confirmed_is_forgotten_with_its_address() -> None:
    row = make_subscription(newsletter=make_newsletter())
    consent.ask_for_new_address(row.subscriber, typed_address=NEW, network_address="203.0.113.7", at=NOON)
    Letter.objects.all().delete()

    assert retention.tidy(at=NOON + DAY - SECOND)["addresses"] == 0
    assert retention.tidy(at=NOON + DAY)["addresses"] == 1

    assert not [text for text in _texts() if "mia.neu" in text]


def test_the_former_address_is_kept_as_long_as_it_can_come_back() -> None:
    secret = moved(at=NOON)
    Letter.objects.all().delete()

    early = retention.tidy(at=NOON + 7 * DAY - SECOND)["addresses"]
    assert (early, AddressChange.objects.get().former_address) == (0, "mia@example.org")
    late = retention.tidy(at=NOON + 7 * DAY)["addresses"]

    assert late == 1
    change = AddressChange.objects.get()
    assert (change.former_address, change.typed_address, change.network_address) == ("", "", None)
    with pytest.raises(LinkError):
        consent.undo_new_address(secret, network_address="", at=NOON + 7 * DAY)
    # The record of what was agreed under the former address stays what it was.
    assert ConsentEvent.objects.filter(address="mia@example.org").exists()


@pytest.mark.parametrize("came_back", [False, True])
def test_a_reader_who_became_another_is_forgotten_unless_she_came_back(came_back: bool) -> None:
    moved(at=NOON, to_reader=True)
    former = Subscriber.objects.get(address="mia@example.org")
    if came_back:
        make_subscription(newsletter=make_newsletter(), subscriber=former)

    retention.tidy(at=NOON + 7 * DAY)

    former.refresh_from_db()
    assert (former.address == "mia@example.org") is came_back
    assert Subscriber.objects.get(address=NEW).subscriptions.count() == 2
    assert Subscription.objects.active().filter(subscriber__address=NEW).count() == 2
    assert Suppression.objects.exists() is not came_back
    if not came_back:
        events = ConsentEvent.objects.filter(subscriber=former)
        assert set(events.values_list("address", flat=True)) == {address_hash("mia@example.org")}
        stop = Suppression.objects.get(address_hash=address_hash("mia@example.org"))
        assert (stop.reason, stop.note) == (SuppressionReason.ERASED, "reads on at another address of hers")
        link = settings_path(former.subscriptions.latest("pk"))
        assert fresh_client().get(link).status_code == 200


def test_bounces_that_no_longer_count_are_forgotten() -> None:
    last = (NOON - 90 * DAY).date()
    SoftBounces.objects.create(address_hash="a" * 64, days=["2020-01-01", (last - DAY).isoformat()])
    young = SoftBounces.objects.create(address_hash="b" * 64, days=["2020-01-01", last.isoformat()])

    assert retention.tidy(at=NOON)["soft_bounces"] == 1
    assert SoftBounces.objects.get() == young


def test_a_second_run_finds_nothing_to_do() -> None:
    moved(at=NOON, to_reader=True)
    make_pending(make_newsletter(), requested_at=NOON)
    retention.tidy(at=NOON + 500 * DAY, rows=1)
    before = dump()

    assert not any(retention.tidy(at=NOON + 500 * DAY, rows=1).values())

    assert dump() == before


def test_the_proof_holds_what_the_privacy_notice_says_when_all_else_has_gone_and_after_an_erasure() -> None:
    wish: dict[str, Any] = {"language": "en", "form": "/newsletters/", "network_address": "203.0.113.7"}
    asked = consent.Wish(typed_address="mia@example.org", newsletters=[make_newsletter()], **wish)
    consent.request_subscription(asked, at=NOON)
    token = confirm_token(Letter.objects.get())
    letters.send_due(at=NOON)
    consent.note_letters(at=NOON)
    consent.confirm(token, network_address="203.0.113.7", at=NOON)
    mia = Subscriber.objects.get()
    consent.ask_for_new_address(mia, typed_address=NEW, network_address="203.0.113.7", at=NOON + DAY)
    consent.decide_new_addresses(at=NOON + DAY)
    consent.confirm_new_address(_secret(), network_address="", at=NOON + DAY)
    letters.send_due(at=NOON + DAY)
    suppression.suppress(address_hash(NEW), reason=SuppressionReason.COMPLAINT, at=NOON + 2 * DAY)

    mail_retention.tidy(at=NOON + 500 * DAY)
    retention.tidy(at=NOON + 500 * DAY)

    said = (
        "each address that you had with us, that we sent you an e-mail to confirm, and what ended our e-mails"
    )
    assert said in fresh_client().get("/privacy/").content.decode()
    proof = ConsentEvent.objects.filter(subscriber=mia)
    assert set(proof.values_list("address", flat=True)) == {"mia@example.org", NEW}
    assert {"letter_sent", "suppressed"} < set(proof.values_list("kind", flat=True))
    assert _tables_with("mia@example.org") == {ConsentEvent._meta.db_table}
    # What stands there goes by itself with the proof alone, and so no other row may name it.
    gone = " ".join(row.what for row in retention.kept())
    assert not [each for each in ("former", "a confirmation", "changes of address") if each in gone]

    privacy.erase_reader(Subscriber.objects.get(), actor="", at=NOON + 500 * DAY)

    assert _tables_with("mia@example.org") == _tables_with(NEW) == set()
    hashes = {address_hash("mia@example.org"), address_hash(NEW)}
    assert set(proof.values_list("address", flat=True)) == hashes


def _tables_with(address: str) -> set[str]:
    return {table for table, rows in dump().items() if address in str(rows)}


def _texts() -> list[str]:
    return [str(value) for rows in dump().values() for row in rows for value in row]
