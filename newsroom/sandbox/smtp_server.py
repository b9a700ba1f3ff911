"""The SMTP side: a mail server with pipelining that loses its temper where the script says so.

Written on sockets, because a well-behaved server cannot hang up between the final dot and its answer.
"""

import contextlib
import re
import socketserver
import threading
import time
from email import message_from_bytes

from newsroom.sandbox.record import Call, Copy, Record
from newsroom.sandbox.script import Act, Script

_ADDRESS = re.compile(r"<([^<>]*)>")
_REFUSALS = {
    "mail": b"refused at MAIL",
    "rcpt": b"no such reader, or not now",
    "data": b"refused at DATA",
    "dot": b"refused after the message",
}


class _HangUp(Exception):
    """The conversation ends here, without a word."""


class SmtpServer(socketserver.ThreadingTCPServer):
    """One simulator's mail server. A message is a call."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], script: Script, record: Record) -> None:
        super().__init__(address, _Session)
        self.script, self.record = script, record

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that hangs up is no news here."""


class _Session(socketserver.StreamRequestHandler):
    server: SmtpServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self._begin()
        # The call after this one decides about the greeting; it is asked once a message begins.
        self._say(220, b"sandbox ready")
        with contextlib.suppress(_HangUp, OSError):
            while line := self.rfile.readline(4096):
                self._command(line.rstrip(b"\r\n").decode("utf-8", "replace"))

    def _begin(self) -> None:
        self._number, self._act = 0, Act()
        self._recipients: list[str] = []
        self._refused = 0

    def _command(self, line: str) -> None:
        verb = line[:4].upper()
        match verb:
            case "EHLO" | "HELO":
                self.wfile.write(b"250-sandbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 20000000\r\n")
            case "MAIL":
                self._begin()
                self._number, self._act = self.server.script.next("smtp")
                self._mail()
            case "RCPT":
                self._rcpt(line)
            case "DATA":
                self._data()
            case "RSET":
                self._begin()
                self._say(250, b"forgotten")
            case "NOOP":
                self._say(250, b"here")
            case "QUIT":
                self._say(221, b"bye")
                raise _HangUp
            case _:
                self._say(502, b"what?")

    def _mail(self) -> None:
        if self._act.name == "hangup":
            self._note((), "closed at MAIL")
            raise _HangUp
        if self._act.name == "throttle":
            self._note((), "421")
            self._say(421, b"too many, come back later")
            raise _HangUp
        if not self._refuses("mail"):
            self._say(250, b"sender ok")

    def _rcpt(self, line: str) -> None:
        found = _ADDRESS.search(line)
        address = found[1] if found else ""
        if self._act.name == "picky" and self._act.marker in address:
            self._refused = self._act.status
            self._note((), f"{self._refused} at RCPT")
            self._say(self._refused, b"refused")
        elif self._refuses("rcpt"):
            self._note((), f"{self._refused} at RCPT")
        else:
            self._recipients.append(address)
            self._say(250, b"recipient ok")

    def _data(self) -> None:
        if not self._recipients:
            self._say(self._refused or 503, b"nobody to send it to")
            return
        if self._refuses("data"):
            self._note((), f"{self._refused} at DATA")
            return
        self._say(354, b"go on")
        if self._act.name == "half":
            # Some of the body, then silence: nothing was taken.
            self.rfile.readline(4096)
            self._note((), "closed in the message")
            raise _HangUp
        self._judge(self._message())

    def _message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline(65_536)) != b".\r\n":
            if not line:
                raise _HangUp
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _judge(self, message: bytes) -> None:
        act = self._act
        code = act.status if act.name == "status" and act.at == "dot" else 250
        takes = act.accepted if act.name == "cut" else code == 250
        copy = Copy(token=_token(message), address=self._recipients[0])
        self._note((copy,) if takes else (), f"{code} {act.name}", offered=copy, size=len(message))
        match act.name:
            case "cut":
                time.sleep(act.seconds)
                raise _HangUp
            case "garbage":
                self.wfile.write(b"%% what a day\r\n")
            case "drip":
                for byte in b"250 taken\r\n":
                    self.wfile.write(bytes([byte]))
                    time.sleep(act.seconds)
            case _:
                time.sleep(act.seconds)
                self._say(code, b"taken" if code == 250 else _REFUSALS["dot"])

    def _refuses(self, at: str) -> bool:
        if self._act.name != "status" or self._act.at != at:
            return False
        self._refused = self._act.status
        self._say(self._refused, _REFUSALS[at])
        return True

    def _note(
        self, taken: tuple[Copy, ...], answered: str, *, offered: Copy | None = None, size: int = 0
    ) -> None:
        call = Call(number=self._number, dialect="smtp", copies=(offered,) if offered else (), size=size)
        self.server.record.write(call, taken=taken, answered=answered)

    def _say(self, code: int, text: bytes) -> None:
        self.wfile.write(b"%d %s\r\n" % (code, text))


def _token(message: bytes) -> str:
    """The sender's own word for the copy: what stands before the @ of its Message-ID."""
    head = message_from_bytes(message.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    return str(head.get("Message-ID", "")).strip("<> \r\n").partition("@")[0]


def serve(server: socketserver.BaseServer) -> None:
    """Answer in a thread of its own until the process ends."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
