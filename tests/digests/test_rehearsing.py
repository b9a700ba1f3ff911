"""One event in one place, and what would go out now: a reason for each article, and nothing written."""

import datetime as dt
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from digests import curation, selection
from digests.models import Digest, Pick, Plan
from digests.weights import Weights
from newsroom.articles import clustering
from newsroom.articles.models import Article
from newsroom.articles.states import Origin
from newsroom.web import clock
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    make_handed_over,
    make_news,
    make_planned,
    make_user,
)
from tests.digests.test_loosening import form_of
from tests.factories import NOON, make_article, make_author, make_pick, make_section

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def _because(found: selection.Rehearsal, article: Article) -> str:
    return next(line.because for line in found.left if line.article == article)


def _event(*origins: str, **values: Any) -> list[Article]:
    articles = [make_article(origin=origin, first_seen_at=NOON - HOUR, **values) for origin in origins]
    clustering.merge(articles, by="mia", at=NOON)
    return articles


def test_of_one_event_the_version_from_the_better_origin_goes_in_and_names_the_others() -> None:
    plan = make_planned()
    agency, staff = _event(Origin.AGENCY, Origin.STAFF)

    digest = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())
    found = selection.candidates(plan.newsletter, start=digest.window_start, end=NOON, at=NOON)

    assert [pick.article for pick in digest.picks.all()] == [staff]
    assert [(each.article, each.held_back, each.also) for each in found] == [
        (staff, "", (agency,)),
        (agency, "same_story", ()),
    ]


def test_which_origin_leads_is_the_newsletters_choice() -> None:
    plan = make_planned(origin_order="agency,staff")
    agency, _staff = _event(Origin.AGENCY, Origin.STAFF)

    digest = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())

    assert [pick.article for pick in digest.picks.all()] == [agency]


def test_a_version_under_embargo_leaves_its_place_to_another() -> None:
    plan = make_planned()
    agency, staff = _event(Origin.AGENCY, Origin.STAFF)
    Article.objects.filter(pk=staff.pk).update(embargo_until=NOON + HOUR)

    digest = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())

    assert [pick.article for pick in digest.picks.all()] == [agency]


def test_an_event_that_an_earlier_digest_told_is_not_told_again_by_itself() -> None:
    plan = make_planned()
    earlier = make_handed_over(plan.newsletter, window_start=MONDAY_SIX - DAY, window_end=MONDAY_SIX)
    told = make_article(first_seen_at=MONDAY_SIX - HOUR)
    make_pick(digest=earlier, article=told, slot="more")
    again = make_article(first_seen_at=NOON - HOUR)
    clustering.merge([told, again], by="mia", at=NOON)

    found = selection.rehearse(plan.newsletter, at=NOON)

    assert again not in [line.article for line in found.taken]
    assert _because(found, again) == f"Already in {earlier}."


def test_the_other_version_stays_out_where_the_desk_took_one() -> None:
    plan = make_planned()
    agency, staff = _event(Origin.AGENCY, Origin.STAFF)
    digest = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())
    digest.picks.all().delete()
    curation.add_pick(digest, agency, slot="lead", expected_version=digest.version, by=None, at=NOON)

    selection.fill(digest, at=NOON)

    assert [pick.article for pick in digest.picks.all()] == [agency]
    assert staff not in [pick.article for pick in digest.picks.all()]


def test_a_pick_of_the_desk_keeps_what_it_scored_too() -> None:
    plan = make_planned()
    article = make_article(first_seen_at=NOON - HOUR)
    digest = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())
    digest.picks.all().delete()

    pick = curation.add_pick(digest, article, slot="lead", expected_version=digest.version, by=None, at=NOON)

    assert pick.reasons["fresh"] > 0.9


def test_grace_is_as_long_as_the_plan_says() -> None:
    plan = make_planned(grace_minutes=90)
    make_article(first_seen_at=NOON - HOUR)

    found = selection.candidates(plan.newsletter, start=MONDAY_SIX, end=NOON, at=NOON)

    assert [each.held_back for each in found] == ["grace"]


def test_each_article_has_its_reason_and_nothing_is_written() -> None:
    plan = make_planned(cap_author=1)
    author = make_author()
    old = make_article(first_seen_at=MONDAY_SIX - 2 * DAY)
    english = make_article(language="en", first_seen_at=NOON - HOUR)
    withdrawn = make_article(withdrawn_at=NOON, first_seen_at=NOON - HOUR)
    fresh = make_article(first_seen_at=NOON - dt.timedelta(minutes=2))
    locked = make_article(first_seen_at=NOON - HOUR, embargo_until=NOON + HOUR)
    first = make_article(first_seen_at=NOON - HOUR, authors=(author,))
    second = make_article(first_seen_at=NOON - 2 * HOUR, authors=(author,))

    with CaptureQueriesContext(connection) as queries:
        found = selection.rehearse(plan.newsletter, at=NOON)

    assert [line.article for line in found.taken] == [first]
    assert _because(found, old) == "Not new: first seen before this digest's window."
    assert _because(found, english) == "In another language than the newsletter."
    assert _because(found, withdrawn) == "Withdrawn."
    assert _because(found, fresh) == "Held back: it came in only a moment ago."
    assert _because(found, locked).startswith("Held back: under embargo until ")
    assert _because(found, second) == "There are enough of this author."
    assert all(query["sql"].startswith("SELECT") for query in queries.captured_queries)
    assert not Digest.objects.exists()


