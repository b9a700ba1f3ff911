"""A save of the composer: together or not at all, and never over somebody else's work."""

from typing import Any

import pytest

from digests import curation, history, saving
from digests.errors import EditClash, EditConflict, PickRefused, WrongState
from digests.models import Digest, DigestVersion, Pick
from digests.states import DigestState, PickSource
from tests.digests.factories import HOUR, make_handed_over, make_proofed, make_ready, make_user
from tests.factories import NOON, make_article, make_author, make_pick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def edit(pick: Pick, **values: Any) -> saving.PickEdit:
    """What the form sends for a pick that nobody touched, and the changes; fields of the pick's own come as `own`."""
    own = {**history.own(pick), **values.pop("own", {})}
    seen = {"pick_id": pick.pk, "slot": pick.slot, "place": pick.position + 1}
    return saving.PickEdit(**{**seen, **values, "own": own})


def save(digest: Digest, seen: int, *edits: saving.PickEdit, **words: str) -> saving.Saved:
    fresh = Digest.objects.get(pk=digest.pk)
    return saving.save(fresh, expected_version=seen, words=words, edits=edits, at=NOON, by=make_user())


def order(digest: Digest, slot: str) -> list[int]:
    return list(digest.picks.filter(slot=slot).order_by("position").values_list("pk", flat=True))


def test_a_save_that_changes_nothing_is_none_also_from_an_older_version() -> None:
    digest = make_ready(stories=3)
    untouched = [edit(pick) for pick in digest.picks.all()]
    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Neu")

    saved = save(digest, 1, *untouched, subject="Die Fähre fährt wieder")

    digest.refresh_from_db()
    assert not saved.has_changed
    assert (digest.version, digest.subject) == (2, "Neu")


def test_a_version_that_nobody_knows_is_refused() -> None:
    digest = make_ready()

    with pytest.raises(EditConflict):
        save(digest, 0, subject="Neu")


@pytest.mark.parametrize("spoiled", [{"slot": "nowhere"}, {"pick_id": 0}])
def test_a_story_or_slot_that_is_not_there_spoils_the_whole_save(spoiled: dict[str, object]) -> None:
    digest = make_ready()
    wrong = edit(digest.picks.get(), **spoiled)

    with pytest.raises(PickRefused):
        save(digest, digest.version, wrong, subject="Neu")

    assert Digest.objects.get(pk=digest.pk).subject != "Neu"


def test_edits_to_different_fields_and_picks_from_one_version_all_survive() -> None:
    digest = make_ready(stories=4)
    lead, first, second, third = (
        digest.picks.order_by("slot", "position")[::-1][0],
        *digest.picks.filter(slot="briefs"),
    )
    save(digest, 1, edit(lead, own={"title": "Von Petra"}), edit(third, place=1), subject="Von Petra")

    saved = save(
        digest,
        1,
        edit(lead, own={"teaser": "Von Jonas"}),
        edit(first, own={"kicker": "Ufer"}),
        note="Guten Morgen",
    )

    digest.refresh_from_db()
    lead.refresh_from_db()
    assert saved.is_merged
    assert (digest.subject, digest.note, digest.version) == ("Von Petra", "Guten Morgen", 3)
    assert (lead.title, lead.teaser) == ("Von Petra", "Von Jonas")
    assert Pick.objects.get(pk=first.pk).kicker == "Ufer"
    assert order(digest, "briefs") == [third.pk, first.pk, second.pk]


def test_the_same_field_changed_by_both_is_asked_and_nothing_written() -> None:
    digest = make_ready()
    pick = digest.picks.get()
    save(digest, 1, edit(pick, own={"title": "Von Petra"}))

    with pytest.raises(EditClash) as clash:
        save(digest, 1, edit(pick, own={"title": "Von Jonas"}), preheader="Neu")

    digest.refresh_from_db()
    pick.refresh_from_db()
    assert clash.value.merge.clashes == [f"pick-{pick.pk}-title"]
    assert (digest.version, pick.title, digest.preheader == "Neu") == (2, "Von Petra", False)


