"""Who gets a digest: the rows of an audience, its SQL, and the last look before a copy goes."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from newsroom.mail.addresses import address_hash
from subscriptions import audiences, privacy, suppression
from subscriptions.models import Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import Cadence, SubscriptionState, SuppressionReason
from tests.digests.delivery.factories import make_readers
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_pending

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def run(sql: str, params: tuple[Any, ...]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


def test_an_audience_is_who_reads_each_digest_now() -> None:
    newsletter = make_newsletter()
    reading = [make_subscription(newsletter=newsletter) for _number in range(3)]
    resumed = make_subscription(newsletter=newsletter, paused_until=NOON)
    make_subscription(newsletter=newsletter, paused_until=NOON + dt.timedelta(seconds=1))
    make_subscription(newsletter=newsletter, cadence=Cadence.WEEKLY)
    make_subscription(newsletter=newsletter, state=SubscriptionState.UNSUBSCRIBED)
    make_subscription(newsletter=newsletter, state=SubscriptionState.LAPSED)
    make_pending(newsletter)
    make_subscription(newsletter=make_newsletter())

    audience = audiences.for_newsletter(newsletter)

    expected = [row.pk for row in (*reading, resumed)]
    assert run(*audiences.select_sql(audience, NOON)) == expected
    assert audiences.count(audience, at=NOON) == 4
    pages, after = [], 0
    while page := list(audiences.page(audience, after=after, limit=3, at=NOON)):
        assert len(page) <= 3
        pages += page
        after = page[-1].pk
    assert [row.pk for row in pages] == expected
    sql, params = audiences.select_sql(audience, NOON, after=expected[0], limit=2)
    assert run(sql, params) == expected[1:3]


@pytest.mark.parametrize("cadence", Cadence)
def test_each_reader_is_in_the_audience_of_her_cadence_and_in_no_other(cadence: Cadence) -> None:
    newsletter = make_newsletter()
    rows = {each: make_subscription(newsletter=newsletter, cadence=each) for each in Cadence}

    audience = audiences.for_newsletter(newsletter, cadence=cadence)

    assert audience["cadence"] == cadence.value
    assert run(*audiences.select_sql(audience, NOON)) == [rows[cadence].pk]
    (other,) = set(Cadence) - {cadence}
    assert audiences.reach(audience, at=NOON) == (1, {other.value: 1})


@pytest.mark.postgres(only=True)
def test_the_few_of_the_weekly_are_found_without_reading_all_readers() -> None:
    newsletter = make_newsletter()
    rows = make_readers(newsletter, 4000)
    Subscription.objects.filter(pk__in=[row.pk for row in rows[::100]]).update(cadence=Cadence.WEEKLY)
    sql, params = audiences.select_sql(
        audiences.for_newsletter(newsletter, cadence=Cadence.WEEKLY), NOON, after=rows[0].pk, limit=20
    )

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE subscriptions_subscription")
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    # Straight along the index, in its order: nothing is sorted, no reader of the other cadence is read.
    assert "subscription_by_cadence" in plan
    assert "cadence" in plan.partition("Index Cond:")[2].partition("\n")[0]
    assert "Sort" not in plan


def test_the_sql_stands_inside_an_insert() -> None:
    newsletter = make_newsletter()
    rows = [make_subscription(newsletter=newsletter) for _number in range(3)]
    sql, params = audiences.select_sql(audiences.for_newsletter(newsletter), NOON, limit=2)

    numbered = f"SELECT row_number() OVER (ORDER BY page.id) - 1 AS seq, page.id FROM ({sql}) AS page"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT seq, id FROM ({numbered}) AS numbered ORDER BY seq", params)
        assert cursor.fetchall() == [(0, rows[0].pk), (1, rows[1].pk)]


def test_a_pause_across_a_clock_change_is_kept_to_the_minute() -> None:
    newsletter = make_newsletter()
    berlin = ZoneInfo("Europe/Berlin")
    # From Friday noon for a week; the clocks go back on the Sunday between.
    begun = dt.datetime(2026, 10, 23, 12, 0, tzinfo=berlin).astimezone(dt.UTC)
    until = begun + dt.timedelta(weeks=1)
    make_subscription(newsletter=newsletter, paused_until=until)
    audience = audiences.for_newsletter(newsletter)

    hours = range(24 * 8)
    mailed = [hour for hour in hours if audiences.count(audience, at=begun + dt.timedelta(hours=hour))]

    assert mailed == [hour for hour in hours if hour >= 24 * 7]


def test_the_last_look_gives_the_address_or_the_reason_not_to_write() -> None:
    newsletter = make_newsletter()
    reader = make_subscriber(address="mia@xn--exmple-cua.de", typed_address="Mia@exämple.de", language="en")
    good = make_subscription(newsletter=newsletter, subscriber=reader)
    left = make_subscription(newsletter=newsletter, state=SubscriptionState.UNSUBSCRIBED)
    paused = make_subscription(newsletter=newsletter, paused_until=NOON + dt.timedelta(days=1))
    weekly = make_subscription(newsletter=newsletter, cadence=Cadence.WEEKLY)
    stopped = make_subscription(newsletter=newsletter)
    erased = make_subscription(newsletter=newsletter)
    other = make_subscription(newsletter=make_newsletter())
    # Past our services, as a restored or hand-made row might be: the last look finds it all the same.
    Suppression.objects.create(
        address_hash=address_hash(stopped.subscriber.address or ""),
        reason=SuppressionReason.COMPLAINT,
        created_at=NOON,
    )
    Subscriber.objects.filter(pk=erased.subscriber_id).update(address=None, typed_address="")

    rows = (good, left, paused, weekly, stopped, erased, other)
    found = audiences.deliverable([*(row.pk for row in rows), 4711], newsletter=newsletter, at=NOON)

    assert {pk: each.skip_reason for pk, each in found.items()} == {
        good.pk: "",
        left.pk: "unsubscribed",
        paused.pk: "paused",
        weekly.pk: "cadence",
        stopped.pk: "suppressed",
        erased.pk: "erased",
        other.pk: "gone",
        4711: "gone",
    }
    one = found[good.pk]
    assert (one.address, one.language, one.source) == ("Mia@xn--exmple-cua.de", "en", "/newsletters/")
    assert one.since == dt.date(2026, 4, 4)
    assert not any(each.address for pk, each in found.items() if pk != good.pk)


@pytest.mark.parametrize(
    ("frozen_for", "wants", "reason"),
    [("each", "each", ""), ("each", "weekly", "cadence"), ("weekly", "weekly", ""), ("weekly", "each", "")],
)
def test_who_changed_her_cadence_since_the_freeze_gets_no_more_and_loses_no_week(
    frozen_for: str, wants: str, reason: str
) -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter, cadence=wants)

    found = audiences.deliverable([row.pk], newsletter=newsletter, cadence=frozen_for, at=NOON)

    assert found[row.pk].skip_reason == reason
    assert bool(found[row.pk].address) is not bool(reason)


def test_a_stop_for_one_newsletter_does_not_stop_another() -> None:
    first, second = make_newsletter(), make_newsletter()
    reader = make_subscriber()
    rows = [make_subscription(newsletter=each, subscriber=reader) for each in (first, second)]
    suppression.suppress(reader.address_hash, reason=SuppressionReason.MANUAL, newsletter=first, at=NOON)

    for newsletter, row, reason in ((first, rows[0], "unsubscribed"), (second, rows[1], "")):
        found = audiences.deliverable([row.pk], newsletter=newsletter, at=NOON)
        assert found[row.pk].skip_reason == reason


@pytest.mark.parametrize("size", [2, 40])
def test_the_last_look_takes_two_queries_whatever_the_size(
    size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    newsletter = make_newsletter()
    ids = [make_subscription(newsletter=newsletter).pk for _number in range(size)]

    with django_assert_num_queries(2):  # subscriptions with subscribers; suppressions
        found = audiences.deliverable(ids, newsletter=newsletter, at=NOON)

    assert [each.subscription_id for each in found.values()] == ids


def test_whoever_was_erased_between_freeze_and_hand_over_gets_nothing() -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter)
    frozen = run(*audiences.select_sql(audiences.for_newsletter(newsletter), NOON))
    privacy.erase_reader(row.subscriber, actor="", at=NOON)

    found = audiences.deliverable(frozen, newsletter=newsletter, at=NOON)

    assert [each.skip_reason for each in found.values()] == ["erased"]
    assert Subscription.objects.active().count() == 0


def test_a_row_that_came_in_without_its_hash_is_stopped_all_the_same() -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter)
    digest = row.subscriber.address_hash
    Suppression.objects.create(address_hash=digest, reason=SuppressionReason.COMPLAINT, created_at=NOON)
    Subscriber.objects.filter(pk=row.subscriber_id).update(address_hash="")

    found = audiences.deliverable([row.pk], newsletter=newsletter, at=NOON)

    assert [each.skip_reason for each in found.values()] == ["suppressed"]


def make_list(newsletter: Newsletter) -> None:
    """Readers of every kind: two read each digest; five do not get it now, for four reasons."""
    for _number in range(2):
        make_subscription(newsletter=newsletter)
    make_subscription(newsletter=newsletter, paused_until=NOON + dt.timedelta(days=1))
    make_subscription(newsletter=newsletter, paused_until=NOON + dt.timedelta(days=1), cadence=Cadence.WEEKLY)
    make_subscription(newsletter=newsletter, paused_until=NOON, cadence=Cadence.WEEKLY)
    make_pending(newsletter)
    make_subscription(newsletter=newsletter, state=SubscriptionState.UNSUBSCRIBED)
    make_subscription(newsletter=newsletter, state=SubscriptionState.LAPSED)
    gone = make_subscription(newsletter=newsletter).subscriber
    suppression.suppress(address_hash(gone.address or ""), reason=SuppressionReason.COMPLAINT, at=NOON)


def test_who_gets_nothing_is_counted_once_each_by_reason() -> None:
    newsletter, other = make_newsletter(), make_newsletter()
    make_list(newsletter)
    make_list(other)

    found = audiences.reach(audiences.for_newsletter(newsletter), at=NOON)

    assert found == (2, {"pending": 1, "paused": 2, "weekly": 1, "suppressed": 1})
    assert audiences.reach(audiences.for_newsletter(make_newsletter()), at=NOON) == (0, {})


def test_what_another_newsletter_suppressed_is_no_exclusion_here() -> None:
    newsletter, other = make_newsletter(), make_newsletter()
    reader = make_subscription(newsletter=newsletter, state=SubscriptionState.UNSUBSCRIBED).subscriber
    suppression.suppress(
        address_hash(reader.address or ""),
        reason=SuppressionReason.UNSUBSCRIBED,
        newsletter=other,
        at=NOON,
    )

    assert audiences.reach(audiences.for_newsletter(newsletter), at=NOON) == (0, {})


def test_counting_who_gets_it_and_who_does_not_is_one_question_at_any_size(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for size in (1, 6):
        newsletter = make_newsletter()
        for _number in range(size):
            make_list(newsletter)
        # The newsletter's subscriptions by reason, and those that a suppression ended within.
        with django_assert_num_queries(1):
            audiences.reach(audiences.for_newsletter(newsletter), at=NOON)
