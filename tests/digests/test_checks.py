"""Start-up checks name what would keep digests at home."""

from typing import Any

import pytest
from django.core.checks import run_checks

from digests.checks import beat_runs_plans, plans_can_be_read
from tests.digests.factories import make_planned


def _ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_the_beat_as_delivered_runs_plans() -> None:
    assert beat_runs_plans(None) == []


def test_a_beat_without_the_tasks_of_plans_is_an_error(settings: Any) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"plans": {"task": "digests.run_due_plans", "schedule": 60.0}}

    (found,) = beat_runs_plans(None)

    assert found.id == "digests.E001"
    assert "digests.hand_over_due" in found.msg


@pytest.mark.django_db
def test_a_plan_that_nobody_can_read_is_named() -> None:
    make_planned()
    make_planned(weekdays="di,mi")
    make_planned(zone="Europe/Lindenufer")
    make_planned(weekdays="")
    make_planned(weekdays="di", is_active=False)

    assert _ids(plans_can_be_read(None, databases=["default"])) == [
        "digests.W001",
        "digests.W001",
        "digests.W002",
    ]
    assert plans_can_be_read(None) == []


@pytest.mark.django_db
def test_the_checks_are_registered() -> None:
    make_planned(weekdays="di")

    assert "digests.W001" in _ids(run_checks(databases=["default"]))
