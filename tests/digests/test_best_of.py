"""What the weekly best-of is made of, and what it is called."""

import datetime as dt
import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from digests import curation, preflight, selection
from digests.models import Digest, Link, LinkCount, Pick
from digests.preflight.past import look_back
from digests.states import DigestState
from newsroom.articles import clustering
from newsroom.articles.models import Article
from subscriptions.models import Newsletter
from subscriptions.states import Cadence
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    SATURDAY_EIGHT,
    build_best_of,
    make_planned,
    make_sent,
    make_user,
    make_weekly,
    titles,
)
from tests.factories import make_article

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def follow(digest: Digest, article: Article, people: int) -> None:
    pick = digest.picks.get(article=article)
    link = Link.objects.create(
        digest=digest,
        pick=pick,
        url="https://example.org/a",
        current_url="https://example.org/a",
        created_at=MONDAY_SIX,
    )
    LinkCount.objects.create(link=link, hour=MONDAY_SIX, people=people)


def test_it_takes_what_the_weeks_digests_had_each_article_once_and_nothing_else() -> None:
    plan = make_weekly()
    ferry, bridge, library = (make_article(title=name) for name in ("Fähre", "Brücke", "Bibliothek"))
    make_article(title="Nie gepickt", first_seen_at=MONDAY_SIX + DAY)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[ferry, bridge])
    make_sent(plan.newsletter, at=MONDAY_SIX + DAY, articles=[library, ferry])
    make_sent(make_planned().newsletter, at=MONDAY_SIX, articles=[make_article(title="Woanders")])

    digest = build_best_of(plan)

    assert sorted(titles(digest)) == ["Bibliothek", "Brücke", "Fähre"]
    assert (digest.cadence, digest.is_best_of) == (Cadence.WEEKLY, True)
    assert str(digest).endswith("The best of the week")


def test_a_withdrawn_article_is_never_in_it() -> None:
    plan = make_weekly()
    gone, kept = make_article(title="Zurückgezogen"), make_article(title="Fähre")
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[gone, kept])
    Article.objects.filter(pk=gone.pk).update(withdrawn_at=MONDAY_SIX)

    digest = build_best_of(plan)

    assert titles(digest) == ["Fähre"]


def test_of_one_event_told_on_two_days_one_article_goes_in() -> None:
    plan = make_weekly()
    first, second = make_article(), make_article()
    clustering.merge([first, second], by="mia", at=MONDAY_SIX)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[first])
    make_sent(plan.newsletter, at=MONDAY_SIX + DAY, articles=[second])

    assert build_best_of(plan).picks.count() == 1


@pytest.mark.parametrize(
    ("handed_over_at", "is_in"),
    [
        (MONDAY_SIX - DAY - dt.timedelta(seconds=1), False),
        (MONDAY_SIX - DAY, True),
        (SATURDAY_EIGHT - dt.timedelta(seconds=1), True),
        (SATURDAY_EIGHT, False),
    ],
    ids=["before", "first", "last", "after"],
)
def test_a_digest_belongs_to_the_week_in_which_it_was_handed_over(
    handed_over_at: dt.datetime, is_in: bool
) -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=handed_over_at, articles=[make_article(title="Fähre")])

    assert titles(build_best_of(plan)) == (["Fähre"] if is_in else [])


def test_a_draft_or_a_skipped_digest_is_no_part_of_the_week() -> None:
    plan = make_weekly()
    digest = make_sent(plan.newsletter, at=MONDAY_SIX)
    Digest.objects.filter(pk=digest.pk).update(state=DigestState.SKIPPED)

    assert titles(build_best_of(plan)) == []


def test_a_good_place_and_many_readers_lift_an_article() -> None:
    plan = make_weekly()
    lead, brief, followed = (make_article(title=name) for name in ("Aufmacher", "Kurz", "Viel gelesen"))
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[lead, brief, followed])

    by_place = titles(build_best_of(plan))
    Digest.objects.filter(cadence=Cadence.WEEKLY).delete()
    follow(digest, followed, 400)
    follow(digest, brief, 100)
    by_clicks = titles(build_best_of(plan))

    assert by_place[0] == "Aufmacher"
    assert by_clicks == ["Viel gelesen", "Aufmacher", "Kurz"]
    terms = Pick.objects.get(article=followed, digest__cadence=Cadence.WEEKLY).reasons
    assert (terms["clicks"], terms["place"]) == (0.6, 0.2)


def test_clicks_of_fewer_than_five_people_lift_nothing() -> None:
    plan = make_weekly()
    article = make_article()
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    follow(digest, article, 4)

    (found,) = selection.candidates_for(build_best_of(plan), at=SATURDAY_EIGHT)

    assert "clicks" not in found.reasons


def test_an_article_of_monday_may_stand_before_one_of_friday() -> None:
    plan = make_weekly()
    monday = make_article(title="Montag", first_seen_at=MONDAY_SIX - HOUR)
    friday = make_article(title="Freitag", first_seen_at=MONDAY_SIX + 4 * DAY)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[monday])
    make_sent(plan.newsletter, at=MONDAY_SIX + 4 * DAY, articles=[make_article(), friday])

    found = [each.article.title for each in selection.candidates_for(build_best_of(plan), at=SATURDAY_EIGHT)]

    assert found.index("Montag") < found.index("Freitag")


