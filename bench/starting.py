"""How long a reader waits: from the start of a frozen mailing to its first call, over broker and worker."""

import time

from celery import current_app

from bench import celery_app, material, rig
from digests.delivery import control
from digests.delivery.models import Batch
from digests.delivery.states import BatchState
from newsroom.web import clock

__all__ = ["Start", "Touch", "celery_app"]

_PAUSE = 0.001


def _wait_for_call(began: float) -> float:
    """Seconds from `began` to the first call that the sink heard."""
    for _ in range(30_000):
        if first := rig.counts()["first_at"]:
            return float(first) - began
        time.sleep(_PAUSE)
    raise AssertionError("no call within half a minute")


class Start:
    """`control.start`, as the admin's button and the freeze call it."""

    def __init__(self, readers: int) -> None:
        self.readers = readers
        self._seconds = 0.0

    def prepare(self) -> None:
        material.clear()
        self._mailing = material.make_frozen(self.readers)
        time.sleep(0.3)  # whatever was woken meanwhile has found nothing by now
        rig.counts(reset=True)

    def run(self) -> int:
        began = time.monotonic()
        control.start(self._mailing, at=clock.now())
        self._seconds = _wait_for_call(began)
        return 1

    def facts(self) -> dict[str, float]:
        """The time that counts; what else the run took is ours to look."""
        control.end(self._mailing, at=clock.now())
        busy = Batch.objects.filter(state__in=[BatchState.LEASED, BatchState.CALLING])
        while busy.exists():
            time.sleep(0.05)
        return {"first": self._seconds}


class Touch:
    """The same way with a task that does nothing but call."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def prepare(self) -> None:
        time.sleep(0.3)
        rig.counts(reset=True)

    def run(self) -> int:
        began = time.monotonic()
        current_app.send_task("bench.touch", queue="mailings")
        self._seconds = _wait_for_call(began)
        return 1

    def facts(self) -> dict[str, float]:
        return {"first": self._seconds}
