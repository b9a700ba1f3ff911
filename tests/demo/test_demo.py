"""The demo as its public promise has it: one line of JSON, every copy accounted for, no process left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.house import ROOT

pytestmark = pytest.mark.slow

FACTS = {
    "subscribers": 301,
    "frozen": 301,
    "accepted": 301,
    "rejected": 0,
    "skipped": 0,
    "held": 0,
    "cancelled": 0,
}
SECONDS = 200.0


def start(directory: Path) -> "subprocess.Popen[str]":
    environment = {
        name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}
    }
    return subprocess.Popen(
        [sys.executable, "-m", "newsroom.demo", "--once", "--directory", str(directory)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def processes_of(directory: Path) -> list[str]:
    """Command lines of all processes that know this folder, by their arguments or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if int(process.name) != os.getpid() and str(directory).encode() in words + environment:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_the_whole_job_twice_with_the_same_end(tmp_path: Path) -> None:
    directory = tmp_path / "house"
    results = []
    for _ in range(2):
        demo = start(directory)
        output, errors = demo.communicate(timeout=SECONDS)
        assert demo.returncode == 0, errors
        results.append(json.loads(output.splitlines()[-1]))
        assert processes_of(directory) == []

    for result in results:
        assert {name: result[name] for name in FACTS} == FACTS
    assert results[0]["articles"] == results[1]["articles"] > 28


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_no_process_survives_an_early_end(end: signal.Signals, tmp_path: Path) -> None:
    directory = tmp_path / "house"
    demo = start(directory)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "two workers" in line:
            break
    assert len(processes_of(directory)) >= 5

    demo.send_signal(end)
    demo.communicate(timeout=60)

    assert demo.returncode == 128 + end
    deadline = time.monotonic() + 5
    while processes_of(directory) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(directory) == []