@pytest.mark.parametrize(("taken", "stands"), [(True, "Von Petra"), (False, "Von Jonas")])
def test_whose_version_was_chosen_stands(taken: bool, stands: str) -> None:
    digest = make_ready()
    pick = digest.picks.get()
    save(digest, 1, edit(pick, own={"title": "Von Petra"}))
    name = f"pick-{pick.pk}-title"

    fresh = Digest.objects.get(pk=digest.pk)
    saving.save(
        fresh,
        expected_version=2,
        words={},
        edits=[edit(pick, own={"title": "Von Jonas"})],
        taken=[name] if taken else [],
        at=NOON,
    )

    pick.refresh_from_db()
    assert pick.title == stands


def test_the_same_words_from_ones_own_second_window_are_no_clash() -> None:
    digest = make_ready()
    save(digest, 1, subject="Neu")

    assert not save(digest, 1, subject="Neu").has_changed


def test_a_pick_that_another_put_in_meanwhile_stays() -> None:
    digest = make_ready(stories=2)
    seen = [edit(pick) for pick in digest.picks.all()]
    added = curation.add_pick(digest, make_article(), slot="more", expected_version=1, by=None, at=NOON)

    save(digest, 1, *seen, subject="Neu")

    assert order(digest, "more") == [added.pk]


def test_a_pick_that_another_took_out_can_be_put_back_with_what_was_typed() -> None:
    digest = make_ready(stories=2)
    brief = digest.picks.get(slot="briefs")
    typed = edit(brief, own={"title": "Von Jonas"})
    article = brief.article_id
    curation.remove_pick(brief, expected_version=1, at=NOON)

    with pytest.raises(EditClash) as clash:
        save(digest, 1, typed)
    assert clash.value.merge.clashes == [f"pick-{typed.pick_id}-gone"]
    save(digest, 2, typed)

    back = Pick.objects.get(pk=typed.pick_id)
    assert (back.article_id, back.title, back.slot) == (article, "Von Jonas", "briefs")


def test_a_pick_left_as_it_was_goes_when_another_took_it_out() -> None:
    digest = make_ready(stories=2)
    brief = digest.picks.get(slot="briefs")
    untouched = edit(brief)
    curation.remove_pick(brief, expected_version=1, at=NOON)

    save(digest, 1, untouched, subject="Neu")

    assert order(digest, "briefs") == []


def test_a_script_is_not_let_to_save_what_its_page_does_not_show() -> None:
    digest = make_ready()
    save(digest, 1, subject="Von Petra")
    fresh = Digest.objects.get(pk=digest.pk)

    with pytest.raises(EditClash) as refused:
        saving.save(fresh, expected_version=1, words={"note": "Neu"}, edits=[], at=NOON, may_merge=False)

    assert refused.value.merge.clashes == []
    assert Digest.objects.get(pk=digest.pk).note == ""


def test_line_ends_of_a_browser_are_no_change() -> None:
    digest = make_ready(note="Eins\nzwei")

    assert not save(digest, 1, note="Eins\r\nzwei").has_changed


def test_reworded_and_moved_picks_are_the_desks_pushed_ones_stay_the_plans() -> None:
    digest = make_ready(stories=4)
    Pick.objects.update(source=PickSource.AUTOPILOT)
    first, second, third = digest.picks.filter(slot="briefs")

    save(digest, 1, edit(first, own={"title": "Neu"}), edit(third, slot="more", place=1))

    sources = dict(Pick.objects.values_list("pk", "source"))
    assert sources[first.pk] == sources[third.pk] == PickSource.DESK
    assert sources[second.pk] == PickSource.AUTOPILOT


def test_a_save_takes_a_proof_back_and_one_of_a_sent_digest_is_refused() -> None:
    proofed, sent = make_proofed().digest, make_handed_over()
    save(proofed, 1, subject="Neu")

    with pytest.raises(WrongState):
        save(sent, 1, subject="Zu spät")

    proofed.refresh_from_db()
    assert proofed.state == DigestState.DRAFT
    assert not DigestVersion.objects.filter(digest=sent).exists()


