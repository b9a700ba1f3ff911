"""A provider fails for good in the middle of a mailing, and another is named to take over."""

from collections import Counter
from functools import partial
from typing import Any

from tests.faults.invariants import Findings
from tests.faults.runs import Bench, Case

_READERS = 1_200
_SIZE = 150  # more than the other provider takes in a call
_FIRST_CALL_LOST = 4  # after 50 + 2 · 150 readers or a call more, of 1,200


def _dies(bench: Bench, **act: Any) -> None:
    bench.script({"dialect": "mailgun", "first": _FIRST_CALL_LOST, **act})
    bench.in_calls_of(_SIZE, "failing")
    bench.send("failing")


def _deserted(bench: Bench) -> None:
    bench.send("deserted")


def _moved(bench: Bench, findings: Findings, *, before: int) -> list[str]:
    """Who was taken by the first stays with it; everybody else comes by the other, in calls it can carry."""
    taken: Counter[str] = Counter()
    for line in bench.lines():
        taken[line["dialect"]] += len(line["taken"])
    problems = [] if taken["resend"] else ["the other provider took nothing"]
    if taken["mailgun"] < before:
        problems.append(f"{taken['mailgun']} were taken by the first provider, {before} were expected")
    if most := max(
        (len(line["offered"]) for line in bench.lines() if line["dialect"] == "resend"), default=0
    ):
        problems += [f"a call of {most} to the other provider"] if most > 100 else []
    return problems


RESCUES: tuple[Case, ...] = (
    Case(
        name="provider dies, another is named",
        where="its key is refused",
        inject=partial(_dies, act="status", status=401, accepted=False),
        readers=_READERS,
        wanted={"accepted": _READERS, "unknown": 0, "held": 0},
        look=partial(_moved, before=350),
        is_fast=True,
    ),
    Case(
        name="provider dies, another is named",
        where="it takes and does not answer",
        inject=partial(_dies, act="cut"),
        readers=_READERS,
        most_unknown=6 * _SIZE,
        look=partial(_moved, before=350 + 3 * _SIZE),
    ),
    Case(
        name="provider dies, another is named",
        where="nobody listens",
        inject=_deserted,
        readers=_READERS,
        wanted={"accepted": _READERS, "unknown": 0, "held": 0},
        look=partial(_moved, before=0),
    ),
)
