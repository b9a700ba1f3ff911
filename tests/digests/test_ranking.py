"""Ranking: terms that explain themselves."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from digests.ranking import Facts, Ranked, rank
from digests.weights import Weights
from tests.factories import NOON


def _facts(key: int, *, hours: float = 1, section: int | None = None, **values: bool | int) -> Facts:
    whole: dict[str, bool | int] = {
        "words": 100,
        "has_picture": False,
        "is_own": False,
        "is_marked": False,
    } | values
    return Facts(
        key=key,
        section=section,
        first_seen_at=NOON - dt.timedelta(hours=hours),
        words=int(whole["words"]),
        has_picture=bool(whole["has_picture"]),
        is_own=bool(whole["is_own"]),
        is_marked=bool(whole["is_marked"]),
    )


facts = st.builds(
    Facts,
    key=st.integers(1, 50),
    section=st.none() | st.integers(1, 3),
    first_seen_at=st.integers(0, 72 * 60).map(lambda minutes: NOON - dt.timedelta(minutes=minutes)),
    words=st.integers(0, 3000),
    has_picture=st.booleans(),
    is_own=st.booleans(),
    is_marked=st.booleans(),
    is_favoured=st.booleans(),
    is_trusted=st.booleans(),
    is_used=st.booleans(),
)
weights = st.builds(Weights, variety=st.floats(0, 2), fresh=st.floats(0, 2), used=st.floats(0, 2))
lists = st.lists(facts, max_size=15, unique_by=lambda each: each.key)


@given(articles=lists, tried=weights)
def test_terms_sum_to_the_score_and_scores_fall(articles: list[Facts], tried: Weights) -> None:
    ranked = rank(articles, at=NOON, weights=tried)

    assert sorted(place.key for place in ranked) == sorted(article.key for article in articles)
    assert all(abs(place.score - sum(place.terms.values())) < 0.0001 for place in ranked)
    assert [place.score for place in ranked] == sorted((place.score for place in ranked), reverse=True)


@given(articles=lists, seed=st.randoms())
def test_the_order_of_arrival_does_not_matter(articles: list[Facts], seed: object) -> None:
    shuffled = list(articles)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rank(shuffled, at=NOON) == rank(articles, at=NOON)


def test_freshness_halves_every_twelve_hours() -> None:
    ranked = rank([_facts(1, hours=0), _facts(2, hours=12), _facts(3, hours=24)], at=NOON)

    assert [place.terms["fresh"] for place in ranked] == [1.0, 0.5, 0.25]


def test_own_work_a_picture_a_readable_length_and_a_mark_each_count() -> None:
    plain, *better = (
        rank([_facts(1, **values)], at=NOON)[0]
        for values in ({}, {"is_own": True}, {"has_picture": True}, {"words": 400}, {"is_marked": True})
    )

    assert [set(place.terms) - set(plain.terms) for place in better] == [
        {"staff"},
        {"picture"},
        {"length"},
        {"marked"},
    ]
    assert all(place.score > plain.score for place in better)


def test_a_further_article_of_a_section_lets_another_section_pass() -> None:
    articles = [_facts(1, hours=1, section=1), _facts(2, hours=1.1, section=1), _facts(3, hours=2, section=2)]

    ranked = rank(articles, at=NOON)

    assert [place.key for place in ranked] == [1, 3, 2]
    assert ranked[2].terms["variety"] < 0


def _one_by_one(articles: list[Facts]) -> list[Ranked]:
    """The same by looking at everything for each place: the square of the number."""
    left, ranked = list(articles), list[Ranked]()
    while left:
        firsts = [rank([*_of_section(articles, ranked, one.section), one], at=NOON)[-1] for one in left]
        best = min(firsts, key=lambda place: (-place.score, place.key))
        left = [one for one in left if one.key != best.key]
        ranked.append(best)
    return ranked


def _of_section(articles: list[Facts], ranked: list[Ranked], section: int | None) -> list[Facts]:
    placed = {place.key for place in ranked}
    return [one for one in articles if one.key in placed and section is not None and one.section == section]


@given(articles=st.lists(facts, max_size=6, unique_by=lambda each: each.key))
def test_the_heap_finds_what_looking_at_everything_finds(articles: list[Facts]) -> None:
    assert [place.key for place in rank(articles, at=NOON)] == [place.key for place in _one_by_one(articles)]


def test_a_newsletter_weighs_as_it_likes() -> None:
    articles = [_facts(1, hours=1), _facts(2, hours=30, has_picture=True)]

    usual = rank(articles, at=NOON)
    slow = rank(articles, at=NOON, weights=Weights(half_life_hours=336, picture=2))

    assert [place.key for place in usual] == [1, 2]
    assert [place.key for place in slow] == [2, 1]


def test_favoured_trusted_used_and_thin_each_have_their_term() -> None:
    base = {"section": 1, "first_seen_at": NOON, "has_picture": False, "is_own": False, "is_marked": False}
    found = rank(
        [Facts(key=1, words=20, is_favoured=True, is_trusted=True, is_used=True, **base)],  # type: ignore[arg-type]
        at=NOON,
    )

    assert found[0].terms == {"fresh": 1.0, "section": 0.2, "trust": 0.15, "used": -0.6, "thin": -0.2}
