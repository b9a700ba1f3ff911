"""A provider at the outer seam that does what a test tells it and keeps its own record of what it took."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import connection

from newsroom.mail.providers.base import Capabilities, HandOver
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import CompiledMail, Copy
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind

Answer = Callable[["ScriptedProvider", Sequence[Copy]], HandOver]


class Gone(BaseException):
    """The worker is gone: nothing below may catch this."""


class ScriptedProvider:
    """Answers from `script`, first in first out, then by `always`; `taken` counts copies really accepted."""

    def __init__(self, name: str = "main", *, batch_size: int = 100) -> None:
        self.name = name
        self.capabilities = Capabilities(
            batch_size=batch_size, max_bytes=10_000_000, personal_headers=True, one_call_per_reader=False
        )
        self.script: deque[Answer] = deque()
        self.always: Answer = accept
        self.taken: Counter[int] = Counter()  # by delivery id
        self.addresses: list[str] = []
        self.calls: list[tuple[UUID, list[int], float]] = []
        self.was_in_transaction = False

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        self.was_in_transaction |= connection.in_atomic_block
        self.calls.append((attempt_id, [copy.seq for copy in copies], seconds))
        answer = self.script.popleft() if self.script else self.always
        return answer(self, copies)

    def take(self, copies: Sequence[Copy]) -> None:
        self.taken.update(tokens.read(TokenKind.DELIVERY, copy.message_token) for copy in copies)
        self.addresses += [copy.address for copy in copies]


def alike(copies: Sequence[Copy], verdict: Verdict, reason: str = "") -> dict[int, Outcome]:
    return {copy.seq: Outcome(verdict=verdict, reason=reason) for copy in copies}


def accept(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    provider.take(copies)
    return HandOver(outcomes=alike(copies, Verdict.ACCEPTED), http_status=200, provider_ref="ref")


def accept_without_answer(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    provider.take(copies)
    return HandOver(outcomes=alike(copies, Verdict.UNKNOWN, "no answer"))


def no_answer(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    return HandOver(outcomes=alike(copies, Verdict.UNKNOWN, "no answer"))


def no_connection(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    return HandOver(outcomes=alike(copies, Verdict.NOT_SENT, "no connection: refused"))


def throttle(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    outcomes = alike(copies, Verdict.NOT_SENT, "HTTP 429")
    return HandOver(outcomes=outcomes, http_status=429, retry_after=40.0)


def throttle_long(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    outcomes = alike(copies, Verdict.NOT_SENT, "SMTP 421 4.7.28 unusual rate")
    return HandOver(outcomes=outcomes, retry_after=600.0)


def refuse_key(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    outcomes = alike(copies, Verdict.NOT_SENT, "HTTP 401: bad key")
    return HandOver(outcomes=outcomes, http_status=401, is_configuration=True)


def refuse_these(*bad: int) -> Answer:
    """HTTP 400 for the whole call if one of these numbers is in it."""

    def answer(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        if not any(copy.seq in bad for copy in copies):
            return accept(provider, copies)
        outcomes = alike(copies, Verdict.NOT_SENT, "HTTP 400: to is not valid, reader@example.org")
        return HandOver(outcomes=outcomes, http_status=400, is_splittable=len(copies) > 1)

    return answer


def by_number(verdicts: dict[int, Verdict]) -> Answer:
    """A verdict per number; the others are accepted."""

    def answer(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
        provider.take([c for c in copies if verdicts.get(c.seq, Verdict.ACCEPTED) is Verdict.ACCEPTED])
        return HandOver(
            outcomes={
                c.seq: Outcome(verdict=verdicts.get(c.seq, Verdict.ACCEPTED), reason=f"550 {c.address}")
                for c in copies
            }
        )

    return answer


def die_before_taking(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    raise Gone


def die_after_taking(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    provider.take(copies)
    raise Gone
