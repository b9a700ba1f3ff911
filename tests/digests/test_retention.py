"""What goes of staff by itself: old sign-ins and tries, sessions that have ended; what staff decided stays."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from digests import retention
from digests.tasks import tidy
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)
SEEN: dict[str, Any] = {
    "username": "mara",
    "ip_address": "203.0.113.9",
    "user_agent": "Firefox",
    "http_accept": "text/html",
    "path_info": "/admin/login/",
}
ATTEMPT: dict[str, Any] = {"get_data": "", "post_data": "", "failures_since_start": 1}


def seen(age: dt.timedelta) -> None:
    """A sign-in, a failure and a counted try of that age, each by a name of its own."""
    for model, more in ((AccessAttempt, ATTEMPT), (AccessFailureLog, {}), (AccessLog, {})):
        row = model.objects.create(**SEEN | more | {"username": f"mara {age}"})
        model.objects.filter(pk=row.pk).update(attempt_time=NOON - age)


def left() -> list[Iterable[str]]:
    return [
        list(model.objects.order_by("pk").values_list("username", flat=True))
        for model in (AccessAttempt, AccessFailureLog, AccessLog)
    ]


def test_sign_ins_and_tries_go_after_ninety_days() -> None:
    seen(90 * DAY)
    seen(90 * DAY + SECOND)
    old = AccessAttempt.objects.get(username=f"mara {90 * DAY + SECOND}")
    AccessAttemptExpiration.objects.create(access_attempt=old, expires_at=NOON - 89 * DAY)

    assert retention.tidy(at=NOON)["sign_ins"] == 3

    assert left() == [[f"mara {90 * DAY}"]] * 3
    assert not AccessAttemptExpiration.objects.exists()


def test_the_settings_say_for_how_many_days(settings: LazySettings) -> None:
    settings.KEPT_DAYS = {**settings.KEPT_DAYS, "sign_ins": 31}
    seen(31 * DAY)
    seen(32 * DAY)

    assert retention.tidy(at=NOON)["sign_ins"] == 3

    assert left() == [[f"mara {31 * DAY}"]] * 3


def test_a_name_tried_again_on_an_old_row_stays_and_hides_no_other() -> None:
    seen(DAY)
    for number in range(5):
        seen((100 + number) * DAY)

    assert retention.tidy(at=NOON, rows=2)["sign_ins"] == 15

    assert left() == [[f"mara {DAY}"]] * 3


def test_sessions_go_when_they_have_ended_and_what_staff_did_stays() -> None:
    for name, expires_at in (("over", NOON - SECOND), ("open", NOON)):
        Session.objects.create(session_key=name, session_data="", expire_date=expires_at)
    user = User.objects.create(username="mara")
    LogEntry.objects.create(user=user, action_flag=1, object_repr="A digest", action_time=NOON - 9_000 * DAY)

    assert retention.tidy(at=NOON)["sessions"] == 1

    assert Session.objects.get().session_key == "open"
    assert LogEntry.objects.exists()


def test_the_task_tidies() -> None:
    seen(9_000 * DAY)

    tidy()

    assert left() == [[], [], []]