def test_the_desks_own_words_come_along_and_what_changed_since_is_shown() -> None:
    plan = make_weekly()
    article = make_article(title="Fähre fährt")
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    digest.picks.update(title="Sie fährt wieder!", kicker="Am Fluss", original={"title": "Fähre fährt bald"})

    pick = build_best_of(plan).picks.get()

    assert (pick.title, pick.kicker, pick.original) == (
        "Sie fährt wieder!",
        "Am Fluss",
        {"title": "Fähre fährt bald"},
    )
    found = preflight.check(pick.digest, at=SATURDAY_EIGHT)
    assert "original_changed" in [finding.rule for finding in found]


def test_the_desk_may_pick_what_no_digest_of_the_week_had() -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[make_article(title="Fähre")])
    digest = build_best_of(plan)
    only_here = make_article(title="Nur hier")

    curation.add_pick(
        digest, only_here, slot="briefs", expected_version=digest.version, by=make_user(), at=SATURDAY_EIGHT
    )
    selection.name(digest, at=digest.created_at)

    assert titles(digest) == ["Fähre", "Nur hier"]
    assert digest.subject == "The best of the week: Fähre"
    blocking = [finding for finding in preflight.check(digest, at=SATURDAY_EIGHT) if finding.blocks]
    assert blocking == []


def test_what_a_daily_digest_had_is_no_repeat_in_the_best_of_nor_the_other_way_round() -> None:
    plan = make_weekly()
    article = make_article()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    best_of = build_best_of(plan)

    assert "repeated" not in [finding.rule for finding in preflight.check(best_of, at=SATURDAY_EIGHT)]

    Digest.objects.filter(pk=best_of.pk).update(state=DigestState.HANDED_OVER, handed_over_at=SATURDAY_EIGHT)
    daily = make_sent(plan.newsletter, at=SATURDAY_EIGHT + DAY, articles=[make_article()])
    assert preflight.check(daily, at=SATURDAY_EIGHT + DAY) is not None
    following = selection.candidates_for(
        build_best_of(plan, at=SATURDAY_EIGHT + 7 * DAY),
        at=SATURDAY_EIGHT + 7 * DAY,
    )
    assert [each.sent_in for each in following] == [None]


def test_the_subject_of_a_daily_digest_is_not_the_last_one_that_its_readers_had() -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[make_article(title="Fähre")])

    assert look_back(build_best_of(plan), picks=[], at=SATURDAY_EIGHT).subject == ""


def test_what_the_last_best_of_had_is_not_taken_again() -> None:
    plan = make_weekly()
    article = make_article()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    first = build_best_of(plan)
    make_sent(plan.newsletter, at=MONDAY_SIX + 7 * DAY, articles=[article])

    second = build_best_of(plan, at=SATURDAY_EIGHT + 7 * DAY)

    (found,) = selection.candidates_for(second, at=SATURDAY_EIGHT + 7 * DAY)
    assert (found.held_back, found.sent_in) == ("sent", first)
    assert titles(second) == []


@pytest.mark.parametrize("stories", [2, 12])
def test_its_candidates_take_one_query_more_than_others_whatever_the_size(stories: int) -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[make_article() for _ in range(stories)])
    newsletter = Newsletter.objects.get(pk=plan.newsletter_id)

    with CaptureQueriesContext(connection) as queries:
        found = selection.candidates(
            newsletter, cadence=Cadence.WEEKLY, start=MONDAY_SIX, end=SATURDAY_EIGHT, at=SATURDAY_EIGHT
        )

    assert len(found) == stories
    assert len(queries) <= 9  # as for each digest, and the week's places with their clicks


def test_archive_feeds_web_version_and_api_call_it_by_its_name() -> None:
    plan = make_weekly(make_planned(language="en").newsletter)
    slug = plan.newsletter.slug
    daily = make_sent(plan.newsletter, at=MONDAY_SIX, subject="The ferry runs")
    best_of = make_sent(
        plan.newsletter, at=SATURDAY_EIGHT, subject="Six days on the river", cadence=Cadence.WEEKLY,
        window_start=MONDAY_SIX - DAY,
    )  # fmt: skip
    client = Client(headers={"accept-language": "de"})

    archive = client.get(f"/newsletters/{slug}/").content.decode()
    page = client.get(best_of.get_absolute_url()).content.decode()
    atom = client.get(f"/newsletters/{slug}/feed.atom").content.decode()
    items = json.loads(client.get(f"/newsletters/{slug}/feed.json").content)["items"]
    listed = client.get(f"/api/v1/digests?newsletter={slug}").json()

    # In the newsletter's language, whatever the visitor's.
    assert archive.count("<strong>The best of the week</strong> · <time") == 1
    assert " · The best of the week</p>" in page
    assert " · The best of the week</p>" not in client.get(daily.get_absolute_url()).content.decode()
    assert "<title>The best of the week: Six days on the river</title>" in atom
    assert [item["title"] for item in items] == [
        "The best of the week: Six days on the river",
        "The ferry runs",
    ]
    assert [each["is_best_of"] for each in listed] == [True, False]


def test_the_mail_says_what_it_is_instead_of_a_number() -> None:
    plan = make_weekly(make_planned(language="en").newsletter)
    make_sent(plan.newsletter, at=MONDAY_SIX)
    digest = make_sent(
        plan.newsletter, at=SATURDAY_EIGHT, cadence=Cadence.WEEKLY, window_start=MONDAY_SIX - DAY
    )

    rendition = digest.proofs.get().renditions.get().rendition

    for body in (rendition.html, rendition.text):
        assert "The best of the week" in body
        assert f"Issue {digest.number}" not in body
