"""Tasks are wake-ups: they call a service, may come twice or never, and live through an absent broker."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings

from digests.delivery import queue, tasks
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import MailingState
from newsroom.celery import app
from newsroom.mail.models import ProviderEvent
from newsroom.web import clock
from tests.digests.delivery.factories import make_mailing, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def waiting_in(name: str) -> list[dict[str, Any]]:
    """The wake-ups that lie in a queue of the broker."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        return [json.loads(message) for message in client.lrange(name, 0, -1)]


def move_to_now(mailing: Mailing) -> None:
    """The tasks read the database's clock, the factories wrote another time."""
    at = clock.now()
    Mailing.objects.filter(pk=mailing.pk).update(active_at=at)
    Batch.objects.filter(mailing=mailing).update(not_before=at)


def test_tasks_bring_a_mailing_from_freeze_to_finish(provider: ScriptedProvider) -> None:
    mailing = make_mailing(readers=60)
    move_to_now(mailing)

    tasks.freeze(mailing.pk)
    tasks.freeze(mailing.pk)
    assert tasks.nudge()
    assert tasks.run_pump() == 2
    assert not tasks.nudge()
    tasks.sweep()

    mailing.refresh_from_db()
    assert (mailing.state, mailing.accepted) == (MailingState.FINISHED, 60)
    assert tasks.run_pump() == 0


def test_events_task_goes_on_until_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_EVENTS_AT_A_TIME", 2)
    for number in range(5):
        ProviderEvent.objects.create(
            provider="main", event_id=str(number), kind="sent", occurred_at=NOON, received_at=NOON
        )

    assert tasks.apply_events() == 5
    assert tasks.apply_events() == 0


def test_beat_and_routes_name_tasks_that_exist() -> None:
    ours = {name for name in app.tasks if name.startswith("delivery.")}

    assert ours == {
        "delivery.freeze",
        "delivery.pump",
        "delivery.sweep",
        "delivery.watch_complaints",
        "delivery.nudge",
        "delivery.apply_events",
        "delivery.forget_old",
    }
    beat = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    named = {name for name in beat | set(settings.CELERY_TASK_ROUTES) if name.startswith("delivery.")}
    assert named <= ours


def test_wake_ups_leave_after_commit_for_their_own_queue(
    provider: ScriptedProvider,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        mailing = make_mailing(readers=1)
    assert waiting_in("mailings") == []

    for callback in callbacks:
        callback()

    (message,) = waiting_in("mailings")
    assert message["headers"]["task"] == "delivery.freeze"
    assert message["headers"]["argsrepr"] == f"({mailing.pk},)"
    assert message["headers"]["expires"] is not None


def test_absent_broker_stops_nobody(
    provider: ScriptedProvider,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise redis.ConnectionError("nobody there")

    monkeypatch.setattr(app, "send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        mailing = make_sending(readers=1)

    assert mailing.state == MailingState.SENDING
    assert "No broker for delivery.pump" in caplog.text
    assert queue.EXPIRES_SECONDS < 60
