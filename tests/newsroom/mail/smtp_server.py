"""A mail server on a loopback socket that says what a test tells it to say, or hangs up."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATES = Path(__file__).parent / "certificates"
CERTIFICATE = CERTIFICATES / "selfsigned.crt"


class _Hangup(Exception):
    """The script says: close the connection now."""


@dataclass
class Script:
    """What the server says. `None` as an answer: it hangs up instead."""

    greeting: str = "220 ready"
    extensions: list[str] = field(default_factory=lambda: ["PIPELINING", "SIZE 50000000", "8BITMIME"])
    mail: str | None = "250 sender ok"
    data: str | None = "354 go on"
    end: str | None = "250 2.0.0 Ok: queued as ABC123"
    recipients: dict[str, str | None] = field(default_factory=dict)  # by address; else 250
    login: str = "235 welcome"
    end_pause: float = 0.0  # seconds before the answer to the final dot
    drip: bool = False  # the answer to the final dot comes byte by byte
    tls: str = ""  # "", "start", "on"


@dataclass
class MailServer:
    """What the server saw."""

    script: Script
    port: int = 0
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    writes: list[bytes] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)  # recipient and message as received

    def run(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(_Hangup, OSError), connection:
                _Conversation(self, connection).run()


class _Conversation:
    def __init__(self, server: MailServer, connection: socket.socket) -> None:
        self.server = server
        self.script = server.script
        self.connection = connection
        self.buffer = b""
        if self.script.tls == "on":
            self._encrypt()

    def run(self) -> None:
        self._say(self.script.greeting)
        recipients: list[str] = []
        while line := self._line():
            self.server.commands.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                offered = ["localhost", *self.script.extensions]
                if self.script.tls == "start" and not isinstance(self.connection, ssl.SSLSocket):
                    offered.append("STARTTLS")
                self._say(*(f"250-{name}" for name in offered[:-1]), f"250 {offered[-1]}")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self._encrypt()
            elif verb == "AUTH":
                self._say(self.script.login)
            elif verb == "MAIL":
                self._say(self.script.mail)
            elif verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                answer = self.script.recipients.get(address, "250 ok")
                if answer and answer.startswith("250"):
                    recipients.append(address)
                self._say(answer)
            elif verb == "DATA":
                if not recipients and self.script.data and self.script.data.startswith("354"):
                    self._say("554 no valid recipients")
                    continue
                self._say(self.script.data)
                if self.script.data and self.script.data.startswith("354"):
                    self._message(recipients.pop())
            elif verb == "RSET":
                recipients.clear()
                self._say("250 reset")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("502 unknown")

    def _message(self, recipient: str) -> None:
        lines = []
        while (line := self._line()) != ".":
            lines.append(line.removeprefix("."))
        self.server.messages.append((recipient, "\r\n".join(lines).encode("latin-1") + b"\r\n"))
        time.sleep(self.script.end_pause)
        if self.script.drip:
            for character in (self.script.end or "") * 100:
                self.connection.sendall(character.encode())
                time.sleep(0.05)
        self._say(self.script.end)

    def _say(self, *lines: str | None) -> None:
        for line in lines:
            if line is None:
                raise _Hangup
            self.connection.sendall(f"{line}\r\n".encode())
            if line.startswith("421"):
                raise _Hangup

    def _line(self) -> str:
        while b"\r\n" not in self.buffer:
            received = self.connection.recv(65_536)
            if not received:
                raise _Hangup
            self.server.writes.append(received)
            self.buffer += received
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _encrypt(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, CERTIFICATES / "selfsigned.key")
        self.connection = context.wrap_socket(self.connection, server_side=True)


@contextlib.contextmanager
def mail_server(script: Script | None = None) -> Iterator[MailServer]:
    """A server for the length of a test."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = MailServer(script=script or Script(), port=listener.getsockname()[1])
        thread = threading.Thread(target=server.run, args=[listener], daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=0.2)
