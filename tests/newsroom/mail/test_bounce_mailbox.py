"""What comes back to the mailbox: stored once if it is about a copy of ours, and nothing else."""

import imaplib
import io
import json
import socket
import threading
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from newsroom.mail import bounce_mailbox
from newsroom.mail.errors import BadProviderUrl
from newsroom.mail.models import ProviderEvent
from newsroom.mail.provider_urls import parse
from newsroom.mail.providers.smtp import SmtpProvider
from newsroom.web import tokens
from tests.newsroom.mail.mails import make_copy
from tests.newsroom.mail.returned import TOKEN, complaint, dsn
from tests.newsroom.mail.smtp_server import Script, mail_server
from tests.newsroom.mail.test_smtp import _send

AT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_a_bounce_of_a_copy_of_ours_is_stored_once_without_the_reader() -> None:
    for _each in range(2):
        bounce_mailbox.take_in(dsn(), at=AT)

    event = ProviderEvent.objects.get()
    assert (event.provider, event.kind, event.reject_reason) == ("bounces", "bounced", "bounced")
    assert (event.token, event.address_hash, event.applied_at) == (TOKEN, "", None)
    assert "ann@" not in json.dumps(event.payload) + event.description


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("raw", "kind", "reason"),
    [
        (complaint(), "complained", "spam"),
        (dsn(status="5.7.1", diagnostic="smtp; 550 blocked by policy"), "bounced", "blocked"),
        (dsn(status="5.2.2", diagnostic="smtp; 552 mailbox full"), "bounced", "other"),
        (dsn(action="delayed", status="4.4.1"), "deferred", "other"),
    ],
)
def test_the_words_are_those_of_every_provider(raw: bytes, kind: str, reason: str) -> None:
    bounce_mailbox.take_in(raw, at=AT)

    event = ProviderEvent.objects.get()
    assert (event.kind, event.reject_reason) == (kind, reason)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "raw",
    [
        dsn(token="A" * 23),
        complaint(token=tokens.make(tokens.TokenKind.DELIVERY, 8)[:12] + TOKEN[12:]),
        dsn(token=tokens.make(tokens.TokenKind.LEAVE, 9)),
        dsn(action="delivered", status="2.0.0"),
        b"\xff\x00",
    ],
    ids=["forged", "changed", "of another purpose", "delivered", "noise"],
)
def test_what_is_not_about_a_copy_of_ours_is_not_stored(raw: bytes) -> None:
    assert bounce_mailbox.take_in(raw, at=AT).stored == 0
    assert not ProviderEvent.objects.exists()


class _Mailbox(threading.Thread):
    """An IMAP server for one visit, on a loopback socket."""

    def __init__(self, mails: list[bytes], *, breaks_at: str = "") -> None:
        super().__init__(daemon=True)
        self.mails, self.breaks_at = mails, breaks_at
        self.said: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        connection, _peer = self.listener.accept()
        with self.listener, connection, connection.makefile("rwb") as file:
            file.write(b"* OK ready\r\n")
            file.flush()
            for line in file:
                tag, _, command = line.decode().strip().partition(" ")
                self.said.append(command)
                if self.breaks_at and command.startswith(self.breaks_at):
                    return
                file.write(self._answer(command) + f"{tag} OK done\r\n".encode())
                file.flush()

    def _answer(self, command: str) -> bytes:
        if command.startswith("CAPABILITY"):
            return b"* CAPABILITY IMAP4REV1\r\n"
        if command.startswith("SELECT"):
            return b"* %d EXISTS\r\n" % len(self.mails)
        if command.startswith("SEARCH"):
            return b"* SEARCH " + b" ".join(b"%d" % (n + 1) for n in range(len(self.mails))) + b"\r\n"
        if command.startswith("FETCH"):
            number = int(command.split(" ")[1])
            raw = self.mails[number - 1]
            return b"* %d FETCH (BODY[]<0> {%d}\r\n%s)\r\n" % (number, len(raw), raw)
        return b""


def _visit(mailbox: _Mailbox) -> bounce_mailbox.Taken:
    mailbox.start()
    connection = imaplib.IMAP4("127.0.0.1", mailbox.port, timeout=5)
    connection.state = "AUTH"
    return bounce_mailbox.read_mailbox(connection, folder='Bounces "new"')


@pytest.mark.django_db
def test_a_mailbox_is_emptied_of_its_unread_mails() -> None:
    mailbox = _Mailbox([dsn(), b"Subject: hello\r\n\r\nI am a person.\r\n"])

    taken = _visit(mailbox)

    assert taken == bounce_mailbox.Taken(reports=1, stored=1)
    assert ProviderEvent.objects.get().token == TOKEN
    assert r'SELECT "Bounces \"new\""' in mailbox.said
    assert [line for line in mailbox.said if line.startswith("STORE")] == [
        r"STORE 1 +FLAGS (\Seen)",
        r"STORE 2 +FLAGS (\Seen)",
    ]


@pytest.mark.django_db
def test_a_mail_is_marked_as_read_only_after_it_was_stored() -> None:
    mailbox = _Mailbox([dsn()], breaks_at="STORE")

    with pytest.raises((imaplib.IMAP4.error, OSError)):
        _visit(mailbox)

    assert ProviderEvent.objects.count() == 1
    assert all(b"PEEK" in line.encode() for line in mailbox.said if line.startswith("FETCH"))


@pytest.mark.django_db
def test_the_command_takes_one_mail_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(dsn())))
    out = io.StringIO()

    call_command("read_bounces", stdout=out)

    assert out.getvalue() == "1 reports, 1 about copies of ours.\n"


@pytest.mark.parametrize(
    "address", ["pop://a:b@c/", "imaps://nobody@example.org/", "imaps://a:secret@h:x/", "@/nowhere"]
)
def test_a_mailbox_that_cannot_be_opened_is_named_without_its_password(address: str) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("read_bounces", imap=address)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("extensions", [["PIPELINING", "DSN"], []])
def test_each_copy_leaves_with_a_sender_of_its_own(extensions: list[str]) -> None:
    copy = make_copy()
    with mail_server(Script(extensions=extensions)) as server:
        [config] = parse(f"main=smtp://127.0.0.1:{server.port}?tls=off&bounces=b@bounces.example.org")
        _send(SmtpProvider(config), [copy])

    [sender] = [line for line in server.commands if line.startswith("MAIL")]
    assert sender.startswith(f"MAIL FROM:<b+{copy.message_token}@bounces.example.org>")
    assert ("RET=HDRS" in sender) == ("DSN" in extensions)
    assert len(f"b+{copy.message_token}") <= 64
    [(_recipient, raw)] = server.messages
    assert b"From: " in raw
    assert b"bounces.example.org" not in raw


@pytest.mark.parametrize(
    "address", ["b", "b+c@example.org", "b@", f"{'b' * 41}@example.org", "b>@example.org"]
)
def test_a_return_path_that_has_no_room_for_a_token_is_refused(address: str) -> None:
    with pytest.raises(BadProviderUrl, match="bounces of 'main'"):
        parse(f"main=smtp://mail.example.org?bounces={address.replace('+', '%2B')}")
