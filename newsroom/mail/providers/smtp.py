"""Our own SMTP session: kept open, verified TLS, one recipient per message, a verdict on each.

With PIPELINING (RFC 2920) a message leaves in one write together with MAIL, RCPT and DATA of the next one, so that it
costs one round trip: DATA ends a group of commands (§3.1), and the dot may begin the next. What the server may have
taken is decided by one moment: once the final dot is on its way, silence means unknown. A copy of which only the
envelope was sent is certainly not sent.
"""

import smtplib
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from newsroom.mail.errors import BadMail
from newsroom.mail.provider_urls import ProviderConfig
from newsroom.mail.providers.base import (
    CUT_SHORT,
    RESPONSE_CHARACTERS,
    Capabilities,
    HandOver,
    NoLog,
    OfferLog,
    cannot_be_written,
    not_offered,
)
from newsroom.mail.providers.smtp_session import Refused, Session, back_off_seconds, connect
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import CompiledMail, Copy

IDLE_SECONDS = 20.0  # an idle connection is taken as gone: servers close them


class SmtpProvider:
    """A mail server. Keeps one connection per process."""

    def __init__(self, config: ProviderConfig) -> None:
        self.name = config.name
        self.config = config
        self.capabilities = Capabilities(
            batch_size=100,
            max_bytes=10_000_000,
            personal_headers=True,
            one_call_per_reader=True,
            reports_events=False,
        )
        self._bounces = config.options.get("bounces", "").partition("@")
        self._per_connection = int(config.options.get("per_connection", "100"))
        self._session: Session | None = None
        self._lock = threading.Lock()

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        return self.hand_over_logged(mail, copies, attempt_id=attempt_id, seconds=seconds, log=NoLog())

    def hand_over_logged(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float, log: OfferLog
    ) -> HandOver:
        with self._lock:
            call = _Call(deadline=time.monotonic() + seconds, log=log)
            written = self._written(mail, copies, call)
            letter = next(written, None)
            while letter:
                following = next(written, None)
                if call.is_over or call.remaining() < 1:
                    call.outcomes[letter.copy.seq] = not_offered(call.why_over or "no time left")
                else:
                    call.outcomes[letter.copy.seq] = self._offer(letter, following, call)
                letter = following
            self._abandon()
            return call.hand_over()

    def close(self) -> None:
        """End the connection politely."""
        session, self._session = self._session, None
        if session:
            session.leave()

    def _written(self, mail: CompiledMail, copies: Sequence[Copy], call: "_Call") -> "Iterator[_Letter]":
        """The copies as bytes, each when it is wanted; of those that cannot be written, their outcome."""
        for copy in copies:
            try:
                raw = mail.splice(copy, date=call.date(), allows_utf8=self.config.carries_utf8)
                yield _Letter(copy, raw, mail.from_address)
            except BadMail as error:
                call.outcomes[copy.seq] = cannot_be_written(error)

    def _offer(self, letter: "_Letter", following: "_Letter | None", call: "_Call") -> Outcome:
        """One copy; a connection that died while it idled is replaced once, because nothing was offered on it."""
        reused = self._session is not None
        session = self._connected(call)
        if session is None:
            return not_offered(call.why_over)
        try:
            return self._converse(session, letter, following, call)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            if reused and call.remaining() > 1:
                return self._offer(letter, following, call)
            call.end(f"connection lost: {_words(error)}")
            return not_offered(call.why_over)

    def _connected(self, call: "_Call") -> Session | None:
        session = self._session
        if session and session.awaited:
            return session
        if session and (session.messages >= self._per_connection or session.idle() > IDLE_SECONDS):
            self.close()
            session = None
        if session is None:
            try:
                session = self._session = connect(self.config, deadline=call.deadline)
            except Refused as refusal:
                call.end(
                    refusal.reason,
                    is_configuration=refusal.is_configuration,
                    is_unreachable=refusal.is_unreachable,
                    retry_after=refusal.retry_after,
                )
                return None
        session.begin_use(call.deadline)
        return session

    def _envelope(self, letter: "_Letter", session: Session) -> list[str]:
        """MAIL, RCPT and DATA of a copy. Where bounces have a mailbox, its address carries the copy's token."""
        local, _at, domain = self._bounces
        token = letter.copy.message_token
        sender = f"MAIL FROM:<{local}+{token}@{domain}>" if local else f"MAIL FROM:<{letter.sender}>"
        recipient = f"RCPT TO:<{letter.copy.address}>"
        if local and session.has_extn("dsn"):  # RFC 3461 §4: tell us of failures and delays, without the body
            sender, recipient = f"{sender} RET=HDRS ENVID={token}", f"{recipient} NOTIFY=FAILURE,DELAY"
        if letter.needs_utf8:
            sender += " SMTPUTF8"
        if session.has_extn("size"):
            sender += f" SIZE={len(letter.raw)}"
        return [sender, recipient, "DATA"]

    def _converse(
        self, session: Session, letter: "_Letter", following: "_Letter | None", call: "_Call"
    ) -> Outcome:
        """The conversation about one message. Raises only as long as the message cannot have been taken."""
        if letter.needs_utf8 and not session.has_extn("smtputf8"):
            # RFC 6531 §3.5: it must not be tried. Somebody wrote that this server knows it.
            return Outcome(verdict=Verdict.REJECTED, reason="the server does not offer SMTPUTF8")
        if session.awaited is not letter:
            session.propose(self._envelope(letter, session))
        session.awaited = None
        if outcome := self._agree(session, call):
            return outcome
        last = session.messages + 1 >= self._per_connection
        may_ride = session.is_pipelining and not last and call.remaining() > 2
        rides_along = following if may_ride and following and not following.needs_utf8 else None
        envelope = self._envelope(rides_along, session) if rides_along else []
        if not call.log.offering(letter.copy.seq):
            self._drop()  # the server waits for a message
            return call.cut_short()
        try:
            # Its lines begin with no dot, whoever compiled it.
            session.send_mail(letter.raw, then=envelope)
            session.awaited = rides_along
            code, text = session.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            call.end("connection lost")
            return Outcome(verdict=Verdict.UNKNOWN, reason=f"no answer after the message: {_words(error)}")
        session.count_message()
        outcome = self._judge_end(code, text, call)
        call.log.answered(letter.copy.seq, is_taken=outcome.verdict is Verdict.ACCEPTED)
        return outcome

    def _agree(self, session: Session, call: "_Call") -> Outcome | None:
        """The answers to MAIL, RCPT, DATA. None: the server waits for the message; else what became of the copy."""
        (mail, mail_text), (rcpt, rcpt_text), (data, data_text) = session.answers()
        if data == 354 and rcpt >= 300:
            # RFC 2920 §3.1: a server may ask for a message that has no recipient; it gets an empty one.
            session.send(b".\r\n")
            session.getreply()
        for code, text in ((mail, mail_text), (rcpt, rcpt_text), (data, data_text)):
            if code == 421:
                return self._sent_away(text, call)
        if mail >= 300:
            # The sender or the whole session is refused, not this reader.
            call.end(_reason(mail, mail_text), is_configuration=mail >= 500)
            session.needs_reset = True
            return not_offered(_reason(mail, mail_text))
        if rcpt >= 300:
            session.needs_reset = True
            if rcpt in {530, 535, 538}:
                call.end(_reason(rcpt, rcpt_text), is_configuration=True)
                return not_offered(call.why_over)
            verdict = Verdict.REJECTED if rcpt >= 500 else Verdict.NOT_SENT
            return Outcome(verdict=verdict, reason=_reason(rcpt, rcpt_text))
        if data != 354:
            session.needs_reset = True
            verdict = Verdict.REJECTED if data >= 500 else Verdict.NOT_SENT
            return Outcome(verdict=verdict, reason=_reason(data, data_text))
        return None

    def _judge_end(self, code: int, text: bytes, call: "_Call") -> Outcome:
        """The answer to the final dot is definite, whatever it is."""
        call.response = _reason(code, text)
        if 200 <= code < 300:
            return Outcome(verdict=Verdict.ACCEPTED, provider_ref=_reason(code, text)[:250])
        if code == 421:
            return self._sent_away(text, call)
        verdict = Verdict.REJECTED if code >= 500 else Verdict.NOT_SENT
        return Outcome(verdict=verdict, reason=_reason(code, text))

    def _sent_away(self, text: bytes, call: "_Call") -> Outcome:
        self._drop()
        call.end(_reason(421, text), retry_after=back_off_seconds(text.decode("utf-8", "replace")))
        return not_offered(call.why_over)

    def _abandon(self) -> None:
        """A server that waits for a message which is not to come: a dot would send it empty, so the link is cut."""
        if self._session and self._session.awaited:
            self._drop()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session:
            session.close()


