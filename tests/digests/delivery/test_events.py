"""What providers report: proof for copies nobody was sure of, and whom not to mail again."""

import datetime as dt
import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from digests.delivery import claiming, control, events, ledger, pump, sweeping
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.delivery.states import AttemptState, BatchState, DeliveryState, MailingState
from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter, ProviderEvent
from newsroom.mail.providers.base import HandOver
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import Copy
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from subscriptions.models import Subscription, Suppression
from subscriptions.states import SubscriptionState, SuppressionReason
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = pytest.mark.django_db

_ids = itertools.count(1)


def report(kind: str, *, delivery: int | None = None, token: str = "", **values: object) -> ProviderEvent:
    if delivery is not None:
        token = tokens.make(TokenKind.DELIVERY, delivery)
    parts: dict[str, Any] = {
        "provider": "main",
        "event_id": f"event-{next(_ids)}",
        "kind": kind,
        "token": token,
        "occurred_at": NOON,
        "received_at": NOON,
    }
    return ProviderEvent.objects.create(**parts | values)


def ids_of(mailing: Mailing) -> list[int]:
    return list(ledger.of_mailing(mailing.pk).order_by("pk").values_list("pk", flat=True))


@pytest.fixture
def unknown(provider: ScriptedProvider, clock: Clock) -> Mailing:
    """Ten copies that were taken, though nobody heard."""
    provider.script.append(scripted.accept_without_answer)
    mailing = make_sending(readers=10)
    pump.run(seconds=30, at_clock=clock)
    return mailing


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["delivered", "bounced", "deferred", "opened", "complained"])
def test_events_prove_unknown_copies_accepted_and_close_batch_and_attempt(
    kind: str, unknown: Mailing, provider: ScriptedProvider, clock: Clock
) -> None:
    ids = ids_of(unknown)
    for pk in ids[:9]:
        report(kind, delivery=pk)
    events.apply(at=clock())
    assert states(unknown) == {"accepted": 9, "waiting": 1}
    assert Batch.objects.get().state == BatchState.UNKNOWN

    report(kind, delivery=ids[9])
    events.apply(at=clock())
    sweeping.sweep(at=clock())

    unknown.refresh_from_db()
    assert (unknown.state, unknown.accepted) == (MailingState.FINISHED, 10)
    assert Attempt.objects.get().state == AttemptState.DONE
    assert Attempt.objects.get().verdict_by == "event"
    assert_account_holds(unknown)
    assert_no_lie(unknown, provider)


@pytest.mark.parametrize("kind", ["rejected", "failed", "unknown"])
def test_events_that_prove_nothing_leave_the_copies_unknown(
    kind: str, unknown: Mailing, clock: Clock
) -> None:
    event = report(kind, delivery=ids_of(unknown)[0])

    events.apply(at=clock())

    event.refresh_from_db()
    assert states(unknown) == {"waiting": 10}
    assert (event.applied_at, event.outcome) == (clock(), "noted")


def test_proof_that_comes_days_late_lifts_held_copies_and_corrects_the_totals(
    unknown: Mailing, clock: Clock
) -> None:
    clock.pass_by(seconds=settings.DELIVERY_UNKNOWN_SECONDS + 1)
    sweeping.sweep(at=clock())
    sweeping.sweep(at=clock())
    unknown.refresh_from_db()
    assert unknown.held == 10

    clock.pass_by(days=3)
    for pk in ids_of(unknown)[:4]:
        report("delivered", delivery=pk)
    events.apply(at=clock())

    unknown.refresh_from_db()
    assert (unknown.state, unknown.accepted, unknown.held) == (MailingState.FINISHED_WITH_HELD, 4, 6)
    assert_account_holds(unknown)
    for pk in ids_of(unknown):
        report("delivered", delivery=pk)
    events.apply(at=clock())
    unknown.refresh_from_db()
    assert (unknown.state, unknown.accepted, unknown.held) == (MailingState.FINISHED, 10, 0)
    assert_account_holds(unknown)


