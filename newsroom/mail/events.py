"""Provider events as stored: raw, once, without the reader's address, and without what readers look at."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from newsroom.mail import addresses
from newsroom.mail.errors import BadAddress
from newsroom.mail.models import ProviderEvent
from newsroom.web import tokens
from newsroom.web.masking import is_plain_address, mask_text

# Nobody agreed to being watched while reading; these arrive only where an account's own tracking was left on.
NOT_STORED = frozenset({"opened", "clicked"})
# Who read where and with what: of no use for delivery.
_PERSONAL = re.compile(
    r"(?:^|[-_])(?:ip|geo|geolocation|location|user-?agent|client(?:-?info)?|device)(?:$|[-_])", re.I
)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,23}")
_OUR_MESSAGE_ID = re.compile(r"<?([A-Za-z0-9_-]{20,23})@[a-z0-9.-]+>?")
_MAX_DEPTH = 12
_MAX_TEXT = 2_000
_MAX_ITEMS = 200
_AT_ONCE = 1_000


def store(provider: str, reported: Iterable[Any], *, at: datetime) -> int:
    """Keep Anymail's events, each once; how many were offered to the database. Queries: 1."""
    rows = [_row(provider, event, at) for event in reported if str(event.event_type) not in NOT_STORED]
    if rows:
        ProviderEvent.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def reported(kind: tokens.TokenKind, numbers: Sequence[int]) -> dict[int, list[ProviderEvent]]:
    """What providers told of these letters or copies, by number, oldest first, under every key. One query per 1,000."""
    found: dict[int, list[ProviderEvent]] = {}
    for start in range(0, len(numbers), _AT_ONCE):
        by_token = tokens.make_all(kind, numbers[start : start + _AT_ONCE])
        for event in ProviderEvent.objects.filter(token__in=by_token).order_by("occurred_at", "pk"):
            found.setdefault(by_token[event.token], []).append(event)
    return found


def in_words(kind: str) -> str:
    """What an event of this kind says about a mail; a kind that we do not know, as it came."""
    return words().get(kind, kind)


def words() -> dict[str, str]:
    """What an event says about a mail, by each kind that we know."""
    return {
        "queued": _("queued by the provider"),
        "sent": _("sent by the provider"),
        "delivered": _("delivered"),
        "deferred": _("deferred"),
        "bounced": _("bounced"),
        "rejected": _("rejected"),
        "failed": _("failed"),
        "complained": _("reported as spam"),
        "unsubscribed": _("unsubscribed at the provider"),
        "autoresponded": _("answered automatically"),
    }


def as_told(event: ProviderEvent) -> dict[str, Any]:
    """An event for the person it is about, ready for JSON: when, what, why, and word for word while that is kept."""
    return {
        "at": event.occurred_at.isoformat(),
        "what": event.kind,
        "because": event.reject_reason,
        "description": event.description,
        "as_received": event.payload,
    }


def _row(provider: str, event: Any, at: datetime) -> ProviderEvent:
    recipient = _text(getattr(event, "recipient", None)).strip()
    token = _token(event)
    described = [_text(getattr(event, name, None)) for name in ("description", "mta_response")]
    payload = clean(event.esp_event, recipient=recipient)
    return ProviderEvent(
        provider=provider[:40],
        event_id=_event_id(provider, event, token, recipient),
        kind=_text(event.event_type)[:24],
        reject_reason=_text(getattr(event, "reject_reason", None))[:24],
        token=token,
        address_hash=_address_hash(recipient),
        description=mask_text(" – ".join(filter(None, described)))[:500],
        payload=payload if isinstance(payload, dict) else {"event": payload},
        occurred_at=event.timestamp or at,
        received_at=at,
    )


def _token(event: Any) -> str:
    """Our own token: from what we sent along, else from our Message-ID."""
    metadata = getattr(event, "metadata", None)
    sent_along = _text(metadata.get("t")) if isinstance(metadata, Mapping) else ""
    if _TOKEN.fullmatch(sent_along):
        return sent_along
    found = _OUR_MESSAGE_ID.fullmatch(_text(getattr(event, "message_id", None)))
    return found[1] if found else ""


def _event_id(provider: str, event: Any, token: str, recipient: str) -> str:
    """The provider's own id, with the kind, because some give one id to a message; else made from what it says."""
    kind = _text(event.event_type)
    if given := _text(event.event_id):
        known = f"{kind}:{given}"
        return known if len(known) <= 128 else hashlib.sha256(known.encode()).hexdigest()
    second = event.timestamp.replace(microsecond=0).isoformat() if event.timestamp else ""
    said = (provider, kind, token, recipient, second, _text(getattr(event, "message_id", None)))
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def _address_hash(recipient: str) -> str:
    if not recipient:
        return ""
    try:
        return addresses.address_hash(addresses.normalise(recipient).normal)
    except BadAddress:
        return addresses.address_hash(recipient.casefold())


def clean(value: Any, *, recipient: str) -> Any:
    """A payload as JSON that every database takes, addresses masked, readers' habits left out. About 40 µs."""
    return _clean(value, recipient, is_plain_address(recipient), 0)


def _clean(value: Any, recipient: str, is_plain: bool, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, str):
        return _masked(_text(value), recipient, is_plain)[:_MAX_TEXT]
    if value is None or isinstance(value, bool | int):
        return value
    if hasattr(value, "dict"):  # a form
        value = value.dict()
    if isinstance(value, Mapping):
        return {
            kept: _clean(item, recipient, is_plain, depth + 1)
            for key, item in islice(value.items(), _MAX_ITEMS)
            if (kept := _kept_name(_text(key)[:_MAX_TEXT])) is not None
        }
    if isinstance(value, list | tuple):
        return [_clean(item, recipient, is_plain, depth + 1) for item in value[:_MAX_ITEMS]]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return _masked(_text(value), recipient, is_plain)[:_MAX_TEXT]


@lru_cache(maxsize=1_024)
def _kept_name(name: str) -> str | None:
    """A field's name, or None for one that is left out."""
    return None if _PERSONAL.search(name) else mask_text(name)[:200]


def _masked(text: str, recipient: str, is_plain: bool) -> str:
    """Masked, and the recipient looked for where masking might leave some of the address.

    Not always: to compile a pattern for each reader was half of what storing cost.
    """
    if recipient and (not is_plain or text.count("@") > 1):
        text = re.sub(re.escape(recipient), addresses.mask(recipient), text, flags=re.IGNORECASE)
    return mask_text(text)


def _text(value: Any) -> str:
    """As text without what PostgreSQL refuses: NUL, lone surrogates."""
    if value is None:
        return ""
    text = str(value).replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