class _Letter(NamedTuple):
    """A copy as bytes, and who sends it."""

    copy: Copy
    raw: bytes
    sender: str

    @property
    def needs_utf8(self) -> bool:
        return not self.copy.address.isascii()


@dataclass
class _Call:
    """What one hand-over has come to so far."""

    deadline: float
    log: OfferLog
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    is_over: bool = False
    why_over: str = ""
    response: str = ""
    retry_after: float | None = None
    is_configuration: bool = False
    is_unreachable: bool = False
    is_cut_short: bool = False
    _second: int = 0
    _date: datetime = field(default_factory=lambda: datetime.now(UTC))

    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    def date(self) -> datetime:
        """The time, which a mail tells in whole seconds: the same object for a second."""
        if (second := int(time.time())) != self._second:
            self._second, self._date = second, datetime.now(UTC)
        return self._date

    def end(
        self,
        why: str,
        *,
        is_configuration: bool = False,
        is_unreachable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """No further copy is offered in this call."""
        self.is_over, self.why_over = True, why
        self.is_configuration, self.retry_after = is_configuration, retry_after
        self.is_unreachable = is_unreachable

    def cut_short(self) -> Outcome:
        """No further copy is offered, because it could not be written down."""
        self.end(CUT_SHORT)
        self.is_cut_short = True
        return not_offered(CUT_SHORT)

    def hand_over(self) -> HandOver:
        return HandOver(
            outcomes=self.outcomes,
            response=(self.why_over or self.response)[:RESPONSE_CHARACTERS],
            retry_after=self.retry_after,
            is_configuration=self.is_configuration,
            is_unreachable=self.is_unreachable,
            is_cut_short=self.is_cut_short,
        )


def _reason(code: int, text: bytes) -> str:
    return f"SMTP {code} {' '.join(text.decode('utf-8', 'replace').split())}"[:300]


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return f"{type(error).__name__} {error}".strip()[:200]
