"""Two people edit one digest: what each of them changed, brought together field by field.

A sheet is a digest as its form shows it. What only one side changed is taken from that side; what both changed to
different things is a clash, which a person must settle. Names of fields are those of the form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Own: TypeAlias = Mapping[str, Any]
"""What the desk set for a pick, by the name of the field; JSON values."""

QUIET = ("original", "let_stand")
"""Set by buttons, not typed: who comes last has it, and what that undoes shows up again on the page."""

_UNKNOWN = object()


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The words of a digest, what the desk set for each pick, and per slot the picks in their order."""

    words: Mapping[str, str]
    picks: Mapping[int, Own]
    slots: Mapping[str, Sequence[int]]

    def slot_of(self, pick: int) -> str:
        """Where the pick stands; nothing if it stands nowhere."""
        return next((slot for slot, picks in self.slots.items() if pick in picks), "")

    def value(self, name: str) -> Any:
        """What the field of this name holds here; for an order the picks, for a removal whether it is gone."""
        if name in self.words:
            return self.words[name]
        kind, _, rest = name.partition("-")
        if kind == "slot":
            return [str(pick) for pick in self.slots.get(rest, ())]
        number, _, part = rest.partition("-")
        if part == "slot":
            return self.slot_of(int(number))
        if part in {"remove", "gone"}:
            return "" if int(number) in self.picks else "on"
        return self.picks.get(int(number), {}).get(part)


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What came together, and the names of the fields where it did not: there the sheet has mine."""

    sheet: Sheet
    clashes: Sequence[str]


@dataclass
class _Loom:
    """Collects the clashes while the fields are compared."""

    clashes: list[str] = field(default_factory=list)

    def one(self, name: str, base: Any, mine: Any, theirs: Any) -> Any:
        if mine == base:
            return theirs
        if theirs not in (base, mine) and not name.endswith(QUIET):
            self.clashes.append(name)
        return mine


def merge(base: Sheet, mine: Sheet, theirs: Sheet) -> Merge:
    """Bring together what two sides made of the base.

    Nothing is lost unnamed: whatever a side changed is in the sheet, or its field is among the clashes.
    """
    loom = _Loom()
    words = {
        name: loom.one(name, base.words.get(name, _UNKNOWN), mine.words.get(name, value), value)
        for name, value in theirs.words.items()
    }
    picks, places = _picks(loom, base, mine, theirs)
    keys = [*theirs.slots, *(slot for slot in mine.slots if slot not in theirs.slots)]
    slots = {
        slot: _order(
            loom, slot, base, mine, theirs, {pick for pick, where in places.items() if where == slot}
        )
        for slot in keys
    }
    return Merge(sheet=Sheet(words=words, picks=picks, slots=slots), clashes=loom.clashes)


def settle(mine: Sheet, theirs: Sheet, *, taken: Sequence[str]) -> Sheet:
    """My sheet, with theirs in the fields that I took from them."""
    words = {
        name: theirs.words.get(name, value) if name in taken else value for name, value in mine.words.items()
    }
    picks: dict[int, Own] = {
        pick: {
            name: theirs.picks.get(pick, own).get(name) if f"pick-{pick}-{name}" in taken else value
            for name, value in own.items()
        }
        for pick, own in mine.picks.items()
        if f"pick-{pick}-gone" not in taken
    }
    slots = {slot: [pick for pick in order if pick in picks] for slot, order in mine.slots.items()}
    for pick in theirs.picks:
        if f"pick-{pick}-slot" in taken or f"pick-{pick}-remove" in taken:
            picks.setdefault(pick, dict(theirs.picks[pick]))
            slots = {slot: [each for each in order if each != pick] for slot, order in slots.items()}
            where = theirs.slot_of(pick)
            slots[where] = _woven(slots.get(where, ()), theirs.slots[where], only={pick})
    for slot, order in theirs.slots.items():
        if f"slot-{slot}" in taken:
            here = slots.get(slot, ())
            slots[slot] = _woven([pick for pick in order if pick in here], here)
    return Sheet(words=words, picks=picks, slots=slots)


def _picks(loom: _Loom, base: Sheet, mine: Sheet, theirs: Sheet) -> tuple[dict[int, Own], dict[int, str]]:
    """Which picks there are, with what is set for them, and in which slot each stands."""
    picks: dict[int, Own] = {}
    places: dict[int, str] = {}
    for pick in [*theirs.picks, *(each for each in mine.picks if each not in theirs.picks)]:
        before, ours, others = base.picks.get(pick), mine.picks.get(pick), theirs.picks.get(pick)
        slots = [sheet.slot_of(pick) for sheet in (base, mine, theirs)]
        if ours is None:
            if before is None:  # they brought it in
                assert others is not None
                picks[pick], places[pick] = others, slots[2]
            elif (before, slots[0]) != (others, slots[2]):
                loom.clashes.append(f"pick-{pick}-remove")
        elif others is None:
            if before is not None and (before, slots[0]) == (ours, slots[1]):
                continue  # they took it out, and I had left it as it was
            if before is not None:
                loom.clashes.append(f"pick-{pick}-gone")
            picks[pick], places[pick] = ours, slots[1]
        else:
            unknown = dict.fromkeys(others, _UNKNOWN)
            picks[pick] = {
                name: loom.one(
                    f"pick-{pick}-{name}", (before or unknown).get(name), ours.get(name, value), value
                )
                for name, value in others.items()
            }
            start = slots[0] if before is not None else _UNKNOWN
            places[pick] = loom.one(f"pick-{pick}-slot", start, slots[1], slots[2])
    return picks, places


def _order(
    loom: _Loom, slot: str, base: Sheet, mine: Sheet, theirs: Sheet, members: set[int]
) -> Sequence[int]:
    before, ours, others = (sheet.slots.get(slot, ()) for sheet in (base, mine, theirs))
    common = set(before) & set(ours) & set(others) & members
    first, second, third = ([pick for pick in order if pick in common] for order in (before, ours, others))
    # What they took out and I had changed is still here, and where I had put it counts.
    still = set(before) & set(ours) & members
    have_moved = [pick for pick in before if pick in still] != [pick for pick in ours if pick in still]
    if have_moved and second != third != first:
        loom.clashes.append(f"slot-{slot}")
    leading, following = (ours, others) if have_moved else (others, ours)
    return _woven([pick for pick in leading if pick in members], following, only=members)


def _woven(order: Sequence[int], other: Sequence[int], *, only: set[int] | None = None) -> list[int]:
    """The order, and what only the other has put in behind the one it follows there."""
    woven = list(order)
    for index, pick in enumerate(other):
        if pick in woven or (only is not None and pick not in only):
            continue
        behind = next((each for each in reversed(other[:index]) if each in woven), None)
        woven.insert(0 if behind is None else woven.index(behind) + 1, pick)
    return woven
