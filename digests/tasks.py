"""What the beat and wake-ups start. Each is safe to run twice and at once."""

from celery import shared_task

from digests import (
    clicks,
    dead_links,
    planning,
    presence,
    reminding,
    retention,
    self_check,
    withdrawing,
    workflow,
)
from newsroom.web import clock


@shared_task(name="digests.run_due_plans")
def run_due_plans() -> None:
    """Each minute: build what plans want, and send what may go without a person."""
    planning.run_due_plans(clock.now())


@shared_task(name="digests.hand_over_due")
def hand_over_due() -> None:
    """Every few seconds: hand over what is scheduled for now."""
    workflow.hand_over_due(clock.now())


@shared_task(name="digests.remind")
def remind() -> None:
    """Each minute: remind the desk of what is due soon."""
    reminding.remind_due(clock.now())


@shared_task(name="digests.pull_withdrawn")
def pull_withdrawn() -> None:
    """Each minute: take withdrawn articles out of what has not gone out."""
    withdrawing.pull_withdrawn(clock.now())


@shared_task(name="digests.forget_clicks")
def forget_clicks() -> int:
    """Each hour: counts of links older than thirteen months go, and who was at which digest the day before."""
    at = clock.now()
    return clicks.forget(at=at) + presence.forget(at=at)


@shared_task(name="digests.tidy", soft_time_limit=90, time_limit=120)
def tidy() -> None:
    """Each hour: old sign-ins of staff and sessions that have ended go. Safe to run twice, and to kill."""
    retention.tidy(at=clock.now())


@shared_task(name="digests.watch")
def watch() -> int:
    """Every few minutes: tell staff of what is red in the self-check, and take back what is well again."""
    return len(self_check.watch(at=clock.now()))


@shared_task(name="digests.watch_queues")
def watch_queues() -> int:
    """A few times a minute, because it is cheap: tell staff of a queue that nobody works on."""
    return len(self_check.watch_queues(at=clock.now()))


@shared_task(name="digests.look_at_links")
def look_at_links() -> int:
    """Each minute: look where the links of digests in the making lead, so that preflight need not."""
    return dead_links.look_around(clock.now())
