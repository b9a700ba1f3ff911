"""What happens to which call: rules in JSON, tried in order; a call that meets none is simply accepted.

    {"seed": 7, "rules": [
      {"dialect": "mailgun", "calls": [2, 3], "act": "cut"},
      {"chance": 0.2, "times": 5, "act": "status", "status": 503, "accepted": true},
      {"dialect": "smtp", "every": 10, "act": "status", "status": 451, "at": "rcpt"}]}

Which calls: dialect, calls (their numbers, from 1, per dialect), first and last, every, chance, times (at most so
often). What happens:

    accept    as a good provider
    slow      accepted, answered after `seconds`
    drip      accepted, the answer comes byte by byte, `seconds` in between
    hangup    the connection is closed before anything was read
    cut       accepted (or not), the connection is closed instead of an answer
    half      accepted, half of the answer, then the connection is closed
    garbage   accepted, an answer that nobody can read: `body`, by default HTML
    status    that status; `accepted` says whether the mail was taken all the same. SMTP: `at` is mail,
              rcpt, data or dot
    throttle  429 with `retry_after` as it stands (421 in SMTP)
    part      every `count`-th recipient is refused, or those with `marker` in the address, where the dialect
              answers each
    picky     a call with a recipient whose address holds `marker` is refused as a whole, with `status`
    limit     a call with more than `count` recipients is refused with `status`

Beside the rules, how records and keys are kept:

    "search": {"lag": 4, "late_every": 2, "statuses": [429, 500], "repeats": true}
              each `late_every`-th row shows up `lag` seconds late, the first answers have these statuses, each page
              comes twice
    "keys": {"seconds": 5, "conflict": true, "busy": 2}
              forgotten after so long; known, but with other content; the first answers say that the call is running
"""

import json
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ACTS: Final = frozenset(
    {
        *("accept", "slow", "drip", "hangup", "cut", "half", "garbage"),
        *("status", "throttle", "part", "picky", "limit"),
    }
)


class BadScript(ValueError):
    """The script cannot be followed; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """What is done with one call."""

    name: str = "accept"
    accepted: bool = True
    status: int = 500
    seconds: float = 0.0
    retry_after: str = "1"
    count: int = 1
    marker: str = ""
    at: str = "dot"
    body: str = "<html><body>Bad gateway</body></html>"


@dataclass(kw_only=True)
class _Rule:
    act: Act
    dialect: str = ""
    calls: frozenset[int] = frozenset()
    first: int = 1
    last: int = 2**31
    every: int = 1
    chance: float = 1.0
    times: int = 2**31
    used: int = field(default=0, init=False)

    def meets(self, dialect: str, number: int, dice: random.Random) -> bool:
        return (
            self.dialect in ("", dialect)
            and (not self.calls or number in self.calls)
            and self.first <= number <= self.last
            and number % self.every == 0
            and self.used < self.times
            and (self.chance >= 1 or dice.random() < self.chance)
        )


_OF_ACT = ("accepted", "status", "seconds", "retry_after", "count", "marker", "at", "body")
_OF_RULE = ("dialect", "first", "last", "every", "chance", "times")


class Script:
    """The rules in force and how far they are used up. Safe for threads."""

    def __init__(self, text: str = "{}") -> None:
        self._lock = threading.Lock()
        self.replace(text)

    def replace(self, text: str) -> None:
        """Follow these rules from the next call on; calls are counted from one again. Raises BadScript."""
        try:
            read = json.loads(text)
            rules = [_rule(entry) for entry in read.get("rules", [])]
            dice = random.Random(read.get("seed", 1))  # noqa: S311 — chance that can be repeated, no secret
        except (ValueError, TypeError, AttributeError) as error:
            raise BadScript(f"The script cannot be read: {error}") from error
        with self._lock:
            self._rules, self._dice = rules, dice
            self._numbers: dict[str, int] = {}
            self.webhooks: dict[str, Any] = dict(read.get("webhooks", {}))
            self.search: dict[str, Any] = dict(read.get("search", {}))
            self.keys: dict[str, Any] = dict(read.get("keys", {}))

    def next_search_status(self) -> int:
        """What the next search is answered with."""
        with self._lock:
            statuses: list[int] = self.search.get("statuses", [])
            return statuses.pop(0) if statuses else 200

    def is_busy(self) -> bool:
        """Whether the call with the key that comes is still being worked on."""
        with self._lock:
            left = int(self.keys.get("busy", 0))
            self.keys["busy"] = max(left - 1, 0)
            return left > 0

    def next(self, dialect: str) -> tuple[int, Act]:
        """The number of this call in its dialect, and what is to happen with it."""
        with self._lock:
            number = self._numbers[dialect] = self._numbers.get(dialect, 0) + 1
            for rule in self._rules:
                if rule.meets(dialect, number, self._dice):
                    rule.used += 1
                    return number, rule.act
            return number, Act()


def _rule(entry: dict[str, Any]) -> _Rule:
    strange = set(entry) - {"act", "calls", *_OF_ACT, *_OF_RULE}
    name = entry.get("act", "accept")
    if strange or name not in ACTS:
        raise BadScript(f"nobody knows {', '.join(sorted(strange)) or name}")
    act = Act(name=name, **{key: entry[key] for key in _OF_ACT if key in entry})
    return _Rule(
        act=act,
        calls=frozenset(entry.get("calls", ())),
        **{key: entry[key] for key in _OF_RULE if key in entry},
    )


def read(given: str) -> str:
    """The text of a script that was given as a file's name or as JSON itself."""
    return given if given.lstrip().startswith("{") else Path(given).read_text(encoding="utf-8")
