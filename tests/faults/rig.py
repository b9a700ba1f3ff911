"""The installation that faults are put into: every part a process of its own, ended with the supervisor."""

import os
import secrets
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import redis

from newsroom.demo import broker
from newsroom.demo.processes import Program, Supervisor, free_port, is_listening, tail
from tests import servers

ROOT = Path(__file__).resolve().parent.parent.parent
WEBHOOK_SECRET = "sandbox-webhook-secret"
SIGNING_KEY = "sandbox-signing-key"
READY_SECONDS = 90.0


class Rig:
    """Starts everything and knows how to hurt each part. Django may be imported once it is made."""

    def __init__(self, supervisor: Supervisor, folder: Path) -> None:
        self.supervisor, self.folder = supervisor, folder
        self.record = folder / "record.jsonl"
        self.record.touch()
        database_url = servers.start_postgres(supervisor)
        # What is committed stays committed when the server is killed; the disk itself is not at stake here.
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("ALTER ROLE newsroom SET synchronous_commit = on")
        self.redis_url = broker.start(supervisor, folder)
        self.smtp_port, self.http_port, self.web_port = free_port(), free_port(), free_port()
        self.closed_port = free_port()
        for name in ("ALLOWED_HOSTS", "DEBUG", "SECRET_KEY_FALLBACKS", "SENTRY_DSN", "TRUSTED_PROXIES"):
            os.environ.pop(name, None)
        os.environ.update(
            DJANGO_SETTINGS_MODULE="tests.faults.settings",
            FAULTS_FOLDER=str(folder),
            DATABASE_URL=database_url,
            REDIS_URL=self.redis_url,
            SITE_URL=f"http://127.0.0.1:{self.web_port}",
            ALLOWED_HOSTS="127.0.0.1",
            SECRET_KEY=secrets.token_hex(32),
            LINK_KEYS=f"1:{secrets.token_hex(32)}",
            ADDRESS_KEY=secrets.token_hex(32),
            LOOK_UP_DOMAINS="off",
            MAIL_PROVIDERS=self._providers(),
            MEDIA_ROOT=str(folder / "media"),
            PYTHONUNBUFFERED="1",
        )
        self._start_simulator()

    def _providers(self) -> str:
        api = f"http://127.0.0.1:{self.http_port}"
        hooks = f"webhook={WEBHOOK_SECRET}&webhook_signing_key={SIGNING_KEY}"
        return ",".join(
            [
                f"mailgun=mailgun://key@mg.example.org?api_url={api}&{hooks}",
                f"smtp=smtp://127.0.0.1:{self.smtp_port}?tls=off",
                f"postmark=postmark://token@?api_url={api}",
                f"resend=resend://key@?api_url={api}",
                f"failing=mailgun://key@mg.example.org?api_url={api}&failover=rescue",
                f"deserted=mailgun://key@mg.example.org?api_url=http://127.0.0.1:{self.closed_port}&failover=rescue",
                f"rescue=resend://key@?api_url={api}",
                f"slow=mailgun://key@mg.example.org?api_url={api}&rate=200/s",
                f"records=mailgun://key@mg.example.org?api_url={api}",
                f"again=resend://key@?api_url={api}",
                f"brief=resend://key@?api_url={api}",
                f"gone=mailgun://key@mg.example.org?api_url=http://127.0.0.1:{self.closed_port}",
                f"closed=smtp://127.0.0.1:{self.closed_port}?tls=off",
            ]
        )

    def _start_simulator(self) -> None:
        self._start(
            "simulator",
            "newsroom.sandbox",
            *("--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)),
            *("--record", str(self.record)),
        )
        self.wait(lambda: is_listening(self.http_port) and is_listening(self.smtp_port), "the simulator")

    def start_celery(self) -> None:
        """One worker for control, one of two processes for mailings, and beat; ready when each has a connection."""
        self.start_worker("control", queues="control", processes=1)
        self.start_worker("mailings", queues="mailings", processes=2)
        self._start("beat", "celery", *_CELERY, "beat", "--schedule", str(self.folder / "beat"))

    def start_worker(self, name: str, *, queues: str, processes: int) -> None:
        """A worker as in an installation. Waits until it takes work."""
        log = self.folder / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        self._start(
            name,
            "celery",
            *(*_CELERY, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle"),
            *("--queues", queues, "--concurrency", str(processes), "--hostname", f"{name}@faults"),
        )
        self.wait(lambda: b" ready." in log.read_bytes()[before:], f"the worker {name}")

    def start_web(self) -> None:
        """The site, for webhooks; started when first asked for."""
        if is_listening(self.web_port):
            return
        self._start(
            "web",
            "gunicorn",
            *("newsroom.wsgi", "--bind", f"127.0.0.1:{self.web_port}", "--threads", "4"),
            "--no-control-socket",
        )
        self.wait(lambda: is_listening(self.web_port), "the site")

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}/webhooks/mailgun/{WEBHOOK_SECRET}/"

    def _start(self, name: str, module: str, *arguments: str) -> Program:
        return self.supervisor.start(
            name,
            [sys.executable, "-m", module, *arguments],
            log=self.folder / f"{name}.log",
            environment=dict(os.environ),
            directory=ROOT,
        )

    def program(self, name: str) -> Program:
        """The running program of that name."""
        return next(found for found in self.supervisor._programs if found.name == name)

    def children(self, name: str) -> list[int]:
        """The processes of a worker's pool."""
        parent = self.program(name).process.pid
        listed = Path(f"/proc/{parent}/task/{parent}/children")
        return [int(pid) for pid in listed.read_text().split()]

    def stop(self, name: str, *, sign: signal.Signals | None = None) -> Callable[[], None]:
        """End a part, by its own way or by a signal to all of it; what is returned starts the very same again."""
        program = self.program(name)
        command = [str(part) for part in program.process.args]  # type: ignore[union-attr]  # we gave a list
        user = servers._unprivileged_user() if name == "postgres" and os.geteuid() == 0 else None
        if sign is not None:
            os.kill(program.process.pid, sign)
            program.process.wait(20)
        self.supervisor.stop(program)

        def again() -> None:
            self.supervisor.start(
                name,
                command,
                log=program.log,
                environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
                if name == "postgres"
                else dict(os.environ),
                directory=Path("/") if name == "postgres" else ROOT,
                user=user,
                stop_signal=program.stop_signal,
                death_signal=signal.SIGQUIT if name == "postgres" else signal.SIGKILL,
            )

        return again

    def restart_mailings(self) -> None:
        """The worker for mailings once more, after it was killed or told to go."""
        program = self.program("mailings")
        # One that was told to go must not be told twice: the second time it drops its work.
        self.wait(lambda: not program.is_running, "the worker's end", seconds=20)
        self.supervisor.stop(program)
        self.start_worker("mailings", queues="mailings", processes=2)

    def script(self, text: str) -> None:
        """What the simulator does from now on."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/sandbox/script", data=text.encode(), method="PUT"
        )
        with urllib.request.urlopen(request, timeout=10):
            pass

    def is_quiet(self) -> bool:
        """Whether the simulator has sent all its webhooks."""
        url = f"http://127.0.0.1:{self.http_port}/sandbox/quiet"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 204)

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    def wait(self, ready: Callable[[], Any], what: str, *, seconds: float = READY_SECONDS) -> bool:
        """Wait for something; False if it did not come."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def logs(self, lines: int = 15) -> str:
        """The ends of the workers' logs, for a row that is red."""
        return "\n".join(
            f"--- {name}\n{tail(self.folder / f'{name}.log', lines)}" for name in ("control", "mailings")
        )


_CELERY = ("--app", "tests.faults.celery_app")
