"""The demo as its public promise has it: one line of JSON, every copy accounted for, no process left behind."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from email import message_from_bytes, policy
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


def worker_of(directory: Path) -> int:
    """The parent process of the demo's worker for mailings."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"mailings@demo" in words and str(directory).encode() in (process / "environ").read_bytes():
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                if b"mailings@demo" not in Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0"):
                    return int(process.name)
    raise AssertionError("no worker for mailings")


def account_of(directory: Path) -> "subprocess.CompletedProcess[str]":
    """What `audit_delivery` says of every mailing that the demo left behind; it needs the ledger and no keys of it."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{directory}/newsroom.sqlite3",
        "SECRET_KEY": "audit-only-" * 5,
        "LINK_KEYS": f"1:{'0' * 64}",
        "ADDRESS_KEY": "0" * 64,
        "MAIL_PROVIDERS": "main=memory://",
    }
    words = [sys.executable, "manage.py", "audit_delivery", "--all"]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def mails(directory: Path, subject: str = "") -> "Counter[str]":
    """The mails with an unsubscribe link in the demo's inbox, by reader; only those with this subject."""
    found: Counter[str] = Counter()
    for path in (directory / "inbox").rglob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        if message["List-Unsubscribe"] and subject in ("", str(message["Subject"])):
            found[str(message["To"])] += 1
    return found


def test_a_worker_killed_in_mid_mailing_doubles_nobody_and_loses_only_what_is_held(tmp_path: Path) -> None:
    directory = tmp_path / "house"
    demo = start(directory)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "pressed send" in line:
            break
    worker = worker_of(directory)
    deadline = time.monotonic() + 60
    while len(list((directory / "inbox" / "mails").iterdir())) < 60 and time.monotonic() < deadline:
        time.sleep(0.005)

    os.killpg(worker, signal.SIGKILL)
    output, errors = demo.communicate(timeout=SECONDS)

    assert demo.returncode == 0, errors
    result = json.loads(output.splitlines()[-1])
    assert result["accepted"] + result["held"] == result["frozen"] == 301
    with sqlite3.connect(directory / "newsroom.sqlite3") as database:
        [(subject,)] = database.execute("SELECT title FROM delivery_mailing")
        held = {
            address
            for (address,) in database.execute(
                "SELECT r.address FROM delivery_delivery d JOIN subscriptions_subscription s ON s.id ="
                " d.subscription_id JOIN subscriptions_subscriber r ON r.id = s.subscriber_id"
                " WHERE d.state = 'held'"
            )
        }
        readers = {
            address
            for (address,) in database.execute(
                "SELECT r.address FROM delivery_delivery d JOIN subscriptions_subscription s ON s.id ="
                " d.subscription_id JOIN subscriptions_subscriber r ON r.id = s.subscriber_id"
            )
        }
    copies = mails(directory, subject)
    assert len(copies) >= result["accepted"]
    assert set(copies.values()) == {1}
    assert len(held) == result["held"]
    assert readers - set(copies) <= held
    log = (directory / "logs" / "worker-mailings.log").read_text()
    assert log.count(" ready.") == 2, "it was killed too late, or not started again"
    audit = account_of(directory)
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert processes_of(directory) == []
