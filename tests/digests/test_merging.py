"""Two editors on one digest: what each of them did is in the result, or a person is asked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digests.merging import Sheet, merge, settle

SLOTS = ("lead", "briefs", "more")
WORDS = ("subject", "preheader")
OWN = ("title", "teaser")
TEXTS = st.sampled_from(["", "a", "b", "c"])
BASE = Sheet(
    words={"subject": "", "preheader": ""},
    picks={pick: {"title": "", "teaser": ""} for pick in range(1, 6)},
    slots={"lead": [1], "briefs": [2, 3, 4], "more": [5]},
)


@st.composite
def sheets(draw: st.DrawFn, *, added: int = 0) -> Sheet:
    """The base after some edits: words, removals, and picks shuffled among the slots; `added` is a pick of one's own."""
    here = [pick for pick in BASE.picks if draw(st.integers(0, 5))]
    picks = {
        pick: {name: draw(TEXTS) if draw(st.booleans()) else "" for name in OWN}
        for pick in [*here, *([added] if added and draw(st.booleans()) else [])]
    }
    slots: dict[str, list[int]] = {slot: [] for slot in SLOTS}
    is_shuffled = draw(st.booleans())
    for pick in draw(st.permutations(list(picks))) if is_shuffled else picks:
        stays = BASE.slot_of(pick) if draw(st.integers(0, 3)) else ""
        slots[stays or draw(st.sampled_from(SLOTS))].append(pick)
    words = {name: draw(TEXTS) if draw(st.booleans()) else "" for name in WORDS}
    return Sheet(words=words, picks=picks, slots=slots)


def names(sheet: Sheet, other: Sheet) -> list[str]:
    picks = {**sheet.picks, **other.picks}
    return [*WORDS, *(f"pick-{pick}-{name}" for pick in picks for name in (*OWN, "slot"))]


def order(sheet: Sheet, slot: str, among: set[int]) -> list[int]:
    return [pick for pick in sheet.slots[slot] if pick in among]


def lost(side: Sheet, merged: Sheet, clashes: Sequence[str]) -> list[str]:
    """What this side did that neither the result nor a question shows."""
    found = []
    for name in names(side, BASE):
        pick = int(name.split("-")[1]) if "-" in name else 0
        asked = {name, f"pick-{pick}-remove", f"pick-{pick}-gone"} & set(clashes)
        took_it_out = bool(pick) and pick not in side.picks  # looked at below
        is_edit = side.value(name) != BASE.value(name)
        if is_edit and merged.value(name) != side.value(name) and not asked and not took_it_out:
            found.append(name)
    for key in BASE.picks:
        asked = {f"pick-{key}-remove", f"pick-{key}-gone"} & set(clashes)
        if key not in side.picks and key in merged.picks and not asked:
            found.append(f"pick-{key} taken out")
    for key in set(side.picks) - set(BASE.picks):
        if key not in merged.picks:
            found.append(f"pick-{key} put in")
    for slot in SLOTS:
        kept = set(BASE.slots[slot]) & set(side.slots[slot]) & set(merged.slots[slot])
        before, after = order(BASE, slot, kept), order(side, slot, kept)
        if before != after and order(merged, slot, kept) != after and f"slot-{slot}" not in clashes:
            found.append(f"slot-{slot}")
    return found


def briefs(*picks: int, **titles: str) -> Sheet:
    """The base with its briefs in this order, and new titles: `p3="a"`; what is not in the order was taken out."""
    here = {1, *picks, 5}
    own = {pick: {"title": titles.get(f"p{pick}", ""), "teaser": ""} for pick in BASE.picks if pick in here}
    return replace(BASE, picks=own, slots={**BASE.slots, "briefs": list(picks)})


def test_where_i_put_what_they_took_out_is_asked_or_kept() -> None:
    asked = merge(BASE, briefs(3, 2, 4, p3="a"), briefs(4, 2))
    kept = merge(BASE, briefs(2, 4, 3, p4="a"), briefs(2, 3))

    assert set(asked.clashes) == {"pick-3-gone", "slot-briefs"}
    assert kept.clashes == ["pick-4-gone"]
    assert list(kept.sheet.slots["briefs"]) == [2, 4, 3]


