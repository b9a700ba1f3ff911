"""Signs of life: written by one query, seen by Celery's signals, and an alarm by whoever is left."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError
from pytest_django import DjangoAssertNumQueries

from newsroom.mail import heartbeats, liveness, tasks
from newsroom.mail.models import Heartbeat, Incident
from tests.factories import NOON

pytestmark = pytest.mark.django_db

TWO_PULSES = timedelta(seconds=90)


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier test wrote down counts for nothing."""
    monkeypatch.setattr(liveness, "_last", {})


@pytest.mark.postgres
def test_beat_is_one_query_and_the_second_overwrites_the_first(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    heartbeats.beat("queue:letters", at=NOON)

    with django_assert_num_queries(1):
        heartbeats.beat("queue:letters", at=NOON + TWO_PULSES, facts={"pid": 7})

    (row,) = Heartbeat.objects.all()
    assert (row.beat_at, row.facts) == (NOON + TWO_PULSES, {"pid": 7})


def test_pulse_that_ran_is_the_sign_of_its_queue() -> None:
    tasks.pulse("mailings")

    assert list(heartbeats.seen()) == ["queue:mailings"]


@pytest.mark.parametrize(
    "sender",
    [
        SimpleNamespace(hostname="letters@host"),
        SimpleNamespace(eventer=SimpleNamespace(hostname="letters@host")),
    ],
    ids=["ready", "heart"],
)
def test_worker_is_seen_by_both_of_its_signals(sender: Any) -> None:
    liveness.worker_is_alive(sender=sender)

    assert list(heartbeats.seen()) == ["worker:letters@host"]


def test_worker_beats_no_more_often_than_it_must(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    worker = SimpleNamespace(hostname="letters@host")
    liveness.worker_is_alive(sender=worker)

    with django_assert_num_queries(0):
        liveness.worker_is_alive(sender=worker)


def test_worker_that_stops_as_told_is_not_looked_for() -> None:
    worker = SimpleNamespace(hostname="letters@host")
    liveness.worker_is_alive(sender=worker)

    liveness.worker_goes(sender=worker)

    assert heartbeats.seen() == {}


def test_good_run_of_a_job_is_kept_and_of_other_tasks_is_not() -> None:
    liveness.job_is_done(sender=SimpleNamespace(name="digests.run_due_plans"))
    liveness.job_is_done(sender=SimpleNamespace(name="delivery.freeze"))

    assert list(heartbeats.seen()) == ["job:digests.run_due_plans"]


def test_database_that_is_away_stops_no_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise DatabaseError

    monkeypatch.setattr("newsroom.web.clock.now", away)

    liveness.worker_is_alive(sender=SimpleNamespace(hostname="letters@host"))

    assert "A heartbeat of worker:letters@host is lost" in caplog.text


def test_workers_unseen_for_a_day_are_forgotten_and_queues_are_not() -> None:
    for name in ("worker:old", "queue:letters"):
        heartbeats.beat(name, at=NOON - heartbeats.FORGOTTEN_AFTER - TWO_PULSES)
    heartbeats.beat("worker:new", at=NOON)

    heartbeats.forget_workers(NOON)

    assert set(heartbeats.seen()) == {"worker:new", "queue:letters"}


def test_workers_tell_of_a_scheduler_that_is_silent_for_more_than_two_intervals() -> None:
    heartbeats.beat("queue:letters", at=NOON - TWO_PULSES)

    assert not heartbeats.watch_scheduler(NOON)
    assert heartbeats.watch_scheduler(NOON + timedelta(seconds=1))

    assert Incident.objects.get().key == "machine.scheduler"


def test_scheduler_that_never_beat_is_no_alarm_yet() -> None:
    assert not heartbeats.watch_scheduler(NOON)


@pytest.mark.parametrize(
    ("late", "never", "still"),
    [
        ([], [], []),
        (["mailings"], [], ["mailings"]),
        (["letters", "control"], [], ["control", "letters"]),
        (["control", "letters", "mailings"], [], ["scheduler"]),
        # Never started is not standing still; the self-check tells of it.
        ([], ["mailings"], []),
        (["control", "letters"], ["mailings"], ["scheduler"]),
        ([], ["control", "letters", "mailings"], []),
    ],
)
def test_what_stands_still_is_named_and_all_of_it_is_the_scheduler(
    late: list[str], never: list[str], still: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for queue in ("control", "letters", "mailings"):
        if queue not in never:
            second = timedelta(seconds=1) if queue in late else timedelta(0)
            heartbeats.beat(f"queue:{queue}", at=NOON - TWO_PULSES - second)

    with django_assert_num_queries(1):
        assert heartbeats.standing_still(NOON) == still
