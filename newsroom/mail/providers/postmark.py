"""Postmark: up to 500 mails in one call, an answer for each.

"Send batch emails" and "API error codes" in Postmark's developer documentation (read 2026-11-22): the call itself is
answered with 200 whatever becomes of its items, and the answers stand in the order of the mails. Read here and not
by Anymail, which raises for a whole call when it does not know one item's code, and so hides the accepted others.

"Messages API" there (read 2026-11-27): what was taken is found by its metadata for 45 days unless the server keeps
it for another time, 500 to a page, 10,000 to a search.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import requests

from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import Capabilities, Found, HandOver, incomplete
from newsroom.mail.providers.items import ADDRESS, TOKEN, ItemProvider, Parts, spare_the_readers
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import Copy

_HOST: Final = "https://api.postmarkapp.com"
_INVALID: Final = 300  # this mail, so this reader: all else in it is the same for everybody
_INACTIVE: Final = 406  # bounced or complained before
# Answered for an item, they mean that nobody's can pass: token, sender, account, credit.
_CONFIGURATION: Final = frozenset({10, 400, 401, 405, 412, 413})
_LATER: Final = frozenset({100, 429})  # maintenance, too fast
_NOT_TAKEN: Final = frozenset({402, 403, 409, 410, 411})  # about the form of the mail
_PATIENCE_SECONDS: Final = 60.0
_PAGE: Final = 500


class PostmarkProvider(ItemProvider):
    """One server at Postmark, as it calls an account's part."""

    def __init__(self, config: ProviderConfig) -> None:
        self._stream = config.options.get("message_stream", "")
        base = config.api_url.rstrip("/") or _HOST
        self._search_url = f"{base}/messages/outbound"
        super().__init__(
            config.name,
            url=f"{base}/email/batch",
            headers={"X-Postmark-Server-Token": config.username},
            # 50 MB is Postmark's limit; batches are cut by characters, which JSON and umlauts make more of.
            capabilities=Capabilities(
                batch_size=500,
                max_bytes=45_000_000,
                personal_headers=True,
                one_call_per_reader=False,
                can_search=True,
                search_lag_seconds=15 * 60,
            ),
            most_bytes=50_000_000,
        )

    def search(self, *, attempt_id: UUID, since: datetime, until: datetime, seconds: float) -> Found:
        """Postmark's messages of that attempt. The times are not asked for: an attempt's id is used once."""
        tokens: set[str] = set()
        seen = 0
        with self._lock:
            self._session.begin(seconds=seconds)
            while True:
                query = {"count": _PAGE, "offset": seen, "metadata_a": str(attempt_id)}
                if self._stream:
                    query["messagestream"] = self._stream
                try:
                    response = self._session.get(
                        f"{self._search_url}?{urlencode(query)}", headers=self._headers
                    )
                    if response.status_code != 200:
                        return incomplete(tokens, f"HTTP {response.status_code}")
                    total, page = _found(response.json())
                except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
                    return incomplete(tokens, type(error).__name__)
                # A filter that a server does not know is passed over, so what came is looked at once more.
                tokens |= {own["t"] for own in page if own.get("a") == str(attempt_id) and own.get("t")}
                seen += len(page)
                if seen >= total:
                    return Found(tokens=frozenset(tokens), is_complete=True)
                if not page:
                    return incomplete(tokens, f"{seen} of {total} came")

    def item(self, parts: Parts, attempt_id: UUID) -> dict[str, Any]:
        item: dict[str, Any] = {
            "From": parts.sender,
            "To": ADDRESS,
            "Subject": parts.content.subject,
            "TextBody": parts.content.text,
            "Headers": [{"Name": name, "Value": value} for name, value in parts.headers.items()],
            "Metadata": {"t": TOKEN, "a": str(attempt_id)},
            "TrackOpens": False,
            "TrackLinks": "None",
        }
        if parts.content.html:
            item["HtmlBody"] = parts.content.html
        if parts.reply_to:
            item["ReplyTo"] = parts.reply_to
        if self._stream:
            item["MessageStream"] = self._stream
        return item

    def judged_items(self, answer: Any, copies: Sequence[Copy]) -> HandOver | None:
        if not isinstance(answer, list):
            return None
        codes = _in_order(answer, copies)
        outcomes = {seq: _outcome(item) for seq, item in codes.items()}
        invalid = [seq for seq, item in codes.items() if _code(item) == _INVALID]
        spared = spare_the_readers(outcomes, invalid)
        return HandOver(
            outcomes=spared,
            retry_after=_PATIENCE_SECONDS if _any(codes, _LATER) else None,
            is_configuration=_any(codes, _CONFIGURATION),
            is_splittable=spared != outcomes,
            provider_ref=next((each.provider_ref for each in outcomes.values() if each.provider_ref), ""),
        )


def _found(answer: Any) -> tuple[int, list[dict[str, str]]]:
    """How many there are altogether, and the metadata of those on this page."""
    return int(answer["TotalCount"]), [dict(message.get("Metadata") or {}) for message in answer["Messages"]]


def _in_order(answer: list[Any], copies: Sequence[Copy]) -> dict[int, Any]:
    """Each copy's answer. By position if there is one for each; an address that contradicts it is believed more."""
    by_address = {
        str(item["To"]).lower(): item for item in answer if isinstance(item, dict) and item.get("To")
    }
    codes: dict[int, Any] = {}
    for number, copy in enumerate(copies):
        item = answer[number] if len(answer) == len(copies) else None
        to = str(item.get("To") or "").lower() if isinstance(item, dict) else ""
        if item is None or (to and to != copy.address.lower()):
            item = by_address.get(copy.address.lower())
        codes[copy.seq] = item
    return codes


def _code(item: Any) -> int | None:
    """The item's code. It may be missing where Postmark took a mail that it will deliver late."""
    if not isinstance(item, dict):
        return None
    code = item.get("ErrorCode", 0 if item.get("MessageID") else None)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _any(codes: dict[int, Any], wanted: frozenset[int]) -> bool:
    return any(_code(item) in wanted for item in codes.values())


def _outcome(item: Any) -> Outcome:
    code = _code(item)
    if code is None:
        return Outcome(verdict=Verdict.UNKNOWN, reason="no word about this reader")
    if code == 0:
        return Outcome(verdict=Verdict.ACCEPTED, provider_ref=str(item.get("MessageID") or "")[:250])
    reason = f"Postmark {code}: {item.get('Message', '')}"[:300]
    if code in (_INVALID, _INACTIVE):
        return Outcome(verdict=Verdict.REJECTED, reason=reason)
    if code in _CONFIGURATION | _LATER | _NOT_TAKEN:
        return Outcome(verdict=Verdict.NOT_SENT, reason=reason)
    return Outcome(verdict=Verdict.UNKNOWN, reason=reason)
