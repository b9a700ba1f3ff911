"""Tasks and wake-ups: the beat's two acts by the database's clock, and a broker that nobody must wait for."""

import json
from typing import Any

import pytest
import redis
from celery import Celery

from digests import queue, tasks, workflow
from digests.delivery.models import Mailing
from digests.models import Digest
from digests.states import DigestState
from newsroom.celery import app
from newsroom.web import clock
from tests.digests.factories import DAY, HOUR, make_approved, make_planned

pytestmark = pytest.mark.django_db


def test_the_beat_knows_both_tasks_by_the_names_they_have() -> None:
    names = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert {tasks.run_due_plans.name, tasks.hand_over_due.name} <= names


def test_plans_run_by_the_database_s_clock() -> None:
    now = clock.now()
    make_planned(
        weekdays="mo,tu,we,th,fr,sa,su", zone="UTC", time=(now - HOUR).time(), first_window_from=now - DAY * 2
    )

    tasks.run_due_plans()

    assert Digest.objects.get().window_end == now - HOUR


def test_what_is_due_is_handed_over_by_the_database_s_clock() -> None:
    due, later = make_approved(), make_approved()
    workflow.send_now(due, by=None, at=clock.now(), grace_seconds=0)
    workflow.send_now(later, by=None, at=clock.now())

    tasks.hand_over_due()
    tasks.hand_over_due()

    assert Mailing.objects.get().newsletter_id == due.newsletter_id
    assert Digest.objects.get(pk=later.pk).state == DigestState.SCHEDULED


def test_sending_at_once_wakes_the_hand_over_after_commit(
    django_capture_on_commit_callbacks: Any, redis_url: str
) -> None:
    digest = make_approved()

    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        workflow.send_now(digest, by=None, at=clock.now(), grace_seconds=0)

    assert len(callbacks) == 1
    with redis.Redis.from_url(redis_url) as broker:
        queued = [json.loads(message) for message in broker.lrange("control", 0, -1)]
    assert [message["headers"]["task"] for message in queued] == ["digests.hand_over_due"]


def test_without_a_broker_nothing_is_lost_but_seconds(
    django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    away = Celery("away", broker="redis://127.0.0.1:1/0", set_as_current=True)
    away.conf.broker_transport_options = {"max_retries": 0}
    try:
        with django_capture_on_commit_callbacks(execute=True):
            queue.wake_hand_over()
    finally:
        app.set_current()

    assert "No broker for digests.hand_over_due" in caplog.text
