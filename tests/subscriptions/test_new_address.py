"""Moving to another address: confirmed there, told to the former one, undone from it."""

import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsroom.mail.addresses import address_hash
from newsroom.mail.errors import BadAddress
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web.clock import now
from subscriptions import audiences, consent, privacy, retention, suppression
from subscriptions.errors import LinkExpired, LinkUnknown, SameAddress
from subscriptions.models import AddressChange, ConsentEvent, Subscriber
from subscriptions.states import Cadence, ConsentKind, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    dump,
    fresh_client,
    make_pending,
)
from tests.subscriptions.moving import (
    DAY,
    NETWORK,
    NEW,
    OLD,
    active,
    ask,
    confirm,
    opened,
    reading,
    token_in,
    undo,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


# --- The wish -------------------------------------------------------------------------------------------------


def test_a_letter_to_a_strangers_mailbox_holds_no_word_of_who_had_it_written() -> None:
    row = reading(address="buy.pills.at@buy-now.example.com")

    ask(row)

    letter = Letter.objects.get()
    for part in (letter.subject, letter.text, letter.html):
        assert "buy" not in part
        assert "so far" in part or part == letter.subject


def test_mail_moves_only_after_the_new_mailbox_confirms() -> None:
    row = reading(cadence=Cadence.WEEKLY, paused_until=NOON + 30 * DAY)

    ask(row)
    letter = Letter.objects.get()
    assert (letter.kind, letter.address) == (LetterKind.NEW_ADDRESS, NEW)
    assert row.newsletter.name in letter.text
    for part in (letter.subject, letter.text, letter.html):
        assert OLD not in part  # a stranger's mailbox need not learn it
    assert active(OLD)
    done = confirm()

    row.refresh_from_db()
    assert (row.subscriber.address, row.subscriber.typed_address) == (NEW.casefold(), NEW)
    assert (row.state, row.cadence, row.paused_until) == ("active", "weekly", NOON + 30 * DAY)
    assert [each.pk for each in done.subscriptions] == [row.pk]
    look = audiences.deliverable([row.pk], newsletter=row.newsletter, at=NOON + 40 * DAY)
    assert look[row.pk].skip_reason == "cadence"  # and neither gone nor erased


def test_the_record_shows_the_wish_at_the_old_and_the_agreement_at_the_new_address() -> None:
    row = reading()

    ask(row)
    confirm()

    asked, confirmed = ConsentEvent.objects.filter(kind=ConsentKind.CHANGED)
    assert (asked.address, asked.network_address, asked.facts["step"]) == (OLD, NETWORK, "asked")
    assert (confirmed.address, confirmed.network_address) == (NEW.casefold(), "203.0.113.8")
    assert confirmed.wording.startswith("By confirming you agree that we send these newsletters")
    assert not [each for each in (asked, confirmed) if "@" in str(each.facts)]


def test_looking_at_the_links_changes_nothing() -> None:
    row = reading()
    ask(row, at=now())
    url = f"/address/{token_in(LetterKind.NEW_ADDRESS)}/"
    before = dump()

    for _number in range(3):
        assert fresh_client().get(url).status_code == 200
        assert fresh_client().head(url).status_code == 200
    assert dump() == before
    page = fresh_client().post(url)
    assert (page.status_code, page["Referrer-Policy"], page["Cache-Control"]) == (
        200,
        "no-referrer",
        "no-store",
    )
    undo_url = f"/address/{token_in(LetterKind.ADDRESS_CHANGED)}/undo/"
    before = dump()
    assert fresh_client().get(undo_url).status_code == 200
    assert fresh_client().get(url).status_code == 200
    assert dump() == before


def test_confirming_twice_is_as_good_as_once() -> None:
    row = reading()
    ask(row)

    first, second = confirm(), confirm()

    assert (first.was_already, second.was_already) == (False, True)
    assert [each.pk for each in second.subscriptions] == [row.pk]
    assert Letter.objects.filter(kind=LetterKind.ADDRESS_CHANGED).count() == 1


def test_the_link_works_for_a_day() -> None:
    ask(reading())

    with pytest.raises(LinkExpired):
        confirm(at=NOON + DAY)
    assert confirm(at=NOON + DAY - dt.timedelta(seconds=1)).was_already is False


@pytest.mark.parametrize("token", ["", "x" * 22])
def test_a_link_that_we_never_made_moves_nobody(token: str) -> None:
    ask(reading())

    with pytest.raises(LinkUnknown):
        consent.confirm_new_address(token, network_address="", at=NOON)
    assert fresh_client().post(f"/address/{token or 'a'}/").status_code == 404
    assert fresh_client().post(f"/address/{token or 'a'}/undo/").status_code == 404


def test_a_wish_needs_an_address_and_another_one() -> None:
    row = reading()

    with pytest.raises(SameAddress):
        ask(row, "MIA@Example.org")
    with pytest.raises(BadAddress):
        ask(row, "mia")

    assert not AddressChange.objects.exists()


# --- What nobody learns, and how often we write ---------------------------------------------------------------


def test_whatever_the_other_address_is_the_page_and_the_work_are_the_same() -> None:
    newsletter = make_newsletter()
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="tom@example.org"))
    make_pending(newsletter, make_subscriber(address="pia@example.org"))
    suppression.suppress(address_hash("gone@example.org"), reason=SuppressionReason.COMPLAINT, at=NOON)
    answers, work = set(), set()

    for number, name in enumerate(["fresh", "tom", "pia", "gone"]):
        row = reading(address=f"mia.{number}@example.org")
        client = opened(row)
        with CaptureQueriesContext(connection) as queries:
            page = client.post("/preferences/address/", {"address": f"{name}@example.org"})
        answers.add((page.status_code, page.content.replace(name.encode(), b"")))
        work.add(tuple(re.sub(r"'[^']*'|s\d+_x\d+|\b\d+\b", "?", query["sql"]) for query in queries))

    assert len(answers) == len(work) == 1
    assert consent.decide_new_addresses(at=now()) == 4
    assert sorted(Letter.objects.values_list("address", flat=True)) == [
        "fresh@example.org",
        "pia@example.org",
        "tom@example.org",
    ]
    assert AddressChange.objects.get(token_hash=None).typed_address == ""


