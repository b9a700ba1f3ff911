"""What runs by itself for readers. The beat schedule stands in settings."""

from celery import shared_task

from newsroom.web.clock import now
from subscriptions import consent, privacy, settings_links


@shared_task(name="subscriptions.forget_unconfirmed")
def forget_unconfirmed() -> None:
    """Once a day: requests that nobody confirmed lapse, and their addresses go. Safe to run twice."""
    privacy.forget_unconfirmed(at=now())


@shared_task(name="subscriptions.watch_sign_ups")
def watch_sign_ups() -> None:
    """Say how a flood of sign-ups stands, and end attack mode when its time is over. Safe to run twice."""
    consent.attack.watch(at=now())


@shared_task(name="subscriptions.send_links", soft_time_limit=90, time_limit=120)
def send_links() -> int:
    """Answer those who asked for the link to their settings."""
    return settings_links.send_asked()
