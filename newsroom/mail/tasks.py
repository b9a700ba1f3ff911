"""The tasks of mail: safe to run twice, woken by `queue.py` and by the beat."""

from celery import shared_task

from newsroom.mail import letters, notices
from newsroom.web import clock


@shared_task(name="mail.send_letters", soft_time_limit=90, time_limit=120)
def send_letters() -> int:
    """Send the letters that are due."""
    return letters.send_due(at=clock.now())


@shared_task(name="mail.tell_staff", soft_time_limit=90, time_limit=120)
def tell_staff() -> int:
    """Write new incidents to staff."""
    return notices.tell_staff(clock.now())
