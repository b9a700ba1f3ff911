"""What every provider can be asked: what it can carry, and to take copies of a mail."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from newsroom.mail.errors import BadMail
from newsroom.mail.verdicts import Outcome, Ruling, Verdict
from newsroom.mail.wire import CompiledMail, Copy

RESPONSE_CHARACTERS = 2_000


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What one call can carry."""

    batch_size: int  # copies per hand_over
    max_bytes: int  # of one call, or of one message where each copy is a call
    personal_headers: bool  # each reader's own List-Unsubscribe in one call
    one_call_per_reader: bool
    # Bytes for a character of a body that travels once per call; 0: every copy brings the whole body along.
    shared_body_factor: int = 0
    keeps_list_headers: bool = True  # False: List-Unsubscribe is dropped or replaced
    reports_events: bool = True
    replay_seconds: int = 0  # how long the same call again, with the same attempt id, is known for the same
    can_search: bool = False  # its records can be asked for an attempt
    search_lag_seconds: int = 0  # how late a record may turn up there


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What became of the copies of one hand-over: an outcome for every one."""

    outcomes: dict[int, Outcome]  # by Copy.seq
    http_status: int | None = None
    provider_ref: str = ""
    response: str = ""
    retry_after: float | None = None  # seconds; the provider asked for patience
    is_configuration: bool = False  # nothing can succeed there until somebody repairs it
    is_unreachable: bool = False  # no connection came about for (the rest of) this call
    is_splittable: bool = False  # perhaps a copy is to blame: half the batch may pass, a single one may not
    is_conflict: bool = False  # this attempt id was seen there with another payload
    is_cut_short: bool = False  # we ended it ourselves; costs no try, and no wait


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a provider's records say about an attempt. Whoever is not found is absent only if they are complete."""

    tokens: frozenset[str]  # message tokens of the copies that were accepted
    is_complete: bool
    what: str = ""  # why it is not complete


def incomplete(tokens: Collection[str], what: str) -> Found:
    """An answer that proves whom it names, and nobody absent."""
    return Found(tokens=frozenset(tokens), is_complete=False, what=what)


class Provider(Protocol):
    """One configured provider. Used by one thread at a time."""

    name: str
    capabilities: Capabilities

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        """Offer the copies within `seconds` altogether. Never raises for trouble on the wire.

        Each copy gets an outcome; one that was certainly not offered is NOT_SENT. attempt_id goes along where the
        provider has a place for it, so that its records can be searched by it.
        """
        ...


class OfferLog(Protocol):
    """Where each copy is written down before it is offered, so that a worker's death leaves one copy unknown."""

    def offering(self, seq: int) -> bool:
        """This copy is about to be offered. False: it must not be, nor any other in this call."""
        ...

    def answered(self, seq: int, *, is_taken: bool) -> None:
        """What was heard of the copy that was offered."""
        ...


class NoLog:
    """Nothing is written down."""

    def offering(self, seq: int) -> bool:
        return True

    def answered(self, seq: int, *, is_taken: bool) -> None:
        """Nobody is told."""


@runtime_checkable
class OneByOne(Protocol):
    """A provider that is offered one copy after the other, and can say which ones while it is."""

    def hand_over_logged(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float, log: OfferLog
    ) -> HandOver:
        """As `Provider.hand_over`, in the order of the copies, each written down before it is offered."""
        ...


@runtime_checkable
class Searchable(Protocol):
    """A provider whose records can be searched by attempt."""

    def search(self, *, attempt_id: UUID, since: datetime, until: datetime, seconds: float) -> Found:
        """The copies of that attempt among the provider's records of that time. Never raises for trouble on the wire."""
        ...


def all_alike(
    copies: Sequence[Copy], ruling: Ruling, *, http_status: int | None = None, response: str = ""
) -> HandOver:
    """One ruling for the whole call."""
    outcome = ruling.outcome()
    return HandOver(
        outcomes={copy.seq: outcome for copy in copies},
        http_status=http_status,
        response=response[:RESPONSE_CHARACTERS],
        retry_after=ruling.retry_after,
        is_configuration=ruling.is_configuration,
        is_unreachable=ruling.is_unreachable,
        is_splittable=ruling.is_splittable,
    )


CUT_SHORT = "the journal of the call is gone"


def not_offered(reason: str) -> Outcome:
    """For copies that the call did not come to."""
    return Outcome(verdict=Verdict.NOT_SENT, reason=reason)


def cannot_be_written(error: BadMail) -> Outcome:
    """For a copy whose own values would make a broken mail: no retry helps."""
    return Outcome(verdict=Verdict.REJECTED, reason=f"cannot be written: {error}"[:300])
