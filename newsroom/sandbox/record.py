"""What was taken, by call: one JSON line each, written before the answer leaves. Only ever appended to."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One recipient of a call: whose it is by the sender's own token, and where it was to go."""

    token: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, or one message of an SMTP session, as its sender described it."""

    number: int
    dialect: str
    copies: Sequence[Copy]
    attempt: str = ""
    size: int = 0


class Record:
    """The file and its lock. Lines: time, call, dialect, attempt, size, offered, taken, answered."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, call: Call, *, taken: Sequence[Copy], answered: str) -> None:
        line = {
            "time": time.time(),
            "call": call.number,
            "dialect": call.dialect,
            "attempt": call.attempt,
            "size": call.size,
            "offered": [[copy.token, copy.address] for copy in call.copies],
            "taken": [copy.token for copy in taken],
            "answered": answered,
        }
        with self._lock:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()
