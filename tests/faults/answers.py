"""What a provider may answer, or not: the verdict on every copy must be the right one."""

from collections.abc import Sequence
from functools import partial
from math import ceil, log2
from typing import Any

from tests.faults.invariants import Findings
from tests.faults.runs import Bench, Case

SIZE = 50  # copies in a call, so that there are many calls
_READERS = 1_000


def _send(bench: Bench, *rules: dict[str, Any], provider: str = "mailgun", size: int = SIZE) -> None:
    bench.script(*rules)
    if size:
        bench.in_calls_of(size, provider)
    bench.send(provider)


def _inject(bench: Bench, *, provider: str, size: int, rules: Sequence[dict[str, Any]]) -> None:
    _send(bench, *rules, provider=provider, size=size)


def _only_in_trouble(bench: Bench, findings: Findings) -> list[str]:
    """Unknown is what was in a call that had no clear answer, and not one copy more."""
    good = ("200 accept", "250 accept")
    troubled = sum(len(line["offered"]) for line in bench.lines() if line["answered"] not in good)
    if findings.unknown > troubled:
        return [f"{findings.unknown} became unknown, {troubled} were in calls without a clear answer"]
    return [] if troubled else ["nothing went wrong: the row proves nothing"]


def _case(
    where: str,
    *rules: dict[str, Any],
    name: str = "Mailgun answers",
    provider: str = "mailgun",
    size: int = SIZE,
    readers: int = _READERS,
    **values: Any,
) -> Case:
    return Case(
        name=name,
        where=where,
        inject=partial(_inject, provider=provider, size=size, rules=rules),
        readers=readers,
        **values,
    )


def _ambiguous(where: str, *, is_fast: bool = False, **act: Any) -> Case:
    """Nobody can know: three calls end so. None may be sent again."""
    return _case(
        where,
        {"dialect": "mailgun", "calls": [3, 7, 9], **act},
        most_unknown=3 * SIZE,
        wanted={"unknown": 3 * SIZE, "rejected": 0},
        look=_only_in_trouble,
        is_fast=is_fast,
    )


def _halving(bench: Bench, findings: Findings) -> list[str]:
    most = 2 * ceil(log2(550)) + 3
    return [f"{findings.calls} calls to find one reader, {most} suffice"] if findings.calls > most else []


_THROTTLES: tuple[tuple[str, float, int], ...] = (
    ("1", 0.3, 20),
    ("", 1.0, 2),
    ("-5", 1.0, 2),
    ("31536000", 1.0, 2),
    ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0, 2),
)
_REFUSED_ALL = {"accepted": _READERS, "unknown": 0, "held": 0}

