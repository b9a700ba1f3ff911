"""Readers who report a mailing as spam: staff are warned, the rest waits for a person, and nobody gets it twice."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from digests.delivery import complaints, control, events, pump, sweeping, tasks
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import MailingState
from newsroom.environment import read_complaints
from newsroom.mail import incidents
from newsroom.mail.models import Incident, ProviderEvent
from newsroom.mail.states import Severity
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.digests.delivery.test_events import ids_of, report
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

SECOND = dt.timedelta(seconds=1)
MINUTE = 60 * SECOND


def complain(copies: Sequence[int], *, at: dt.datetime = NOON) -> None:
    """Their readers press "spam", and the provider tells us."""
    for copy in copies:
        report("complained", delivery=copy)
    events.apply(at=at)


def make_begun(*, accepted: int, at: dt.datetime = NOON) -> Mailing:
    """A mailing of which so many copies were accepted and more wait; its ledger holds fewer."""
    mailing = make_sending(readers=60, at=at)
    Batch.objects.filter(mailing=mailing, lo=0).update(accepted=accepted)
    return mailing


def keys() -> list[str]:
    return sorted(Incident.objects.values_list("key", flat=True))


@pytest.mark.postgres
def test_complaints_halt_the_rest_and_nobody_is_mailed_twice_when_it_goes_on(
    provider: ScriptedProvider, clock: Clock
) -> None:
    editor = User.objects.create_user("anna", "anna@example.org", is_staff=True)
    provider.script.extend([scripted.accept, scripted.throttle])  # the first copies, then a pause
    mailing = make_sending(readers=250)
    pump.run(seconds=30, at_clock=clock)
    complain(ids_of(mailing)[:3])

    complaints.watch(at=clock())
    clock.pass_by(minutes=1)
    pump.run(seconds=30, at_clock=clock)
    mailing.refresh_from_db()
    assert mailing.state == MailingState.PAUSED
    assert mailing.paused_because == "3 of 50 accepted copies were reported as spam (6.00 %)"
    assert states(mailing) == {"accepted": 50, "waiting": 200}
    incident = Incident.objects.open().get()
    assert incident.severity == Severity.ERROR
    assert incident.title == f"Mailing stopped, too many reports of spam: {mailing.title}"
    assert "3 of 50 accepted copies were reported as spam (6.00 %). From 0.3 %" in incident.text
    assert "“Continue” or “End for good”" in incident.text
    assert incident.facts["newsletter_id"] == mailing.newsletter_id
    assert incident.facts["page"] == ["admin:delivery_mailing_arithmetic", mailing.pk]

    control.resume(mailing, at=clock(), by=editor)
    complain(ids_of(mailing)[3:20])
    complaints.watch(at=clock())
    pump.run(seconds=30, at_clock=clock)
    sweeping.sweep(at=clock())
    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted) == (MailingState.FINISHED, 250)
    assert not Incident.objects.open().exists()
    assert keys() == [f"delivery.spam.{mailing.pk}"]
    assert_no_lie(mailing, provider)


@pytest.mark.parametrize(
    ("complained", "accepted", "stops", "warns"),
    [
        (3, 1_000, True, False),
        (3, 1_001, False, True),
        (3, 3_000, False, True),
        (3, 3_001, False, False),
        (2, 50, False, False),
        (3, 0, False, False),
    ],
)
def test_from_three_in_a_thousand_it_stops_from_one_on_it_warns_and_two_readers_do_neither(
    complained: int, accepted: int, stops: bool, warns: bool
) -> None:
    mailing = make_begun(accepted=accepted)
    complain(ids_of(mailing)[:complained])
    Batch.objects.filter(mailing=mailing, lo=0).update(accepted=accepted)  # a complaint proves its copy

    stopped = complaints.watch(at=NOON)

    mailing.refresh_from_db()
    assert (stopped, mailing.state == MailingState.PAUSED) == (stops, stops)
    assert keys() == [f"delivery.spam.{mailing.pk}"] * stops + [f"delivery.complaints.{mailing.pk}"] * warns


def test_staff_are_warned_once_for_each_mailing() -> None:
    mailing = make_begun(accepted=2_000)
    complain(ids_of(mailing)[:3])
    complaints.watch(at=NOON)
    warning = Incident.objects.get()
    incidents.resolve(warning.key, at=NOON)

    complain(ids_of(mailing)[3:5])
    complaints.watch(at=NOON)

    assert warning.severity == Severity.WARNING
    assert warning.title == f"Many reports of spam: {mailing.title}"
    assert "3 of 2,003 accepted copies were reported as spam (0.14 %)" in warning.text
    assert keys() == [warning.key]


@pytest.mark.parametrize("state", [MailingState.FINISHED, MailingState.ENDED, MailingState.PAUSED])
def test_what_does_not_go_out_any_more_is_warned_of_for_two_days(state: MailingState) -> None:
    mailing = make_begun(accepted=100)
    over = None if state == MailingState.PAUSED else NOON
    Mailing.objects.filter(pk=mailing.pk).update(state=state, finished_at=over, paused_because="mine")
    complain(ids_of(mailing)[:3])

    late = complaints.watch(at=NOON + complaints.WATCHED_FOR + MINUTE), keys()
    in_time = complaints.watch(at=NOON + complaints.WATCHED_FOR - MINUTE), keys()

    mailing.refresh_from_db()
    assert late == (0, [])
    assert in_time == (0, [f"delivery.complaints.{mailing.pk}"])
    assert (mailing.state, mailing.paused_because) == (state, "mine")


def test_made_up_tokens_and_the_same_reader_again_stop_nothing() -> None:
    mailing = make_begun(accepted=50)
    first = ids_of(mailing)[0]
    complain([first] * 5)
    true = ProviderEvent.objects.latest("pk").token
    for end in "ABCDEFG":
        report("complained", token=true[:-1] + end)
    events.apply(at=NOON)

    complaints.watch(at=NOON)

    assert keys() == []


def test_ending_a_mailing_that_stopped_is_the_end_of_its_incident() -> None:
    mailing = make_begun(accepted=100)
    complain(ids_of(mailing)[:3])
    complaints.watch(at=NOON)
    assert Incident.objects.open().exists()

    control.end(mailing, at=NOON)

    assert not Incident.objects.open().exists()


@pytest.mark.parametrize("size", [1, 4])
def test_the_look_costs_the_same_however_many_mailings_and_complaints(
    size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(size):
        mailing = make_begun(accepted=2_000)
        complain(ids_of(mailing)[: 3 * size])
    Batch.objects.filter(lo=0).update(accepted=100_000)

    with django_assert_num_queries(3):  # mailings, complaints, accepted copies
        complaints.watch(at=NOON)
    Batch.objects.filter(lo=0).update(accepted=1_000 * size + 500)
    complaints.watch(at=NOON)
    with django_assert_num_queries(4):  # and what was said
        complaints.watch(at=NOON)

    assert Incident.objects.count() == size


def test_a_sweep_that_comes_more_often_does_not_look_at_complaints() -> None:
    mailing = make_begun(accepted=100)
    complain(ids_of(mailing)[:3])

    with CaptureQueriesContext(connection) as queries:
        sweeping.sweep(at=NOON)

    assert not [each for each in queries if ProviderEvent._meta.db_table in each["sql"]]
    assert keys() == []
    tasks.watch_complaints()
    entries = [
        each for each in django_settings.CELERY_BEAT_SCHEDULE.values() if each["task"].endswith("complaints")
    ]
    assert [each["schedule"] for each in entries] == [60.0]


@pytest.mark.postgres(only=True)
def test_complaints_are_found_without_reading_all_that_providers_reported() -> None:
    mailing = make_begun(accepted=100)
    token = tokens.make(TokenKind.DELIVERY, ids_of(mailing)[0])
    ProviderEvent.objects.bulk_create(
        ProviderEvent(
            provider="main", event_id=str(number), kind="delivered" if number % 100 else "complained",
            token=token, occurred_at=NOON, received_at=NOON + number * SECOND, applied_at=NOON,
        )
        for number in range(20_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    with CaptureQueriesContext(connection) as queries:
        complaints.watch(at=NOON)
    (look,) = [each["sql"] for each in queries if ProviderEvent._meta.db_table in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + look)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "event_come_back" in plan
    assert "Seq Scan on mail_providerevent" not in plan


def test_the_environment_says_when(settings: Settings) -> None:
    assert read_complaints("stop=0.25,least=10") == {
        "warn": Decimal("0.1"),
        "stop": Decimal("0.25"),
        "least": Decimal(10),
    }
    for wrong in ("stop", "stop=0.05", "warn=0", "least=0", "least=2.5", "stop=101", "most=1", "stop=-1"):
        with pytest.raises(Exception, match="COMPLAINTS must look like"):
            read_complaints(wrong)
    settings.COMPLAINTS = read_complaints("warn=20,stop=50,least=5")
    mailing = make_begun(accepted=50)
    complain(ids_of(mailing)[:4])
    assert (complaints.watch(at=NOON), keys()) == (0, [])
