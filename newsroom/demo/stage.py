"""The demo's stage: a fresh folder, free ports, the settings that fit, and every program of a real installation."""

import functools
import os
import secrets
import shutil
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from newsroom.demo import broker
from newsroom.demo.processes import Supervisor, free_port, is_listening

PASSWORD = "ebbe-und-flut"  # noqa: S105 — the demo's staff on loopback, printed at its start
READY_SECONDS = 45.0
# Longer than one call to the inbox may take, shorter than a person waits.
WORKER_GRACE_SECONDS = 15.0
# As a service manager would: a worker that is killed comes back, one that cannot live is reported.
WORKER_RESTARTS = 5


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where the demo runs: its folder, the addresses of site and inbox, and the environment of its programs."""

    directory: Path
    site_url: str
    inbox_url: str
    environment: dict[str, str]


def prepare(supervisor: Supervisor, root: Path, directory: Path) -> Stage:
    """Empty the demo's folder, find free ports, start broker and inbox. What an earlier demo left is gone."""
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "logs").mkdir(parents=True)
    web_port, smtp_port, page_port = free_port(), free_port(), free_port()
    site_url, inbox_url = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{page_port}"
    environment = {
        **{
            name: value for name, value in os.environ.items() if name not in {"TRUSTED_PROXIES", "SENTRY_DSN"}
        },
        "DJANGO_SETTINGS_MODULE": "newsroom.demo.settings",
        "DATABASE_URL": f"sqlite:///{directory}/newsroom.sqlite3",
        "REDIS_URL": broker.start(supervisor, directory, url=os.environ.get("REDIS_URL", "")),
        "SITE_URL": site_url,
        "SITE_NAME": "Uferblick",
        # Its logins are printed and its site listens on this machine alone: a phone would guard nothing.
        "SECOND_FACTOR": "off",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DEBUG": "off",
        "SECRET_KEY": secrets.token_hex(32),
        "LINK_KEYS": f"1:{secrets.token_hex(32)}",
        "ADDRESS_KEY": secrets.token_hex(32),
        # Its readers live on example.org, which takes no mail (RFC 7505).
        "LOOK_UP_DOMAINS": "off",
        "MAIL_PROVIDERS": f"main=smtp://127.0.0.1:{smtp_port}?tls=off&from=redaktion@example.org",
        "MEDIA_ROOT": str(directory / "media"),
        "PYTHONUNBUFFERED": "1",
    }
    stage = Stage(directory=directory, site_url=site_url, inbox_url=inbox_url, environment=environment)
    start_inbox(supervisor, stage, root, smtp_port=smtp_port)
    return stage


def start_inbox(supervisor: Supervisor, stage: Stage, root: Path, *, smtp_port: int) -> None:
    """Start the mail server that keeps what it gets, and its pages; ready when both answer."""
    page_port = int(stage.inbox_url.rpartition(":")[2])
    supervisor.start(
        "inbox",
        [
            sys.executable,
            "-m",
            "newsroom.demo.inbox",
            "--smtp-port",
            str(smtp_port),
            "--http-port",
            str(page_port),
            "--directory",
            stage.directory / "inbox",
        ],
        log=stage.directory / "logs" / "inbox.log",
        environment=stage.environment,
        directory=root,
    )
    supervisor.wait_until(
        lambda: is_listening(smtp_port) and is_listening(page_port), what="The inbox", seconds=READY_SECONDS
    )


def open_house(supervisor: Supervisor, stage: Stage, root: Path) -> None:
    """Start web server, two workers and beat, in this order; they stop in the opposite one."""
    port = stage.site_url.rpartition(":")[2]
    supervisor.start(
        "web",
        [
            sys.executable,
            "-m",
            "gunicorn",
            "newsroom.wsgi",
            "--bind",
            f"127.0.0.1:{port}",
            "--threads",
            "4",
            "--no-control-socket",
        ],
        log=stage.directory / "logs" / "web.log",
        environment=stage.environment,
        directory=root,
    )
    start_workers(supervisor, stage, root)
    supervisor.wait_until(lambda: _is_ready(stage.site_url), what="The site", seconds=READY_SECONDS)


def start_workers(supervisor: Supervisor, stage: Stage, root: Path) -> None:
    """Start the worker for control and letters, the one for mailings, and beat."""
    start = functools.partial(supervisor.start, environment=stage.environment, directory=root)
    logs = stage.directory / "logs"
    celery = [
        sys.executable,
        "-m",
        "celery",
        "--app",
        "newsroom",
        "worker",
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
    ]
    for name, queues in (("control", "control,letters"), ("mailings", "mailings")):
        start(
            f"worker-{name}",
            [*celery, "--queues", queues, "--concurrency", "1", "--hostname", f"{name}@demo"],
            log=logs / f"worker-{name}.log",
            grace_seconds=WORKER_GRACE_SECONDS,
            restarts=WORKER_RESTARTS,
        )
    start(
        "beat",
        [sys.executable, "-m", "celery", "--app", "newsroom", "beat", "--schedule", stage.directory / "beat"],
        log=logs / "beat.log",
    )


def _is_ready(site_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{site_url}/healthz", timeout=2) as answer:  # noqa: S310 — our own loopback server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
