"""One save of the composer: words, order, overrides and removals together, or not at all.

A save that changes nothing is none: it leaves version, proof and approval as they are. A save from an older version
is brought together with what others did since, field by field; what cannot be is asked, never overwritten.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from digests import curation, history, links
from digests.errors import EditClash, EditConflict, PickRefused, WentOn
from digests.merging import Sheet, merge, settle
from digests.models import Digest, DigestVersion, Pick
from digests.states import DigestState, PickSource, is_further
from newsroom.articles.models import Article, Picture


@dataclass(frozen=True, kw_only=True)
class PickEdit:
    """Where the desk wants a pick, and what it sets for it; place counts from 1 within the slot.

    own: by name of `history.OWN`; what is not named stays.
    """

    pick_id: int
    slot: str
    place: int
    own: Mapping[str, Any]
    is_removed: bool = False


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What came of a save: whether anything changed, and whether it was brought together with others' edits."""

    has_changed: bool
    is_merged: bool


def save(
    digest: Digest,
    *,
    expected_version: int,
    words: Mapping[str, str],
    edits: Sequence[PickEdit],
    at: datetime,
    by: User | None = None,
    taken: Collection[str] = (),
    may_merge: bool = True,
    seen: DigestState | None = None,
) -> Saved:
    """Write what the desk changed since the version it was looking at.

    taken: names of fields where the desk wants that version's value, not its own. may_merge: whether the page can
    show what others changed meanwhile; if not, such a save is refused. seen: the state in which the page was made, if
    there is one. Queries: 13, whatever the number of picks. Raises WentOn if the digest is further than that, EditClash
    if somebody else changed the same field, EditConflict if that version is not on record, PickRefused and WrongState;
    then nothing is written.
    """
    with transaction.atomic():
        here = Digest.objects.select_for_update(of=["self"]).get(pk=digest.pk)
        picks = _picks(here)
        theirs = history.sheet(here, picks)
        base = _base(here, expected_version, theirs)
        mine = settle(_typed(here, base, words, edits), base, taken=list(taken))
        merged = merge(base, mine, theirs)
        is_merged = _plain(merged.sheet) != _plain(mine)
        has_changed = _plain(merged.sheet) != _plain(theirs)
        if (has_changed or merged.clashes) and seen is not None and is_further(here.state, than=seen):
            raise WentOn(state=here.state)
        if merged.clashes or (is_merged and not may_merge):
            raise EditClash(
                merge=merged, theirs=theirs, expected=expected_version, actual=here.version, state=here.state
            )
        if has_changed:
            with curation.edit(digest, expected_version=here.version, by=by, at=at, act=_("Saved.")):
                _apply(digest, picks, merged.sheet, at=at)
    return Saved(has_changed=has_changed, is_merged=is_merged)


def restore(
    digest: Digest,
    version: DigestVersion,
    *,
    expected_version: int,
    at: datetime,
    by: User | None = None,
    seen: DigestState | None = None,
) -> None:
    """Make the digest again what it was in a version of it. That is a new version; nothing of the history goes.

    An article that is no longer there stays out. Raises EditConflict, WentOn and WrongState.
    """
    wanted = history.sheet_of(version)
    act = _("Restored version %(number)d.") % {"number": version.number}
    with curation.edit(digest, expected_version=expected_version, seen=seen, by=by, at=at, act=act):
        _apply(digest, _picks(digest), wanted, at=at)


def _picks(digest: Digest) -> list[Pick]:
    return list(Pick.objects.filter(digest=digest).order_by("slot", "position", "pk"))


def _plain(sheet: Sheet) -> tuple[Any, ...]:
    """A sheet for comparing: an empty slot is none."""
    picks = {pick: dict(own) for pick, own in sheet.picks.items()}
    return dict(sheet.words), picks, {slot: list(order) for slot, order in sheet.slots.items() if order}


def _base(digest: Digest, version: int, theirs: Sheet) -> Sheet:
    """What the desk was looking at."""
    if version == digest.version:
        return theirs
    found = history.version_of(digest, version)
    if found is None:
        raise EditConflict(expected=version, actual=digest.version, state=digest.state)
    return history.sheet_of(found)


