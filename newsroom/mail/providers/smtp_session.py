"""A connection to a mail server, on `smtplib`, with what it lacks: a total deadline and pipelining."""

import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from newsroom.mail.provider_urls import ProviderConfig

CONNECT_SECONDS = 10.0
LEAVE_SECONDS = 2.0
BACK_OFF_SECONDS = 60.0  # after 421
# After Gmail's 421 4.7.28, an unusual rate of mail: a minute is too soon, and to press on makes it worse.
RATE_LIMITED_SECONDS = 600.0
_LINE_BYTES = 8_192
# A socket's limit is a system call: it is set again after so long, and a wait ends so much too late at worst.
_REARM_SECONDS = 0.05


class Refused(Exception):
    """No session came about, so nothing was offered."""

    def __init__(
        self,
        reason: str,
        *,
        is_configuration: bool = False,
        is_unreachable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_configuration = is_configuration
        self.is_unreachable = is_unreachable
        self.retry_after = retry_after


def back_off_seconds(text: str) -> float:
    """How long to stay away after a 421 with these words."""
    return RATE_LIMITED_SECONDS if text.lstrip().startswith("4.7.28") else BACK_OFF_SECONDS


def connect(config: ProviderConfig, *, deadline: float) -> "Session":
    """A session ready for MAIL: greeted, encrypted, logged in. Raises Refused."""
    tls = config.options.get("tls") or ("on" if config.port == 465 else "start")
    deadline = min(deadline, time.monotonic() + CONNECT_SECONDS)
    try:
        context = ssl.create_default_context(cafile=config.options.get("ca")) if tls != "off" else None
    except OSError as error:
        raise Refused(f"the file of ca cannot be read: {error}", is_configuration=True) from error
    session = Session(config, deadline=deadline, implicit=context if tls == "on" else None)
    try:
        code, text = session.connect(config.host, config.port or {"on": 465, "start": 587}.get(tls, 25))
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        session.ehlo_or_helo_if_needed()
        if tls == "start":
            session.starttls(context=context)
            session.ehlo()
        if config.username:
            session.login(config.username, config.password)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        session.close()
        raise _refusal(error) from error
    return session


class Session(smtplib.SMTP):
    """Reads its replies itself, so that a server that drips bytes cannot outlast the deadline."""

    def __init__(self, config: ProviderConfig, *, deadline: float, implicit: ssl.SSLContext | None) -> None:
        # A name for EHLO; smtplib's own guess asks the DNS and may take half a minute.
        helo = config.options.get("helo") or urlsplit(settings.SITE_URL).hostname or "localhost"
        super().__init__(local_hostname=helo, timeout=CONNECT_SECONDS)
        # `starttls` checks the certificate against the name that smtplib remembers only when its constructor connects.
        self._host = config.host
        self.deadline = deadline
        self.messages = 0
        self.needs_reset = False
        self.awaited: object | None = None  # whose envelope is on its way, unanswered
        self._proposed: Sequence[str] = ()
        self._armed_at = -_REARM_SECONDS
        self._implicit = implicit
        self._used_at = time.monotonic()
        self._read = bytearray()

    def begin_use(self, deadline: float) -> None:
        self.deadline = deadline
        self._armed_at = -_REARM_SECONDS

    def count_message(self) -> None:
        self.messages += 1
        self._used_at = time.monotonic()

    def idle(self) -> float:
        return time.monotonic() - self._used_at

    @property
    def is_pipelining(self) -> bool:
        return self.has_extn("pipelining")

    def propose(self, commands: Sequence[str]) -> None:
        """Ask with these commands: in one write if the server knows PIPELINING, else each when it is its turn."""
        self.reset()
        self._proposed = commands
        if self.is_pipelining:
            self.send(_lines(commands))

    def send_mail(self, raw: bytes, *, then: Sequence[str]) -> None:
        """A message whose lines begin with no dot, its end, and the commands that propose the next one."""
        self._proposed = then
        self.send(b"".join((raw, b".\r\n", _lines(then))))

    def answers(self) -> list[tuple[int, bytes]]:
        """The replies to what was proposed; without PIPELINING until one is refused."""
        replies: list[tuple[int, bytes]] = []
        pipelined = self.is_pipelining
        for command in self._proposed:
            last = replies[-1][0] if replies else 0
            if last == 421 or (last >= 300 and not pipelined):
                # After 421 the server hangs up (RFC 5321 §3.8); without pipelining a refusal ends the envelope.
                replies.append(replies[-1])
                continue
            if not pipelined:
                self.send(_lines([command]))
            replies.append(self.getreply())
        return replies

    def reset(self) -> None:
        """Forget a transaction that came to nothing."""
        if self.needs_reset:
            self.send(b"RSET\r\n")
            self.getreply()
            self.needs_reset = False

    def leave(self) -> None:
        """QUIT, but no long goodbye."""
        self.begin_use(time.monotonic() + LEAVE_SECONDS)
        try:
            self.send(b"QUIT\r\n")
            self.getreply()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self.close()

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        self._arm()
        self._connected_socket().sendall(s.encode("ascii") if isinstance(s, str) else s)

    def getreply(self) -> tuple[int, bytes]:
        """One reply, all of its lines (RFC 5321 §4.2.1). Raises OSError, SMTPServerDisconnected among them."""
        lines: list[bytes] = []
        while True:
            line = self._line()
            code = line[:3]
            if len(code) < 3 or not code.isdigit():
                raise smtplib.SMTPServerDisconnected(f"not a reply: {line[:80]!r}")
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(code), b"\n".join(lines)

    def starttls(self, **kwargs: Any) -> tuple[int, bytes]:  # type: ignore[override]
        reply = super().starttls(**kwargs)
        if self._read:
            # What was sent in the clear before the handshake must not be taken as an answer after it.
            raise smtplib.SMTPServerDisconnected("answers before the handshake")
        if reply[0] != 220:
            raise smtplib.SMTPNotSupportedError(f"STARTTLS refused: {reply[0]}")
        return reply

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), timeout=max(0.1, self.deadline - time.monotonic()))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the final dot leaves by itself
        return self._implicit.wrap_socket(sock, server_hostname=host) if self._implicit else sock

    def _line(self) -> bytes:
        while (end := self._read.find(b"\n")) < 0:
            if len(self._read) > _LINE_BYTES:
                raise smtplib.SMTPServerDisconnected("a reply without end")
            self._arm()
            received = self._connected_socket().recv(65_536)
            if not received:
                raise smtplib.SMTPServerDisconnected("closed by the server")
            self._read += received
        line = bytes(self._read[: end + 1])
        del self._read[: end + 1]
        return line

    def _arm(self) -> None:
        """Let the next wait end with the deadline, whatever has been waited before."""
        now = time.monotonic()
        if now >= self.deadline:
            raise TimeoutError("no time left")
        if not 0 <= now - self._armed_at < _REARM_SECONDS:
            self._connected_socket().settimeout(self.deadline - now)
            self._armed_at = now

    def _connected_socket(self) -> socket.socket:
        if not self.sock:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self.sock


def _lines(commands: Sequence[str]) -> bytes:
    return "".join(f"{command}\r\n" for command in commands).encode()


def _refusal(error: Exception) -> Refused:
    """Why no session came about, and whether somebody must repair something."""
    match error:
        case ssl.SSLCertVerificationError():
            return Refused(
                f"the server's certificate is not trusted: {error.verify_message}", is_configuration=True
            )
        case ssl.SSLError():
            return Refused(f"no encrypted connection: {error.reason}", is_configuration=True)
        case smtplib.SMTPNotSupportedError():
            return Refused(f"the server does not offer what is configured: {error}", is_configuration=True)
        case smtplib.SMTPResponseException():
            text = (
                error.smtp_error.decode("utf-8", "replace")
                if isinstance(error.smtp_error, bytes)
                else error.smtp_error
            )
            is_login = isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500
            return Refused(
                f"SMTP {error.smtp_code} {text}"[:300],
                is_configuration=is_login,
                retry_after=back_off_seconds(text) if error.smtp_code == 421 else None,
            )
        case _:
            return Refused(f"no connection: {type(error).__name__} {error}"[:300], is_unreachable=True)
