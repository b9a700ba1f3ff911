"""What speaks for an article in a digest: named terms that add up to its score, so that a desk can see why.

Freshness leads, halving every twelve hours; each further article of the same section counts for less, so that a
digest is not all town hall.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

HALF_LIFE = timedelta(hours=12)
MARKED, PICTURE, STAFF, LENGTH, VARIETY = 0.5, 0.1, 0.15, 0.1, -0.15
READABLE_WORDS = range(150, 1501)
"""Long enough to be a story, short enough for a morning."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What ranking looks at; `key` is the caller's own."""

    key: int
    section: int | None
    first_seen_at: datetime
    words: int
    has_picture: bool
    is_own: bool
    is_marked: bool


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """An article's place: its terms sum to the score."""

    key: int
    score: float
    terms: Mapping[str, float]


def rank(articles: Iterable[Facts], *, at: datetime) -> list[Ranked]:
    """Best first; equal scores by key, so that the same articles always rank the same.

    Greedy: each place goes to what is best beside those already placed. The square of the number of articles,
    which is a few hundred at most in one window.
    """
    waiting = {facts.key: (facts, _terms(facts, at)) for facts in articles}
    seen: Counter[int] = Counter()
    ranked: list[Ranked] = []
    while waiting:
        placed = min(
            (_with_variety(facts, terms, seen) for facts, terms in waiting.values()),
            key=lambda candidate: (-candidate.score, candidate.key),
        )
        facts, _ = waiting.pop(placed.key)
        if facts.section is not None:
            seen[facts.section] += 1
        ranked.append(placed)
    return ranked


def _terms(facts: Facts, at: datetime) -> dict[str, float]:
    age = max(at - facts.first_seen_at, timedelta(0))
    terms = {
        "fresh": round(0.5 ** (age / HALF_LIFE), 3),
        "marked": MARKED if facts.is_marked else 0.0,
        "picture": PICTURE if facts.has_picture else 0.0,
        "staff": STAFF if facts.is_own else 0.0,
        "length": LENGTH if facts.words in READABLE_WORDS else 0.0,
    }
    return {name: value for name, value in terms.items() if value or name == "fresh"}


def _with_variety(facts: Facts, terms: Mapping[str, float], seen: Counter[int]) -> Ranked:
    before = seen[facts.section] if facts.section is not None else 0
    whole = {**terms, "variety": round(VARIETY * before, 3)} if before else dict(terms)
    return Ranked(key=facts.key, score=round(sum(whole.values()), 3), terms=whole)
