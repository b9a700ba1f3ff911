"""Old copies are forgotten on their day: who got which mail goes, that every copy is accounted for stays."""

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from digests.delivery import control, forgetting, freezing, held, ledger, pump, recipients, sweeping, tasks
from digests.delivery.auditing import audit
from digests.delivery.errors import NotHeld
from digests.delivery.figures import came_back, of_mailing
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.delivery.states import BatchState, DeliveryState, MailingState
from newsroom.mail.models import Incident, ProviderEvent
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from subscriptions.models import Newsletter, Sender, Subscription
from subscriptions.states import SubscriptionState
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds
from tests.digests.delivery.factories import Clock, make_mailing, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON
from tests.subscriptions.factories import fresh_client, path_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DAY = dt.timedelta(days=1)
A_YEAR_LATER = NOON.replace(year=2027)


def finished(clock: Clock, *, readers: int = 3, **values: Any) -> Mailing:
    """A mailing that went out at this moment, and was delivered to its first reader."""
    mailing = make_sending(readers=readers, at=clock(), **values)
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert mailing.state == MailingState.FINISHED
    report(mailing, 0, "delivered")
    return mailing


def report(mailing: Mailing, number: int, kind: str) -> ProviderEvent:
    copy = ledger.first_id(mailing.pk) + number
    return ProviderEvent.objects.create(
        provider="main",
        event_id=f"{kind} {copy}",
        kind=kind,
        token=tokens.make(TokenKind.DELIVERY, copy),
        occurred_at=NOON,
        received_at=NOON,
        applied_at=NOON,
    )


def rows_of(mailing: Mailing) -> tuple[int, int, int, int]:
    copies = ledger.of_mailing(mailing.pk).count()
    calls = Attempt.objects.filter(batch__mailing=mailing).count()
    names = tokens.make_all(
        TokenKind.DELIVERY, range(ledger.first_id(mailing.pk), ledger.first_id(mailing.pk) + mailing.frozen)
    )
    events = ProviderEvent.objects.filter(token__in=names).count()
    return copies, calls, Batch.objects.filter(mailing=mailing).count(), events


def arithmetic(admin_client: Client, mailing: Mailing) -> str:
    response = admin_client.get(f"/admin/delivery/mailing/{mailing.pk}/arithmetic/", headers=ENGLISH)
    return response.content.decode()


ENGLISH = {"accept-language": "en"}


@pytest.mark.parametrize("readers", [3, 130])
def test_a_day_before_all_is_there_and_on_the_day_it_is_gone(
    readers: int, provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = finished(clock, readers=readers)
    before = rows_of(mailing)

    assert forgetting.forget_old(at=A_YEAR_LATER - DAY) == 0
    assert rows_of(mailing) == before
    assert before[0] == readers
    assert forgetting.forget_old(at=A_YEAR_LATER) == readers

    assert rows_of(mailing) == (0, 0, 0, 0)
    assert Subscription.objects.filter(newsletter=mailing.newsletter).count() == readers
    assert forgetting.forget_old(at=A_YEAR_LATER) == 0


def test_the_account_is_the_same_before_and_after(
    provider: ScriptedProvider, clock: Clock, admin_client: Client
) -> None:
    provider.always = scripted.refuse_these(1)
    mailing = make_sending(readers=4)
    Subscription.objects.filter(pk=mailing.deliveries.earliest("pk").subscription_id).update(
        state=SubscriptionState.UNSUBSCRIBED
    )
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())
    report(mailing, 2, "bounced")
    mailing.refresh_from_db()
    before, returned = of_mailing(mailing), came_back([mailing])
    assert before.skip_reasons == [("unsubscribed", 1)]

    forgetting.forget_old(at=A_YEAR_LATER)

    mailing.refresh_from_db()
    after = of_mailing(mailing)
    assert after == before
    assert sum(after.terms.values()) + after.waiting == after.frozen == 4
    assert after.terms[DeliveryState.REJECTED] == 1
    assert came_back([mailing]) == {(mailing.pk, "bounced"): 1, (mailing.pk, "complained"): 0}
    assert returned == {(mailing.pk, "bounced"): 1}
    assert_account_holds(mailing)
    shown = arithmetic(admin_client, mailing)
    assert "Every copy accounted for" in shown
    assert "forgotten on 4. May 2027" in shown