def _typed(digest: Digest, base: Sheet, words: Mapping[str, str], edits: Sequence[PickEdit]) -> Sheet:
    """The base with what was typed."""
    known = {slot["key"] for slot in digest.slots}
    back = {edit.pick_id for edit in edits} - set(base.picks)
    if any(edit.slot not in known for edit in edits) or not back <= history.entries(digest, back).keys():
        raise PickRefused(
            _("The form names a story or a slot that this digest does not have; reload the page.")
        )
    by_pick = {edit.pick_id: edit for edit in edits if not edit.is_removed}
    gone = {edit.pick_id for edit in edits if edit.is_removed}
    picks = {pick: own for pick, own in base.picks.items() if pick not in gone}
    for pick, edit in by_pick.items():
        typed = {name: history.cleaned(value) for name, value in edit.own.items()}
        picks[pick] = {**history.EMPTY, **base.picks.get(pick, {}), **typed}
    return Sheet(
        words={**base.words, **{name: history.cleaned(value) for name, value in words.items()}},
        picks=picks,
        slots=_ordered(base, picks, by_pick),
    )


def _ordered(base: Sheet, picks: Collection[int], edits: Mapping[int, PickEdit]) -> dict[str, list[int]]:
    """The picks by slot as the places say; ranks close."""
    found: dict[str, list[tuple[int, bool, int, int]]] = {slot: [] for slot in base.slots}
    before = {
        pick: (slot, index + 1) for slot, order in base.slots.items() for index, pick in enumerate(order)
    }
    for number, pick in enumerate([*before, *(pick for pick in picks if pick not in before)]):
        if pick not in picks:
            continue
        slot, place = before.get(pick, ("", 0))
        if pick in edits:
            slot, place = edits[pick].slot, edits[pick].place
        # A pick that came from elsewhere goes before one that had the same place: somebody put it there on purpose.
        stayed = before.get(pick) == (slot, place)
        found.setdefault(slot, []).append((place, stayed, number, pick))
    return {slot: [pick for *_place, pick in sorted(rows)] for slot, rows in found.items()}


def _apply(digest: Digest, picks: Sequence[Pick], wanted: Sheet, *, at: datetime) -> None:
    """Make the rows what the sheet says. Queries: at most 7, and 3 for links of a new note, whatever the number of picks."""
    curation.put_words(digest, wanted.words, at=at)
    rows = {pick.pk: pick for pick in picks}
    if gone := rows.keys() - wanted.picks.keys():
        Pick.objects.filter(pk__in=gone).delete()
    places = {pick: (slot, index) for slot, order in wanted.slots.items() for index, pick in enumerate(order)}
    _put_back(digest, wanted, wanted.picks.keys() - rows.keys(), places, at=at)
    changed = [
        row for pk, row in rows.items() if pk not in gone and _differs(row, wanted.picks[pk], places[pk])
    ]
    _without_lost_pictures(changed)
    Pick.objects.bulk_update(
        changed, [*(_column(name) for name in history.OWN), "slot", "position", "source"]
    )


def _put_back(
    digest: Digest,
    wanted: Sheet,
    missing: Collection[int],
    places: Mapping[int, tuple[str, int]],
    *,
    at: datetime,
) -> None:
    """Picks that were taken out since, under the number they had, so that the history goes on."""
    if not missing:
        return
    entries = history.entries(digest, missing)
    there = set(
        Article.objects.filter(pk__in=[entries[pick].article for pick in missing]).values_list(
            "pk", flat=True
        )
    )
    taken = set(Pick.objects.filter(digest=digest).values_list("article_id", flat=True))
    made = []
    for pick in missing:
        entry, own = entries[pick], wanted.picks[pick]
        if entry.article in taken:
            raise PickRefused(_("“%(title)s” is in this digest already.") % {"title": entry.name})
        if entry.article in there:
            slot, position = places[pick]
            row = Pick(pk=pick, digest=digest, article_id=entry.article, slot=slot, position=position)
            row.source, row.added_by_id = PickSource(entry.source), entry.added_by
            _set(row, own)
            made.append(row)
    _without_lost_pictures(made)
    Pick.objects.bulk_create(made)
    links.place(digest, at=at)


def _without_lost_pictures(picks: Sequence[Pick]) -> None:
    wanted = {pick.picture_id for pick in picks if pick.picture_id}
    there = set(Picture.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    for pick in picks:
        if pick.picture_id not in there:
            pick.picture_id = None


def _differs(pick: Pick, own: Mapping[str, Any], place: tuple[str, int]) -> bool:
    """Write the sheet's values into the row; whether that changed anything."""
    before, at_place = history.own(pick), (pick.slot, pick.position)
    _set(pick, own)
    pick.slot, pick.position = place
    is_reworded = before != history.own(pick)
    if is_reworded or at_place[0] != pick.slot:
        pick.source = PickSource.DESK
    return is_reworded or at_place != place


def _set(pick: Pick, own: Mapping[str, Any]) -> None:
    for name in history.OWN:
        setattr(pick, _column(name), own.get(name, history.EMPTY[name]))


def _column(name: str) -> str:
    return "picture_id" if name == "picture" else name
