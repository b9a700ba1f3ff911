"""Mails to test with: an envelope, a content with slots, copies."""

from datetime import UTC, datetime
from typing import Any

from newsroom.mail.wire import CompiledMail, Content, Copy, Envelope, compile_mail, slot
from newsroom.web import tokens

NOW = datetime(2026, 11, 22, 6, 0, 30, 123456, tzinfo=UTC)


def make_envelope(**changes: Any) -> Envelope:
    values: dict[str, Any] = {
        "kind": "digest",
        "from_name": "Uferblick am Morgen",
        "from_address": "morgen@example.org",
        "reply_to": "redaktion@example.org",
        "language": "de",
        "list_id": "morgen.news.example.org",
        "list_name": "Uferblick am Morgen",
        "archive_url": "https://news.example.org/newsletters/morgen/",
        "help_url": "https://news.example.org/newsletters/",
        "feedback_id": "d12:morgen:digest:uferblick",
    }
    return Envelope(**{**values, **changes})


def make_content(**changes: Any) -> Content:
    values = {
        "subject": "Der Fluss führt wieder Wasser",
        "html": f'<p>Grüße an {slot("masked_address")}</p><a href="{slot("leave_url")}">Abmelden</a>',
        "text": f"Grüße an {slot('masked_address')}\n\nAbmelden: {slot('leave_url')}\n",
    }
    return Content(**{**values, **changes})


def make_mail(*, envelope: dict[str, Any] | None = None, **content: Any) -> CompiledMail:
    return compile_mail(make_envelope(**(envelope or {})), make_content(**content))


def make_copy(seq: int = 0, **changes: Any) -> Copy:
    number = (7 << 32) + seq
    values: dict[str, Any] = {
        "seq": seq,
        "address": f"reader{seq}@example.org",
        "message_token": tokens.make(tokens.TokenKind.DELIVERY, number),
        "leave_url": tokens.leave_url(1000 + seq),
        "slots": {"masked_address": f"r…{seq}@example.org"},
    }
    return Copy(**{**values, **changes})
