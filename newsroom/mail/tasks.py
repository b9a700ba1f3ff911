"""The tasks of mail: safe to run twice, woken by `queue.py` and by the beat."""

from celery import shared_task

from newsroom.mail import heartbeats, letters, notices
from newsroom.web import clock


@shared_task(name="mail.send_letters", soft_time_limit=90, time_limit=120)
def send_letters() -> int:
    """Send the letters that are due."""
    return letters.send_due(at=clock.now())


@shared_task(name="mail.tell_staff", soft_time_limit=90, time_limit=120)
def tell_staff() -> int:
    """Write new incidents to staff."""
    return notices.tell_staff(clock.now())


@shared_task(name="mail.pulse", soft_time_limit=20, time_limit=30)
def pulse(queue: str) -> None:
    """Sent through each queue: that it ran proves the beat, the broker and a worker of that queue."""
    heartbeats.beat(heartbeats.QUEUE + queue, at=clock.now())
