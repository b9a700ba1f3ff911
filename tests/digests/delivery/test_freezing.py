"""The ledger: whole, dense and the same, however often its making was interrupted."""

import datetime as dt
import threading
from dataclasses import replace

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from digests.delivery import control, freezing, ledger, steps, sweeping
from digests.delivery.errors import FreezeMismatch, UnknownRendition
from digests.delivery.models import Batch, Delivery, Mailing
from digests.delivery.states import DeliveryState, MailingState
from newsroom.mail.errors import UnknownProvider
from newsroom.mail.models import Incident
from subscriptions.models import Subscription
from subscriptions.states import Cadence, SubscriptionState
from tests.digests.delivery.asserts import assert_account_holds
from tests.digests.delivery.factories import LATE_LIMIT, make_mailing, make_readers, make_rendition
from tests.digests.delivery.scripted import Gone, ScriptedProvider
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def readers_of(mailing: Mailing) -> list[int]:
    rows = ledger.of_mailing(mailing.pk).order_by("pk")
    return list(rows.values_list("subscription_id", flat=True))


def expected_of(mailing: Mailing) -> list[int]:
    rows = Subscription.objects.active().filter(newsletter=mailing.newsletter_id).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def test_ledger_has_every_wanted_reader_once_in_order_and_nobody_else(provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=30)
    one, two, three = Subscription.objects.order_by("pk")[:3]
    Subscription.objects.filter(pk=one.pk).update(state=SubscriptionState.UNSUBSCRIBED)
    Subscription.objects.filter(pk=two.pk).update(cadence=Cadence.WEEKLY)
    Subscription.objects.filter(pk=three.pk).update(paused_until=NOON + dt.timedelta(days=1))
    make_mailing(readers=5)

    frozen = freezing.freeze(mailing.pk, at=NOON, page_rows=7)

    assert (frozen.state, frozen.frozen) == (MailingState.READY, 27)
    assert not {one.pk, two.pk, three.pk} & set(readers_of(mailing))
    assert len(set(readers_of(mailing))) == 27
    assert [row.seq for row in ledger.of_mailing(mailing.pk).order_by("pk")] == list(range(27))
    assert_account_holds(mailing)


def test_batches_are_a_small_first_one_and_then_what_the_provider_takes(provider: ScriptedProvider) -> None:
    mailing = freezing.freeze(make_mailing(readers=260).pk, at=NOON)

    ranges = Batch.objects.filter(mailing=mailing).order_by("pk").values_list("lo", "hi", "size")

    assert list(ranges) == [(0, 50, 50), (50, 150, 100), (150, 250, 100), (250, 260, 10)]


