"""What links in old mails end once their reader has moved, come back, and moved again: never another's, never for ever."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsroom.mail.addresses import address_hash
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import suppression
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import SubscriptionState, SuppressionReason
from subscriptions.views.private import to_leave
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, path_of
from tests.subscriptions.moving import DAY, HOUR, OLD, ask, confirm, sign_up, undo

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def link(row: Subscription) -> str:
    return path_of(tokens.leave_url(row.pk))


def press(row: Subscription) -> None:
    """One-click on the link in a mail that this subscription got."""
    assert fresh_client().post(link(row), {"List-Unsubscribe": "One-Click"}).status_code == 200


def states(*rows: Subscription) -> tuple[str, ...]:
    return tuple(Subscription.objects.get(pk=row.pk).state for row in rows)


def united(at: dt.datetime, name: str = "mia") -> tuple[Subscription, Subscription]:
    """The same newsletter at two addresses, and then at the second one alone: the reader moved there."""
    newsletter = make_newsletter()
    former, kept = (
        make_subscription(newsletter=newsletter, subscriber=make_subscriber(address=address, language="en"))
        for address in (f"{name}@example.org", f"{name}.neu@example.org")
    )
    ask(former, f"{name}.neu@example.org", at=at)
    confirm(at=at + HOUR)
    assert states(former, kept) == ("unsubscribed", "active")
    return former, kept


def come_back(at: dt.datetime, name: str = "mia") -> tuple[Subscription, Subscription]:
    """She reads at both again: at the first address, too, she has signed up anew."""
    former, kept = united(at, name)
    sign_up(former.newsletter, f"{name}@example.org", at=at + 2 * HOUR)
    assert states(former, kept) == ("active", "active")
    return former, kept


def test_a_press_and_its_repeat_end_what_was_signed_up_for_anew_and_nothing_else() -> None:
    former, kept = come_back(now() - 3 * DAY)

    press(former)
    press(former)

    assert states(former, kept) == ("unsubscribed", "active")


def test_leaving_what_was_signed_up_for_anew_is_undone_there() -> None:
    former, kept = come_back(now() - 3 * DAY)
    client = fresh_client()

    client.post(link(former), {"from_page": "1"})
    assert states(former, kept) == ("unsubscribed", "active")
    client.post(f"{link(former)}/undo")

    assert states(former, kept) == ("active", "active")


def test_no_link_leads_in_a_circle_when_she_moves_back() -> None:
    at = now() - 3 * DAY
    former, kept = come_back(at)
    ask(kept, OLD, at=at + 5 * HOUR)
    confirm(at=at + 6 * HOUR)
    press(former)

    for row in (former, kept):
        assert to_leave(tokens.make(tokens.TokenKind.LEAVE, row.pk)) == former
        assert "<h1>Unsubscribed</h1>" in fresh_client().get(link(row)).content.decode()


def test_a_move_to_where_it_may_not_come_leads_nowhere() -> None:
    at = now() - 3 * DAY
    former, kept = united(at)
    newsletter = former.newsletter
    suppression.suppress(
        address_hash(OLD), reason=SuppressionReason.COMPLAINT, newsletter=newsletter, at=at + 2 * HOUR
    )

    ask(kept, OLD, at=at + 5 * HOUR)
    confirm(at=at + 6 * HOUR)

    assert states(former, kept) == ("unsubscribed", "unsubscribed")
    for row in (former, kept):
        assert to_leave(tokens.make(tokens.TokenKind.LEAVE, row.pk)) == kept


@pytest.mark.parametrize("state", ["pending", "lapsed"])
def test_an_old_link_ends_what_comes_whoever_asked_at_the_former_address_since(state: str) -> None:
    at = now() - 3 * DAY
    former, kept = united(at)
    sign_up(former.newsletter, OLD, at=at + 2 * HOUR, confirms=False)
    assert states(former) == ("pending",)
    Subscription.objects.filter(pk=former.pk).update(state=state)

    press(former)

    assert states(former, kept) == (state, "unsubscribed")


def test_once_a_move_is_taken_back_old_links_lead_to_the_other_mailbox_no_more() -> None:
    at = now() - 3 * DAY
    former, kept = united(at)
    suppression.suppress(address_hash(OLD), reason=SuppressionReason.COMPLAINT, at=at + 2 * HOUR)

    undo(at=at + DAY)
    press(former)

    assert states(former, kept) == ("unsubscribed", "active")


def test_taking_a_move_back_revives_nothing_that_was_begun_anew_and_left_since() -> None:
    at = now() - 3 * DAY
    former, kept = come_back(at)
    press(former)

    undo(at=at + DAY)

    assert states(former, kept) == ("unsubscribed", "active")


def test_the_database_keeps_what_is_active_from_leading_elsewhere() -> None:
    row, other = (make_subscription(newsletter=make_newsletter()) for _each in range(2))

    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.filter(pk=row.pk).update(moved_to=other)


def test_a_circle_that_is_there_all_the_same_holds_no_worker() -> None:
    row, other = (
        make_subscription(newsletter=make_newsletter(), state=SubscriptionState.UNSUBSCRIBED)
        for _each in range(2)
    )
    Subscription.objects.filter(pk=row.pk).update(moved_to=other)
    Subscription.objects.filter(pk=other.pk).update(moved_to=row)

    assert fresh_client().get(link(row)).status_code == 200


ADDRESSES = ("mia@example.org", "tom@example.org", "pia@example.org")
ACTS = st.tuples(
    st.sampled_from(["signs up", "asks", "moves", "moves and undoes", "presses"]),
    st.sampled_from(ADDRESSES),
    st.sampled_from(ADDRESSES),
)


@given(st.lists(ACTS, min_size=3, max_size=9))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_link_ends_what_got_its_mail_or_what_became_of_it_whatever_happened(
    acts: list[tuple[str, str, str]],
) -> None:
    with transaction.atomic():
        newsletter, at = make_newsletter(), now() - 90 * DAY
        for address in ADDRESSES:
            make_subscription(
                newsletter=newsletter, subscriber=make_subscriber(address=address), confirmed_at=at
            )
        for act, address, other in acts:
            at += 8 * DAY  # no limit of letters is in the way
            carry_out(act, newsletter, address, other, at=at)
        for row in Subscription.objects.all():
            holds_for_its_links(row)
        transaction.set_rollback(True)


def carry_out(act: str, newsletter: Newsletter, address: str, other: str, *, at: dt.datetime) -> None:
    row = Subscription.objects.filter(subscriber__address=address).first()
    if act in ("signs up", "asks"):
        if row is None or row.state != SubscriptionState.ACTIVE:
            sign_up(newsletter, address, at=at, confirms=act == "signs up")
    elif row is not None and act == "presses":
        press(row)
    elif row is not None and address != other and row.state == SubscriptionState.ACTIVE:
        ask(row, other, at=at)
        confirm(at=at + HOUR)
        if act == "moves and undoes":
            undo(at=at + 2 * HOUR)


def holds_for_its_links(row: Subscription) -> None:
    """Pressed twice, they end one subscription: this one if it comes, else the one it moved to, if that does."""
    with transaction.atomic():
        reading = set(Subscription.objects.active().values_list("pk", flat=True))
        moved = row.moved_to
        while moved is not None and moved.moved_to is not None:
            moved = moved.moved_to
        press(row)
        press(row)
        left = reading - set(Subscription.objects.active().values_list("pk", flat=True))
        assert left == ({row.pk} if row.pk in reading else {moved.pk} & reading if moved else set())
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_what_was_begun_anew_before_an_upgrade_leads_nowhere_after_it() -> None:
    at = now() - 3 * DAY
    reads, left, moved = come_back(at, "mia"), come_back(at, "tom"), united(at, "pia")
    press(left[0])
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("subscriptions")

    MigrationExecutor(connection).migrate([("subscriptions", "0023_keep_which_words_were_seen")])
    for former, kept in (reads, left):
        Subscription.objects.filter(pk=former.pk).update(moved_to=kept)
    MigrationExecutor(connection).migrate(latest)

    leads_to = [Subscription.objects.get(pk=former.pk).moved_to_id for former, _kept in (reads, left, moved)]
    assert leads_to == [None, None, moved[1].pk]
