"""Writing a letter: rendered in the reader's language and kept until it is sent."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import css_inline
from django.conf import settings
from django.db import IntegrityError, transaction
from django.template import Context
from django.template.loader import get_template, render_to_string
from django.utils.translation import override

from newsroom.mail import addresses, plain_text, queue
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterState
from newsroom.mail.wire import Content, Envelope

_STYLE_BEFORE_CHARSET = re.compile(r"(<style>.*?</style>)\s*(<meta charset=\"utf-8\">)", re.DOTALL)


def write(
    kind: str,
    *,
    address: str,
    subscriber_id: int | None = None,
    newsletter_id: int | None = None,
    language: str,
    context: Mapping[str, Any],
    envelope: Envelope,
    dedupe_key: str,
    at: datetime,
    not_before: datetime | None = None,
    leave_url: str = "",
) -> Letter:
    """Render and keep a letter; it leaves after commit. The same key gives the letter that is there already.

    not_before: when it may leave, if that is later. leave_url: for letters that may carry a one-click unsubscribe (RFC 8058). Raises BadAddress. Queries: 2.
    """
    recipient = addresses.normalise(address)
    key = dedupe_key if len(dedupe_key) <= 120 else hashlib.sha256(dedupe_key.encode()).hexdigest()
    if existing := Letter.objects.filter(dedupe_key=key).first():
        return existing
    content = render(kind, language=language, context=context)
    try:
        with transaction.atomic():
            letter = Letter.objects.create(
                kind=kind,
                dedupe_key=key,
                language=language,
                address=recipient.sendable,
                address_hash=addresses.address_hash(recipient.normal),
                subscriber_id=subscriber_id,
                newsletter_id=newsletter_id,
                subject=content.subject,
                text=content.text,
                html=content.html,
                envelope={**envelope.to_json(), "leave_url": leave_url},
                not_before=not_before or at,
                created_at=at,
            )
    except IntegrityError:  # somebody wrote the same letter at the same moment
        return Letter.objects.get(dedupe_key=key)
    queue.wake_letters()
    return letter


def note_unwritten(
    kind: str, *, address_hash: str, newsletter_id: int | None, language: str, because: str, at: datetime
) -> None:
    """A letter that nobody can get is not written; that, and why, is kept for who asks at the desk. Once a day. Queries: 1.

    because: a key of `recipient_domains.REASONS`.
    """
    unwritten = Letter(
        kind=kind,
        dedupe_key=f"unwritten:{kind}:{address_hash[:48]}:{at:%Y-%m-%d}",
        state=LetterState.CANCELLED,
        language=language,
        address_hash=address_hash,
        newsletter_id=newsletter_id,
        last_error=because,
        not_before=at,
        created_at=at,
    )
    Letter.objects.bulk_create([unwritten], ignore_conflicts=True)


def render(template: str, *, language: str, context: Mapping[str, Any]) -> Content:
    """The three templates of a set in a language: subject, text, HTML with its styles inlined."""
    folder = f"email/{template}"
    known = {
        "SITE_NAME": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "site_host": urlsplit(settings.SITE_URL).netloc,
        "language": language,
        **context,
    }
    with override(language):
        subject = " ".join(_plain(f"{folder}/subject.txt", known).split())
        text = plain_text.wrap(_plain(f"{folder}/body.txt", known))
        html = render_to_string(f"{folder}/body.html", {**known, "subject": subject})
    inlined = css_inline.inline(
        html, keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False
    )
    # The inliner puts what it keeps of the styles first; the character set belongs there (HTML §4.2.5.4).
    return Content(subject=subject[:300], text=text, html=_STYLE_BEFORE_CHARSET.sub(r"\2\n\1", inlined))


def _plain(template: str, context: Mapping[str, Any]) -> str:
    """A text template, whose values are not HTML and so not escaped."""
    compiled: Any = get_template(template)
    return str(compiled.template.render(Context(dict(context), autoescape=False)))


def count_since(address_hash: str, kind: str, since: datetime) -> int:
    """How many letters of a kind were written to an address: in the database, so no flushed cache reopens it."""
    return Letter.objects.for_address_hash(address_hash).filter(kind=kind, created_at__gte=since).count()
