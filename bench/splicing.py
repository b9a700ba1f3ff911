"""Splicing a copy out of a compiled mail, beside building the same mail with Python's email package."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from bench import material
from newsroom.mail import wire
from newsroom.mail.encoding import mailbox
from newsroom.mail.wire import CompiledMail, Copy

_PAGE = 1_000


def build(mail: CompiledMail, copy: Copy, date: datetime) -> bytes:
    """The same mail by the standard library, with the same headers and values."""
    envelope, filled = mail.envelope, mail.content
    message = EmailMessage(policy=policy.SMTP.clone(max_line_length=998))
    message["From"] = mailbox("From", envelope.from_name, envelope.from_address)
    message["To"] = copy.address
    message["Subject"] = filled.subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = mail.message_id(copy)
    message["List-Unsubscribe"] = f"<{copy.leave_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for name, value in mail.shared_headers:
        if name not in message:
            message[name] = value
    parts = filled.replaced(copy.value, html_value=lambda name: escape(copy.value(name)))
    message.set_content(parts.text, cte="quoted-printable")
    message.add_alternative(parts.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def read(raw: bytes) -> tuple[str, str, str]:
    """Subject, text and HTML of a mail, as a mail program sees them."""
    message = message_from_bytes(raw, policy=policy.default)
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (part.get_content().replace("\r\n", "\n").strip() if part else "" for part in parts)
    return str(message["Subject"]), text, html


class Splice:
    """Tokens, links and bytes for each copy; the mail is compiled beforehand, once."""

    def __init__(self, size: int, count: int) -> None:
        self.count = count
        self.mail = wire.compile_mail(material.envelope(), material.content(size))
        self.date = datetime.now(UTC)
        # Both sides must come to the same mail, or the comparison says nothing.
        (copy,) = material.copies(range(1, 2))
        assert read(self.mail.splice(copy, date=self.date)) == read(build(self.mail, copy, self.date))

    def prepare(self) -> None:
        self.bytes = 0

    def one(self, copy: Copy) -> bytes:
        return self.mail.splice(copy, date=self.date)

    def run(self) -> int:
        for low in range(1, self.count + 1, _PAGE):
            for copy in material.copies(range(low, min(low + _PAGE, self.count + 1))):
                self.bytes += len(self.one(copy))
        return self.count


class Build(Splice):
    """The same copies by the standard library."""

    def one(self, copy: Copy) -> bytes:
        return build(self.mail, copy, self.date)
