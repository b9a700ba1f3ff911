"""What follows from a provider's answer, as values: who is decided, and what becomes of those who are not.

No database here, so every rule can be read and tested on its own.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import isnan
from typing import Final

from newsroom.mail.providers.base import HandOver
from newsroom.mail.verdicts import Verdict
from newsroom.web.masking import mask_text

MOST_TRIES: Final = 5
_FIRST_WAIT_SECONDS: Final = 10
_SHORTEST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 3600.0
# "Too large" and "too many recipients for this account": half may pass.
TOO_MANY: Final = frozenset({413, 420})
# Refused as it is: where it is one copy, that copy.
_REFUSED: Final = frozenset({400, 413, 422})


class Remedy(StrEnum):
    """What becomes of copies that were certainly not sent."""

    WAIT = "wait"  # try again, not before a time
    SPLIT = "split"  # one of them may be to blame: try each half
    HOLD = "hold"  # tried often enough: a person decides


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Numbers of copies by what became of them; each number is in one place only."""

    accepted: list[int] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)
    not_sent: list[int] = field(default_factory=list)
    remedy: Remedy = Remedy.WAIT
    not_before: datetime
    tries: int
    because: str = ""
    is_throttled: bool = False


def reason(text: str) -> str:
    """A reason as the ledger keeps it: short, on one line, without addresses."""
    return mask_text(" ".join(text.split()))[:120]


def decide(offered: list[int], answer: HandOver, *, tries: int, at: datetime) -> Decision:
    """Sort the copies of one call.

    tries: how often the batch was tried before. A copy the provider's adapter says nothing about is unknown.
    Being told to wait, being misconfigured, a provider that nobody reaches and a call that we cut short ourselves
    cost no try.
    """
    by_verdict: dict[Verdict, list[int]] = {verdict: [] for verdict in Verdict}
    rejected: dict[int, str] = {}
    because = ""
    for number in sorted(offered):
        outcome = answer.outcomes.get(number)
        verdict = Verdict.UNKNOWN if outcome is None else outcome.verdict
        by_verdict[verdict].append(number)
        if outcome is not None and verdict is Verdict.REJECTED:
            rejected[number] = reason(outcome.reason)
        elif outcome is not None and verdict is Verdict.NOT_SENT:
            because = because or reason(outcome.reason)
    not_sent = by_verdict[Verdict.NOT_SENT]
    is_refusal = answer.is_splittable or answer.http_status in _REFUSED | TOO_MANY
    is_throttled = answer.retry_after is not None or answer.http_status == 429
    if not_sent and is_refusal and not is_throttled and len(offered) == 1:
        rejected[not_sent.pop()] = because
    remedy, spent, wait = Remedy.WAIT, tries, timedelta()
    if is_throttled:
        wait = throttled_for(answer)
    if len(not_sent) > 1 and (answer.is_splittable or answer.http_status in TOO_MANY):
        remedy = Remedy.SPLIT
    elif not_sent and answer.is_unreachable:
        wait = timedelta(seconds=_FIRST_WAIT_SECONDS)
    elif not_sent and not (is_throttled or answer.is_configuration or answer.is_cut_short):
        spent = tries + 1
        remedy = Remedy.HOLD if spent >= MOST_TRIES else Remedy.WAIT
        wait = timedelta(seconds=_FIRST_WAIT_SECONDS * 3 ** (spent - 1))
    return Decision(
        accepted=by_verdict[Verdict.ACCEPTED],
        rejected=rejected,
        unknown=by_verdict[Verdict.UNKNOWN],
        not_sent=not_sent,
        remedy=remedy,
        not_before=at + wait,
        tries=spent,
        because=because,
        is_throttled=is_throttled,
    )


def throttled_for(answer: HandOver) -> timedelta:
    """How long a provider asked us to wait: half a minute if it did not say, and never longer than an hour."""
    told = answer.retry_after
    seconds = 30.0 if told is None or isnan(told) else told
    return timedelta(seconds=min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT))
