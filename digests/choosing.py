"""Which candidate goes into which empty place of a digest: a plain computation, so that it can be tried by itself."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COMMUNITY = "community"
LEAD = "lead"
TOP_SLOTS = (LEAD, "briefs")
TOP_PER_SECTION = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """How many articles of one source, author and section a digest takes by itself; 0 is no cap."""

    source: int = 0
    author: int = 0
    section: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """An article that may be taken; `key` is the caller's own. source: None for our own work, which has no cap.

    may_open: nothing is missing that must be said of its picture, which the lead shows.
    """

    key: int
    section: int | None
    is_submission: bool
    source: int | None = None
    authors: tuple[int, ...] = ()
    cluster: int | None = None
    may_open: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A slot already taken up, and what its article is."""

    slot: str
    section: int | None
    source: int | None = None
    authors: tuple[int, ...] = ()
    cluster: int | None = None


@dataclass(kw_only=True)
class Mix:
    """What a digest holds so far, counted."""

    caps: Caps
    counts: dict[str, Counter[int]] = field(
        default_factory=lambda: {"source": Counter(), "author": Counter(), "section": Counter()}
    )
    clusters: set[int] = field(default_factory=set)

    def add(self, article: Choice | Place) -> None:
        for kind, keys in _keys(article):
            self.counts[kind].update(keys)
        if article.cluster is not None:
            self.clusters.add(article.cluster)

    def against(self, article: Choice) -> str:
        """Why the article may not come in beside the others: same_story, cap_source, cap_author, cap_section, or empty."""
        if article.cluster is not None and article.cluster in self.clusters:
            return "same_story"
        for kind, keys in _keys(article):
            cap = getattr(self.caps, kind)
            if cap and any(self.counts[kind][key] >= cap for key in keys):
                return f"cap_{kind}"
        return ""


NO_CAPS = Caps()


def choose(
    slots: Sequence[Mapping[str, Any]],
    taken: Iterable[Place],
    ranked: Iterable[Choice],
    *,
    caps: Caps = NO_CAPS,
    begun: Collection[str] = (),
    why_not: dict[int, str] | None = None,
) -> Iterator[tuple[str, int, int]]:
    """Yields (slot, position, key) for every place to fill, best candidates first.

    A slot with nothing in it is filled up to its maximum, one that somebody began up to its minimum; `begun` names
    those that are empty because somebody emptied them. Reader
    submissions go into the community slot, and nothing else does. Lead and briefs together take at most two of a
    section, as long as there are others. The caps hold without exception, and count what is taken already.

    why_not: filled, once all is chosen, with a word for every candidate left over: same_story, cap_…, slot_full.
    """
    taken, waiting, mix = list(taken), list(ranked), Mix(caps=caps)
    for place in taken:
        mix.add(place)
    sizes = Counter(place.slot for place in taken)
    sections = Counter(place.section for place in taken if place.slot in TOP_SLOTS)
    for slot in slots:
        key, size = slot["key"], sizes[slot["key"]]
        for position in range(size, slot["minimum"] if size or key in begun else slot["maximum"]):
            best = _best(key, waiting, sections, mix)
            if best is None:
                break
            waiting.remove(best)
            mix.add(best)
            if key in TOP_SLOTS:
                sections[best.section] += 1
            yield key, position, best.key
    if why_not is not None:
        why_not.update({choice.key: mix.against(choice) or "slot_full" for choice in waiting})


def _best(slot: str, waiting: Iterable[Choice], sections: Counter[int | None], mix: Mix) -> Choice | None:
    """The first that fits. If nothing fits well: of one section too many, and last one whose picture cannot open."""
    spare: tuple[tuple[bool, bool], Choice] | None = None
    for choice in waiting:
        if choice.is_submission != (slot == COMMUNITY) or mix.against(choice):
            continue
        is_varied = choice.section is None or sections[choice.section] < TOP_PER_SECTION
        flaws = (slot == LEAD and not choice.may_open, slot in TOP_SLOTS and not is_varied)
        if not any(flaws):
            return choice
        if spare is None or flaws < spare[0]:
            spare = flaws, choice
    return spare[1] if spare else None


def _keys(article: Choice | Place) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "source", () if article.source is None else (article.source,)
    yield "author", article.authors
    yield "section", () if article.section is None else (article.section,)