def test_one_mailbox_is_asked_three_times_a_day_whoever_wishes_it() -> None:
    for number in range(8):
        row = reading(address=f"mia.{number}@example.org")
        ask(row, f"victim+{number}@example.org", at=NOON + number * dt.timedelta(minutes=2))

    assert Letter.objects.count() == 3


def test_one_reader_makes_us_write_five_times_a_day() -> None:
    row = reading()

    for number in range(9):
        ask(row, f"victim.{number}@example.org", at=NOON + number * dt.timedelta(minutes=2))

    assert Letter.objects.count() == 5


def test_a_letter_is_written_once_by_many_workers() -> None:
    row = reading()
    consent.ask_for_new_address(row.subscriber, typed_address=NEW, network_address="", at=NOON)

    assert [consent.decide_new_addresses(at=NOON), consent.decide_new_addresses(at=NOON)] == [1, 0]
    assert Letter.objects.count() == 1


def test_a_mailbox_that_complained_meanwhile_gets_nothing() -> None:
    row = reading()
    ask(row)
    suppression.suppress(address_hash(NEW.casefold()), reason=SuppressionReason.COMPLAINT, at=NOON)

    with pytest.raises(LinkUnknown):
        confirm()
    assert active(OLD)


# --- The way back ---------------------------------------------------------------------------------------------


def test_who_has_the_former_mailbox_takes_the_move_back() -> None:
    row = reading()
    ask(row)
    confirm()
    letter = Letter.objects.get(kind=LetterKind.ADDRESS_CHANGED)
    assert letter.address == OLD
    assert "mia.neu" not in letter.text.casefold()

    first, second = undo(), undo()

    assert (first.was_already, second.was_already) == (False, True)
    assert active(OLD) == {row.newsletter_id}
    assert not active(NEW)
    with pytest.raises(LinkUnknown):  # the link at the other address is dead with it
        confirm()


def test_the_way_back_is_open_for_a_week() -> None:
    ask(reading())
    confirm(at=NOON)

    with pytest.raises(LinkExpired):
        undo(at=NOON + 7 * DAY)
    assert undo(at=NOON + 7 * DAY - dt.timedelta(seconds=1)).was_already is False


def test_the_way_back_leads_to_a_reader_who_has_signed_up_there_meanwhile() -> None:
    row, other = reading(), make_newsletter()
    ask(row)
    confirm()
    again = make_subscriber(address=OLD)
    make_subscription(newsletter=other, subscriber=again)

    done = undo()

    assert done.reader == again
    assert active(OLD) == {row.newsletter_id, other.pk}
    assert not active(NEW)
    assert undo().reader == again


