"""SMTP into the sink over ten sessions: our provider, Postfix's smtp-source, smtplib, Django's backend."""

import os
import shutil
import smtplib
import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from bench import material
from bench.rig import SMTP_PORT
from newsroom.mail import providers, wire
from newsroom.mail.encoding import mailbox
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import CompiledMail

SESSIONS = 10
_BATCH = 100
_SENDER = "post@news.example.org"


def smtp_source() -> str:
    """The program, or nothing."""
    return shutil.which("smtp-source") or shutil.which("smtp-source", path="/usr/sbin:/usr/local/sbin") or ""


def django_connection() -> BaseEmailBackend:
    """Django's own SMTP backend, to the sink."""
    return get_connection(
        "django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=_port(), timeout=30
    )


def _port() -> int:
    return int(os.environ[SMTP_PORT])


class _Sessions:
    """So many messages, shared out to threads of which each has a session."""

    def __init__(self, size: int, count: int) -> None:
        self.size, self.count = size, count
        self.mail: CompiledMail = wire.compile_mail(material.envelope(), material.content(size))

    def prepare(self) -> None:
        """Nothing is kept between runs."""

    def session(self) -> Callable[[range], None]:
        """A new session; what it returns sends the copies of these numbers."""
        raise NotImplementedError

    def run(self) -> int:
        share = self.count // SESSIONS
        failures: list[BaseException] = []

        def work(send: Callable[[range], None], numbers: range) -> None:
            try:
                for low in range(numbers.start, numbers.stop, _BATCH):
                    send(range(low, min(low + _BATCH, numbers.stop)))
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(
                target=work, args=(self.session(), range(1 + one * share, 1 + (one + 1) * share))
            )
            for one in range(SESSIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return share * SESSIONS


class Ours(_Sessions):
    """Tokens, splicing and our own session, one object per thread."""

    def session(self) -> Callable[[range], None]:
        provider = providers.make(providers.config("smtp"))

        def send(numbers: range) -> None:
            call = provider.hand_over(self.mail, material.copies(numbers), attempt_id=uuid4(), seconds=60)
            assert all(found.verdict is Verdict.ACCEPTED for found in call.outcomes.values())

        return send


class Smtplib(_Sessions):
    """smtplib's own sendmail with bytes built beforehand: the same for each message."""

    def session(self) -> Callable[[range], None]:
        (copy,) = material.copies(range(1, 2))
        raw = self.mail.splice(copy, date=datetime.now(UTC))
        connection = smtplib.SMTP("127.0.0.1", _port(), local_hostname="news.example.org", timeout=30)

        def send(numbers: range) -> None:
            for number in numbers:
                connection.sendmail(_SENDER, [f"reader{number:07}@example.org"], raw)

        return send


class DjangoBackend(_Sessions):
    """Each mail built and sent as Django's documentation has it, over a connection that is kept open."""

    def session(self) -> Callable[[range], None]:
        backend = django_connection()
        backend.open()

        def send(numbers: range) -> None:
            assert backend.send_messages(messages(self.mail, numbers)) == len(numbers)

        return send


def messages(mail: CompiledMail, numbers: Sequence[int]) -> list[EmailMultiAlternatives]:
    """The same mails as Django's messages."""
    made = []
    for copy in material.copies(range(numbers[0], numbers[-1] + 1)):
        filled = mail.fill(copy)
        own = {"Message-ID": mail.message_id(copy), "List-Unsubscribe": f"<{copy.leave_url}>"}
        own |= {
            name: value for name, value in mail.shared_headers if name not in ("From", "Subject", "Reply-To")
        }
        message = EmailMultiAlternatives(
            filled.subject,
            filled.text,
            mailbox("From", mail.envelope.from_name, mail.from_address),
            [copy.address],
            reply_to=[mail.reply_to],
            headers=own | {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        )
        message.attach_alternative(filled.html, "text/html")
        made.append(message)
    return made


class SmtpSource:
    """Postfix's generator, in C: a message of as many bytes as ours, its sessions kept (-d)."""

    def __init__(self, size: int, count: int) -> None:
        mail = wire.compile_mail(material.envelope(), material.content(size))
        (copy,) = material.copies(range(1, 2))
        self.bytes = len(mail.splice(copy, date=datetime.now(UTC)))
        self.count = count

    def prepare(self) -> None:
        """It makes everything itself."""

    def run(self) -> int:
        subprocess.run(
            [
                smtp_source(),
                *("-4", "-d", "-s", str(SESSIONS), "-m", str(self.count), "-l", str(self.bytes)),
                *(
                    "-M",
                    "news.example.org",
                    "-f",
                    _SENDER,
                    "-t",
                    "reader@example.org",
                    f"inet:127.0.0.1:{_port()}",
                ),
            ],
            check=True,
            capture_output=True,
        )
        return self.count

    def facts(self) -> dict[str, float]:
        return {"bytes": self.bytes}