def test_the_audit_says_when_copies_were_forgotten_and_names_totals_that_do_not_add_up(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = finished(clock)
    forgetting.forget_old(at=A_YEAR_LATER)
    out = StringIO()

    call_command("audit_delivery", str(mailing.pk), stdout=out)
    call_command("audit_delivery", str(mailing.pk), "--json", stdout=out)

    text, line = out.getvalue().splitlines()
    assert "3 accepted = 3 frozen: holds (totals; its copies were forgotten on 2027-05-04)" in text
    assert json.loads(line)["copies_forgotten_at"] == A_YEAR_LATER.isoformat()
    Mailing.objects.filter(pk=mailing.pk).update(accepted=2)
    assert audit(mailing).problems == [f"Mailing {mailing.pk} froze 3 readers, its totals say 2."]
    Mailing.objects.filter(pk=mailing.pk).update(accepted=3)
    Delivery.objects.create(pk=ledger.first_id(mailing.pk), mailing=mailing, subscription_id=1)
    assert audit(mailing).problems == [
        f"Mailing {mailing.pk} says its copies are forgotten, the ledger has some."
    ]


@pytest.mark.parametrize("size", [3, 130])
def test_queries_grow_with_slices_and_not_with_copies(
    size: int, provider: ScriptedProvider, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finished(clock, readers=size)

    # senders; what is old of theirs; what is being counted | audit: savepoint, mailing, batches, ledger, open calls,
    # release | what came back; batches; calls; savepoint, held batches, account, release | first copy; savepoint,
    # events, copies, release | calls: which, savepoint, gone, release | batches: which, savepoint, rows, children,
    # calls, gone, release | the day
    with django_assert_num_queries(33):
        forgetting.forget_old(at=A_YEAR_LATER)
    with django_assert_num_queries(2):  # senders; what is old of theirs
        forgetting.forget_old(at=A_YEAR_LATER)


def test_killed_between_two_slices_the_next_run_goes_on_and_the_account_holds_meanwhile(
    provider: ScriptedProvider, clock: Clock, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = finished(clock, readers=7)
    delete, calls = forgetting._forget_range, []

    def killed(low: int, behind: int) -> int:
        calls.append(low)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return delete(low, behind)

    monkeypatch.setattr(forgetting, "_forget_range", killed)
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget_old(at=A_YEAR_LATER, rows=3)
    assert ledger.of_mailing(mailing.pk).count() == 4
    assert_account_holds(mailing)
    assert "being forgotten now" in arithmetic(admin_client, mailing)

    assert forgetting.forget_old(at=A_YEAR_LATER + DAY, rows=3) == 4

    assert rows_of(mailing) == (0, 0, 0, 0)
    mailing.refresh_from_db()
    assert mailing.copies_forgotten_at == A_YEAR_LATER + DAY
    assert_account_holds(mailing)


def test_without_time_it_leaves_the_rest_to_the_next_run(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = finished(clock)

    assert forgetting.forget_old(at=A_YEAR_LATER, seconds=0) == 0
    assert rows_of(mailing)[0] == 3


def test_another_mailing_another_senders_and_a_sender_without_months_are_left_alone(
    provider: ScriptedProvider, clock: Clock
) -> None:
    old = finished(clock)
    Sender.objects.filter(newsletter=old.newsletter).update(deliveries_kept_months=3)
    for_ever = finished(clock)
    Sender.objects.filter(newsletter=for_ever.newsletter).update(deliveries_kept_months=None)
    longer = finished(clock)
    clock.pass_by(days=30)
    young = finished(clock, newsletter=old.newsletter, readers=0)
    kept = [rows_of(each) for each in (for_ever, longer, young)]

    forgetting.forget_old(at=NOON.replace(month=8))

    assert rows_of(old) == (0, 0, 0, 0)
    assert [rows_of(each) for each in (for_ever, longer, young)] == kept
    forgetting.forget_old(at=NOON.replace(year=2126))
    assert rows_of(for_ever) == kept[0]


def with_held(provider: ScriptedProvider, clock: Clock) -> Mailing:
    """Seventy copies of which the last twenty are held."""
    provider.script.extend([scripted.accept, scripted.no_answer])
    mailing = make_sending(readers=70)
    pump.run(seconds=30, at_clock=clock)
    clock.pass_by(seconds=settings.DELIVERY_UNKNOWN_SECONDS + 1)
    for _look in range(2):
        sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert (mailing.state, mailing.held) == (MailingState.FINISHED_WITH_HELD, 20)
    return mailing


def test_held_copies_keep_their_mailing_until_somebody_decided(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing, editor = with_held(provider, clock), User.objects.create_user("anna")
    later = A_YEAR_LATER + DAY

    assert forgetting.forget_old(at=later) == 0
    assert rows_of(mailing)[0] == 70
    held.leave(Batch.objects.get(state=BatchState.HELD), by=editor, because="too old", at=later)
    assert forgetting.forget_old(at=later) == 70

    mailing.refresh_from_db()
    figures = of_mailing(mailing)
    assert (figures.terms[DeliveryState.HELD], figures.held_batches) == (20, 0)
    assert_account_holds(mailing)


def test_nothing_is_decided_about_copies_that_are_being_forgotten(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing, editor = with_held(provider, clock), User.objects.create_user("anna")
    batch = Batch.objects.get(state=BatchState.HELD)
    held.leave(batch, by=editor, because="too old", at=clock())

    assert forgetting.close(mailing, at=A_YEAR_LATER)

    with pytest.raises(NotHeld):
        held.send_again(batch, by=editor, because="a new try", at=A_YEAR_LATER)
    mailing.refresh_from_db()
    assert mailing.state == MailingState.FINISHED_WITH_HELD


@pytest.mark.parametrize("act", [control.pause, None])
def test_a_mailing_that_is_not_over_is_kept(act: Any, provider: ScriptedProvider, clock: Clock) -> None:
    mailing = make_sending(readers=3)
    if act is not None:
        act(mailing, because="wait", at=clock())

    assert forgetting.forget_old(at=A_YEAR_LATER + 100 * DAY) == 0
    assert ledger.of_mailing(mailing.pk).count() == 3


def test_an_ended_mailing_is_forgotten_too(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = control.end(make_sending(readers=3), at=clock())
    sweeping.sweep(at=clock())

    assert forgetting.forget_old(at=A_YEAR_LATER) == 3

    mailing.refresh_from_db()
    assert (mailing.state, mailing.cancelled) == (MailingState.ENDED, 3)
    assert_account_holds(mailing)


def test_an_account_that_does_not_add_up_is_kept_and_told(provider: ScriptedProvider, clock: Clock) -> None:
    broken, whole = finished(clock), finished(clock)
    Delivery.objects.filter(pk=ledger.first_id(broken.pk)).update(state=DeliveryState.REJECTED)

    assert forgetting.forget_old(at=A_YEAR_LATER) == 3

    assert (rows_of(broken)[0], rows_of(whole)[0]) == (3, 0)
    assert Incident.objects.open().get().key == f"delivery.arithmetic.{broken.pk}"


def test_links_in_old_mails_work_after_the_copies_are_forgotten(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = finished(clock)
    row = Subscription.objects.filter(newsletter=mailing.newsletter).earliest("pk")
    forgetting.forget_old(at=A_YEAR_LATER)

    path = path_of(tokens.leave_url(row.pk))
    assert fresh_client(enforce_csrf_checks=True).get(path).status_code == 200
    response = fresh_client(enforce_csrf_checks=True).post(path, {"List-Unsubscribe": "One-Click"})

    assert response.status_code == 200
    row.refresh_from_db()
    assert row.state == SubscriptionState.UNSUBSCRIBED


def test_months_are_the_calendar_s() -> None:
    at = dt.datetime(2027, 3, 31, 12, tzinfo=dt.UTC)

    assert [forgetting.months_before(at, months).date().isoformat() for months in (0, 1, 3, 12, 37)] == [
        "2027-03-31", "2027-02-28", "2026-12-31", "2026-03-31", "2024-02-29",
    ]  # fmt: skip


def test_the_hourly_task_forgets(provider: ScriptedProvider, clock: Clock) -> None:
    mailing = finished(clock)
    Mailing.objects.filter(pk=mailing.pk).update(finished_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))

    assert tasks.forget_old() == 3
    assert Newsletter.objects.filter(mailings=mailing).exists()


def test_a_mailing_is_kept_while_a_correction_counts_who_had_it(
    provider: ScriptedProvider, clock: Clock
) -> None:
    main = finished(clock)
    correction = make_mailing(newsletter=main.newsletter, audience=recipients.of_those_who_had(main))

    assert forgetting.forget_old(at=A_YEAR_LATER) == 0
    freezing.freeze(correction.pk, at=clock())
    assert forgetting.forget_old(at=A_YEAR_LATER) == 3

    assert ledger.of_mailing(correction.pk).count() == 3