ANSWERS: tuple[Case, ...] = (
    *(
        _case(
            f"429, Retry-After {after!r}"[:34],
            {"dialect": "mailgun", "act": "throttle", "retry_after": after, "chance": chance, "times": times},
            wanted=_REFUSED_ALL,
            is_fast=after == "1",
        )
        for after, chance, times in _THROTTLES
    ),
    *(
        _ambiguous(
            f"{status}, {'taken' if accepted else 'not taken'}",
            act="status",
            status=status,
            accepted=accepted,
        )
        for status in (500, 502, 503, 504)
        for accepted in (True, False)
    ),
    _ambiguous("no answer, taken", act="cut", is_fast=True),
    _ambiguous("no answer, not taken", act="cut", accepted=False),
    _ambiguous("half an answer", act="half"),
    _ambiguous("HTML with 200", act="garbage"),
    _ambiguous("nothing with 200", act="garbage", body=""),
    _ambiguous("a list with 200", act="garbage", body="[1, 2]"),
    _ambiguous("10 MB with 200", act="garbage", body="x" * 10_000_000),
    _ambiguous("an answer drop by drop", act="drip", seconds=0.2),
    _ambiguous("silence past the deadline", act="slow", seconds=8),
    _case(
        "closed before it reads",
        {"dialect": "mailgun", "calls": [3, 7, 9], "act": "hangup"},
        most_unknown=3 * SIZE,
        wanted={"unknown": 3 * SIZE, "rejected": 0},
    ),
    _case(
        "any of these, one call in five",
        {"dialect": "mailgun", "act": "cut", "chance": 0.07},
        {"dialect": "mailgun", "act": "status", "status": 502, "chance": 0.07},
        {"dialect": "mailgun", "act": "throttle", "chance": 0.07},
        most_unknown=_READERS,
        look=_only_in_trouble,
    ),
    _case(
        "400 for one bad address",
        {"dialect": "mailgun", "act": "picky", "marker": ".317@", "status": 400},
        size=0,
        readers=600,
        wanted={"rejected": 1, "accepted": 599, "unknown": 0},
        look=_halving,
        is_fast=True,
    ),
    *(
        _case(
            f"{status} for more than a hundred",
            {"dialect": "mailgun", "act": "limit", "count": 100, "status": status},
            size=0,
            wanted=_REFUSED_ALL,
        )
        for status in (413, 420)
    ),
    *(
        _case(
            f"{status} in mid-mailing, then repaired",
            {"dialect": "mailgun", "act": "status", "status": status, "accepted": False, "calls": [3, 4, 5]},
            wanted=_REFUSED_ALL,
        )
        for status in (401, 403)
    ),
    _case(
        "every tenth refused by name",
        {"dialect": "postmark", "act": "part", "marker": "7@"},
        name="Postmark answers",
        provider="postmark",
        size=25,
        readers=300,
        wanted={"rejected": 30, "accepted": 270, "unknown": 0},
    ),
    _case(
        "no answer to three calls, taken",
        {"dialect": "postmark", "act": "cut", "calls": [3, 5, 7]},
        name="Postmark answers",
        provider="postmark",
        size=25,
        readers=300,
        most_unknown=75,
        look=_only_in_trouble,
    ),
    _case(
        "422 for one bad address",
        {"dialect": "resend", "act": "picky", "marker": ".217@", "status": 422},
        name="Resend answers",
        provider="resend",
        size=100,
        readers=300,
        wanted={"rejected": 1, "accepted": 299, "unknown": 0},
    ),
    _case(
        "429 and 500 and HTML",
        {"dialect": "resend", "act": "throttle", "calls": [3]},
        {"dialect": "resend", "act": "status", "status": 500, "calls": [5]},
        {"dialect": "resend", "act": "garbage", "calls": [7]},
        name="Resend answers",
        provider="resend",
        size=25,
        readers=300,
        most_unknown=50,
        look=_only_in_trouble,
    ),
)


def _smtp(
    where: str, *, most_unknown: int = 0, is_fast: bool = False, wanted: dict[str, int], **act: Any
) -> Case:
    return _case(
        where,
        {"dialect": "smtp", **act},
        name="mail server",
        provider="smtp",
        size=0,
        readers=600,
        most_unknown=most_unknown,
        wanted={"unknown": most_unknown, **wanted},
        is_fast=is_fast,
    )


_TWO = [120, 333]
SMTP: tuple[Case, ...] = (
    _smtp("421 in mid-session", act="throttle", calls=_TWO, wanted={"accepted": 600}),
    _smtp(
        "drops after the dot, taken",
        act="cut",
        calls=_TWO,
        most_unknown=2,
        wanted={"accepted": 598},
        is_fast=True,
    ),
    _smtp(
        "drops after the dot, not taken",
        act="cut",
        accepted=False,
        calls=_TWO,
        most_unknown=2,
        wanted={"accepted": 598},
    ),
    _smtp(
        "no readable answer to the dot", act="garbage", calls=_TWO, most_unknown=2, wanted={"accepted": 598}
    ),
    _smtp(
        "silence after the dot", act="slow", seconds=8, calls=[120], most_unknown=1, wanted={"accepted": 599}
    ),
    _smtp("drops at MAIL", act="hangup", calls=_TWO, wanted={"accepted": 600}),
    # A small mail has left with its dot before anybody notices: one copy per connection may be unknown.
    _case(
        "drops inside the message",
        {"dialect": "smtp", "act": "half", "calls": _TWO},
        name="mail server",
        provider="smtp",
        size=0,
        readers=600,
        most_unknown=2,
    ),
    _smtp(
        "450 at RCPT, every tenth", act="status", at="rcpt", status=450, every=10, wanted={"accepted": 600}
    ),
    _smtp(
        "550 at RCPT, twenty readers",
        act="status",
        at="rcpt",
        status=550,
        every=10,
        times=20,
        wanted={"accepted": 580, "rejected": 20},
    ),
    _smtp("451 after the dot", act="status", status=451, every=10, wanted={"accepted": 600}),
    _smtp(
        "554 after the dot, ten readers",
        act="status",
        status=554,
        every=10,
        times=10,
        wanted={"accepted": 590, "rejected": 10},
    ),
    _smtp("451 at DATA", act="status", at="data", status=451, calls=_TWO, wanted={"accepted": 600}),
)
