"""Workers, beat and an inbox over SMTP around a test's own database: what is sent goes out and arrives."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx

from newsroom.demo import stage
from newsroom.demo.processes import Supervisor, free_port
from newsroom.demo.stage import Stage
from newsroom.demo.visitor import count_copies, mails_to

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90.0
LETTER_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """What arrived, by whom and by subject."""

    url: str

    def copies(self, subject: str) -> tuple[int, int]:
        """How many mails with this subject arrived, and at how many addresses."""
        return count_copies(self.url, subject)

    def mail_to(self, address: str, *, subject: str = "", seconds: float = LETTER_SECONDS) -> EmailMessage:
        """The newest mail to the address, awaited."""
        end = time.monotonic() + seconds
        while not (found := mails_to(self.url, address, **({"subject": subject} if subject else {}))):
            assert time.monotonic() < end, f"No mail to {address} within {seconds:g} seconds."
            time.sleep(0.2)
        source = httpx.get(f"{self.url}/mails/{found[0]['number']}/source.eml", timeout=10).content
        message = message_from_bytes(source, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


@contextlib.contextmanager
def running(folder: Path, *, site_url: str, environment: Mapping[str, str]) -> Iterator[tuple[Inbox, str]]:
    """Everything behind the site, until the block ends: the inbox, and the MAIL_PROVIDERS that lead to it.

    environment: of a process that works on the test's database. 10 to 20 s.
    """
    (folder / "logs").mkdir(parents=True)
    smtp_port, page_port = free_port(), free_port()
    providers = f"main=smtp://127.0.0.1:{smtp_port}?tls=off&from=redaktion@example.org"
    behind = Stage(
        directory=folder,
        site_url=site_url,
        inbox_url=f"http://127.0.0.1:{page_port}",
        environment={
            **environment,
            "DJANGO_SETTINGS_MODULE": "newsroom.demo.settings",
            "SITE_URL": site_url,
            "MAIL_PROVIDERS": providers,
            "PYTHONUNBUFFERED": "1",
        },
    )
    with Supervisor() as supervisor:
        stage.start_inbox(supervisor, behind, ROOT, smtp_port=smtp_port)
        stage.start_workers(supervisor, behind, ROOT)
        supervisor.wait_until(_all_ready(folder / "logs"), what="The workers", seconds=READY_SECONDS)
        yield Inbox(url=behind.inbox_url), providers


def _all_ready(logs: Path) -> Callable[[], bool]:
    return lambda: all(
        " ready." in (logs / f"worker-{name}.log").read_text() for name in ("control", "mailings")
    )
