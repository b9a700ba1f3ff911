"""What became of the cases of one corpus."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Unjudged(Exception):
    """This installation cannot judge the case; the text says why."""


@dataclass
class Tally:
    """aim: the share that must be right. A crash always fails."""

    aim: float = 1.0
    right: int = 0
    wrong: int = 0
    crashed: int = 0
    notes: list[str] = field(default_factory=list)
    extra: str = ""
    unjudged: int = 0  # what this installation lacks a package for
    missed: bool = False  # an aim of its own, said in `extra`

    @property
    def cases(self) -> int:
        return self.right + self.wrong + self.crashed

    def judge(self, name: object, check: Callable[..., bool], *given: Any) -> None:
        """One case: right if the check says so of what it is given."""
        try:
            is_right = check(*given)
        except Unjudged as lack:
            self.unjudged += 1
            self.notes.append(f"not judged: {name}: {lack}"[:300])
            return
        except Exception as error:  # a crash is a result here, whatever it was
            self.crashed += 1
            self.notes.append(f"crashed: {name}: {type(error).__name__}: {error}"[:300])
            return
        if is_right:
            self.right += 1
        else:
            self.wrong += 1
            self.notes.append(f"wrong: {name}"[:300])

    def add(self, part: "Tally") -> None:
        """Count the cases of a part as one's own; its aim stays its own."""
        self.right += part.right
        self.wrong += part.wrong
        self.crashed += part.crashed
        self.unjudged += part.unjudged
        self.notes += part.notes

    def holds(self) -> bool:
        return self.cases > 0 and not self.crashed and not self.missed and self.right >= self.aim * self.cases


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def load_lines(path: Path) -> list[str]:
    """The lines of a text without its comments."""
    lines = path.read_text("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
