"""The account is recounted from the rows, and a row that was tampered with is named."""

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digests.delivery import completion, ledger, pump, sweeping
from digests.delivery.auditing import audit
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.delivery.states import AttemptState, BatchState, DeliveryState, MailingState
from newsroom.mail.models import Incident
from tests.digests.delivery import scripted
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def finished(provider: ScriptedProvider, clock: Clock) -> Mailing:
    """A mailing with a rejected reader, found by halving."""
    provider.always = scripted.refuse_these(60)
    mailing = make_sending(readers=160)
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert mailing.state == MailingState.FINISHED
    return mailing


def run(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("audit_delivery", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), error.returncode
    return out.getvalue(), 0


def row(mailing: Mailing, number: int) -> Delivery:
    return Delivery.objects.get(pk=ledger.first_id(mailing.pk) + number)


def change_state(mailing: Mailing) -> str:
    Delivery.objects.filter(pk=row(mailing, 77).pk).update(state=DeliveryState.REJECTED)
    return f"deliveries {row(mailing, 77).pk}"


def swap_two(mailing: Mailing) -> str:
    """Totals still agree; the batches' own counts do not."""
    Delivery.objects.filter(pk=row(mailing, 3).pk).update(state=DeliveryState.REJECTED)
    Delivery.objects.filter(pk=row(mailing, 60).pk).update(state=DeliveryState.ACCEPTED)
    return f"deliveries {row(mailing, 3).pk}"


def forget_a_copy(mailing: Mailing) -> str:
    Delivery.objects.filter(pk=row(mailing, 5).pk).update(state=DeliveryState.WAITING)
    return f"its copies wait (deliveries {row(mailing, 5).pk})"


def delete_a_row(mailing: Mailing) -> str:
    pk = row(mailing, 100).pk
    Delivery.objects.filter(pk=pk).delete()
    return f"Delivery {pk + 1}: number 100 was expected"


def one_reader_twice(mailing: Mailing) -> str:
    first = row(mailing, 8)
    Delivery.objects.filter(pk=first.pk + 1).update(subscription=first.subscription_id)
    return f"Delivery {first.pk + 1}: subscription {first.subscription_id}"


def invent_a_state(mailing: Mailing) -> str:
    Delivery.objects.filter(pk=row(mailing, 8).pk).update(state="lost")
    return "1 rows in state 'lost'"


def overlap(mailing: Mailing) -> str:
    whole = Batch.objects.filter(mailing=mailing).order_by("pk")[0]
    ledger.new_batch(range(10, 20), mailing_id=mailing.pk, provider="main", not_before=NOON).save()
    return f"Number 10 is covered by batch {whole.pk}"


def uncover(mailing: Mailing) -> str:
    Attempt.objects.filter(batch__lo=0).delete()
    Batch.objects.filter(mailing=mailing, lo=0).delete()
    return "number 0 is covered by no batch"


def reach_too_far(mailing: Mailing) -> str:
    last = Batch.objects.filter(mailing=mailing).order_by("-hi")[0]
    Batch.objects.filter(pk=last.pk).update(hi=last.hi + 1)
    return "the ledger ends before"


def change_totals(mailing: Mailing) -> str:
    Mailing.objects.filter(pk=mailing.pk).update(accepted=160)
    return "says 160 accepted, the ledger 159"


def leave_a_call_open(mailing: Mailing) -> str:
    attempt = Attempt.objects.filter(state=AttemptState.DONE)[0]
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.CALLING)
    return f"Attempt {attempt.pk} is open"


@pytest.mark.parametrize(
    "tamper",
    [
        change_state,
        swap_two,
        forget_a_copy,
        delete_a_row,
        one_reader_twice,
        invent_a_state,
        overlap,
        uncover,
        reach_too_far,
        change_totals,
        leave_a_call_open,
    ],
)
def test_audit_names_what_was_tampered_with(tamper: Callable[[Mailing], str], finished: Mailing) -> None:
    assert run(str(finished.pk)) == (
        f"Mailing {finished.pk} (finished): 159 accepted + 1 rejected = 160 frozen: holds\n",
        0,
    )

    named = tamper(finished)

    out, status = run(str(finished.pk))
    assert status == 1
    assert named in out


def test_audit_of_all_prints_one_object_per_mailing(finished: Mailing, provider: ScriptedProvider) -> None:
    waiting = make_sending(readers=3)
    change_totals(finished)

    out, status = run("--all", "--json")

    first, second = (json.loads(line) for line in out.splitlines())
    assert status == 1
    assert (first["mailing"], first["holds"], first["accepted"]) == (finished.pk, False, 159)
    assert (second["mailing"], second["holds"], second["waiting"]) == (waiting.pk, True, 3)
    assert run("--all", "--json")[1] == 1
    assert run("999") == ("", 1)


def test_audit_reads_the_ledger_once_whatever_its_size(finished: Mailing) -> None:
    with CaptureQueriesContext(connection) as queries:
        audit(finished)

    # mailing, batches, ledger, open calls
    assert len([q for q in queries if "SAVEPOINT" not in q["sql"]]) == 4


def test_mailing_whose_account_does_not_add_up_is_not_finished_and_staff_hear_of_it(
    provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    pump.run(seconds=30, at_clock=clock)
    Batch.objects.update(accepted=9)

    assert not completion.complete(mailing, at=clock())

    mailing.refresh_from_db()
    incident = Incident.objects.get(key=f"delivery.arithmetic.{mailing.pk}")
    assert mailing.state == MailingState.SENDING
    assert "says 9 accepted, the ledger 10" in incident.text

    Batch.objects.update(accepted=10)
    sweeping.sweep(at=clock())
    incident.refresh_from_db()
    mailing.refresh_from_db()
    assert (mailing.state, incident.resolved_at) == (MailingState.FINISHED, clock())


@pytest.mark.parametrize(
    "state", [BatchState.READY, BatchState.LEASED, BatchState.CALLING, BatchState.UNKNOWN]
)
def test_mailing_with_an_open_batch_is_not_finished(
    state: BatchState, provider: ScriptedProvider, clock: Clock
) -> None:
    mailing = make_sending(readers=10)
    Batch.objects.update(state=state)

    assert not completion.complete(mailing, at=clock())

    mailing.refresh_from_db()
    assert mailing.state == MailingState.SENDING
