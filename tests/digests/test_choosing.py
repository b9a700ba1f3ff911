"""Which candidate goes into which empty place."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from digests.choosing import Choice, Place, choose

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