@pytest.mark.parametrize("step", [steps.FROZE_PAGE, steps.PAGE_COMMITTED, steps.CUT, steps.FROZEN])
@pytest.mark.parametrize("time", [1, 2, 4])
def test_freeze_interrupted_anywhere_ends_as_if_it_never_was(
    step: str, time: int, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = make_mailing(readers=23)
    seen = 0

    def die(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == time:
            raise Gone

    with monkeypatch.context() as patched:
        patched.setattr(steps, "reached", die)
        try:
            freezing.freeze(mailing.pk, at=NOON, page_rows=5)
        except Gone:
            assert seen == time
    freezing.freeze(mailing.pk, at=NOON, page_rows=5)

    assert readers_of(mailing) == expected_of(mailing)
    assert list(Batch.objects.values_list("lo", "hi")) == [(0, 23)]
    assert_account_holds(mailing)


def test_freezing_twice_changes_nothing(provider: ScriptedProvider) -> None:
    mailing = freezing.freeze(make_mailing(readers=12).pk, at=NOON)

    freezing.freeze(mailing.pk, at=NOON)

    assert Batch.objects.count() == 1
    assert_account_holds(mailing)


def test_empty_audience_is_frozen_started_and_finished(provider: ScriptedProvider) -> None:
    mailing = control.start(freezing.freeze(make_mailing(readers=0).pk, at=NOON), at=NOON)

    sweeping.sweep(at=NOON)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.frozen) == (MailingState.FINISHED, 0)


def test_sweep_takes_up_a_freeze_that_was_left_behind(provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=12)

    sweeping.sweep(at=NOON + dt.timedelta(seconds=30))
    mailing.refresh_from_db()
    assert mailing.state == MailingState.FREEZING

    sweeping.sweep(at=NOON + dt.timedelta(seconds=61))
    mailing.refresh_from_db()
    assert (mailing.state, mailing.frozen) == (MailingState.READY, 12)


def test_freeze_that_comes_too_late_waits_for_a_person(provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=12)

    freezing.freeze(mailing.pk, at=NOON + dt.timedelta(seconds=LATE_LIMIT + 1))

    mailing.refresh_from_db()
    assert (mailing.state, mailing.frozen) == (MailingState.PAUSED, 0)
    assert Incident.objects.filter(key=f"delivery.late.{mailing.pk}").exists()


def test_ledger_that_lost_a_row_is_never_cut_into_batches(provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=12)
    freezing._page(mailing.pk, at=NOON, rows=20)
    Delivery.objects.filter(pk=ledger.first_id(mailing.pk) + 4).delete()

    with pytest.raises(FreezeMismatch):
        freezing.freeze(mailing.pk, at=NOON)

    sweeping.sweep(at=NOON + dt.timedelta(seconds=61))
    assert Incident.objects.filter(key=f"delivery.mailing.{mailing.pk}").exists()
    assert not Batch.objects.exists()


def test_mailing_needs_a_first_variant_and_a_known_provider(provider: ScriptedProvider) -> None:
    with pytest.raises(UnknownRendition):
        make_mailing(renditions={1: make_rendition()})
    with pytest.raises(UnknownProvider):
        make_mailing(provider="nobody")
    assert not Mailing.objects.exists()


def test_same_content_is_kept_once() -> None:
    assert make_rendition() == make_rendition()
    assert make_rendition() != make_rendition(preheader="Anders")
    assert make_rendition(subject="ab", preheader="c") != make_rendition(subject="a", preheader="bc")


def test_large_mail_makes_smaller_batches(provider: ScriptedProvider) -> None:
    large = make_rendition(html="<p>" + "x" * 500_000 + "</p>")

    mailing = freezing.freeze(make_mailing(readers=100, renditions={0: large}).pk, at=NOON)

    assert max(Batch.objects.filter(mailing=mailing).values_list("size", flat=True)) == 19


@pytest.mark.parametrize(("max_bytes", "size"), [(10_000_000, 100), (6_100_000, 49), (6_000_000, 1)])
def test_body_that_travels_once_counts_once_and_still_keeps_to_the_bytes(
    max_bytes: int, size: int, provider: ScriptedProvider
) -> None:
    """A hundred copies beside a body reckoned at 12 × 500,022 bytes and more."""
    provider.capabilities = replace(provider.capabilities, max_bytes=max_bytes, shared_body_factor=12)
    large = make_rendition(html="<p>" + "x" * 500_000 + "</p>")

    mailing = freezing.freeze(make_mailing(readers=160, renditions={0: large}).pk, at=NOON)

    assert max(Batch.objects.filter(mailing=mailing).values_list("size", flat=True)) == size


@pytest.mark.parametrize("pages", [2, 6])
def test_freeze_costs_three_queries_a_page(pages: int, provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=pages * 10 + 1)

    with CaptureQueriesContext(connection) as queries:
        while freezing._page(mailing.pk, at=NOON, rows=10):
            pass

    own = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    # per page: lock the mailing, INSERT … SELECT, move the cursor
    assert len(own) == 3 * (pages + 1)


@pytest.mark.django_db(transaction=True)
def test_two_processes_freezing_at_once_make_one_ledger(provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=0)
    make_readers(mailing.newsletter, 200)
    errors: list[BaseException] = []
    together = threading.Barrier(3)

    def freeze() -> None:
        try:
            together.wait(timeout=10)
            freezing.freeze(mailing.pk, at=NOON, page_rows=9)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=freeze) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    assert readers_of(mailing) == expected_of(mailing)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.WAITING}
    assert_account_holds(mailing)