def test_no_notice_goes_to_a_mailbox_that_is_stopped() -> None:
    row = reading()
    suppression.suppress(address_hash(OLD), reason=SuppressionReason.HARD_BOUNCE, at=NOON)
    ask(row)

    done = confirm()

    assert done.reader.address == NEW.casefold()
    assert [letter.kind for letter in Letter.objects.all()] == [LetterKind.NEW_ADDRESS]
    assert not active(NEW)  # what the bounce ended stays ended until she orders it anew


# --- The pages ------------------------------------------------------------------------------------------------


def test_the_way_by_the_pages() -> None:
    row = reading()
    client = opened(row)

    assert "mia@example.org" in client.get("/preferences/address/").content.decode()
    sent = client.post("/preferences/address/", {"address": "mia@gmial.com"}).content.decode()
    assert "Did you mean <strong>mia@gmail.com</strong>?" in sent
    consent.decide_new_addresses(at=now())
    url = f"/address/{token_in(LetterKind.NEW_ADDRESS)}/"
    asked = fresh_client().get(url).content.decode()
    assert "m…@example.org" in asked
    assert OLD not in asked
    done = fresh_client().post(url).content.decode()

    assert "We now write to m…@gmial.com." in done
    back = f"/address/{token_in(LetterKind.ADDRESS_CHANGED)}/undo/"
    assert "We write to m…@example.org again" in fresh_client().post(back).content.decode()
    assert Subscriber.objects.get().address == OLD


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("mia", "Please enter exactly one e-mail address, such as name@example.org."),
        ("MIA@example.org", "We write to this address already. Please enter the new one."),
    ],
)
def test_a_wrong_address_is_explained(typed: str, words: str) -> None:
    page = opened(reading()).post("/preferences/address/", {"address": typed}).content.decode()

    assert "<title>Error: " in page
    assert page.count(words) == 2
    assert f'value="{typed}"' in page
    assert 'aria-describedby="address-error"' in page


def test_late_links_say_so() -> None:
    row = reading()
    ask(row, at=now() - 2 * DAY)

    page = fresh_client().get(f"/address/{token_in(LetterKind.NEW_ADDRESS)}/").content.decode()

    assert "It worked for one day, and nothing has changed." in page
    confirm(at=now() - 2 * DAY)
    AddressChange.objects.update(confirmed_at=now() - 8 * DAY)
    late = fresh_client().post(f"/address/{token_in(LetterKind.ADDRESS_CHANGED)}/undo/").content.decode()
    assert "A move can be taken back for 7 days." in late


def undone(at: dt.datetime) -> None:
    confirm(at=at)
    undo(at=at)
    retention.tidy(at=at)


def over_for_a_week(at: dt.datetime) -> None:
    confirm(at=at)
    retention.tidy(at=at + 7 * DAY)


def never_confirmed(at: dt.datetime) -> None:
    retention.tidy(at=at + DAY)


def erased(at: dt.datetime) -> None:
    confirm(at=at)
    privacy.erase_reader(Subscriber.objects.get(), actor="", at=at)


@pytest.mark.parametrize("happens", [undone, over_for_a_week, never_confirmed, erased])
def test_a_whole_link_of_a_change_that_is_over_is_not_called_mutilated(
    happens: Callable[[dt.datetime], None],
) -> None:
    at = now() - 9 * DAY
    ask(reading(), at=at)
    links = [f"/address/{token_in(LetterKind.NEW_ADDRESS)}/"]

    happens(at)

    if happens in (undone, over_for_a_week):
        links.append(f"/address/{token_in(LetterKind.ADDRESS_CHANGED)}/undo/")
    nobodys = fresh_client().get(f"/address/{'x' * 22}/")
    for page in [visit(link) for link in links for visit in (fresh_client().get, fresh_client().post)]:
        assert (page.status_code, page["Cache-Control"]) == (404, "no-store")
        assert "<h1>This link no longer works</h1>" in page.content.decode()
        assert 'class="button" href="/preferences/"' in page.content.decode()
        assert page.content == nobodys.content  # it tells nothing of anybody


@pytest.mark.parametrize("path", ["/address/{}/", "/address/{}/undo/"])
@pytest.mark.parametrize("token", ["x" * 21, "x" * 23, "x" * 21 + "="])
def test_a_mutilated_link_of_a_change_is_called_so(path: str, token: str) -> None:
    page = fresh_client().get(path.format(token))

    assert page.status_code == 404
    assert "<h1>This link is not complete</h1>" in page.content.decode()


def test_without_open_settings_nobody_moves() -> None:
    reading()

    page = fresh_client().post("/preferences/address/", {"address": NEW}).content.decode()

    assert "You need no password" in page
    assert not AddressChange.objects.exists()
