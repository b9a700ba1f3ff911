"""Ranking a window and grouping a day's articles, beside the plainest way to do each."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product

from rapidfuzz import fuzz, process

from digests.ranking import Facts, rank
from newsroom.articles.grouping import group
from newsroom.articles.similarity import fingerprint

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
_HEADS = (
    "Stadt Hafen Markt Brücken Schul Garten Wasser Bahn Feuer Kirchen Wald Energie Kultur Sport Rathaus Ufer Land "
    "Kreis Bürger Wochen"
)
_MIDDLES = "bau fest rats verkehrs amts vereins kosten schutz pflege abend preis dienst"
_TAILS = "plan halle meister versammlung sanierung projekt leiterin gebühren platz ordnung gruppe sperrung"


class Rank:
    """A window of candidates of twelve sections."""

    def __init__(self, count: int) -> None:
        self.count = count

    def prepare(self) -> None:
        chance = random.Random(7)
        self._facts = [
            Facts(
                key=key,
                section=chance.choice([None, *range(11)]),
                first_seen_at=NOON - timedelta(minutes=chance.randrange(24 * 60)),
                words=chance.randrange(2000),
                has_picture=chance.random() < 0.5,
                is_own=chance.random() < 0.3,
                is_marked=chance.random() < 0.02,
            )
            for key in range(self.count)
        ]

    def run(self) -> int:
        return len(rank(self._facts, at=NOON))


class BareSort(Rank):
    """The same candidates sorted by their age and nothing else: no terms, no variety."""

    def run(self) -> int:
        return len(sorted(self._facts, key=lambda facts: (NOON - facts.first_seen_at, facts.key)))


class Group:
    """A day's articles, a third of the events told by two or three desks in other words."""

    def __init__(self, count: int) -> None:
        self.count = count

    def prepare(self) -> None:
        chance = random.Random(11)
        words = ["".join(parts) for parts in product(_HEADS.split(), _MIDDLES.split(), _TAILS.split())]
        common = chance.sample(words, 300)
        self.texts: list[tuple[str, str]] = []
        while len(self.texts) < self.count:
            event = [chance.choice(common if chance.random() < 0.5 else words) for _ in range(45)]
            for _ in range(chance.choice([1, 1, 1, 1, 2, 3])):
                told = [word for word in event if chance.random() < 0.7]
                chance.shuffle(told)
                self.texts.append((" ".join(told[:6]), " ".join(told[6:])))
        del self.texts[self.count :]

    def run(self) -> int:
        group(
            {
                key: fingerprint(url="", title=title, text=text, at=NOON)
                for key, (title, text) in enumerate(self.texts)
            }
        )
        return self.count


class EveryPair(Group):
    """Each headline compared with all headlines by rapidfuzz, compiled code; the texts are not looked at."""

    def run(self) -> int:
        titles = [title for title, _text in self.texts]
        for title in titles:
            process.extract(title, titles, scorer=fuzz.token_set_ratio, score_cutoff=70, limit=None)
        return self.count
