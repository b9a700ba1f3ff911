"""A provider that keeps what it is given: for tests, rehearsals and measurements."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from newsroom.mail.errors import BadMail
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import Capabilities, HandOver, cannot_be_written
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import CompiledMail, Copy


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One copy as it would have left."""

    copy: Copy
    raw: bytes
    attempt_id: UUID


class MemoryProvider:
    """Keeps messages in `outbox`; with `?file=PATH` also writes a line of JSON per copy, for several processes.

    `answers` says what becomes of an address other than accepted; only what is accepted is kept.
    """

    def __init__(self, config: ProviderConfig) -> None:
        self.name = config.name
        self.capabilities = Capabilities(
            batch_size=500, max_bytes=100_000_000, personal_headers=True, one_call_per_reader=False
        )
        self.outbox: list[Kept] = []
        self.answers: dict[str, Outcome] = {}
        self._carries_utf8 = config.carries_utf8
        self._file = config.options.get("file", "")

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        outcomes: dict[int, Outcome] = {}
        date = datetime.now(UTC)
        for copy in copies:
            outcome = self.answers.get(copy.address) or Outcome(
                verdict=Verdict.ACCEPTED, provider_ref=mail.message_id(copy)
            )
            if outcome.verdict is Verdict.ACCEPTED:
                try:
                    raw = mail.splice(copy, date=date, allows_utf8=self._carries_utf8)
                except BadMail as error:
                    outcome = cannot_be_written(error)
                else:
                    self.outbox.append(Kept(copy=copy, raw=raw, attempt_id=attempt_id))
            outcomes[copy.seq] = outcome
        if self._file:
            self._note(
                mail, [copy for copy in copies if outcomes[copy.seq].verdict is Verdict.ACCEPTED], attempt_id
            )
        return HandOver(outcomes=outcomes, provider_ref=str(attempt_id))

    def _note(self, mail: CompiledMail, copies: Sequence[Copy], attempt_id: UUID) -> None:
        lines = "".join(
            json.dumps(
                {"address": copy.address, "message_id": mail.message_id(copy), "attempt": str(attempt_id)}
            )
            + "\n"
            for copy in copies
        )
        # One write with O_APPEND: lines of several processes do not mix.
        file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, lines.encode())
        finally:
            os.close(file)
