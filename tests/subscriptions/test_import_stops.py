"""What a file says of somebody's leaving, beside what she confirmed here since."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsroom.mail.addresses import address_hash
from subscriptions import consent
from subscriptions.models import ConsentEvent, Newsletter, Subscription, Suppression
from subscriptions.transfer import journal
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import make_confirmation, make_pending
from tests.subscriptions.importing import finish, staged
from tests.subscriptions.moving import NEW, ask
from tests.subscriptions.moving import confirm as confirm_new_address

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
HERE_SINCE = "reads here since"
KEPT = "kept as suppression"
HEADING = "Email,Status,UNSUB_TIME,CLEAN_TIME\n"


def reads(
    newsletter: Newsletter, address: str = "mia@example.org", *, at: dt.datetime = NOON - 4 * DAY
) -> Subscription:
    """Somebody who pressed the link of her letter, then."""
    known = Subscription.objects.filter(subscriber__address=address).first()
    reader = known.subscriber if known else make_subscriber(address=address)
    row = make_pending(newsletter, reader, requested_at=at)
    confirm(row, at=at)
    return row


def confirm(row: Subscription, *, at: dt.datetime) -> None:
    consent.confirm(make_confirmation(row, at=at)[1], network_address="203.0.113.7", at=at)
    row.refresh_from_db()
    assert row.state == "active"


def became(text: str, newsletter: Newsletter) -> dict[str, int]:
    """The counts of a trial, which are those of the run."""
    imported = staged(text.encode(), newsletter)
    journal.try_out(imported)
    remembered = None
    while (remembered := journal.work(imported, at=NOON, remembered=remembered)) is not None:
        pass
    imported.refresh_from_db()
    journal.start(imported, at=NOON)
    finish(imported)
    assert imported.tried == imported.counts
    return imported.counts


def stopped() -> list[tuple[str, str, int | None]]:
    rows = Suppression.objects.order_by("pk")
    return list(rows.values_list("address_hash", "reason", "newsletter_id"))


def active(newsletter: Newsletter) -> bool:
    return Subscription.objects.active().filter(newsletter=newsletter).exists()


@pytest.mark.parametrize(
    "line",
    ["unsubscribed,2019-03-04 08:00:00,", ",2019-03-04 08:00:00,", "cleaned,,2019-03-04", "complained,,2019-03-04", ",,2019-03-04"],
)  # fmt: skip
def test_who_confirmed_here_since_goes_on_reading(line: str) -> None:
    newsletter, other = make_newsletter(), make_newsletter()
    reads(newsletter)
    reads(other)

    assert became(f"{HEADING}mia@example.org,{line}\n", newsletter) == {HERE_SINCE: 1}

    assert active(newsletter)
    assert active(other)
    assert stopped() == []
    assert not ConsentEvent.objects.filter(kind="suppressed").exists()


def test_a_file_read_a_second_time_ends_nobody_who_came_back() -> None:
    newsletter, text = make_newsletter(), f"{HEADING}mia@example.org,unsubscribed,2019-03-04 08:00:00,\n"
    row = make_pending(newsletter, make_subscriber(address="mia@example.org"), requested_at=NOON - 5 * DAY)
    assert became(text, newsletter) == {KEPT: 1}
    Subscription.objects.filter(pk=row.pk).update(state="pending", unsubscribed_at=NOON - 5 * DAY)
    confirm(row, at=NOON - 4 * DAY)

    assert became(text, newsletter) == {HERE_SINCE: 1}
    assert active(newsletter)
    assert stopped() == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("unsubscribed,,", "no date"),
        ("unsubscribed,04/03/2019,", "a date that nobody can read"),
        ("unsubscribed,2026-05-01 08:00:00,", "a later day"),
        ("unsubscribed,2019-03-04,2026-05-01", "two days, of which the later counts"),
        ("blocked,,2019-03-04", "staff blocked her"),
    ],
)
def test_what_no_confirmation_answers_is_applied(line: str, why: str) -> None:
    newsletter = make_newsletter()
    reads(newsletter, at=dt.datetime(2026, 4, 28, 8, tzinfo=dt.UTC))

    assert became(f"{HEADING}mia@example.org,{line}\n", newsletter) == {KEPT: 1}, why

    assert not active(newsletter)
    assert stopped()


def test_a_day_without_an_hour_or_a_zone_is_over_only_when_it_is_everywhere() -> None:
    newsletter = make_newsletter()
    for address, hour in (("mia@example.org", 11), ("tom@example.org", 13)):
        reads(newsletter, address, at=dt.datetime(2026, 4, 28, hour, tzinfo=dt.UTC))
    text = f"{HEADING}mia@example.org,unsubscribed,2026-04-27,\ntom@example.org,unsubscribed,2026-04-27,\n"

    assert became(text, newsletter) == {KEPT: 1, HERE_SINCE: 1}
    assert [known for known, *_ in stopped()] == [address_hash("mia@example.org")]


def test_what_another_file_said_of_her_is_no_confirmation_here() -> None:
    newsletter = make_newsletter()
    assert became("email,confirmed_at\nmia@example.org,2021-03-04\n", newsletter) == {"taken": 1}

    assert became(f"{HEADING}mia@example.org,unsubscribed,2019-03-04,\n", newsletter) == {KEPT: 1}
    assert not active(newsletter)


def test_a_confirmation_of_another_newsletter_shows_a_mailbox_and_no_wish_for_this_one() -> None:
    newsletter, other = make_newsletter(), make_newsletter()
    reads(other)
    reader = Subscription.objects.get().subscriber
    Subscription.objects.create(
        newsletter=newsletter, subscriber=reader, state="active", basis="imported", requested_at=NOON - DAY, confirmed_at=NOON - DAY
    )  # fmt: skip

    assert became(f"{HEADING}mia@example.org,cleaned,,2019-03-04\n", newsletter) == {HERE_SINCE: 1}
    assert became(f"{HEADING}mia@example.org,unsubscribed,2019-03-04,\n", newsletter) == {KEPT: 1}
    assert active(other)
    assert not active(newsletter)


def test_who_left_again_is_kept_as_somebody_who_left() -> None:
    newsletter = make_newsletter()
    row = reads(newsletter)
    consent.unsubscribe(row, how="/u/", network_address=None, at=NOON - DAY)

    assert became(f"{HEADING}mia@example.org,cleaned,,2019-03-04\n", newsletter) == {KEPT: 1}


@pytest.mark.parametrize("is_hers_since", [True, False])
def test_a_mailbox_works_whose_reader_moved_there_by_its_link(is_hers_since: bool) -> None:
    newsletter = make_newsletter()
    row = make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))
    if is_hers_since:
        ask(row, at=NOON - 4 * DAY)
        confirm_new_address(at=NOON - 4 * DAY)
    else:
        row.subscriber.address = NEW.casefold()
        row.subscriber.save()

    expected = {HERE_SINCE: 1} if is_hers_since else {KEPT: 1}
    assert became(f"{HEADING}{NEW},cleaned,,2019-03-04\n", newsletter) == expected
    assert active(newsletter) == is_hers_since


def test_our_own_list_ends_nobody_who_came_back_since() -> None:
    newsletter = make_newsletter()
    reads(newsletter)
    heading, line = (
        "address_hash,key,address,reason,newsletter,note,since\n",
        ",,mia@example.org,{reason},{of},,2019-03-04T08:00:00+00:00\n",
    )
    for reason in ("unsubscribed", "hard_bounce", "soft_bounces", "complaint", "erased"):
        for of in ("", newsletter.slug):
            text = heading + line.format(reason=reason, of=of)
            assert became(text, newsletter) == {HERE_SINCE: 1}, reason

    text = heading + line.format(reason="manual", of="")
    assert became(text, newsletter) == {KEPT: 1}
    assert not active(newsletter)


@pytest.mark.parametrize("size", [2, 60])
def test_the_look_for_what_was_confirmed_here_is_one_query_for_a_part(size: int) -> None:
    newsletter = make_newsletter()
    for number in range(size):
        reads(newsletter, f"r{number}@example.org")
    body = "".join(f"r{number}@example.org,unsubscribed,2019-03-04,\n" for number in range(size))
    imported = staged((HEADING + body).encode(), newsletter)
    journal.start(imported, at=NOON)

    with CaptureQueriesContext(connection) as asked:
        journal.work(imported, at=NOON)

    queries: list[Any] = [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]
    # Import, parts; newsletter and readers held on PostgreSQL; who confirmed since; part, counts.
    assert len(queries) <= 7
    assert sum("last_confirmed_at" in sql for sql in queries) == 1
    imported.refresh_from_db()
    assert imported.counts == {HERE_SINCE: size}
