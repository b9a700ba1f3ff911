"""The installation that is measured: PostgreSQL with durable settings, a broker, the sink; gone with the supervisor."""

import json
import os
import secrets
import sys
import urllib.request
from pathlib import Path
from typing import Any

from bench.measuring import DATABASE_PID, SINK_PID
from newsroom.demo import broker
from newsroom.demo.processes import Program, Supervisor, free_port, is_listening
from tests import servers

ROOT = Path(__file__).resolve().parent.parent
SMTP_PORT = "BENCH_SMTP_PORT"
HTTP_PORT = "BENCH_HTTP_PORT"
RECORD = "BENCH_RECORD"
# One session for as long as it is used, as smtp-source -d has it.
_KEEP = 1_000_000


class Rig:
    """Starts everything and says in the environment where it is. Django may be set up once it is made."""

    def __init__(self, supervisor: Supervisor, folder: Path) -> None:
        self.supervisor, self.folder = supervisor, folder
        database_url = servers.start_postgres(supervisor, settings=servers.DURABLE)
        redis_url = broker.start(supervisor, folder)
        smtp_port, http_port = free_port(), free_port()
        self.record = folder / "record"
        self.record.touch()
        for name in ("ALLOWED_HOSTS", "DEBUG", "SECRET_KEY_FALLBACKS", "SENTRY_DSN", "TRUSTED_PROXIES"):
            os.environ.pop(name, None)
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "newsroom.settings",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "SITE_URL": "https://news.example.org",
                "SECRET_KEY": secrets.token_hex(32),
                "LINK_KEYS": f"1:{secrets.token_hex(32)}",
                "ADDRESS_KEY": secrets.token_hex(32),
                "MAIL_PROVIDERS": f"mailgun=mailgun://key@mg.example.org?api_url=http://127.0.0.1:{http_port},"
                f"smtp=smtp://127.0.0.1:{smtp_port}?tls=off&per_connection={_KEEP}",
                "MEDIA_ROOT": str(folder / "media"),
                SMTP_PORT: str(smtp_port),
                HTTP_PORT: str(http_port),
                RECORD: str(self.record),
            }
        )
        sink = self._start(
            "sink",
            "bench.sink",
            *("--http-port", str(http_port), "--smtp-port", str(smtp_port), "--record", str(self.record)),
        )
        supervisor.wait_until(
            lambda: is_listening(http_port) and is_listening(smtp_port), what="The sink", seconds=10
        )
        postgres = next(found for found in supervisor._programs if found.name == "postgres")
        os.environ[DATABASE_PID] = str(postgres.process.pid)
        os.environ[SINK_PID] = str(sink.process.pid)

    def start_worker(self) -> Program:
        """One Celery process for mailings. Waits until it takes work."""
        log = self.folder / "worker.log"
        program = self._start(
            "worker",
            "celery",
            *("--app", "bench.celery_app", "worker", "--loglevel", "INFO"),
            *("--without-gossip", "--without-mingle", "--queues", "mailings", "--concurrency", "1"),
        )
        self.supervisor.wait_until(lambda: b" ready." in log.read_bytes(), what="The worker", seconds=60)
        return program

    def _start(self, name: str, module: str, *arguments: str) -> Program:
        return self.supervisor.start(
            name,
            [sys.executable, "-m", module, *arguments],
            log=self.folder / f"{name}.log",
            environment=dict(os.environ),
            directory=ROOT,
        )


def counts(*, reset: bool = False) -> dict[str, Any]:
    """What the sink has taken since the last reset; with reset, an empty answer."""
    url = f"http://127.0.0.1:{os.environ[HTTP_PORT]}/{'reset' if reset else 'counts'}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        read: dict[str, Any] = json.load(answer)
    return read
