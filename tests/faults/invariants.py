"""What must hold whatever happened, by the simulator's record on one side and the ledger on the other."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digests.delivery import ledger
from digests.delivery.auditing import audit
from digests.delivery.models import Attempt, Delivery, Mailing
from digests.delivery.states import TERMINAL_MAILINGS, AttemptState, DeliveryState
from newsroom.mail.models import Incident
from newsroom.web import tokens
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind

# An attempt that nothing of the call itself decided, neither answer nor journal, was unknown for a while.
_KNOWN_AT_ONCE = frozenset({"", "answer", "journal"})
# A call with an idempotency key may be made again: that it is taken once is looked at all the same.
_REPLAYABLE = frozenset({"resend"})  # by dialect
UNFINISHED = "unfinished:"
_NOT_TAKEN = (DeliveryState.REJECTED, DeliveryState.SKIPPED, DeliveryState.CANCELLED)


@dataclass(kw_only=True)
class Findings:
    """What a row of the table says, and every sentence that makes it red."""

    lost: int = 0
    duplicated: int = 0
    unknown: int = 0
    held: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    cancelled: int = 0
    calls: int = 0
    problems: list[str] = field(default_factory=list)


def read(record: Path, *, since: int) -> list[dict[str, Any]]:
    """The lines of the record from a byte on."""
    with record.open("rb") as file:
        file.seek(since)
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def check(mailing: Mailing, lines: list[dict[str, Any]]) -> Findings:
    """Compare. Nothing is changed."""
    mailing.refresh_from_db()
    result = audit(mailing)
    findings = Findings(
        calls=len(lines),
        held=result.counts["held"],
        accepted=result.counts["accepted"],
        rejected=result.counts["rejected"],
        skipped=result.counts["skipped"],
        cancelled=result.counts["cancelled"],
        problems=list(result.problems),
    )
    if mailing.state not in TERMINAL_MAILINGS:
        findings.problems.append(f"{UNFINISHED} the mailing is still {mailing.state}")
    taken = _taken(mailing, lines, findings)
    _compare(mailing, taken, findings)
    _intent(mailing, lines, findings)
    findings.unknown = _unknown(mailing)
    findings.problems += [
        f"incident: {key}"
        for key in Incident.objects.filter(key__startswith="delivery.fence.").values_list("key", flat=True)
    ]
    return findings


def _taken(mailing: Mailing, lines: list[dict[str, Any]], findings: Findings) -> Counter[int]:
    """How often the simulator took each copy of this mailing."""
    taken: Counter[int] = Counter()
    for token in (token for line in lines for token in line["taken"]):
        try:
            number = tokens.read(TokenKind.DELIVERY, token)
        except BadToken:
            findings.problems.append(f"the provider took something that names no copy: {token!r}")
            continue
        if ledger.mailing_of(number) == mailing.pk:
            taken[number] += 1
    findings.duplicated = sum(times - 1 for times in taken.values())
    if findings.duplicated:
        findings.problems.append(f"{findings.duplicated} copies too many were taken")
    return taken


def _compare(mailing: Mailing, taken: Counter[int], findings: Findings) -> None:
    lies: Counter[str] = Counter()
    waiting = 0
    rows = Delivery.objects.filter(mailing=mailing).values_list("pk", "state", "reason")
    for pk, state, reason in rows:
        if state == DeliveryState.ACCEPTED and not taken[pk]:
            lies["accepted, and never taken"] += 1
            findings.lost += 1
        elif state == DeliveryState.WAITING:
            waiting += 1
            findings.lost += not taken[pk]
        elif state in _NOT_TAKEN and taken[pk]:
            lies[f"{state}, and taken all the same"] += 1
        elif state in (*_NOT_TAKEN, DeliveryState.HELD) and not reason:
            lies[f"{state} without a reason"] += 1
    findings.problems += [f"{count} copies are {what}" for what, count in lies.items()]
    if waiting:
        findings.problems.append(f"{UNFINISHED} {waiting} copies wait")


def _intent(mailing: Mailing, lines: list[dict[str, Any]], findings: Findings) -> None:
    """Each copy that was offered stands in an attempt committed before; one attempt is one call."""
    attempts = {
        str(pk): (seqs, calling_at)
        for pk, seqs, calling_at in Attempt.objects.filter(batch__mailing=mailing).values_list(
            "pk", "seqs", "calling_at"
        )
    }
    offered_by = Counter(
        (line["attempt"], token)
        for line in lines
        if line["dialect"] not in _REPLAYABLE
        for token, _ in line["offered"]
    )
    again = sum(times > 1 for (attempt, _), times in offered_by.items() if attempt)
    if again:
        findings.problems.append(f"{again} copies were offered twice under one attempt")
    unannounced = 0
    for line in lines:
        at = datetime.fromtimestamp(line["time"], tz=UTC)
        known = [attempts[line["attempt"]]] if line["attempt"] in attempts else []
        if not line["attempt"]:
            known = list(attempts.values())
        for token, _ in line["offered"]:
            number = ledger.number_of(_number(token))
            unannounced += not any(_holds(seqs, number) and began <= at for seqs, began in known)
    if unannounced:
        findings.problems.append(f"{unannounced} copies were offered before an attempt was committed")


def _number(token: str) -> int:
    try:
        return tokens.read(TokenKind.DELIVERY, token)
    except BadToken:
        return -1


def _holds(seqs: Iterable[list[int]], number: int) -> bool:
    return any(low <= number < high for low, high in seqs)


def _unknown(mailing: Mailing) -> int:
    """Copies whose call ended without anybody knowing, whatever came of it later."""
    count = 0
    for attempt in Attempt.objects.filter(batch__mailing=mailing):
        runs = attempt.evidence.get("unknown")
        if runs:
            count += sum(high - low for low, high in runs)
        elif attempt.verdict_by not in _KNOWN_AT_ONCE or attempt.state in (
            AttemptState.UNKNOWN,
            AttemptState.HELD,
        ):
            count += attempt.size
    return count
