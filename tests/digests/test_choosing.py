"""Which candidate goes into which empty place."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digests.choosing import Caps, Choice, Place, choose

SLOTS: list[dict[str, Any]] = [
    {"key": "lead", "minimum": 1, "maximum": 1},
    {"key": "briefs", "minimum": 2, "maximum": 3},
    {"key": "more", "minimum": 0, "maximum": 2},
    {"key": "community", "minimum": 0, "maximum": 2},
]

choices = st.lists(
    st.builds(
        Choice, key=st.integers(1, 99), section=st.none() | st.integers(1, 3), is_submission=st.booleans()
    ),
    max_size=15,
    unique_by=lambda choice: choice.key,
)
places = st.lists(
    st.builds(Place, slot=st.sampled_from(["lead", "briefs", "more"]), section=st.integers(1, 3)), max_size=6
)


def _choice(key: int, section: int | None = None, *, is_submission: bool = False) -> Choice:
    return Choice(key=key, section=section, is_submission=is_submission)


@given(taken=places, ranked=choices)
def test_no_place_is_filled_twice_and_no_article_taken_twice(
    taken: list[Place], ranked: list[Choice]
) -> None:
    made = list(choose(SLOTS, taken, ranked))

    assert len({key for _, _, key in made}) == len(made)
    assert len({(slot, position) for slot, position, _ in made}) == len(made)
    for slot in SLOTS:
        before = sum(place.slot == slot["key"] for place in taken)
        after = before + sum(key == slot["key"] for key, _, _ in made)
        assert after <= max(before, slot["maximum"])
        if before:
            assert after <= max(before, slot["minimum"])


@given(taken=places, ranked=choices)
def test_submissions_and_the_community_slot_belong_together(taken: list[Place], ranked: list[Choice]) -> None:
    submissions = {choice.key for choice in ranked if choice.is_submission}

    for slot, _, key in choose(SLOTS, taken, ranked):
        assert (key in submissions) == (slot == "community")


@pytest.mark.parametrize(("may_open", "lead"), [(True, 1), (False, 2)])
def test_a_picture_that_may_not_be_shown_does_not_open_the_digest(may_open: bool, lead: int) -> None:
    first = Choice(key=1, section=None, is_submission=False, may_open=may_open)

    made = {key: slot for slot, _, key in choose(SLOTS, [], [first, _choice(2), _choice(3)])}

    assert made[lead] == "lead"
    assert made[3 - lead] == "briefs"


def test_with_nothing_else_it_opens_and_preflight_says_why_not() -> None:
    only = Choice(key=1, section=None, is_submission=False, may_open=False)

    assert list(choose(SLOTS, [], [only])) == [("lead", 0, 1)]


def test_empty_slots_are_filled_with_the_best_first() -> None:
    made = list(choose(SLOTS, [], [_choice(key) for key in range(1, 9)]))

    assert made == [
        ("lead", 0, 1),
        ("briefs", 0, 2),
        ("briefs", 1, 3),
        ("briefs", 2, 4),
        ("more", 0, 5),
        ("more", 1, 6),
    ]


def test_a_slot_that_the_desk_began_is_filled_up_to_its_minimum_only() -> None:
    made = list(choose(SLOTS, [Place(slot="briefs", section=1)], [_choice(key) for key in range(1, 9)]))

    assert [position for slot, position, _ in made if slot == "briefs"] == [1]


def test_lead_and_briefs_take_two_of_a_section_while_there_are_others() -> None:
    ranked = [_choice(1, 1), _choice(2, 1), _choice(3, 1), _choice(4, 2), _choice(5, 2)]

    top = [key for slot, _, key in choose(SLOTS, [], ranked) if slot in ("lead", "briefs")]

    assert top == [1, 2, 4, 5]


def test_a_third_of_a_section_is_taken_where_there_is_nothing_else() -> None:
    ranked = [_choice(1, 1), _choice(2, 1), _choice(3, 1)]

    top = [key for slot, _, key in choose(SLOTS, [], ranked) if slot in ("lead", "briefs")]

    assert top == [1, 2, 3]


mixed_choices = st.lists(
    st.builds(
        Choice,
        key=st.integers(1, 99),
        section=st.none() | st.integers(1, 3),
        is_submission=st.booleans(),
        source=st.none() | st.integers(1, 2),
        authors=st.lists(st.integers(1, 3), max_size=2, unique=True).map(tuple),
        cluster=st.none() | st.integers(1, 4),
    ),
    max_size=12,
    unique_by=lambda choice: choice.key,
)
some_caps = st.builds(Caps, source=st.integers(0, 3), author=st.integers(0, 3), section=st.integers(0, 3))


@given(ranked=mixed_choices, caps=some_caps)
def test_no_source_author_or_section_goes_above_its_cap_and_no_event_comes_twice(
    ranked: list[Choice], caps: Caps
) -> None:
    by_key = {choice.key: choice for choice in ranked}
    why_not: dict[int, str] = {}

    made = [by_key[key] for _, _, key in choose(SLOTS, [], ranked, caps=caps, why_not=why_not)]

    sources = Counter(choice.source for choice in made if choice.source)
    authors = Counter(author for choice in made for author in choice.authors)
    sections = Counter(choice.section for choice in made if choice.section)
    clusters = Counter(choice.cluster for choice in made if choice.cluster)
    assert not caps.source or max(sources.values(), default=0) <= caps.source
    assert not caps.author or max(authors.values(), default=0) <= caps.author
    assert not caps.section or max(sections.values(), default=0) <= caps.section
    assert max(clusters.values(), default=0) <= 1
    assert set(why_not) == set(by_key) - {choice.key for choice in made}


def test_what_the_desk_took_counts_against_the_caps_and_each_refusal_has_its_word() -> None:
    taken = [Place(slot="lead", section=9, source=1, authors=(7,), cluster=5)]
    ranked = [
        Choice(key=1, section=1, is_submission=False, source=1),
        Choice(key=2, section=1, is_submission=False, authors=(7,)),
        Choice(key=3, section=9, is_submission=False),
        Choice(key=4, section=1, is_submission=False, cluster=5),
        Choice(key=5, section=1, is_submission=False),
        Choice(key=6, section=2, is_submission=True),
    ]
    why_not: dict[int, str] = {}
    slots = [{"key": "lead", "minimum": 1, "maximum": 1}, {"key": "briefs", "minimum": 0, "maximum": 3}]

    made = list(choose(slots, taken, ranked, caps=Caps(source=1, author=1, section=1), why_not=why_not))

    assert made == [("briefs", 0, 5)]
    assert why_not == {
        1: "cap_source",
        2: "cap_author",
        3: "cap_section",
        4: "same_story",
        6: "slot_full",
    }