@given(mine=sheets(added=6), theirs=sheets(added=7))
def test_no_edit_of_either_side_is_lost_silently(mine: Sheet, theirs: Sheet) -> None:
    merged = merge(BASE, mine, theirs)

    assert lost(mine, merged.sheet, merged.clashes) == []
    assert lost(theirs, merged.sheet, merged.clashes) == []


@given(mine=sheets(added=6), theirs=sheets(added=7))
def test_a_merge_holds_each_pick_once(mine: Sheet, theirs: Sheet) -> None:
    merged = merge(BASE, mine, theirs).sheet

    placed = [pick for picks in merged.slots.values() for pick in picks]
    assert sorted(placed) == sorted(merged.picks)


@given(mine=sheets(added=6), theirs=sheets(added=7))
def test_what_was_asked_once_is_settled_whatever_is_chosen(mine: Sheet, theirs: Sheet) -> None:
    merged = merge(BASE, mine, theirs)

    for taken in ((), merged.clashes):
        settled = settle(merged.sheet, theirs, taken=taken)
        again = merge(theirs, settled, theirs)
        assert again.clashes == []
        for name in merged.clashes if taken else ():
            if not name.startswith("slot-"):
                assert again.sheet.value(name) == theirs.value(name)


@given(mine=sheets(added=6))
def test_the_same_edit_on_both_sides_is_no_clash(mine: Sheet) -> None:
    assert merge(BASE, mine, mine).clashes == []


@given(theirs=sheets(added=7))
def test_who_changed_nothing_undoes_nothing(theirs: Sheet) -> None:
    merged = merge(BASE, BASE, theirs)

    assert merged.clashes == []
    assert merged.sheet == replace(theirs, slots=merged.sheet.slots)
    assert {slot: list(picks) for slot, picks in merged.sheet.slots.items()} == theirs.slots


def changed(**values: Any) -> Sheet:
    """The base with one pick's fields, one word or one order changed."""
    picks = dict(BASE.picks)
    for pick, own in values.pop("picks", {}).items():
        picks[pick] = {**picks[pick], **own}
    return Sheet(
        words={**BASE.words, **values.pop("words", {})},
        picks=picks,
        slots={**BASE.slots, **values.pop("slots", {})},
    )


@pytest.mark.parametrize(
    ("mine", "theirs", "asked"),
    [
        ({"words": {"subject": "a"}}, {"words": {"preheader": "b"}}, []),
        ({"words": {"subject": "a"}}, {"words": {"subject": "b"}}, ["subject"]),
        ({"picks": {2: {"title": "a"}}}, {"picks": {2: {"teaser": "b"}}}, []),
        ({"picks": {2: {"title": "a"}}}, {"picks": {2: {"title": "b"}}}, ["pick-2-title"]),
        ({"slots": {"briefs": [3, 2, 4]}}, {"picks": {2: {"title": "b"}}}, []),
        ({"slots": {"briefs": [3, 2, 4]}}, {"slots": {"briefs": [2, 4, 3]}}, ["slot-briefs"]),
        (
            {"slots": {"briefs": [3, 4], "lead": [1, 2]}},
            {"slots": {"briefs": [3, 4], "more": [5, 2]}},
            ["pick-2-slot"],
        ),
    ],
)
def test_only_what_both_changed_differently_is_asked(
    mine: dict[str, Any], theirs: dict[str, Any], asked: list[str]
) -> None:
    assert merge(BASE, changed(**mine), changed(**theirs)).clashes == asked


def test_a_pick_that_one_took_out_and_the_other_changed_is_asked_about() -> None:
    without = Sheet(
        words=BASE.words,
        picks={pick: own for pick, own in BASE.picks.items() if pick != 2},
        slots={**BASE.slots, "briefs": [3, 4]},
    )
    reworded = changed(picks={2: {"title": "a"}})

    assert merge(BASE, without, reworded).clashes == ["pick-2-remove"]
    gone = merge(BASE, reworded, without)
    assert gone.clashes == ["pick-2-gone"]
    assert gone.sheet.picks[2]["title"] == "a"