@pytest.mark.parametrize("size", [2, 20])
def test_a_save_asks_the_same_questions_whatever_it_holds(
    size: int, django_assert_max_num_queries: Any
) -> None:
    digest = make_ready()
    picks = [make_pick(digest=digest, slot="more", position=number) for number in range(size)]
    by = make_user()
    save(digest, 1, subject="Neu")
    fresh = Digest.objects.get(pk=digest.pk)
    edits = [edit(pick, own={"title": f"Neu {pick.pk}"}) for pick in picks]

    # savepoints 4 · digest, picks, base version · reopen, base there?, words, picks · version: picks, row
    with django_assert_max_num_queries(14):
        saving.save(fresh, expected_version=1, words={}, edits=edits, at=NOON, by=by)


def test_restoring_a_version_brings_words_order_and_lost_picks_back_as_a_new_version() -> None:
    digest = make_ready(stories=3)
    first, second = digest.picks.filter(slot="briefs")
    save(digest, 1, edit(first, own={"title": "Eigene Zeile", "alt": "Ein Kran"}), subject="Alt")
    save(digest, 2, edit(first, is_removed=True), edit(second, slot="more", place=1), subject="Neu")

    fresh = Digest.objects.get(pk=digest.pk)
    version = DigestVersion.objects.get(digest=digest, number=2)
    saving.restore(fresh, version, expected_version=3, at=NOON + HOUR)

    digest.refresh_from_db()
    assert (digest.subject, digest.version) == ("Alt", 4)
    assert order(digest, "briefs") == [first.pk, second.pk]
    back = Pick.objects.get(pk=first.pk)
    assert (back.title, back.alt, back.article_id) == ("Eigene Zeile", "Ein Kran", first.article_id)
    newest = DigestVersion.objects.get(digest=digest, number=4)
    assert history.sheet_of(newest) == history.sheet_of(version)
    assert DigestVersion.objects.filter(digest=digest).count() == 4


def test_a_restored_version_leaves_out_what_is_no_longer_there() -> None:
    digest = make_ready(stories=2)
    brief = digest.picks.get(slot="briefs")
    curation.remove_pick(brief, expected_version=1, at=NOON)
    brief.article.delete()

    version = DigestVersion.objects.get(digest=digest, number=1)
    saving.restore(digest, version, expected_version=2, at=NOON)

    assert order(digest, "briefs") == []
    assert order(digest, "lead") != []


def test_who_signs_and_what_another_wrote_meanwhile_both_survive() -> None:
    digest, ada = make_ready(), make_author()
    save(digest, 1, note="Guten Morgen")

    saved = save(digest, 1, note_author=str(ada.pk))

    digest.refresh_from_db()
    assert saved.is_merged
    assert (digest.note, digest.note_author) == ("Guten Morgen", ada)


def test_restoring_lets_the_same_author_sign_again_unless_gone() -> None:
    digest, ada, bo = make_ready(), make_author(), make_author()
    for seen, author in enumerate((ada, bo), 1):
        save(digest, seen, note_author=str(author.pk))
    older = DigestVersion.objects.get(digest=digest, number=2)

    saving.restore(Digest.objects.get(pk=digest.pk), older, expected_version=3, at=NOON)

    digest.refresh_from_db()
    assert digest.note_author == ada

    ada.delete()
    saving.restore(Digest.objects.get(pk=digest.pk), older, expected_version=4, at=NOON)
    again = Digest.objects.get(pk=digest.pk)
    assert (again.note_author, again.version) == (None, 5)


def test_a_version_from_before_authors_could_sign_is_read_and_restored() -> None:
    digest, ada = make_ready(), make_author()
    history.begin(digest, number=1, at=NOON)
    held = DigestVersion.objects.get(digest=digest)
    content = {**held.content, "words": {"subject": "Alt", "preheader": "", "note": "", "note_by": ""}}
    del content["signed_by"]
    old = DigestVersion.objects.create(digest=digest, number=0, content=content, made_at=NOON)
    curation.edit_digest(digest, expected_version=1, at=NOON, note_author=str(ada.pk))

    assert history.signed_by(old) == ""
    assert not save(digest, 0, subject="Alt", note_author="").has_changed
    saving.restore(Digest.objects.get(pk=digest.pk), old, expected_version=2, at=NOON)

    digest.refresh_from_db()
    assert (digest.subject, digest.note_author) == ("Alt", None)
