"""Wake-ups of the engine. Each calls one service, may run twice or not at all, and says nothing but how much it did."""

from celery import shared_task
from django.conf import settings

from digests.delivery import complaints, control, events, forgetting, freezing, pump, queue, sweeping
from digests.delivery.models import Batch
from digests.delivery.states import BatchState, MailingState
from newsroom.web import clock

_EVENTS_AT_A_TIME = 1_000
_EVENT_ROUNDS = 10


@shared_task(name="delivery.freeze", time_limit=630, soft_time_limit=600)
def freeze(mailing_id: int) -> None:
    """Freeze one mailing and let it go out."""
    at = clock.now()
    mailing = freezing.freeze(mailing_id, at=at)
    if mailing.state == MailingState.READY:
        control.start(mailing, at=at)


@shared_task(name="delivery.pump")
def run_pump() -> int:
    """Hand over due batches for one slice; the sweep then closes what is finished."""
    handed = pump.run(seconds=settings.DELIVERY_SLICE_SECONDS, at_clock=clock.now)
    if handed:
        queue.wake_sweep()
    return handed


@shared_task(name="delivery.sweep", time_limit=630, soft_time_limit=600)
def sweep() -> int:
    """Take up what was left behind."""
    return sweeping.sweep(at=clock.now())


@shared_task(name="delivery.watch_complaints")
def watch_complaints() -> int:
    """Each minute and not with each sweep: the look reads all that came back since the oldest mailing it watches."""
    return complaints.watch(at=clock.now())


@shared_task(name="delivery.nudge")
def nudge() -> bool:
    """Wake a pump if a batch is due: the wake-up that should have come may be lost."""
    due = Batch.objects.filter(
        state=BatchState.READY, not_before__lte=clock.now(), mailing__state=MailingState.SENDING
    )
    if is_due := due.exists():
        queue.wake_pump()
    return is_due


@shared_task(name="delivery.apply_events")
def apply_events() -> int:
    """Apply what providers reported, until there is nothing new or the next one will go on."""
    applied = 0
    for _ in range(_EVENT_ROUNDS):
        count = events.apply(at=clock.now(), limit=_EVENTS_AT_A_TIME)
        applied += count
        if count < _EVENTS_AT_A_TIME:
            break
    return applied


@shared_task(name="delivery.forget_old", soft_time_limit=150, time_limit=180)
def forget_old() -> int:
    """Each hour: copies go that the newsletter's sender no longer keeps. Safe to run twice, and to kill."""
    return forgetting.forget_old(at=clock.now())
