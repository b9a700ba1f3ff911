"""Ends a worker at a named step, once: what to do stands in a file, so that no worker is started anew for it."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from digests.delivery import steps

_FOLDER = "FAULTS_FOLDER"
KILL_CHILD = "kill the process"
KILL_WORKER = "kill the worker"
TERMINATE_WORKER = "terminate the worker"
FREEZE = "freeze the process"
QUIT_WORKER = "quit the worker"
HANG = "hang"
HANG_DEAF = "hang and hear nothing"
_HANG_SECONDS = 60


def plan(*, step: str, nth: int = 1, act: str = KILL_CHILD) -> None:
    """From now on: when `step` is reached for the nth time, in whichever process, `act`."""
    (folder := _folder()).joinpath("count").unlink(missing_ok=True)
    folder.joinpath("done").unlink(missing_ok=True)
    folder.joinpath("plan.new").write_text(json.dumps({"step": step, "nth": nth, "act": act}))
    folder.joinpath("plan.new").rename(folder / "plan")


def forget() -> None:
    """Nothing is to happen any more."""
    _folder().joinpath("plan").unlink(missing_ok=True)


def victim() -> int | None:
    """The process that the plan has met, if it has met one."""
    try:
        return int(_folder().joinpath("done").read_text())
    except (FileNotFoundError, ValueError):
        return None


def install() -> None:
    """Let this process die as planned."""
    steps.reached = _reached


def _reached(name: str) -> None:
    folder = _folder()
    try:
        planned = json.loads(folder.joinpath("plan").read_text())
    except FileNotFoundError:
        return
    if planned["step"] != name or _times(folder) != planned["nth"]:
        return
    folder.joinpath("plan").unlink(missing_ok=True)
    folder.joinpath("done").write_text(str(os.getpid()))
    _ACTS[planned["act"]]()


_ACTS: Mapping[str, Callable[[], object]] = {
    KILL_CHILD: lambda: os.kill(os.getpid(), signal.SIGKILL),
    KILL_WORKER: lambda: os.killpg(os.getpgid(os.getppid()), signal.SIGKILL),
    TERMINATE_WORKER: lambda: os.kill(os.getppid(), signal.SIGTERM),
    FREEZE: lambda: os.kill(os.getpid(), signal.SIGSTOP),
    QUIT_WORKER: lambda: os.kill(os.getppid(), signal.SIGQUIT),
    HANG: lambda: time.sleep(_HANG_SECONDS),
    HANG_DEAF: lambda: _hang_deaf(),
}


def _hang_deaf() -> None:
    """Only the hard limit ends this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    time.sleep(_HANG_SECONDS)


def _times(folder: Path) -> int:
    """How often any process has come by here: each adds a byte to one file."""
    descriptor = os.open(folder / "count", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(descriptor, b".")
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def _folder() -> Path:
    return Path(os.environ[_FOLDER])
