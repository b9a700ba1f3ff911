"""Every edit leaves a version, in the same transaction, and none is ever changed."""

import pytest

from digests import curation, history, selection
from digests.errors import PickRefused
from digests.models import Digest, DigestVersion
from digests.states import PickSource
from tests.digests.factories import HOUR, MONDAY_SIX, make_news, make_planned, make_ready, make_user
from tests.factories import NOON, make_article, make_pick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def test_each_act_leaves_a_version_that_says_who_and_what() -> None:
    digest, jonas = make_ready(), make_user("jonas")
    curation.edit_digest(digest, expected_version=1, at=NOON, by=jonas, subject="Neu")
    pick = curation.add_pick(
        digest, make_article(title="Der Kran"), slot="more", expected_version=2, by=jonas, at=NOON
    )
    curation.change_pick(pick, expected_version=3, at=NOON, by=jonas, alt="Ein Kran")
    curation.move_pick(pick, slot="briefs", expected_version=4, at=NOON, by=jonas)
    curation.remove_pick(pick, expected_version=5, at=NOON, by=jonas)

    kept = DigestVersion.objects.filter(digest=digest).order_by("number")
    assert [version.number for version in kept] == [1, 2, 3, 4, 5, 6]
    assert [version.act for version in kept][2:] == [
        "Picked “Der Kran”.", "Changed “Der Kran”.", "Moved “Der Kran”.", "Took “Der Kran” out.",
    ]  # fmt: skip
    assert {version.made_by for version in kept[1:]} == {jonas}
    (held,) = (own for own in history.sheet_of(kept[3]).picks.values() if own["alt"])
    assert held["alt"] == "Ein Kran"
    assert history.sheet_of(kept[5]) == history.sheet_of(kept[1])


def test_an_edit_that_fails_leaves_none() -> None:
    digest = make_ready()

    with pytest.raises(PickRefused):
        curation.add_pick(
            digest, digest.picks.get().article, slot="more", expected_version=1, by=None, at=NOON
        )

    assert not DigestVersion.objects.exists()


def test_a_built_draft_begins_with_what_the_plan_put_in() -> None:
    plan = make_planned()
    make_news(2, at=MONDAY_SIX - HOUR)

    digest = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR / 2)

    version = DigestVersion.objects.get(digest=digest)
    assert (version.number, version.made_by, digest.version) == (1, None, 1)
    assert len(history.sheet_of(version).picks) == digest.picks.count() == 2


def test_filling_a_draft_that_was_edited_is_a_version_of_its_own() -> None:
    plan = make_planned()
    make_news(2, at=MONDAY_SIX - HOUR)
    digest = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR / 2)
    lead = digest.picks.get(slot="lead")
    curation.remove_pick(lead, expected_version=1, at=MONDAY_SIX, by=make_user())
    make_news(1, at=MONDAY_SIX - HOUR)
    digest.refresh_from_db()

    made = selection.fill(digest, at=MONDAY_SIX)

    assert len(made) == 1
    assert digest.version == Digest.objects.get(pk=digest.pk).version == 3
    assert len(history.sheet_of(DigestVersion.objects.get(number=3)).picks) == 2


def test_filling_that_finds_nothing_is_no_version() -> None:
    digest = make_ready()

    selection.fill(digest, at=NOON)

    assert not DigestVersion.objects.exists()


def test_what_an_article_said_is_kept_when_it_is_picked() -> None:
    digest = make_ready()
    article = make_article(kicker="Hafen", title="Der Kran", teaser="Er dreht sich.")

    pick = curation.add_pick(digest, article, slot="more", expected_version=1, by=None, at=NOON)

    pick.refresh_from_db()
    assert pick.original == {"kicker": "Hafen", "title": "Der Kran", "teaser": "Er dreht sich."}


def test_what_an_article_says_differently_since_is_named_and_an_unknown_original_is_no_change() -> None:
    pick = make_ready().picks.get()
    assert history.changed_since(pick) == {}

    pick.original = history.original_of(pick.article)
    assert history.changed_since(pick) == {}

    was, pick.article.title = pick.article.title, "Anders"
    assert history.changed_since(pick) == {"title": (was, "Anders")}


def test_the_plan_keeps_what_an_article_said_too() -> None:
    plan = make_planned()
    make_news(1, at=MONDAY_SIX - HOUR, title="Der Kran")

    digest = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR / 2)

    assert digest.picks.get(source=PickSource.AUTOPILOT).original["title"] == "Der Kran"


def test_who_changed_a_field_last_is_found_whoever_edited_after() -> None:
    digest, petra, jonas = make_ready(), make_user("petra"), make_user("jonas")
    curation.edit_digest(digest, expected_version=1, at=NOON, by=petra, subject="Neu")
    curation.edit_digest(digest, expected_version=2, at=NOON, by=jonas, preheader="Neu")

    versions = history.since(digest, 1)

    found = [history.who_changed(name, versions) for name in ("subject", "preheader", "note")]
    assert [version and version.made_by for version in found] == [petra, jonas, None]


@pytest.mark.parametrize("size", [1, 12])
def test_a_version_costs_the_same_whatever_the_digest_holds(
    size: int, django_assert_num_queries: object
) -> None:
    digest = make_ready()
    for position in range(size):
        make_pick(digest=digest, slot="more", position=position)
    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Alt")

    # savepoint, reopen, base there?, words, picks, version, savepoint
    with django_assert_num_queries(7):  # type: ignore[operator]  # pytest-django's own fixture
        curation.edit_digest(digest, expected_version=2, at=NOON, subject="Neu")
