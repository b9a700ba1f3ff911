"""Providers that take a list of whole mails in JSON: the list is written once per call and spliced per reader.

What all readers share is turned into JSON once; a reader's own values are put between. Nothing is left to the
provider's template language, so an article's text is never read as code.
"""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final
from uuid import UUID

import requests

from newsroom.mail import verdicts
from newsroom.mail.encoding import plain_mailbox
from newsroom.mail.errors import BadMail
from newsroom.mail.providers.base import (
    RESPONSE_CHARACTERS,
    Capabilities,
    HandOver,
    all_alike,
    cannot_be_written,
    not_offered,
)
from newsroom.mail.providers.http import DeadlineSession
from newsroom.mail.slots import SLOT, slot
from newsroom.mail.verdicts import Outcome, Ruling, Verdict
from newsroom.mail.wire import CompiledMail, Content, Copy

# Fields of their own, or the provider's to write.
_NOT_HEADERS: Final = frozenset({"From", "To", "Subject", "Reply-To", "Date", "Message-ID"})
_NO_ROOM: Final = "no room left in the call"
ADDRESS: Final = slot("own_address")
TOKEN: Final = slot("own_token")


class Parts:
    """A mail in the parts an API asks for, each reader's values still as slots."""

    def __init__(self, mail: CompiledMail, *, has_leave_url: bool) -> None:
        self.sender = plain_mailbox(mail.envelope.from_name, mail.from_address)
        self.reply_to = mail.reply_to
        self.content: Content = mail.content.replaced(
            lambda name: slot(f"text_{name}"), html_value=lambda name: slot(f"html_{name}")
        )
        self.headers = {name: value for name, value in mail.shared_headers if name not in _NOT_HEADERS}
        if has_leave_url:
            self.headers["List-Unsubscribe"] = f"<{slot('own_leave_url')}>"
            self.headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


class ItemProvider(ABC):
    """One call for many readers, an item of a JSON list for each."""

    def __init__(
        self, name: str, *, url: str, headers: Mapping[str, str], capabilities: Capabilities, most_bytes: int
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self._url = url
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._most_bytes = most_bytes
        self._session = DeadlineSession()
        self._lock = threading.Lock()

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        offered, body, outcomes = self._written(mail, copies, attempt_id)
        if not offered:
            return HandOver(outcomes=outcomes)
        with self._lock:
            self._session.begin(seconds=seconds)
            try:
                response = self._session.post(
                    self._url, data=body, headers={**self._headers, **self.headers_of_call(attempt_id)}
                )
            except requests.RequestException as error:
                call = all_alike(offered, verdicts.of_exception(error))
            else:
                call = self._judged(response, offered)
        return HandOver(**{**vars(call), "outcomes": {**outcomes, **call.outcomes}})

    @abstractmethod
    def item(self, parts: Parts, attempt_id: UUID) -> dict[str, Any]:
        """One reader's item, with slots for what is the reader's own."""

    @abstractmethod
    def judged_items(self, answer: Any, copies: Sequence[Copy]) -> HandOver | None:
        """What a readable answer to a call that was taken says of each copy; None if it is not the expected shape."""

    def headers_of_call(self, attempt_id: UUID) -> dict[str, str]:
        """HTTP headers of this one call."""
        return {}

    def judged_error(self, response: requests.Response, copies: Sequence[Copy]) -> HandOver:
        """What an answer that is an error means."""
        ruling = verdicts.of_response(response)
        return all_alike(copies, ruling, http_status=response.status_code, response=response.text)

    def _judged(self, response: requests.Response, copies: Sequence[Copy]) -> HandOver:
        if not response.ok or response.is_redirect:
            return self.judged_error(response, copies)
        try:
            call = self.judged_items(response.json(), copies)
        except (ValueError, RecursionError):
            call = None
        if call is None:
            reason = f"HTTP {response.status_code} with an answer that cannot be read"
            call = all_alike(copies, Ruling(verdict=Verdict.UNKNOWN, reason=reason))
        return HandOver(
            **{
                **vars(call),
                "http_status": response.status_code,
                "response": response.text[:RESPONSE_CHARACTERS],
            }
        )

    def _written(
        self, mail: CompiledMail, copies: Sequence[Copy], attempt_id: UUID
    ) -> tuple[list[Copy], bytes, dict[int, Outcome]]:
        """The copies that go, as the body of the call, and what became of the others. The same again, byte for byte."""
        templates = {
            has: SLOT.split(_json(self.item(Parts(mail, has_leave_url=has), attempt_id)))
            for has in {bool(copy.leave_url) for copy in copies}
        }
        offered: list[Copy] = []
        outcomes: dict[int, Outcome] = {}
        pieces: list[bytes] = []
        size = 2
        for copy in copies:
            try:
                mail.check(copy)
            except BadMail as error:
                outcomes[copy.seq] = cannot_be_written(error)
                continue
            piece = _spliced(templates[bool(copy.leave_url)], copy)
            if len(offered) == self.capabilities.batch_size or size + len(piece) + 1 > self._most_bytes:
                outcomes[copy.seq] = not_offered(_NO_ROOM)
                continue
            size += len(piece) + 1
            pieces.append(piece)
            offered.append(copy)
        return offered, b"[" + b",".join(pieces) + b"]", outcomes


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _spliced(template: Sequence[str], copy: Copy) -> bytes:
    """The template with one copy's values; every second piece is the name of a slot."""
    pieces = [
        _json(_value(piece, copy))[1:-1] if number % 2 else piece for number, piece in enumerate(template)
    ]
    return "".join(pieces).encode("utf-8", "replace")


def _value(name: str, copy: Copy) -> str:
    kind, _, rest = name.partition("_")
    match kind:
        case "text":
            return copy.value(rest)
        case "html":
            return escape(copy.value(rest))
    return {"address": copy.address, "token": copy.message_token, "leave_url": copy.leave_url}[rest]


def spare_the_readers(outcomes: Mapping[int, Outcome], suspected: Sequence[int]) -> dict[int, Outcome]:
    """If a call's every reader was refused as invalid, it is not the readers: certainly not sent, and no verdict."""
    if len(outcomes) > 1 and len(suspected) == len(outcomes):
        return {seq: not_offered(outcome.reason) for seq, outcome in outcomes.items()}
    return dict(outcomes)
