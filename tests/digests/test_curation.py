"""The desk's edits: nothing is overwritten unseen, the article stays as it is."""

import pytest

from digests import curation
from digests.errors import EditConflict, PickRefused, WrongState
from digests.models import Digest, Pick
from digests.states import DigestState, PickSource
from tests.digests.factories import (
    HOUR,
    make_approved,
    make_handed_over,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import NOON, make_article, make_digest, make_newsletter, make_pick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def _order(digest: Digest, slot: str) -> list[int]:
    return list(digest.picks.filter(slot=slot).values_list("article_id", flat=True))


def _three_briefs() -> tuple[Digest, list[Pick]]:
    digest = make_digest(newsletter=make_newsletter())
    return digest, [make_pick(digest=digest, slot="briefs", position=position) for position in range(3)]


def test_of_two_edits_from_the_same_version_the_second_is_refused() -> None:
    digest = make_ready()
    mine, hers = Digest.objects.get(pk=digest.pk), Digest.objects.get(pk=digest.pk)
    curation.edit_digest(hers, expected_version=1, at=NOON, subject="Ihrer")

    with pytest.raises(EditConflict) as conflict:
        curation.edit_digest(mine, expected_version=1, at=NOON, subject="Meiner")

    digest.refresh_from_db()
    assert (digest.subject, digest.version) == ("Ihrer", 2)
    assert (conflict.value.expected, conflict.value.actual) == (1, 2)
    assert mine.version == 1


def test_acts_of_one_form_follow_each_other() -> None:
    digest = make_ready()

    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Neu")
    curation.add_pick(
        digest, make_article(), slot="more", expected_version=digest.version, by=make_user(), at=NOON
    )

    digest.refresh_from_db()
    assert digest.version == 3


@pytest.mark.parametrize("make", [lambda: make_proofed().digest, make_approved, make_scheduled])
def test_an_edit_takes_any_digest_that_was_not_handed_over_back_to_draft(make: object) -> None:
    digest = make()  # type: ignore[operator]

    curation.edit_digest(digest, expected_version=1, at=NOON, preheader="Neu")

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at, digest.version) == (DigestState.DRAFT, None, 2)


def test_what_was_handed_over_is_not_edited() -> None:
    digest = make_handed_over()

    with pytest.raises(WrongState, match="cannot be changed"):
        curation.edit_digest(digest, expected_version=1, at=NOON + HOUR, subject="Zu spät")

    digest.refresh_from_db()
    assert (digest.state, digest.subject) == (DigestState.HANDED_OVER, "Die Fähre fährt wieder")


def test_an_edit_makes_an_automatic_digest_somebody_s_own() -> None:
    digest = make_ready(is_automatic=True)

    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Von Hand")

    assert Digest.objects.get(pk=digest.pk).is_automatic is False


def test_an_article_goes_to_the_end_of_its_slot_or_where_one_wants_it() -> None:
    digest, (first, second, third) = _three_briefs()
    last, top = make_article(), make_article()

    curation.add_pick(digest, last, slot="briefs", expected_version=1, by=None, at=NOON)
    curation.add_pick(digest, top, slot="briefs", position=0, expected_version=2, by=None, at=NOON)

    assert _order(digest, "briefs") == [
        top.pk,
        first.article_id,
        second.article_id,
        third.article_id,
        last.pk,
    ]


def test_an_article_is_refused_twice_withdrawn_or_in_an_unknown_slot() -> None:
    digest = make_ready()
    there = digest.picks.get().article

    for article, slot in [
        (there, "more"),
        (make_article(withdrawn_at=NOON), "more"),
        (make_article(), "quiz"),
    ]:
        with pytest.raises(PickRefused):
            curation.add_pick(digest, article, slot=slot, expected_version=1, by=None, at=NOON)

    digest.refresh_from_db()
    assert (digest.version, digest.picks.count()) == (1, 1)


def test_a_pick_moves_within_its_slot_and_to_another_and_positions_stay_dense() -> None:
    digest, (first, second, third) = _three_briefs()
    for number, pick in enumerate((first, second, third)):
        Pick.objects.filter(pk=pick.pk).update(source=PickSource.AUTOPILOT, position=number)

    curation.move_pick(third, slot="briefs", position=0, expected_version=1, at=NOON)
    first.refresh_from_db()
    curation.move_pick(first, slot="more", expected_version=2, at=NOON)

    assert _order(digest, "briefs") == [third.article_id, second.article_id]
    assert _order(digest, "more") == [first.article_id]
    assert list(digest.picks.filter(slot="briefs").values_list("position", flat=True)) == [0, 1]
    assert Pick.objects.get(pk=first.pk).source == PickSource.DESK
    assert Pick.objects.get(pk=second.pk).source == PickSource.AUTOPILOT


def test_when_a_pick_goes_the_others_close_ranks() -> None:
    digest, (first, *_others) = _three_briefs()

    curation.remove_pick(first, expected_version=1, at=NOON)

    assert list(digest.picks.values_list("position", flat=True)) == [0, 1]


def test_overrides_leave_the_article_alone_and_empty_ones_give_its_words_back() -> None:
    pick = make_ready().picks.get()
    original = pick.article.title

    curation.change_pick(pick, expected_version=1, at=NOON, title=" Besser ", kicker="Hafen")
    pick.refresh_from_db()
    assert (pick.title, pick.kicker, pick.teaser) == ("Besser", "Hafen", "")

    curation.change_pick(pick, expected_version=2, at=NOON)
    pick.refresh_from_db()
    pick.article.refresh_from_db()
    assert (pick.title, pick.kicker) == ("", "")
    assert pick.article.title == original