def test_what_finds_no_place_is_told_so() -> None:
    plan = make_planned()
    make_news(30, at=NOON - HOUR)

    found = selection.rehearse(plan.newsletter, at=NOON)

    assert {line.because for line in found.left} == {"No place left: others rank higher."}
    assert len(found.taken) + len(found.left) == 30


def test_a_rehearsal_takes_what_the_build_takes() -> None:
    plan = make_planned()
    for section in (make_section(), make_section()):
        make_news(6, at=NOON - HOUR, section=section)
    _event(Origin.AGENCY, Origin.STAFF)

    rehearsed = selection.rehearse(plan.newsletter, at=NOON)
    built = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())

    assert {(line.slot, line.article) for line in rehearsed.taken} == {
        (pick.slot, pick.article) for pick in built.picks.all()
    }


def test_a_rehearsal_leaves_out_what_the_desk_took_out_as_filling_does() -> None:
    plan = make_planned(lead_minutes=600)
    make_news(9, at=NOON - 2 * HOUR)
    draft, jonas = selection.build(plan.newsletter, at=NOON - HOUR), make_user("jonas")
    gone = [pick.article for pick in draft.picks.exclude(slot="briefs")]
    for number, pick in enumerate(draft.picks.exclude(slot="briefs"), 1):
        curation.remove_pick(pick, expected_version=number, at=NOON - HOUR, by=jonas)
    make_news(2, at=NOON - HOUR)

    rehearsed = selection.rehearse(plan.newsletter, at=NOON)
    selection.fill(draft, at=NOON)

    assert {(line.slot, line.article) for line in rehearsed.taken} == {
        (pick.slot, pick.article) for pick in draft.picks.all()
    }
    assert {_because(rehearsed, article) for article in gone} == {"The desk took it out of this digest."}


def test_tried_weights_show_the_old_rank_beside_the_new() -> None:
    plan = make_planned()
    section = make_section()
    plan.favoured_sections.add(section)
    new = make_article(first_seen_at=NOON - HOUR)
    favoured = make_article(first_seen_at=NOON - 9 * HOUR, section=section)

    found = selection.rehearse(plan.newsletter, at=NOON, tried=Weights(section=2))

    assert [(line.article, line.rank, line.rank_before) for line in found.taken] == [
        (favoured, 1, 2),
        (new, 2, 1),
    ]


@pytest.mark.parametrize("size", [3, 30])
def test_a_rehearsal_costs_the_same_queries_at_any_size(size: int) -> None:
    plan = make_planned()
    make_news(size, at=NOON - HOUR, section=make_section())
    make_news(size, at=NOON - HOUR, language="en")

    with CaptureQueriesContext(connection) as queries:
        selection.rehearse(plan.newsletter, at=NOON)

    # Plan, draft, last cut-off, slots, the plans that candidates ask for, the four of candidates, what is outside.
    assert len(queries) == 11


def _staff(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("jonas", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> dt.datetime:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    return NOON


def test_the_page_says_it_and_tries_weights_without_saving(client: Client, now: dt.datetime) -> None:
    plan = make_planned()
    make_article(first_seen_at=NOON - HOUR, title="Neu und kurz")
    make_article(first_seen_at=NOON - 9 * HOUR, title="Alt mit Ressort", section=make_section())
    address = reverse("admin:digests_plan_rehearsal", args=[plan.pk])
    _staff(client, "view_plan")

    plain = client.get(address).content.decode()
    tried = client.get(address, {"weight_fresh": "0"}).content.decode()
    bad = client.get(address, {"weight_fresh": "99"}).content.decode()

    assert "Neu und kurz" in plain
    assert "before: " not in plain
    assert tried.index("Neu und kurz") > 0
    assert "errorlist" not in tried
    assert "errorlist" in bad
    assert "before: " not in bad
    plan.refresh_from_db()
    assert plan.weights == {}
    assert not Digest.objects.exists()


def test_the_page_is_for_those_who_see_plans(client: Client, now: dt.datetime) -> None:
    address = reverse("admin:digests_plan_rehearsal", args=[make_planned().pk])

    assert _staff(client, "view_digest").get(address).status_code == 403


def test_the_command_prints_the_same_and_writes_nothing(now: dt.datetime) -> None:
    plan = make_planned()
    make_article(first_seen_at=NOON - HOUR, title="Die Fähre")
    make_article(first_seen_at=NOON - HOUR, title="The ferry", language="en")
    out = StringIO()

    call_command("build_digest", plan.newsletter.slug, "--dry-run", stdout=out)

    assert "+ " in out.getvalue()
    assert "Die Fähre (fresh +0.94" in out.getvalue()
    assert "- The ferry: In another language than the newsletter." in out.getvalue()
    assert not Digest.objects.exists()
    assert not Pick.objects.exists()


def test_weights_are_saved_on_the_plans_page(client: Client) -> None:
    plan = make_planned()
    _staff(client, "view_plan", "change_plan")
    address = reverse("admin:digests_plan_change", args=[plan.pk])
    values = form_of(client.get(address)) | {"weight_picture": "0.3", "weight_half_life_hours": "24"}

    refused = client.post(address, values | {"weight_picture": "7", "origin_order_0": "moon"})
    assert refused.status_code == 200
    assert set(refused.context["adminform"].form.errors) == {"weight_picture", "origin_order"}
    assert client.post(address, values).status_code == 302

    assert Plan.objects.get(pk=plan.pk).weights == {"picture": 0.3, "half_life_hours": 24}
