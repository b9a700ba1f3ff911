"""Who takes a move back has all of it back, whatever others did in between, and no link of theirs takes it once more."""

import datetime as dt
import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from subscriptions import consent, moves, privacy, retention, suppression
from subscriptions.errors import LinkError, LinkUnknown, SameAddress
from subscriptions.models import AddressChange, ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client
from tests.subscriptions.moving import DAY, HOUR, NETWORK, OLD, active, reading, sign_up, token_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

FIRST, SECOND, THIRD = "eve@example.net", "eve@example.com", "eve@example.edu"


def wish(reader: Subscriber, address: str, *, at: dt.datetime) -> None:
    reader.refresh_from_db()
    consent.ask_for_new_address(reader, typed_address=address, network_address=NETWORK, at=at)
    consent.decide_new_addresses(at=at)


def agree(address: str, *, at: dt.datetime) -> consent.Moved:
    return consent.confirm_new_address(
        token_in(LetterKind.NEW_ADDRESS, address=address), network_address=NETWORK, at=at
    )


def move(reader: Subscriber, address: str, *, at: dt.datetime) -> None:
    wish(reader, address, at=at)
    agree(address, at=at)


def way_back(address: str) -> str:
    return token_in(LetterKind.ADDRESS_CHANGED, address=address)


def take_back(token: str, *, at: dt.datetime = NOON + 2 * DAY) -> consent.Moved:
    return consent.undo_new_address(token, network_address=NETWORK, at=at)


def accomplice(address: str, *newsletters: Newsletter) -> Subscriber:
    """Another reader, of these newsletters."""
    reader = make_subscriber(address=address, language="en")
    for newsletter in newsletters or (make_newsletter(),):
        make_subscription(newsletter=newsletter, subscriber=reader)
    return reader


def test_the_link_of_a_later_move_takes_nobody_away_again() -> None:
    row = reading()
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    theirs = way_back(FIRST)

    take_back(way_back(OLD))

    with pytest.raises(LinkUnknown):
        take_back(theirs)
    assert active(OLD) == {row.newsletter_id}
    page = fresh_client().post(f"/address/{theirs}/undo/")
    assert (page.status_code, "mia" in page.content.decode()) == (404, False)


def test_a_union_after_the_move_is_parted_with_it() -> None:
    row = reading()
    other = accomplice(SECOND)
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    assert row.newsletter_id in active(SECOND)

    done = take_back(way_back(OLD))

    assert [each.pk for each in done.subscriptions] == [row.pk]
    assert active(OLD) == {row.newsletter_id}
    assert active(SECOND) == {other.subscriptions.get(state="active").newsletter_id}
    restored = ConsentEvent.objects.get(subscriber=row.subscriber, kind=ConsentKind.RESTORED)
    assert (restored.address, restored.facts["because"]) == (OLD, "moved back")


@pytest.mark.parametrize("is_decided", [True, False])
def test_a_wish_that_waits_is_dropped_with_the_move(is_decided: bool) -> None:
    row = reading()
    move(row.subscriber, FIRST, at=NOON)
    row.subscriber.refresh_from_db()
    consent.ask_for_new_address(row.subscriber, typed_address=SECOND, network_address="", at=NOON + DAY)
    if is_decided:
        consent.decide_new_addresses(at=NOON + DAY)

    take_back(way_back(OLD), at=NOON + DAY + HOUR)

    assert consent.decide_new_addresses(at=NOON + DAY + HOUR) == 0
    assert Letter.objects.filter(address=SECOND).exists() is is_decided
    if is_decided:
        with pytest.raises(LinkUnknown):
            agree(SECOND, at=NOON + DAY + HOUR)
    assert active(OLD) == {row.newsletter_id}
    retention.tidy(at=NOON + 2 * DAY + HOUR)
    assert not AddressChange.objects.exclude(typed_address="", former_address="").exists()


def test_dropping_wishes_makes_us_write_to_nobody_more_often() -> None:
    for number in range(3):
        reader = reading(address=f"eve.{number}@example.org").subscriber
        at = NOON + number * HOUR
        move(reader, f"eve.{number}@example.net", at=at)
        for minutes in (2, 4):
            wish(reader, "victim@example.com", at=at + minutes * dt.timedelta(minutes=1))
        take_back(way_back(f"eve.{number}@example.org"), at=at + HOUR / 2)
        retention.tidy(at=at + HOUR / 2)

    assert Letter.objects.filter(address="victim@example.com").count() == 3


