"""Pieces of one event brought together: best pairs first, and never along a chain of neighbours alone. A value.

A group takes in another only if their members are alike on the whole, so that A like B and B like C does not
put A and C together. What an editor decided goes before any likeness.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from newsroom.articles.similarity import Fingerprint, Index, Weights, is_alike

Key = TypeVar("Key", bound=Hashable)

CHAIN_GUARD = 0.6
"""The mean likeness between two groups must be at least this part of what joined them."""


class Groups(Generic[Key]):
    """Groups that grow; every key begins alone."""

    def __init__(
        self, likeness: Mapping[tuple[Key, Key], float], apart: Iterable[tuple[Key, Key]] = ()
    ) -> None:
        """likeness: by pair, in either order; a pair that is missing counts as 0. apart: never in one group."""
        self._likeness = likeness
        self._apart: dict[Key, set[Key]] = {}
        for one, other in apart:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)
        self._group: dict[Key, list[Key]] = {}

    def of(self, key: Key) -> list[Key]:
        """The members of the key's group, itself included."""
        return self._group.setdefault(key, [key])

    def bind(self, one: Key, other: Key) -> None:
        """Put the two together whatever their likeness; only an editor's "apart" is stronger."""
        mine, theirs = self.of(one), self.of(other)
        if mine is not theirs and not self._kept_apart(mine, theirs):
            self._unite(mine, theirs)

    def join(self, pairs: Iterable[tuple[float, Key, Key]]) -> None:
        """Take the pairs, the most alike first, and join the groups of each if the groups are alike on the whole."""
        for score, one, other in sorted(pairs, key=lambda pair: -pair[0]):
            mine, theirs = self.of(one), self.of(other)
            if mine is theirs or self._kept_apart(mine, theirs):
                continue
            if self._mean(mine, theirs) >= CHAIN_GUARD * score:
                self._unite(mine, theirs)

    def found(self) -> list[list[Key]]:
        """The groups of two and more."""
        unique = {id(group): group for group in self._group.values()}
        return [group for group in unique.values() if len(group) > 1]

    def _unite(self, mine: list[Key], theirs: list[Key]) -> None:
        mine.extend(theirs)
        for key in theirs:
            self._group[key] = mine

    def _kept_apart(self, mine: list[Key], theirs: list[Key]) -> bool:
        return any(other in theirs for key in mine for other in self._apart.get(key, ()))

    def _mean(self, mine: list[Key], theirs: list[Key]) -> float:
        known = self._likeness
        whole = sum(
            known.get((one, other)) or known.get((other, one), 0.0) for one in mine for other in theirs
        )
        return whole / (len(mine) * len(theirs))


def group(
    pieces: Mapping[Key, Fingerprint],
    *,
    together: Iterable[tuple[Key, Key]] = (),
    apart: Iterable[tuple[Key, Key]] = (),
) -> list[list[Key]]:
    """The groups of two and more among all these pieces, from nothing but themselves and what editors decided."""
    weights = Weights(pieces.values())
    index: Index[Key] = Index(weights)
    likeness: dict[tuple[Key, Key], float] = {}
    pairs = []
    for key, one in pieces.items():
        for other, score in index.like(one):
            likeness[other, key] = score
            if is_alike(score, one, pieces[other]):
                pairs.append((score, other, key))
        index.add(key, one)
    groups = Groups(likeness, apart)
    for one_key, other_key in together:
        groups.bind(one_key, other_key)
    groups.join(pairs)
    return groups.found()
