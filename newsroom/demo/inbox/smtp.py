"""The SMTP side: aiosmtpd, with a faster way through the content of a mail."""

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from newsroom.demo.inbox.mailbox import Mailbox

HOST = "127.0.0.1"
LARGEST_MAIL_BYTES = 32 * 1024 * 1024
LONGEST_LINE_BYTES = 1_000  # with its line end, RFC 5321 §4.5.3.1.6


class Receiver:
    """Takes every mail. aiosmtpd calls these methods by their names."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        # aiosmtpd serves commands that are sent ahead; it only does not say so (RFC 2920).
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content
        assert content is not None
        mail = self._mailbox.add(
            sender=envelope.mail_from or "", recipients=envelope.rcpt_tos, content=content
        )
        return f"250 2.0.0 Kept as {mail.number}"


class QuickSMTP(SMTP):
    """Reads a mail's content in one piece: aiosmtpd goes line by line, which costs half of its time."""

    line_length_limit = LARGEST_MAIL_BYTES  # aiosmtpd gives this to its stream as the buffer's size

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = bytearray(await self._reader.readuntil(b".\r\n"))
        while content != b".\r\n" and not content.endswith(b"\r\n.\r\n"):
            content += await self._reader.readuntil(b".\r\n")
        answer = await self._take(bytes(content[:-3]))
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd gives it no types
        await self.push(answer)

    async def _take(self, content: bytes) -> str:
        if len(content) > LARGEST_MAIL_BYTES:
            return "552 Error: Too much mail data"
        if len(max(content.split(b"\n"), key=len)) > LONGEST_LINE_BYTES:
            return "500 Line too long (RFC 5321 section 4.5.3.1.6)"
        # A dot at the start of a line was added on the way (RFC 5321 §4.5.2).
        unstuffed = content.removeprefix(b".").replace(b"\r\n.", b"\r\n")
        assert self.envelope is not None
        self.envelope.content = self.envelope.original_content = unstuffed
        return str(await self._call_handler_hook("DATA"))


class InboxController(Controller):
    """Runs the server in a thread of its own."""

    def factory(self) -> SMTP:
        return QuickSMTP(self.handler, **self.SMTP_kwargs)


def smtp_server(mailbox: Mailbox, port: int) -> Controller:
    """The SMTP side, not started yet."""
    return InboxController(
        Receiver(mailbox),
        hostname=HOST,
        port=port,
        enable_SMTPUTF8=True,
        data_size_limit=LARGEST_MAIL_BYTES,
        ident="Newsroom demo inbox",
    )
