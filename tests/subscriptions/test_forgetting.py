"""Readers who left long ago are forgotten with their proof, on the first day after the years their senders name."""

import datetime as dt
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from newsroom.mail.addresses import address_hash
from newsroom.web.tokens import leave_url
from subscriptions import consent, privacy
from subscriptions.models import ConsentEvent, Subscriber, Subscription, Suppression
from subscriptions.states import SubscriptionState, SuppressionReason
from subscriptions.tasks import tidy
from tests.factories import NOON, make_newsletter, make_sender, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    dump,
    fresh_client,
    make_pending,
    path_of,
    settings_path,
    signup_fields,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MIA = "mia@example.org"
# Left in May 2026, three years kept: until the end of 2029, by the clock of Berlin.
LAST_MOMENT = dt.datetime(2029, 12, 31, 22, 59, 59, tzinfo=dt.UTC)
ON_THE_DAY = LAST_MOMENT + dt.timedelta(seconds=1)


def left(at: dt.datetime = NOON, *, newsletters: int = 1, **sender: Any) -> Subscriber:
    """A reader who confirmed, got mail and left at this moment, one press after the other."""
    reader = make_subscriber(address=MIA)
    for _number in range(newsletters):
        row = make_subscription(newsletter=make_newsletter(sender=make_sender(**sender)), subscriber=reader)
        consent.unsubscribe(row, how="one-click", network_address="203.0.113.7", at=at)
    return reader


def test_a_moment_before_all_is_there_and_on_the_day_it_is_gone() -> None:
    reader = left()
    before = dump()

    assert privacy.forget_ended(at=LAST_MOMENT) == 0
    assert dump() == before
    assert privacy.forget_ended(at=ON_THE_DAY) == 1

    reader.refresh_from_db()
    assert (reader.address, reader.typed_address, reader.address_hash) == (None, "", "")
    assert not ConsentEvent.objects.exists()
    texts = [str(value) for rows in dump().values() for row in rows for value in row]
    assert not [text for text in texts if MIA in text or "203.0.113.7" in text]
    stop = Suppression.objects.get()
    assert (stop.address_hash, stop.reason) == (address_hash(MIA), SuppressionReason.ERASED)
    assert privacy.forget_ended(at=ON_THE_DAY) == 0


def test_links_in_old_mails_still_answer() -> None:
    row = left().subscriptions.get()
    leave, manage = path_of(leave_url(row.pk)), settings_path(row)
    privacy.forget_ended(at=ON_THE_DAY)

    assert fresh_client().get(leave).status_code == 200
    assert fresh_client().post(leave, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert fresh_client().get(manage).status_code == 200


def test_who_was_forgotten_may_sign_up_anew() -> None:
    reader = left()
    privacy.forget_ended(at=ON_THE_DAY)

    fresh_client().post("/subscribe/", signup_fields(MIA, make_newsletter()))
    consent.decide_sign_ups()

    again = Subscriber.objects.get(address=MIA)
    assert again != reader
    assert again.subscriptions.get().state == SubscriptionState.PENDING


@pytest.mark.parametrize(
    "still",
    ["active", "pending", "left a year later", "a sender who names no years", "a sender of ten years"],
)
def test_one_subscription_that_still_counts_keeps_the_reader_and_all_her_proof(still: str) -> None:
    reader = left()
    match still:
        case "active":
            make_subscription(newsletter=make_newsletter(), subscriber=reader)
        case "pending":
            make_pending(make_newsletter(), reader)
        case "left a year later":
            row = make_subscription(newsletter=make_newsletter(), subscriber=reader)
            consent.unsubscribe(
                row, how="one-click", network_address=None, at=dt.datetime(2027, 1, 1, 12, tzinfo=dt.UTC)
            )
        case _:
            years = 10 if "ten" in still else None
            row = make_subscription(
                newsletter=make_newsletter(sender=make_sender(proof_kept_years=years)), subscriber=reader
            )
            consent.unsubscribe(row, how="one-click", network_address=None, at=NOON)
    before = dump()

    assert privacy.forget_ended(at=ON_THE_DAY) == 0

    assert dump() == before
    assert privacy.forget_ended(at=ON_THE_DAY.replace(year=2040)) == (
        still in ("left a year later", "a sender of ten years")
    )


def test_an_erased_reader_s_proof_goes_too() -> None:
    row = make_subscription(newsletter=make_newsletter(), subscriber=make_subscriber(address=MIA))
    privacy.erase_reader(row.subscriber, actor="", at=NOON)
    assert ConsentEvent.objects.exists()

    assert privacy.forget_ended(at=LAST_MOMENT) == 0
    assert privacy.forget_ended(at=ON_THE_DAY) == 1

    assert not ConsentEvent.objects.exists()
    assert Suppression.objects.get().address_hash == address_hash(MIA)


def test_a_request_of_hers_that_lapsed_later_counts_like_a_subscription() -> None:
    row = left().subscriptions.get()
    Subscription.objects.filter(pk=row.pk).update(
        state=SubscriptionState.LAPSED, requested_at=dt.datetime(2028, 3, 1, tzinfo=dt.UTC)
    )

    assert privacy.forget_ended(at=ON_THE_DAY) == 0
    assert privacy.forget_ended(at=ON_THE_DAY.replace(year=2031)) == 1


@pytest.mark.parametrize("size", [1, 12])
def test_queries_do_not_grow_with_what_she_read(
    size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    left(newsletters=size)

    # senders; who is due | savepoint; reader, locked; whether she came back; all addresses she had; sign-ups nobody decided; links to confirm; letters (2); changes
    # of address (3); addresses in the record; hers hashed; reader; who has one of them by now; suppression (savepoint, look, insert, look, what it
    # ends, release); her record, read and gone; release
    with django_assert_num_queries(25):
        privacy.forget_ended(at=ON_THE_DAY)
    with django_assert_num_queries(2):  # senders; who is due
        privacy.forget_ended(at=ON_THE_DAY)


def test_at_most_so_many_at_once_and_the_next_run_goes_on() -> None:
    newsletter = make_newsletter()
    for _number in range(3):
        consent.unsubscribe(
            make_subscription(newsletter=newsletter), how="/u/", network_address=None, at=NOON
        )

    assert [privacy.forget_ended(at=ON_THE_DAY, limit=2) for _run in range(3)] == [2, 1, 0]


def test_the_hourly_task_does_it() -> None:
    reader = left(dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC))
    Subscription.objects.update(requested_at=dt.datetime(2019, 1, 1, tzinfo=dt.UTC))

    tidy()

    reader.refresh_from_db()
    assert reader.erased_at is not None