@pytest.mark.postgres
def test_event_that_outruns_the_answer_is_counted_once(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = make_sending(readers=10)

    def report_first(itself: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        for pk in ids_of(mailing)[:3]:
            report("delivered", delivery=pk)
        events.apply(at=clock())
        return scripted.accept(itself, copies)

    provider.script.append(report_first)
    pump.run(seconds=30, at_clock=clock)

    batch = Batch.objects.get()
    assert (batch.accepted, batch.state) == (10, BatchState.DONE)
    assert_account_holds(mailing)


def test_copy_proved_in_the_meantime_is_not_tried_again(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = make_sending(readers=10)

    def prove_one(itself: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        itself.take(copies[:1])
        report("delivered", delivery=ids_of(mailing)[0])
        events.apply(at=clock())
        return scripted.no_connection(itself, copies)

    provider.script.append(prove_one)
    pump.run(seconds=30, at_clock=clock)
    clock.pass_by(minutes=1)
    pump.run(seconds=30, at_clock=clock)

    assert states(mailing) == {"accepted": 10}
    assert_account_holds(mailing)
    assert_no_lie(mailing, provider)


def test_copy_proved_in_the_meantime_is_not_passed_on_with_the_others(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)

    def prove_one(itself: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        itself.take([copy for copy in copies if copy.seq == 7])
        report("delivered", delivery=ids_of(mailing)[7])
        events.apply(at=clock())
        return scripted.by_number({7: Verdict.NOT_SENT, 8: Verdict.NOT_SENT})(itself, copies)

    provider.script.append(prove_one)
    pump.run(seconds=30, at_clock=clock)

    first, rest = Batch.objects.order_by("pk")
    assert (first.accepted, first.size, rest.lo, rest.size) == (9, 9, 8, 1)
    assert_account_holds(mailing)


def test_proof_from_before_a_restore_keeps_a_ready_copy_from_going_twice(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    report("delivered", delivery=ids_of(mailing)[4])

    events.apply(at=clock())
    pump.run(seconds=30, at_clock=clock)

    assert provider.taken[ids_of(mailing)[4]] == 0
    assert states(mailing) == {"accepted": 10}
    assert_account_holds(mailing)


@pytest.mark.parametrize(
    ("kind", "reject_reason", "payload", "expected"),
    [
        ("bounced", "bounced", {}, SuppressionReason.HARD_BOUNCE),
        ("bounced", "invalid", {}, SuppressionReason.HARD_BOUNCE),
        ("bounced", "bounced", {"Type": "SoftBounce"}, None),
        ("bounced", "bounced", {"bounce": {"bounceType": "Transient"}}, None),
        ("bounced", "", {"event": "bounce", "type": "bounce"}, SuppressionReason.HARD_BOUNCE),
        ("bounced", "", {}, None),
        ("bounced", "blocked", {}, None),
        ("bounced", "spam", {}, None),
        ("bounced", "timed_out", {}, None),
        ("bounced", "other", {}, None),
        ("deferred", "bounced", {}, None),
        ("rejected", "blocked", {}, None),
        ("complained", "spam", {}, SuppressionReason.COMPLAINT),
        ("unsubscribed", "", {}, SuppressionReason.UNSUBSCRIBED),
        ("delivered", "", {}, None),
    ],
)
def test_only_gone_mailboxes_complaints_and_unsubscriptions_stop_mail(
    kind: str,
    reject_reason: str,
    payload: dict[str, object],
    expected: SuppressionReason | None,
    provider: ScriptedProvider,
    clock: Clock,
) -> None:
    mailing = make_sending(readers=3)
    pump.run(seconds=30, at_clock=clock)
    delivery = Delivery.objects.select_related("subscription__subscriber").get(pk=ids_of(mailing)[1])

    report(kind, delivery=delivery.pk, reject_reason=reject_reason, payload=payload)
    events.apply(at=clock())

    found = Suppression.objects.first()
    subscription = Subscription.objects.get(pk=delivery.subscription_id)
    assert (found.reason if found else None) == expected
    if found is None:
        assert subscription.state == SubscriptionState.ACTIVE
    else:
        assert subscription.state == SubscriptionState.UNSUBSCRIBED
        assert found.address_hash == delivery.subscription.subscriber.address_hash
        is_for_all = kind != "unsubscribed"
        assert (found.newsletter_id is None) == is_for_all
    assert Subscription.objects.active().count() == 3 - (expected is not None)


@pytest.mark.postgres
@pytest.mark.parametrize("readers", [10, 60])
def test_reports_cost_the_same_queries_however_many_there_are(
    readers: int, provider: ScriptedProvider, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mailing = make_sending(readers=readers)
    pump.run(seconds=30, at_clock=clock)
    for number, pk in enumerate(ids_of(mailing)):
        kind = "bounced" if number % 5 == 0 else "delivered"
        report(kind, delivery=pk, reject_reason="bounced" if kind == "bounced" else "")

    # savepoint and its release; the events, their copies; of those that may stop mail the payloads, readers,
    # letters and newsletters; eight of `suppress_all`; two outcomes
    with django_assert_num_queries(17):
        assert events.apply(at=clock()) == readers

    assert Suppression.objects.count() == readers // 5
    assert_account_holds(mailing)


def test_bounces_that_pass_stop_mail_only_when_they_go_on_for_two_weeks(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=2)
    pump.run(seconds=30, at_clock=clock)
    [first, second] = ids_of(mailing)
    for day in range(15):
        on = NOON + dt.timedelta(days=day)
        report("bounced", delivery=first, reject_reason="timed_out", occurred_at=on)
        report("bounced", delivery=second, reject_reason="spam", occurred_at=on)
        events.apply(at=clock())
        assert Suppression.objects.count() == (day == 14)

    assert Suppression.objects.get().reason == SuppressionReason.SOFT_BOUNCES
    assert Subscription.objects.active().count() == 1


def test_bounced_letter_stops_mail_to_its_address(clock: Clock) -> None:
    digest = address_hash("mia@example.org")
    letter = Letter.objects.create(
        kind="confirmation",
        dedupe_key="a",
        language="de",
        address_hash=digest,
        not_before=NOON,
        created_at=NOON,
    )

    report("bounced", token=tokens.make(TokenKind.LETTER, letter.pk), reject_reason="invalid")
    events.apply(at=clock())

    assert Suppression.objects.get().address_hash == digest


def test_event_without_a_token_counts_for_its_address_and_a_foreign_token_for_nothing(clock: Clock) -> None:
    digest, other = address_hash("mia@example.org"), address_hash("ben@example.org")
    plain = report("complained", address_hash=digest)
    forged = report("complained", token="A" * 23, address_hash=other)
    short = report("complained", token="not-ours", address_hash=other)
    gone = report("complained", delivery=99 << 32, address_hash=digest)

    assert events.apply(at=clock()) == 4

    assert [row.address_hash for row in Suppression.objects.all()] == [digest]
    outcomes = {row.pk: row.outcome for row in ProviderEvent.objects.all()}
    assert outcomes[plain.pk] == outcomes[gone.pk] == "suppressed"
    assert outcomes[forged.pk] == outcomes[short.pk] == "foreign token"


@pytest.mark.postgres
def test_events_are_applied_once_and_in_parts(unknown: Mailing, clock: Clock) -> None:
    for pk in ids_of(unknown):
        report("delivered", delivery=pk)

    assert [events.apply(at=clock(), limit=4) for _ in range(4)] == [4, 4, 2, 0]
    assert states(unknown) == {"accepted": 10}


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_repeat_ends_the_same(seed: int, provider: ScriptedProvider, clock: Clock) -> None:
    provider.script.append(scripted.accept_without_answer)
    mailing = make_sending(readers=8)
    pump.run(seconds=30, at_clock=clock)
    ids = ids_of(mailing)
    reports: list[Callable[[], object]] = []
    for number, pk in enumerate(ids[:6]):
        for kind in ("delivered", "opened", "bounced" if number < 2 else "deferred"):
            reports.append(partial(report, kind, delivery=pk, reject_reason="bounced"))
    reports *= 2
    random.Random(seed).shuffle(reports)

    for make in reports:
        make()
        if random.Random(seed).random() < 0.5:
            events.apply(at=clock(), limit=3)
    events.apply(at=clock())

    batch = Batch.objects.get()
    assert (batch.accepted, batch.state) == (6, BatchState.UNKNOWN)
    assert states(mailing) == {"accepted": 6, "waiting": 2}
    assert Suppression.objects.count() == 2
    assert_account_holds(mailing)


def test_cancelled_copies_stay_cancelled(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = make_sending(readers=3)
    control.end(mailing, at=clock())
    report("delivered", delivery=ids_of(mailing)[0])

    events.apply(at=clock())

    assert states(mailing) == {"cancelled": 3}
    assert claiming.claim(at=clock() + dt.timedelta(days=1), owner="worker") is None
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.CANCELLED}
