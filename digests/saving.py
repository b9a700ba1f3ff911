"""One save of the composer: words, order, overrides and removals together, or not at all.

A save that changes nothing is none: it leaves version, proof and approval as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from digests import curation
from digests.errors import EditConflict, PickRefused
from digests.models import Digest, Pick
from digests.states import PickSource


@dataclass(frozen=True, kw_only=True)
class PickEdit:
    """Where the desk wants a pick, and its own words for it; place counts from 1 within the slot."""

    pick_id: int
    slot: str
    place: int
    kicker: str
    title: str
    teaser: str
    is_removed: bool


def save(
    digest: Digest,
    *,
    expected_version: int,
    words: Mapping[str, str],
    edits: Sequence[PickEdit],
    at: datetime,
) -> bool:
    """Write what the desk changed; False if that was nothing.

    Raises EditConflict if the digest is no longer the one the desk was looking at, PickRefused and WrongState.
    """
    if digest.version != expected_version:
        raise EditConflict(expected=expected_version, actual=digest.version, state=digest.state)
    picks = {pick.pk: pick for pick in digest.picks.order_by("slot", "position", "pk")}
    known = {slot["key"] for slot in digest.slots}
    if any(edit.pick_id not in picks or edit.slot not in known for edit in edits):
        raise PickRefused(
            _("The form names a story or a slot that this digest does not have; reload the page.")
        )
    changed, removed = _apply(picks, edits)
    changed_words = {name: value for name, value in words.items() if getattr(digest, name) != value.strip()}
    if not (changed or removed or changed_words):
        return False
    with transaction.atomic():
        curation.edit_digest(digest, expected_version=expected_version, at=at, **changed_words)
        Pick.objects.filter(pk__in=[pick.pk for pick in removed]).delete()
        for pick in changed:
            pick.save(update_fields=["slot", "position", "kicker", "title", "teaser", "source"])
    return True


def _apply(picks: dict[int, Pick], edits: Sequence[PickEdit]) -> tuple[list[Pick], list[Pick]]:
    """Which picks change and which go, the rows carrying their new values; positions close ranks."""
    removed = [picks[edit.pick_id] for edit in edits if edit.is_removed]
    staying = [edit for edit in edits if not edit.is_removed]
    order = {pk: number for number, pk in enumerate(picks)}
    changed = []
    for slot in {edit.slot for edit in staying}:
        # A pick that came from elsewhere goes before one that had the same place: somebody put it there on purpose.
        here = sorted(
            (edit for edit in staying if edit.slot == slot),
            key=lambda edit: (edit.place, _stayed(picks[edit.pick_id], edit), order[edit.pick_id]),
        )
        changed += [
            picks[edit.pick_id]
            for position, edit in enumerate(here)
            if _differs(picks[edit.pick_id], edit, position)
        ]
    return changed, removed


def _stayed(pick: Pick, edit: PickEdit) -> bool:
    return pick.slot == edit.slot and pick.position + 1 == edit.place


def _differs(pick: Pick, edit: PickEdit, position: int) -> bool:
    """Write the edit into the row; whether that changed anything."""
    before = (pick.slot, pick.position, pick.kicker, pick.title, pick.teaser)
    pick.slot, pick.position = edit.slot, position
    pick.kicker, pick.title, pick.teaser = edit.kicker.strip(), edit.title.strip(), edit.teaser.strip()
    if before == (pick.slot, pick.position, pick.kicker, pick.title, pick.teaser):
        return False
    if before[0] != pick.slot or before[2:] != (pick.kicker, pick.title, pick.teaser):
        pick.source = PickSource.DESK
    return True
