"""Resend: up to 100 mails in one call, all or none, and the same call again is known for the same.

"Send batch emails" and "Idempotency keys" in Resend's documentation (read 2026-11-22): a key is kept for 24 hours;
the same key with the same payload gives the first answer again and sends nothing, with another payload it is
refused with 409, and so it is while the first call is still being worked on. The key is the attempt's id.
"""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import requests

from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import Capabilities, HandOver, all_alike
from newsroom.mail.providers.items import ADDRESS, TOKEN, ItemProvider, Parts, spare_the_readers
from newsroom.mail.verdicts import Outcome, Ruling, Verdict
from newsroom.mail.wire import Copy

_HOST: Final = "https://api.resend.com"
_OTHER_PAYLOAD: Final = "invalid_idempotent_request"


class ResendProvider(ItemProvider):
    """One account at Resend."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(
            config.name,
            url=f"{config.api_url.rstrip('/') or _HOST}/emails/batch",
            headers={"Authorization": f"Bearer {config.username}", "x-batch-validation": "strict"},
            capabilities=Capabilities(
                batch_size=100,
                max_bytes=35_000_000,
                personal_headers=True,
                one_call_per_reader=False,
                replay_seconds=24 * 60 * 60,
            ),
            most_bytes=40_000_000,
        )

    def headers_of_call(self, attempt_id: UUID) -> dict[str, str]:
        return {"Idempotency-Key": str(attempt_id)}

    def item(self, parts: Parts, attempt_id: UUID) -> dict[str, Any]:
        # Where Anymail's reader of events looks for it. Readers can see it, so it must mean nothing to them.
        metadata = json.dumps({"t": TOKEN, "a": str(attempt_id)}, ensure_ascii=False)
        item: dict[str, Any] = {
            "from": parts.sender,
            "to": [ADDRESS],
            "subject": parts.content.subject,
            "text": parts.content.text,
            "headers": {**parts.headers, "X-Metadata": metadata},
        }
        if parts.content.html:
            item["html"] = parts.content.html
        if parts.reply_to:
            item["reply_to"] = [parts.reply_to]
        return item

    def judged_items(self, answer: Any, copies: Sequence[Copy]) -> HandOver | None:
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            return None
        refused = _refused(answer.get("errors"), len(copies))
        ids = answer["data"]
        if refused is None or len(ids) + len(refused) != len(copies):
            return None
        waiting = iter(ids)
        outcomes: dict[int, Outcome] = {}
        for number, copy in enumerate(copies):
            # Strict as we ask for, none is refused. Otherwise refused ones have no id, and those behind move up.
            if number in refused:
                reason = f"refused by Resend: {refused[number]}"[:300]
                outcomes[copy.seq] = Outcome(verdict=Verdict.REJECTED, reason=reason)
            else:
                outcomes[copy.seq] = _accepted(next(waiting))
        spared = spare_the_readers(outcomes, [copies[number].seq for number in refused])
        return HandOver(
            outcomes=spared,
            is_splittable=spared != outcomes,
            provider_ref=next((each.provider_ref for each in outcomes.values() if each.provider_ref), ""),
        )

    def judged_error(self, response: requests.Response, copies: Sequence[Copy]) -> HandOver:
        if response.status_code != 409:
            return super().judged_error(response, copies)
        # A call with this key was there before, so these copies may have been sent by it.
        is_conflict = _OTHER_PAYLOAD in response.text
        reason = "the key was used for another payload" if is_conflict else "the first call is not over"
        call = all_alike(copies, Ruling(verdict=Verdict.UNKNOWN, reason=f"HTTP 409: {reason}"))
        return HandOver(
            **{**vars(call), "http_status": 409, "response": response.text[:2000], "is_conflict": is_conflict}
        )


def _accepted(item: Any) -> Outcome:
    reference = item.get("id") if isinstance(item, dict) else None
    if not reference:
        return Outcome(verdict=Verdict.UNKNOWN, reason="no word about this reader")
    return Outcome(verdict=Verdict.ACCEPTED, provider_ref=str(reference)[:250])


def _refused(errors: Any, count: int) -> dict[int, str] | None:
    """Refused items by position; None if that cannot be read."""
    if not errors:
        return {}
    refused: dict[int, str] = {}
    for error in errors if isinstance(errors, list) else [None]:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            return None
        refused[index] = str(error.get("message", ""))
    return refused
