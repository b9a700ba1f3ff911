"""A worker is killed and nobody takes its place: how long until a page of the admin says so. By the timings of earnest.

Prints a line for each and exits 1 if one took longer than two minutes.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from newsroom.demo.processes import Supervisor, interruptible
from tests.faults.rig import Rig

LIMIT_SECONDS = 120
_PAGE = "/admin/articles/article/"


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="newsroom-standstill-"))
    try:
        with interruptible(), Supervisor() as supervisor:
            return _run(Rig(supervisor, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(rig: Rig) -> int:
    os.environ.update(DJANGO_SETTINGS_MODULE="newsroom.settings", SECOND_FACTOR="off")
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client
    from django.test.utils import override_settings

    from newsroom.mail import heartbeats
    from newsroom.mail.models import Incident

    call_command("migrate", verbosity=0)
    rig.start_celery()
    browser = Client(SERVER_NAME="127.0.0.1", headers={"accept-language": "en"})
    browser.force_login(
        User.objects.create_superuser("jonas"), backend="django.contrib.auth.backends.ModelBackend"
    )

    # Nobody has collected the static files of this checkout.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

    def says(sentence: str) -> Callable[[], bool]:
        def look() -> bool:
            with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
                return sentence in browser.get(_PAGE).content.decode()

        return look

    def is_told() -> bool:
        return Incident.objects.open().filter(key="machine.queue.mailings").exists()

    pulses = {"queue:control", "queue:mailings"}
    if not rig.wait(lambda: pulses <= heartbeats.seen().keys(), "a pulse", seconds=180):
        print("No pulse came.", rig.logs(), sep="\n")
        return 1
    if says("stands still")():
        print("The page tells of a standstill while all is well.")
        return 1
    killed = time.monotonic()
    rig.stop("mailings", sign=signal.SIGKILL)
    # Once the incident is written, the page shows that one.
    late = _measure("the page, without mailings", lambda: says("stands still")() or is_told(), since=killed)
    late += _measure("the incident of mailings", is_told, since=killed)
    killed = time.monotonic()
    rig.stop("control", sign=signal.SIGKILL)
    rig.stop("beat", sign=signal.SIGKILL)
    late += _measure("the page, without any worker", says("The scheduler stands still"), since=killed)
    return 1 if late else 0


def _measure(what: str, is_there: Callable[[], bool], *, since: float) -> int:
    """Wait for it; 1 if it is late."""
    while not is_there() and time.monotonic() - since <= LIMIT_SECONDS:
        time.sleep(0.5)
    seconds = time.monotonic() - since
    print(f"{what}: {seconds:.0f} s", flush=True)
    return int(seconds > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