def test_a_move_undone_into_whoever_signed_up_there_is_taken_back_as_well() -> None:
    row, other = reading(), make_newsletter()
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    sign_up(other, FIRST, at=NOON + 2 * HOUR)
    take_back(way_back(FIRST), at=NOON + 3 * HOUR)
    assert active(FIRST) == {row.newsletter_id, other.pk}

    take_back(way_back(OLD))

    assert (active(OLD), active(FIRST)) == ({row.newsletter_id}, {other.pk})


def test_who_moved_on_after_a_union_comes_back_to_where_that_began() -> None:
    row, other = reading(), make_newsletter()
    accomplice(FIRST)
    move(row.subscriber, FIRST, at=NOON)
    first = way_back(OLD)
    sign_up(other, OLD, at=NOON + HOUR)
    move(row.subscriber, SECOND, at=NOON + 2 * HOUR)

    done = take_back(first)

    assert done.reader.address == OLD
    assert active(OLD) == {row.newsletter_id, other.pk}
    assert not active(SECOND)


def test_who_came_to_her_meanwhile_takes_nothing_along_by_leaving_again() -> None:
    row = reading()
    other = accomplice(SECOND)
    brought = other.subscriptions.get().newsletter_id
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    move(other, FIRST, at=NOON + 2 * HOUR)
    assert active(FIRST) == {row.newsletter_id, brought}

    take_back(way_back(OLD))
    take_back(way_back(SECOND))

    assert (active(OLD), active(SECOND)) == ({row.newsletter_id}, {brought})


def test_another_victim_who_was_brought_to_the_same_mailbox_has_her_own_back() -> None:
    row, hers = reading(), reading(address="tom@example.org")
    move(row.subscriber, FIRST, at=NOON)
    move(hers.subscriber, FIRST, at=NOON + HOUR)

    take_back(way_back(OLD))
    assert (active(OLD), active("tom@example.org")) == ({row.newsletter_id}, {hers.newsletter_id})

    move(hers.subscriber, SECOND, at=NOON + 2 * DAY)
    first = Letter.objects.filter(kind=LetterKind.ADDRESS_CHANGED, address="tom@example.org").earliest("pk")
    take_back(re.findall(r"/address/([\w-]+)/", first.text)[0])
    assert active("tom@example.org") == {hers.newsletter_id}


def test_moves_whose_clocks_ran_crosswise_are_taken_back_in_the_order_they_happened() -> None:
    row = reading()
    move(row.subscriber, FIRST, at=NOON + HOUR)
    move(row.subscriber, SECOND, at=NOON + HOUR - dt.timedelta(microseconds=1))
    theirs = way_back(FIRST)

    take_back(way_back(OLD))

    with pytest.raises(LinkUnknown):
        take_back(theirs)


def test_an_earlier_move_stays_and_can_still_be_taken_back() -> None:
    row = reading()
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)

    take_back(way_back(FIRST), at=NOON + 2 * HOUR)
    assert active(FIRST) == {row.newsletter_id}
    take_back(way_back(OLD))

    assert active(OLD) == {row.newsletter_id}


def test_the_record_tells_each_step_back() -> None:
    row = reading()
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    wish(row.subscriber, THIRD, at=NOON + DAY)

    take_back(way_back(OLD))

    undone = ConsentEvent.objects.filter(facts__step="undone")
    assert {event.facts["change"] for event in undone} == set(
        AddressChange.objects.values_list("pk", flat=True)
    )
    past = moves.pasts([row.subscriber_id])[row.subscriber_id]
    hashes = [address_hash(each) for each in (OLD, FIRST, SECOND, OLD)]
    assert list(dict.fromkeys(past.hashes)) == hashes[:3]
    assert past.hashes[-1] == hashes[-1]
    assert past.former_at(NOON + 2 * HOUR) == address_hash(SECOND)
    assert past.former_at(NOON + 3 * DAY) == ""


