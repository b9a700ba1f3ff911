"""A labelled set: pieces somebody sorted by hand into events, and how well grouping finds the same events.

The text of a set: a line `== name` begins an event and `== -` one that stands alone; under it each piece begins with
`-- 2026-05-04T07:10 headline`, its text on the lines below; lines with `#` are remarks.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

from newsroom.articles.grouping import group
from newsroom.articles.similarity import Fingerprint, fingerprint

_PIECE = re.compile(r"-- (\d{4}-\d\d-\d\dT\d\d:\d\d) (?:<(\S+)> )?(.+)")


class NotLabelled(ValueError):
    """A line of the set cannot be read; the text names it."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of the set. event: the name of its event, different for each that stands alone."""

    event: str
    title: str
    text: str
    url: str
    at: datetime

    @property
    def fingerprint(self) -> Fingerprint:
        return fingerprint(url=self.url, title=self.title, text=self.text, at=self.at)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Pairs of pieces: told apart by hand, by grouping, and by both."""

    labelled: int
    found: int
    right: int
    wrong: tuple[tuple[Piece, Piece], ...]
    missed: tuple[tuple[Piece, Piece], ...]

    @property
    def precision(self) -> float:
        """How many of the pairs found are right, 0 to 1."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """How many of the labelled pairs are found, 0 to 1."""
        return self.right / self.labelled if self.labelled else 1.0


def read(text: str) -> list[Piece]:
    """The pieces of a set. Raises NotLabelled."""
    pieces: list[Piece] = []
    event, alone = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("== "):
            alone += 1
            event = line[3:].strip()
            event = f"alone-{alone}" if event == "-" else event
        elif (match := _PIECE.fullmatch(line)) and event:
            at = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
            pieces.append(Piece(event=event, title=match[3], text="", url=match[2] or "", at=at))
        elif pieces and not line.startswith(("--", "==")):
            last = pieces[-1]
            text_so_far = f"{last.text} {line}".strip()
            pieces[-1] = Piece(event=last.event, title=last.title, text=text_so_far, url=last.url, at=last.at)
        else:
            raise NotLabelled(f"{number}: {line[:80]}")
    return pieces


def measure(pieces: Iterable[Piece]) -> Measured:
    """Group the pieces and compare with their labels, pair by pair."""
    by_key = dict(enumerate(pieces))
    labelled = _pairs(_by_event(by_key).values())
    found = _pairs(group({key: piece.fingerprint for key, piece in by_key.items()}))
    return Measured(
        labelled=len(labelled),
        found=len(found),
        right=len(labelled & found),
        wrong=tuple((by_key[one], by_key[other]) for one, other in sorted(found - labelled)),
        missed=tuple((by_key[one], by_key[other]) for one, other in sorted(labelled - found)),
    )


def _by_event(pieces: Mapping[int, Piece]) -> dict[str, list[int]]:
    events: dict[str, list[int]] = {}
    for key, piece in pieces.items():
        events.setdefault(piece.event, []).append(key)
    return events


def _pairs(groups: Iterable[Iterable[int]]) -> set[tuple[int, int]]:
    return {pair for members in groups for pair in combinations(sorted(members), 2)}
