"""How alike two pieces are: the same address, else character n-grams of their words, the rarer the heavier.

No stemming: stemmers leave German compounds whole, while the n-grams of "Stadtbücherei" hold those of "Bücherei".
No order of words either, so that a rewrite stays near its original. A value without a database.
"""

import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Generic, TypeVar
from zlib import crc32

from newsroom.articles import links

Key = TypeVar("Key", bound=Hashable)

WINDOW = timedelta(days=14)
"""Pieces further apart tell of different events, or tell the event anew."""
SOON = timedelta(days=2)
ALIKE, ALIKE_LATER, ALIKE_IN_SERIES = 0.31, 0.36, 0.55
"""From how much on two pieces tell of one event: up to two days apart, later, and under the same rubric."""
SAME = 1.0
NOT_WORTH_A_LOOK = 0.1
"""Bodies less alike than this do not come near the others, whatever their titles."""
TITLE_COUNTS = 2.0
READ_CHARACTERS = 600
"""News begins with what happened; what follows in the tenth paragraph tells less of which event it is."""

_WORD = re.compile(r"[^\W_]+")
_RUBRIC = re.compile(r"([^:–|]{3,30})(?:: | [–|] )")
# Words before a colon that say the piece is a newer state of the same, not an instalment of a series.
_NEWER = frozenset(
    ("aktualisiert", "update", "eilmeldung", "liveticker", "ticker", "breaking", "updated", "live")
)
_BACKGROUND = 300
"""Pieces we have not seen, so that in a small newsroom a word does not count as common for standing in two pieces."""

