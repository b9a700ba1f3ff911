"""Start-up checks: what would keep digests from going out without anybody noticing."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError
from django.utils.translation import gettext as _

from digests import recurrence
from digests.models import Plan

NEEDED_TASKS = ("digests.run_due_plans", "digests.hand_over_due")


@register()
def beat_runs_plans(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Without these two in the beat no plan runs and nothing scheduled goes out."""
    planned = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    return [
        Error(
            _("CELERY_BEAT_SCHEDULE does not name %(task)s.") % {"task": task},
            hint=_("Without it digests do not go out by themselves."),
            id="digests.E001",
        )
        for task in NEEDED_TASKS
        if task not in planned
    ]


@register(Tags.database)
def plans_can_be_read(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """A plan whose weekdays or zone nobody can read is never due."""
    if not databases:
        return []
    found: list[CheckMessage] = []
    try:
        plans = list(Plan.objects.filter(is_active=True).select_related("newsletter"))
    except DatabaseError:  # before the first migrate there is no table to check
        return []
    for plan in plans:
        try:
            weekdays = recurrence.read_weekdays(plan.weekdays)
            recurrence.zone(plan.zone)
        except ValueError as error:
            found.append(Warning(f"{plan}: {error}", id="digests.W001", obj=plan))
        else:
            if not weekdays:
                found.append(
                    Warning(
                        _("%(plan)s names no weekday, so it is never due.") % {"plan": plan},
                        id="digests.W002",
                        obj=plan,
                    )
                )
    return found


@register(Tags.security, deploy=True)
def staff_need_a_second_factor(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """A guessed password alone must not reach every reader."""
    if settings.SECOND_FACTOR:
        return []
    sentence = _("SECOND_FACTOR is off: a password alone opens the admin.")
    return [Warning(sentence, hint=_("Leave it out, or set it to on."), id="digests.W003")]