def test_a_stop_of_the_other_mailbox_keeps_nothing_from_her() -> None:
    row = reading()
    accomplice(SECOND)
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    suppression.suppress(address_hash(FIRST), reason=SuppressionReason.COMPLAINT, at=NOON + 2 * HOUR)
    sign_up(make_newsletter(), OLD, at=NOON + 3 * HOUR)

    take_back(way_back(OLD))

    assert row.newsletter_id in active(OLD)


def test_an_address_stopped_meanwhile_gets_nothing_back() -> None:
    row = reading()
    accomplice(SECOND)
    move(row.subscriber, FIRST, at=NOON)
    move(row.subscriber, SECOND, at=NOON + HOUR)
    suppression.suppress(address_hash(OLD), reason=SuppressionReason.COMPLAINT, at=NOON + 2 * HOUR)

    take_back(way_back(OLD))

    assert not active(OLD)


def test_who_was_erased_after_coming_to_her_gets_nothing_back() -> None:
    row = reading()
    other = accomplice(SECOND)
    move(row.subscriber, FIRST, at=NOON)
    move(other, FIRST, at=NOON + HOUR)
    privacy.erase_reader(other, actor="", at=NOON + 2 * HOUR)

    take_back(way_back(OLD))

    assert active(OLD) == {row.newsletter_id}
    assert not Subscription.objects.active().filter(subscriber=other).exists()


# --- Whatever they did ----------------------------------------------------------------------------------------

THEIRS = (FIRST, SECOND, THIRD)
ACTS = st.tuples(
    st.sampled_from(["moves her", "moves another", "wishes", "undoes", "signs up"]),
    st.sampled_from((*THEIRS, OLD)),
    st.sampled_from(THEIRS),
)


@given(st.sampled_from(THEIRS), st.sets(st.sampled_from(THEIRS)), st.lists(ACTS, max_size=6))
@example(FIRST, {SECOND}, [("moves her", SECOND, SECOND), ("moves another", SECOND, FIRST)])
@example(FIRST, set(), [("moves her", SECOND, SECOND), ("signs up", FIRST, FIRST), ("undoes", FIRST, FIRST)])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_who_takes_a_move_back_keeps_all_she_had(
    to: str, readers: set[str], acts: list[tuple[str, str, str]]
) -> None:
    with transaction.atomic():
        newsletters, at = [make_newsletter(), make_newsletter()], NOON
        reader = accomplice(OLD, *newsletters)
        for address in sorted(readers):
            accomplice(address, newsletters[0], make_newsletter())
        move(reader, to, at=at)
        hers = way_back(OLD)
        for act, address, target in acts:
            at += 9 * HOUR  # few letters a day to each mailbox
            with suppress(LinkError, SameAddress, Letter.DoesNotExist):
                carry_out(act, reader, address, target, newsletters[0], at=at)

        done = take_back(hers, at=at + HOUR)

        had = {each.pk for each in newsletters}
        assert done.reader.address == OLD
        assert had <= active(OLD)
        for token, press in links_of_others():
            with suppress(LinkError):
                press(token, network_address=NETWORK, at=at + 2 * HOUR)
            assert had <= active(OLD)
        transaction.set_rollback(True)


def carry_out(
    act: str, reader: Subscriber, address: str, target: str, newsletter: Newsletter, *, at: dt.datetime
) -> None:
    another = Subscriber.objects.filter(address=address).exclude(pk=reader.pk).first()
    match act:
        case "moves her":
            move(reader, target, at=at)
        case "moves another" if another is not None:
            move(another, target, at=at)
        case "wishes":
            reader.refresh_from_db()
            wish(reader, target, at=at)
        case "undoes" if address != OLD:
            take_back(way_back(address), at=at)
        case "signs up":
            sign_up(newsletter, address, at=at)


def links_of_others() -> list[tuple[str, Callable[..., consent.Moved]]]:
    """What others' mailboxes hold, the latest first."""
    presses = {
        LetterKind.NEW_ADDRESS: consent.confirm_new_address,
        LetterKind.ADDRESS_CHANGED: consent.undo_new_address,
    }
    letters = Letter.objects.filter(kind__in=presses, address__in=THEIRS).order_by("-pk")
    return [
        (re.findall(r"/address/([\w-]+)/", letter.text)[0], presses[LetterKind(letter.kind)])
        for letter in letters
    ]
