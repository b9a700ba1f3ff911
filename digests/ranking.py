"""What speaks for an article in a digest: named terms that add up to its score, so that a desk can see why.

Freshness leads, halving every few hours; each further article of the same section counts for less, so that a
digest is not all town hall.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digests.weights import DEFAULTS, Weights

READABLE_WORDS = range(150, 1501)
"""Long enough to be a story, short enough for a morning."""
THIN_WORDS = range(1, 60)
"""A note rather than a story; 0 says that the source did not show us the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What ranking looks at; `key` is the caller's own. place, clicks: 0 to 1, of what digests of the week showed."""

    key: int
    section: int | None
    first_seen_at: datetime
    words: int
    has_picture: bool
    is_own: bool
    is_marked: bool
    is_favoured: bool = False
    is_trusted: bool = False
    is_used: bool = False
    place: float = 0.0
    clicks: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """An article's place: its terms sum to the score."""

    key: int
    score: float
    terms: Mapping[str, float]


def rank(articles: Iterable[Facts], *, at: datetime, weights: Weights = DEFAULTS) -> list[Ranked]:
    """Best first; equal scores by key, so that the same articles always rank the same.

    Greedy: each place goes to what is best beside those already placed. Only the best of each section can be that,
    so a heap with one article per section is enough: n log n.
    """
    sections: dict[int | None, list[tuple[int, int, dict[str, float]]]] = {}
    for facts in articles:
        terms = _terms(facts, at, weights)
        sections.setdefault(facts.section, []).append((-_thousandths(terms), facts.key, terms))
    heap: list[tuple[int, int, int | None, int]] = []
    for section, waiting in sections.items():
        waiting.sort(key=lambda entry: entry[:2])
        heap.append((*waiting[0][:2], section, 0))
    heapq.heapify(heap)
    return list(_placed(heap, sections, weights))


def _placed(
    heap: list[tuple[int, int, int | None, int]],
    sections: Mapping[int | None, list[tuple[int, int, dict[str, float]]]],
    weights: Weights,
) -> Iterator[Ranked]:
    while heap:
        score, key, section, before = heapq.heappop(heap)
        waiting = sections[section]
        terms = waiting[before][2]
        if (off := _off(weights, section, before)) > 0:
            terms["variety"] = -off / 1000
        yield Ranked(key=key, score=-score / 1000, terms=terms)
        if before + 1 < len(waiting):
            following = waiting[before + 1]
            off = _off(weights, section, before + 1)
            heapq.heappush(heap, (following[0] + off, following[1], section, before + 1))


def _off(weights: Weights, section: int | None, before: int) -> int:
    """What variety takes off after so many of the section, in thousandths; an article without one is like no other."""
    return round(weights.variety * 1000) * before if section is not None else 0


def _thousandths(terms: Mapping[str, float]) -> int:
    """Whole numbers, so that the terms sum to the score exactly and equal scores are equal."""
    return sum(round(value * 1000) for value in terms.values())


def _terms(facts: Facts, at: datetime, weights: Weights) -> dict[str, float]:
    age = max(at - facts.first_seen_at, timedelta(0))
    terms = {
        "fresh": weights.fresh * 0.5 ** (age / timedelta(hours=weights.half_life_hours)),
        "marked": weights.marked if facts.is_marked else 0.0,
        "section": weights.section if facts.is_favoured else 0.0,
        "trust": weights.trust if facts.is_trusted else 0.0,
        "picture": weights.picture if facts.has_picture else 0.0,
        "staff": weights.staff if facts.is_own else 0.0,
        "length": weights.length if facts.words in READABLE_WORDS else 0.0,
        "place": weights.place * facts.place,
        "clicks": weights.clicks * facts.clicks,
        "used": -weights.used if facts.is_used else 0.0,
        "thin": -weights.thin if facts.words in THIN_WORDS else 0.0,
    }
    return {name: round(value, 3) for name, value in terms.items() if value or name == "fresh"}
