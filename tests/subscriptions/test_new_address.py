"""Moving to another address: confirmed there, told to the former one, undone from it; two readers who are one."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from newsroom.mail.addresses import address_hash
from newsroom.mail.errors import BadAddress
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from newsroom.web import tokens
from newsroom.web.clock import now
from newsroom.web.tokens import TokenKind
from subscriptions import audiences, consent, suppression
from subscriptions.errors import LinkExpired, LinkUnknown, SameAddress, UndoExpired
from subscriptions.models import AddressChange, ConsentEvent, Subscriber, Subscription, Suppression
from subscriptions.states import Cadence, ConsentKind, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    dump,
    fresh_client,
    make_confirmation,
    make_pending,
    path_of,
    settings_path,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

OLD, NEW = "mia@example.org", "Mia.Neu@example.org"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NETWORK = "203.0.113.7"


def reading(*, address: str = OLD, **values: object) -> Subscription:
    reader = make_subscriber(address=address, language="en")
    return make_subscription(newsletter=make_newsletter(), subscriber=reader, **values)


def ask(row: Subscription, address: str = NEW, *, at: dt.datetime = NOON) -> None:
    consent.ask_for_new_address(row.subscriber, typed_address=address, network_address=NETWORK, at=at)
    consent.decide_new_addresses(at=at)


def token_in(kind: LetterKind) -> str:
    """The secret in the latest letter of this kind."""
    letter = Letter.objects.filter(kind=kind).latest("pk")
    found = re.search(r"/address/([\w-]+)/", letter.text)
    assert found is not None, letter.text
    return found[1]


def confirm(*, at: dt.datetime = NOON + HOUR) -> consent.Moved:
    return consent.confirm_new_address(token_in(LetterKind.NEW_ADDRESS), network_address="203.0.113.8", at=at)


def undo(*, at: dt.datetime = NOON + DAY) -> consent.Moved:
    return consent.undo_new_address(
        token_in(LetterKind.ADDRESS_CHANGED), network_address="203.0.113.9", at=at
    )


def active(address: str) -> set[int]:
    """The newsletters that come to an address."""
    rows = Subscription.objects.active().filter(subscriber__address=address.casefold())
    return set(rows.values_list("newsletter_id", flat=True))


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


# --- The wish -------------------------------------------------------------------------------------------------


def test_mail_moves_only_after_the_new_mailbox_confirms() -> None:
    row = reading(cadence=Cadence.WEEKLY, paused_until=NOON + 30 * DAY)

    ask(row)
    letter = Letter.objects.get()
    assert (letter.kind, letter.address) == (LetterKind.NEW_ADDRESS, NEW)
    assert row.newsletter.name in letter.text
    assert OLD not in letter.text  # shortened: a stranger's mailbox need not learn it
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


# --- Two readers, one person ----------------------------------------------------------------------------------


def make_two() -> tuple[Subscription, Subscription, dict[str, Subscription]]:
    """Mia at two addresses: at both, at the old one only, left at the new one."""
    old, new = make_subscriber(address=OLD, language="en"), make_subscriber(address=NEW.casefold())
    both, brought, left = make_newsletter(), make_newsletter(), make_newsletter()
    rows = {
        "both": make_subscription(newsletter=both, subscriber=old, cadence=Cadence.WEEKLY),
        "brought": make_subscription(newsletter=brought, subscriber=old, paused_until=NOON + 9 * DAY),
        "left": make_subscription(newsletter=left, subscriber=old),
        "theirs": make_subscription(newsletter=both, subscriber=new),
    }
    gone = make_subscription(newsletter=left, subscriber=new)
    consent.unsubscribe(gone, how="/u/", network_address="", at=NOON - DAY)
    return rows["both"], rows["theirs"], rows | {"gone": gone}


def test_readers_who_are_one_become_one() -> None:
    both, theirs, rows = make_two()
    ask(both)

    done = confirm()

    assert done.reader == theirs.subscriber
    assert active(NEW) == {rows[name].newsletter_id for name in ("both", "brought", "left")}
    assert not active(OLD)
    theirs.refresh_from_db()
    assert theirs.cadence == Cadence.EACH  # what comes there stays as it was
    brought = Subscription.objects.get(subscriber=theirs.subscriber, newsletter=rows["brought"].newsletter)
    assert brought.paused_until == NOON + 9 * DAY


def test_each_newsletter_that_moves_has_its_agreement_in_the_record() -> None:
    both, theirs, rows = make_two()
    ask(both)
    confirm()

    events = ConsentEvent.objects.filter(
        subscriber=theirs.subscriber, kind=ConsentKind.CONFIRMED, form="/address/"
    )
    assert {event.newsletter_id for event in events} == {
        rows["brought"].newsletter_id,
        rows["left"].newsletter_id,
    }
    assert all(event.wording and event.address == NEW.casefold() for event in events)
    ended = ConsentEvent.objects.filter(
        subscriber=both.subscriber, kind=ConsentKind.UNSUBSCRIBED, facts__because="moved"
    )
    assert ended.count() == 3


def test_what_may_not_come_to_the_new_address_does_not() -> None:
    both, _theirs, rows = make_two()
    stopped = rows["brought"].newsletter
    suppression.suppress(
        address_hash(NEW.casefold()), reason=SuppressionReason.COMPLAINT, newsletter=stopped, at=NOON
    )
    ask(both)

    confirm()

    assert stopped.pk not in active(NEW)
    assert Suppression.objects.filter(newsletter=stopped).exists()


def test_a_link_in_an_old_mail_ends_what_became_of_it_and_opens_nobodys_settings() -> None:
    both, _theirs, rows = make_two()
    ask(both)
    confirm()
    url = path_of(tokens.leave_url(rows["brought"].pk))

    fresh_client().post(url, {"List-Unsubscribe": "One-Click"})
    settings = opened(both).get("/preferences/").content.decode()

    assert rows["brought"].newsletter_id not in active(NEW)
    assert both.newsletter_id in active(NEW)
    assert NEW.casefold() not in settings.casefold()


def test_taking_a_union_back_gives_each_her_own() -> None:
    both, theirs, rows = make_two()
    ask(both)
    confirm()

    done = undo()

    assert done.reader == both.subscriber
    assert active(OLD) == {rows[name].newsletter_id for name in ("both", "brought", "left")}
    assert active(NEW) == {theirs.newsletter_id}
    brought, kept = Subscription.objects.get(pk=rows["brought"].pk), Subscription.objects.get(pk=both.pk)
    assert (brought.paused_until, kept.cadence, brought.moved_to) == (NOON + 9 * DAY, "weekly", None)


def test_taking_a_union_back_revives_nothing_that_was_stopped_meanwhile() -> None:
    both, _theirs, _rows = make_two()
    ask(both)
    confirm()
    suppression.suppress(address_hash(OLD), reason=SuppressionReason.COMPLAINT, at=NOON + HOUR)

    undo()

    assert not active(OLD)


def test_the_undo_of_leaving_does_not_bring_back_what_moved() -> None:
    both, _theirs, _rows = make_two()
    ask(both)
    confirm()

    with pytest.raises(UndoExpired):
        consent.restore(both, network_address="", at=NOON + HOUR)


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


def test_without_open_settings_nobody_moves() -> None:
    reading()

    page = fresh_client().post("/preferences/address/", {"address": NEW}).content.decode()

    assert "You need no password" in page
    assert not AddressChange.objects.exists()


# --- What the former mailbox still opens ------------------------------------------------------------------------


def test_links_in_the_former_mailbox_open_no_settings_once_mail_goes_elsewhere() -> None:
    row = reading()
    links = [
        settings_path(row),
        f"/preferences/{tokens.make(TokenKind.MANAGE, row.pk)}/",
    ]  # of today, and older
    assert [fresh_client().post(link).status_code for link in links] == [303, 303]
    ask(row)
    confirm()

    for link in links:
        for page in (fresh_client().get(link), fresh_client().post(link)):
            assert page.status_code == 200
            assert "This link no longer works" in page.content.decode()
            assert "example.org" not in page.content.decode().replace("news.example.org", "")
            assert "reader" not in page.cookies
        answer = fresh_client().get(
            "/api/v1/preferences", headers={"authorization": f"Bearer {link.split('/')[2]}"}
        )
        assert answer.status_code == 401
    row.refresh_from_db()
    row.subscriber.refresh_from_db()
    assert fresh_client().post(settings_path(row)).status_code == 303  # what the new mailbox gets


def test_links_of_either_mailbox_open_settings_while_mail_goes_there() -> None:
    row = reading()
    former = settings_path(row)
    ask(row)
    confirm()
    row.subscriber.refresh_from_db()
    between = settings_path(row)

    undo()

    assert fresh_client().post(former).status_code == 303
    assert fresh_client().post(between).status_code == 200


def test_settings_that_stand_open_close_when_mail_goes_elsewhere() -> None:
    row = reading()
    client = opened(row)
    field = f'name="on-{row.newsletter.slug}"'
    assert field in client.get("/preferences/").content.decode()

    ask(row)
    confirm()

    assert field not in client.get("/preferences/").content.decode()
    assert client.get("/preferences/data/json/")["Content-Type"].startswith("text/html")


def test_a_confirmation_letter_in_the_former_mailbox_reaches_her_no_more() -> None:
    row = reading()
    waiting = make_pending(make_newsletter(), row.subscriber)
    _used, used = make_confirmation(row, at=now())
    assert "/preferences/" in fresh_client().post(f"/confirm/{used}/").content.decode()
    _open, still_open = make_confirmation(waiting, at=now())
    _late, expired = make_confirmation(waiting, at=now() - 8 * DAY)
    ask(row)
    confirm()
    letters = Letter.objects.count()

    for token in (used, still_open, expired):
        assert fresh_client().get(f"/confirm/{token}/").status_code == 404
        assert fresh_client().post(f"/confirm/{token}/").status_code == 404
        assert fresh_client().post(f"/confirm/{token}/", {"again": "1"}).status_code == 404

    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert Letter.objects.count() == letters


def test_the_mailbox_between_two_moves_learns_nothing_of_the_second() -> None:
    row = reading()
    ask(row, "between@example.org", at=now())
    link = f"/address/{token_in(LetterKind.NEW_ADDRESS)}/"
    assert fresh_client().post(link).status_code == 200
    assert fresh_client().get(link).status_code == 200
    row.subscriber.refresh_from_db()
    ask(row, at=now())
    confirm(at=now())

    page = fresh_client().get(link)

    assert page.status_code == 404
    assert row.newsletter.cadence_text not in page.content.decode()
