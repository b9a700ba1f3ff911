"""Which candidate goes into which empty place of a digest: a plain computation, so that it can be tried by itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COMMUNITY = "community"
TOP_SLOTS = ("lead", "briefs")
TOP_PER_SECTION = 2


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An article that may be taken; `key` is the caller's own."""

    key: int
    section: int | None
    is_submission: bool


@dataclass(frozen=True, kw_only=True)
class Place:
    """A slot already taken up: by an article of which section."""

    slot: str
    section: int | None


def choose(
    slots: Sequence[Mapping[str, Any]], taken: Iterable[Place], ranked: Iterable[Choice]
) -> Iterator[tuple[str, int, int]]:
    """Yields (slot, position, key) for every place to fill, best candidates first.

    A slot with nothing in it is filled up to its maximum, one that somebody began up to its minimum. Reader
    submissions go into the community slot, and nothing else does. Lead and briefs together take at most two of a
    section, as long as there are others.
    """
    taken, waiting = list(taken), list(ranked)
    sizes = Counter(place.slot for place in taken)
    sections = Counter(place.section for place in taken if place.slot in TOP_SLOTS)
    for slot in slots:
        key, size = slot["key"], sizes[slot["key"]]
        for position in range(size, slot["minimum"] if size else slot["maximum"]):
            best = _best(key, waiting, sections)
            if best is None:
                break
            waiting.remove(best)
            if key in TOP_SLOTS:
                sections[best.section] += 1
            yield key, position, best.key


def _best(slot: str, waiting: Iterable[Choice], sections: Counter[int | None]) -> Choice | None:
    fitting = [choice for choice in waiting if choice.is_submission == (slot == COMMUNITY)]
    if slot in TOP_SLOTS:
        varied = [
            choice
            for choice in fitting
            if choice.section is None or sections[choice.section] < TOP_PER_SECTION
        ]
        fitting = varied or fitting
    return fitting[0] if fitting else None
