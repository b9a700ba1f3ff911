"""Calls without an answer at providers that can be asked: in the end nobody is held who need not be.

The engine looks each second here, and records may lag by seconds; what it concludes from an answer is as in earnest.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from digests.delivery.models import Batch
from digests.delivery.states import BatchState
from newsroom.mail.models import Incident
from newsroom.web import clock
from tests.faults.celery_app import SEARCH_LAG_SECONDS
from tests.faults.invariants import Findings
from tests.faults.runs import Bench, Case

SIZE = 50
READERS = 400
_CALLS = [3, 5]
_UNKNOWN = len(_CALLS) * SIZE
_PATIENCE_SECONDS = 40


def _ask(
    bench: Bench, *, provider: str, taken: bool, patient: bool = True, times: int = 1, **how: Any
) -> None:
    """Two calls end without an answer; where the provider can be asked, holding waits for what it says."""
    dialect = "mailgun" if provider == "records" else "resend"
    rules = [{"dialect": dialect, "calls": _CALLS, "act": "cut", "accepted": taken}]
    bench.script(*rules, **how)
    bench.in_calls_of(SIZE, provider)
    bench.send(provider)
    if patient:
        bench.during(_wait_for_proof, times=_PATIENCE_SECONDS * 4, every=0.25)


def _wait_for_proof() -> None:
    later = clock.now() + timedelta(seconds=10)
    Batch.objects.filter(state=BatchState.UNKNOWN).update(lease_until=later)


def _calls_of_one_attempt(bench: Bench) -> Counter[str]:
    return Counter(line["attempt"] for line in bench.lines())


def _asked_again(bench: Bench, findings: Findings) -> Sequence[str]:
    """The same calls were made once more, under the same keys, and no others."""
    again = [number for number in _calls_of_one_attempt(bench).values() if number > 1]
    return [] if len(again) == len(_CALLS) else [f"{len(again)} calls were made again"]


def _never_asked_again(bench: Bench, findings: Findings) -> Sequence[str]:
    again = sum(number > 1 for number in _calls_of_one_attempt(bench).values())
    return [f"{again} calls were made again although their keys may be forgotten"] if again else []


def _staff_were_told(bench: Bench, findings: Findings) -> Sequence[str]:
    told = Incident.objects.filter(key__startswith="delivery.conflict.").count()
    return [] if told == len(_CALLS) else [f"{told} incidents tell of other content"]


def _row(
    where: str,
    *,
    provider: str,
    taken: bool = True,
    held: int = 0,
    look: Callable[[Bench, Findings], Sequence[str]] = lambda bench, findings: (),
    is_fast: bool = False,
    patient: bool = True,
    **how: Any,
) -> Case:
    return Case(
        name="provider is searched" if provider == "records" else "call is made again",
        where=where,
        inject=partial(_ask, provider=provider, taken=taken, patient=patient, **how),
        readers=READERS,
        most_unknown=_UNKNOWN,
        most_held=held,
        wanted={"unknown": _UNKNOWN, "accepted": READERS - held, "held": held},
        look=look,
        is_fast=is_fast,
    )


_LATE = {"lag": SEARCH_LAG_SECONDS - 1}
PROOF: tuple[Case, ...] = (
    _row("taken, all rows late", provider="records", search=_LATE | {"lag": 11}),
    _row("taken, every second row late", provider="records", search={"lag": 11, "late_every": 2}),
    _row("taken, each page twice", provider="records", search={"repeats": True}),
    _row("taken, 429 and 500 first", provider="records", search={"statuses": [429, 500, 500, 429]}),
    _row("not taken, 429 and 500 first", provider="records", taken=False, search={"statuses": [429, 500]}),
    _row("taken, the key is known", provider="again", look=_asked_again),
    _row("not taken, the key is new", provider="again", taken=False, look=_asked_again),
    _row("the first call still runs", provider="again", keys={"busy": 3}),
    _row(
        "other content is known",
        provider="again",
        keys={"conflict": True},
        held=_UNKNOWN,
        look=_staff_were_told,
    ),
    _row(
        "too late to ask",
        provider="brief",
        keys={"seconds": 8},
        held=_UNKNOWN,
        patient=False,
        look=_never_asked_again,
    ),
)
