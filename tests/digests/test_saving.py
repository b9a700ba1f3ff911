"""A save of the composer: together or not at all, and never over somebody else's work."""

import pytest

from digests import saving
from digests.errors import EditConflict, PickRefused
from digests.models import Digest, Pick
from tests.digests.factories import make_ready
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def edit(pick: Pick, **values: object) -> saving.PickEdit:
    seen = {"pick_id": pick.pk, "slot": pick.slot, "place": pick.position + 1, "is_removed": False}
    own_words = {name: getattr(pick, name) for name in ("kicker", "title", "teaser")}
    return saving.PickEdit(**(seen | own_words | values))  # type: ignore[arg-type]  # names of its own fields


def test_an_older_version_is_refused_even_if_it_changes_nothing() -> None:
    digest = make_ready()
    edits = [edit(pick) for pick in digest.picks.all()]

    with pytest.raises(EditConflict):
        saving.save(digest, expected_version=digest.version - 1, words={}, edits=edits, at=NOON)


@pytest.mark.parametrize("spoiled", [{"slot": "nowhere"}, {"pick_id": 0}])
def test_a_story_or_slot_that_is_not_there_spoils_the_whole_save(spoiled: dict[str, object]) -> None:
    digest = make_ready()
    wrong = edit(digest.picks.get(), **spoiled)

    with pytest.raises(PickRefused):
        saving.save(digest, expected_version=digest.version, words={"subject": "Neu"}, edits=[wrong], at=NOON)

    assert Digest.objects.get(pk=digest.pk).subject != "Neu"
