"""`read_bounces`: take in one mail from standard input, or the unread mails of a mailbox."""

import contextlib
import imaplib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsroom.mail import bounce_mailbox
from newsroom.mail.bounces.parts import LARGEST
from newsroom.web import clock

_SECONDS = 30


class Command(BaseCommand):
    help = "Take in bounces and complaints: one mail from standard input, or a mailbox by IMAP."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--imap",
            metavar="URL",
            help="imaps://user:password@host/INBOX; @FILE reads the address from a file, where no other user of the "
            "machine sees the password",
        )
        parser.add_argument("--limit", type=int, default=500, help="unread mails at most (500)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["imap"]:
            taken = _from_mailbox(options["imap"], limit=options["limit"])
        else:
            taken = bounce_mailbox.take_in(sys.stdin.buffer.read(LARGEST), at=clock.now())
        self.stdout.write(f"{taken.reports} reports, {taken.stored} about copies of ours.")


def _from_mailbox(address: str, *, limit: int) -> bounce_mailbox.Taken:
    try:
        text = Path(address[1:]).read_text().strip() if address.startswith("@") else address
        with _connected(text) as (connection, folder):
            return bounce_mailbox.read_mailbox(connection, folder=folder, limit=limit)
    except (imaplib.IMAP4.error, OSError) as error:
        # Never the address itself: it holds the password.
        raise CommandError(f"The mailbox cannot be read: {error}") from error


@contextlib.contextmanager
def _connected(address: str) -> Iterator[tuple[imaplib.IMAP4, str]]:
    """A mailbox behind verified TLS: from the start (imaps), or begun before the password is said (imap)."""
    try:
        url = urlsplit(address)
        host, port, user, password = url.hostname, url.port, url.username, url.password
    except ValueError as error:
        raise CommandError("The mailbox's address cannot be read; is the port a number?") from error
    if url.scheme not in {"imaps", "imap"} or not (host and user and password):
        raise CommandError("A mailbox is written imaps://user:password@host/INBOX.")
    tls = ssl.create_default_context()
    connection: imaplib.IMAP4
    if url.scheme == "imaps":
        connection = imaplib.IMAP4_SSL(host, port or 993, ssl_context=tls, timeout=_SECONDS)
    else:
        connection = imaplib.IMAP4(host, port or 143, timeout=_SECONDS)
    try:
        if url.scheme == "imap":
            connection.starttls(ssl_context=tls)
        connection.login(unquote(user), unquote(password))
        yield connection, unquote(url.path.lstrip("/")) or "INBOX"
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            connection.logout()