# Words that tell nothing of an event, spelled as `_words` spells them.
_COMMON = frozenset(
    [
        "aber",
        "alle",
        "allem",
        "allen",
        "aller",
        "alles",
        "als",
        "also",
        "am",
        "an",
        "auch",
        "auf",
        "aus",
        "bei",
        "beim",
        "bereits",
        "bis",
        "bisher",
        "da",
        "dabei",
        "damit",
        "danach",
        "dann",
        "daran",
        "darauf",
        "darf",
        "darum",
        "das",
        "dass",
        "davon",
        "dazu",
        "dem",
        "den",
        "denn",
        "der",
        "deren",
        "des",
        "deshalb",
        "die",
        "dies",
        "diese",
        "diesem",
        "diesen",
        "dieser",
        "dieses",
        "doch",
        "dort",
        "drei",
        "durch",
        "ein",
        "eine",
        "einem",
        "einen",
        "einer",
        "eines",
        "einige",
        "er",
        "erst",
        "erste",
        "ersten",
        "erstmals",
        "es",
        "etwa",
        "fuer",
        "gab",
        "gegen",
        "geht",
        "gibt",
        "haben",
        "haette",
        "hat",
        "hatte",
        "hatten",
        "heute",
        "hier",
        "hinter",
        "ihm",
        "ihn",
        "ihr",
        "ihre",
        "ihrem",
        "ihren",
        "ihrer",
        "im",
        "in",
        "ins",
        "ist",
        "ja",
        "jahr",
        "jahre",
        "jahren",
        "jede",
        "jeden",
        "jeder",
        "jetzt",
        "kann",
        "kein",
        "keine",
        "kommt",
        "konnte",
        "koennen",
        "kuenftig",
        "laut",
        "machen",
        "man",
        "mehr",
        "mit",
        "muessen",
        "muss",
        "nach",
        "nachdem",
        "neu",
        "neue",
        "neuen",
        "neuer",
        "nicht",
        "noch",
        "nun",
        "nur",
        "ob",
        "oder",
        "ohne",
        "rund",
        "sagt",
        "sagte",
        "schon",
        "sechs",
        "sehr",
        "sein",
        "seine",
        "seinem",
        "seinen",
        "seiner",
        "seit",
        "sich",
        "sie",
        "sieben",
        "sind",
        "so",
        "sogar",
        "soll",
        "sollen",
        "sowie",
        "statt",
        "teilt",
        "uhr",
        "ueber",
        "um",
        "und",
        "uns",
        "unser",
        "unsere",
        "unter",
        "vier",
        "viele",
        "vom",
        "von",
        "vor",
        "waehrend",
        "war",
        "waren",
        "was",
        "weil",
        "weiter",
        "weitere",
        "wenn",
        "wer",
        "werden",
        "wie",
        "wieder",
        "wird",
        "wo",
        "wurde",
        "wurden",
        "zehn",
        "zu",
        "zum",
        "zur",
        "zwei",
        "zwischen",
        "a",
        "about",
        "after",
        "all",
        "also",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "before",
        "but",
        "by",
        "can",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "his",
        "how",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "more",
        "new",
        "not",
        "of",
        "on",
        "or",
        "out",
        "said",
        "says",
        "she",
        "so",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "under",
        "up",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """What is compared of a piece: the place its address names, n-grams of its title and of all its words.

    rubric: what its title has before a colon or dash, such as "Wetter", spelled in small letters; else empty.
    """

    place: str
    rubric: str
    title: frozenset[int]
    grams: frozenset[int]
    at: datetime


def fingerprint(*, url: str, title: str, text: str, at: datetime) -> Fingerprint:
    """Of a piece first seen at this moment. About 0.2 ms."""
    head = _grams(title)
    whole = head | _grams(text[:READ_CHARACTERS])
    return Fingerprint(place=place(url), rubric=rubric(title), title=head, grams=whole, at=at)


def rubric(title: str) -> str:
    """`Wetter` of "Wetter: Sonne und Wolken": its instalments are alike in form and tell of different things."""
    match = _RUBRIC.match(title)
    name = match[1].strip().lower() if match else ""
    return "" if name in _NEWER else name


def place(url: str) -> str:
    """The page an address names, whatever its scheme, `www.`, tracking or spelling of the host; empty for a front page."""
    found = links.place(url)
    return found if links.path_of(url) not in ("", "/") else ""


def pack(grams: Iterable[int]) -> bytes:
    """N-grams as bytes, four each, for a database."""
    return array("I", sorted(grams)).tobytes()


def unpack(packed: bytes | memoryview) -> frozenset[int]:
    grams = array("I")
    grams.frombytes(bytes(packed))
    return frozenset(grams)


class Weights:
    """How much an n-gram tells: the more, the fewer pieces have it (inverse document frequency, smoothed)."""

    def __init__(self, fingerprints: Iterable[Fingerprint]) -> None:
        self.seen: Counter[int] = Counter()
        self.pieces = 0
        for one in fingerprints:
            self.seen.update(one.grams)
            self.pieces += 1
        whole = self.pieces + _BACKGROUND
        most = max(self.seen.values(), default=0)
        self._squares = [math.log(whole / (count + 1)) ** 2 for count in range(most + 1)]
        self.rare = max(10, self.pieces // 50)

    def total(self, grams: Iterable[int]) -> float:
        squares, seen = self._squares, self.seen
        return sum([squares[seen[gram]] for gram in grams])

    def whole(self, one: Fingerprint) -> float:
        return self.total(one.grams) + (TITLE_COUNTS - 1) * self.total(one.title)


class Index(Generic[Key]):
    """Pieces by their rarer n-grams, so that a further one is compared with the few that share some of them."""

    SHARED = 4
    COMPARED = 25

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._pieces: dict[Key, tuple[Fingerprint, float]] = {}
        self._by_gram: dict[int, list[Key]] = defaultdict(list)
        self._by_place: dict[str, list[Key]] = defaultdict(list)

    def add(self, key: Key, one: Fingerprint) -> None:
        self._pieces[key] = (one, self._weights.whole(one))
        if one.place:
            self._by_place[one.place].append(key)
        seen, rare = self._weights.seen, self._weights.rare
        for gram in one.grams:
            if seen[gram] <= rare:
                self._by_gram[gram].append(key)

    def like(self, one: Fingerprint) -> Iterator[tuple[Key, float]]:
        """The pieces of the index within the window that share enough, each with how alike it is (0 to 1)."""
        same = self._by_place.get(one.place, []) if one.place else []
        yield from ((key, SAME) for key in same if abs(self._pieces[key][0].at - one.at) <= WINDOW)
        by_gram = self._by_gram
        shared = Counter(chain.from_iterable([by_gram[gram] for gram in one.grams if gram in by_gram]))
        whole = self._weights.whole(one)
        for key, count in shared.most_common(self.COMPARED):
            if count < self.SHARED:
                break
            other, other_whole = self._pieces[key]
            if key not in same and abs(other.at - one.at) <= WINDOW:
                yield key, self._score(one, whole, other, other_whole)

    def _score(self, one: Fingerprint, whole: float, other: Fingerprint, other_whole: float) -> float:
        """The cosine of the two, n-grams of the titles counting more, those of a rubric in both not at all."""
        common = one.grams & other.grams
        if one.rubric and one.rubric == other.rubric:
            rubric_grams = _grams(one.rubric)
            common -= rubric_grams
            off = TITLE_COUNTS * self._weights.total(rubric_grams)
            whole, other_whole = max(whole - off, 0.0), max(other_whole - off, 0.0)
        scale = math.sqrt(whole * other_whole) or math.inf
        weight = self._weights.total(common)
        if weight / scale < NOT_WORTH_A_LOOK:
            return weight / scale
        heads = self._weights.total(common & one.title) + self._weights.total(common & other.title)
        return min(SAME, (weight + (TITLE_COUNTS - 1) * heads / 2) / scale)


def is_alike(score: float, one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two pieces of this likeness tell of one event."""
    least = ALIKE if abs(one.at - other.at) <= SOON else ALIKE_LATER
    if one.rubric and one.rubric == other.rubric:
        least = ALIKE_IN_SERIES
    return score >= least


def _grams(text: str) -> frozenset[int]:
    # Four replacements: `str.translate` takes five times as long.
    spelled = text.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    words = set(_WORD.findall(spelled)) - _COMMON
    return frozenset(chain.from_iterable(map(_word_grams, words)))


@lru_cache(maxsize=50_000)
def _word_grams(word: str) -> tuple[int, ...]:
    """The 3-, 4- or 5-grams of a word: whole if it is that short, else its 5-grams; a number only as a whole."""
    if len(word) < 2:
        return ()
    if len(word) <= 5 or word.isdigit():
        return (crc32(f"^{word}".encode()),)
    return tuple(crc32(word[start : start + 5].encode()) for start in range(len(word) - 4))
