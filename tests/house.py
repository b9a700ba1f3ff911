"""The demo, whole and running in a folder of its own: for journeys through it and for its pictures."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 180.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class House:
    """Where the running demo is reached."""

    site: str
    inbox: str
    directory: Path
    address_key: str


@contextlib.contextmanager
def running_demo(directory: Path) -> Iterator[House]:
    """A demo that has sent its digest and keeps running until the block ends."""
    log = directory.with_suffix(".log")
    # Not the servers of the tests: the demo brings its own.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}
    }
    with log.open("wb") as output, _started(directory, environment, output) as process:
        end = time.monotonic() + READY_SECONDS
        ready = directory / "house.json"
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"The demo did not come up:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        facts = json.loads(ready.read_text())
        yield House(
            site=facts["site"], inbox=facts["inbox"], directory=directory, address_key=facts["address_key"]
        )


@contextlib.contextmanager
def _started(
    directory: Path, environment: dict[str, str], output: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "newsroom.demo", "--directory", str(directory)],
        cwd=ROOT,
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)
