"""Windows, candidates and filling: no article is lost, none comes twice, nothing unfit goes in by itself."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digests import selection, workflow
from digests.errors import NewsletterAtRest, NoPlan, WindowTaken, WrongState
from digests.models import Digest, Mark
from digests.states import DigestState, PickSource
from newsroom.articles.models import Article, Picture
from newsroom.articles.states import DigitalSource, Origin, Review
from newsroom.mail.models import Incident
from subscriptions.states import NewsletterState
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    make_handed_over,
    make_news,
    make_planned,
    make_ready,
    make_user,
)
from tests.factories import NOON, make_article, make_digest, make_newsletter, make_pick, make_section
from tests.newsroom.articles.factories import make_feed, make_picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

MINUTE = dt.timedelta(minutes=1)


def _titles(digest: Digest) -> set[int]:
    return set(digest.picks.values_list("article_id", flat=True))


def test_an_article_exactly_on_the_cut_off_falls_into_the_next_digest_only() -> None:
    newsletter = make_planned().newsletter
    before = make_article(first_seen_at=MONDAY_SIX - dt.timedelta(microseconds=1))
    on_it = make_article(first_seen_at=MONDAY_SIX)

    first = selection.build(newsletter, at=MONDAY_SIX + HOUR, window_end=MONDAY_SIX)
    second = selection.build(newsletter, at=MONDAY_SIX + DAY, window_end=MONDAY_SIX + DAY)

    assert _titles(first) == {before.pk}
    assert _titles(second) == {on_it.pk}
    assert second.window_start == first.window_end


def test_a_delayed_build_has_the_same_window() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=MONDAY_SIX - HOUR)
    late = make_article(first_seen_at=MONDAY_SIX + HOUR)

    digest = selection.build(newsletter, at=MONDAY_SIX + 3 * HOUR, window_end=MONDAY_SIX)

    assert (digest.window_start, digest.window_end) == (MONDAY_SIX - DAY, MONDAY_SIX)
    assert late.pk not in _titles(digest)


def test_a_build_by_hand_cuts_off_where_the_plan_will() -> None:
    newsletter = make_planned().newsletter

    digest = selection.build(newsletter, at=MONDAY_SIX - 5 * HOUR, by=make_user())

    assert digest.window_end == digest.due_at == MONDAY_SIX
    assert digest.state == DigestState.DRAFT
    assert [slot["key"] for slot in digest.slots] == ["lead", "briefs", "more"]


def test_a_second_build_for_the_same_window_is_refused_by_name() -> None:
    newsletter = make_planned().newsletter
    first = selection.build(newsletter, at=MONDAY_SIX - HOUR)

    with pytest.raises(WindowTaken, match=f"{first.pk}"):
        selection.build(newsletter, at=MONDAY_SIX - HOUR)


def test_a_cut_off_before_the_last_one_is_refused() -> None:
    newsletter = make_planned().newsletter

    with pytest.raises(WindowTaken, match="not after the last one"):
        selection.build(newsletter, at=MONDAY_SIX, window_end=MONDAY_SIX - DAY)


def test_only_an_active_newsletter_with_a_plan_has_digests() -> None:
    with pytest.raises(NoPlan):
        selection.build(make_newsletter(), at=NOON)
    with pytest.raises(NewsletterAtRest):
        selection.build(make_newsletter(state=NewsletterState.PAUSED), at=NOON)


def test_too_little_new_skips_the_digest_and_loses_nothing() -> None:
    newsletter = make_planned(minimum_new=3).newsletter
    few = make_news(2, at=MONDAY_SIX - HOUR)

    skipped = selection.build(newsletter, at=MONDAY_SIX, window_end=MONDAY_SIX, due_at=MONDAY_SIX)

    assert (skipped.state, skipped.number) == (DigestState.SKIPPED, None)
    assert "2" in skipped.skipped_because
    assert "3" in skipped.skipped_because
    assert Incident.objects.open().filter(key=f"digests.skipped.{skipped.pk}").exists()

    more = make_news(1, at=MONDAY_SIX + HOUR)
    following = selection.build(newsletter, at=MONDAY_SIX + DAY, window_end=MONDAY_SIX + DAY)

    assert following.window_start == skipped.window_start
    assert _titles(following) == {article.pk for article in [*few, *more]}
    assert following.number == 1


def test_before_its_cut_off_a_digest_is_never_skipped_for_want_of_news() -> None:
    newsletter = make_planned(minimum_new=3).newsletter

    digest = selection.build(newsletter, at=MONDAY_SIX - HOUR)

    assert digest.state == DigestState.DRAFT


def test_an_article_that_an_earlier_digest_took_is_listed_with_that_digest_and_never_taken() -> None:
    plan = make_planned()
    taken = make_article(first_seen_at=MONDAY_SIX + HOUR)
    earlier = make_handed_over(plan.newsletter, window_start=MONDAY_SIX - DAY, window_end=MONDAY_SIX)
    make_pick(digest=earlier, article=taken, slot="more")

    (found,) = selection.candidates(plan.newsletter, start=MONDAY_SIX, end=NOON, at=NOON)
    following = selection.build(plan.newsletter, at=NOON, window_end=NOON, by=make_user())

    assert (found.article, found.held_back, found.sent_in) == (taken, "sent", earlier)
    assert found.reasons["used"] < 0
    assert _titles(following) == set()


def test_candidates_speak_the_newsletters_language() -> None:
    newsletter = make_planned().newsletter
    make_article(language="en", first_seen_at=NOON - HOUR)
    german = make_article(language="de", first_seen_at=NOON - HOUR)

    found = selection.candidates(newsletter, start=MONDAY_SIX, end=NOON, at=NOON)

    assert [candidate.article for candidate in found] == [german]


def test_favoured_sections_and_trusted_feeds_lift_their_own_articles_whatever_their_numbers() -> None:
    plan = make_planned()
    favoured, plain = make_section(pk=501), make_section(pk=502)
    trusted, unknown = make_feed(pk=502), make_feed(pk=501)
    plan.favoured_sections.add(favoured)
    plan.trusted_feeds.add(trusted)
    at = NOON - HOUR
    articles = {
        "favoured": make_article(section=favoured, first_seen_at=at),
        "plain": make_article(section=plain, first_seen_at=at),
        "trusted": make_article(feed=trusted, first_seen_at=at),
        "unknown": make_article(feed=unknown, first_seen_at=at),
    }

    found = selection.candidates(plan.newsletter, start=MONDAY_SIX, end=NOON, at=NOON)

    reasons = {each.article.pk: set(each.reasons) & {"section", "trust"} for each in found}
    assert {name: reasons[article.pk] for name, article in articles.items()} == {
        "favoured": {"section"}, "plain": set(), "trusted": {"trust"}, "unknown": set(),
    }  # fmt: skip


UNFIT = [
    ({"embargo_until": NOON + HOUR}, "embargo"),
    ({"first_seen_at": NOON - 9 * MINUTE}, "grace"),
    ({"origin": Origin.USER_SUBMISSION, "review": Review.UNREVIEWED}, "unreviewed"),
    ({"is_sensitive": True}, "sensitive"),
    ({"rights_notice": "Das Foto ist unseres.", "is_sensitive": True}, "rights"),
    ({"picture": {"alt": "Die Fähre", "credit": "KI-generiert (Midjourney)"}}, "picture"),
]


@pytest.mark.parametrize(("values", "reason"), UNFIT)
def test_what_is_held_back_is_listed_with_its_reason_and_never_taken(
    values: dict[str, Any], reason: str
) -> None:
    newsletter = make_planned().newsletter
    if "picture" in values:
        values = values | {"picture": make_picture(**values["picture"])}
    held = make_article(**{"first_seen_at": NOON - HOUR, **values})
    fit = make_article(first_seen_at=NOON - HOUR)

    found = selection.candidates(newsletter, start=MONDAY_SIX, end=NOON, at=NOON)
    digest = selection.build(newsletter, at=NOON, window_end=NOON)

    assert {candidate.article.pk: candidate.held_back for candidate in found} == {held.pk: reason, fit.pk: ""}
    assert _titles(digest) == {fit.pk}


@pytest.mark.parametrize(
    ("values", "is_free"),
    [
        ({}, False),
        ({"withdrawn_at": NOON}, True),
        ({"digital_source": DigitalSource.AI}, True),
        ({"credit": "Foto: Thea Brandwald"}, True),
        ({"credit": ""}, False),
    ],
)
def test_a_machines_picture_is_taken_once_readers_are_told(values: dict[str, Any], is_free: bool) -> None:
    """The credit may be the picture's own or the one of its feed."""
    newsletter = make_planned().newsletter
    feed = make_feed(picture_credit="Bild: KI-generiert")
    picture = make_picture(**{"alt": "Die Fähre", "credit": "Midjourney"} | values)
    make_article(first_seen_at=NOON - HOUR, picture=picture, feed=feed)

    (found,) = selection.candidates(newsletter, start=MONDAY_SIX, end=NOON, at=NOON)

    assert found.held_back == ("" if is_free else "picture")


def test_a_withdrawn_article_is_not_even_listed() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=NOON - HOUR, withdrawn_at=NOON)

    assert selection.candidates(newsletter, start=MONDAY_SIX, end=NOON, at=NOON) == []


def test_picks_keep_the_terms_that_chose_them() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=NOON - 12 * HOUR, words=400)

    digest = selection.build(newsletter, at=NOON, window_end=NOON)

    pick = digest.picks.get()
    assert (pick.source, pick.slot) == (PickSource.AUTOPILOT, "lead")
    assert pick.reasons == {"fresh": 0.5, "staff": 0.15, "length": 0.1}


def test_filling_leaves_the_desks_picks_where_they_are() -> None:
    newsletter = make_planned().newsletter
    digest = selection.build(newsletter, at=NOON - 2 * HOUR, window_end=NOON)
    own = make_pick(digest=digest, slot="briefs", position=0)
    news = make_news(3, at=NOON - HOUR)

    made = selection.fill(digest, at=NOON)

    own.refresh_from_db()
    assert (own.slot, own.position, own.source) == ("briefs", 0, PickSource.DESK)
    assert [pick.slot for pick in made] == ["lead", "more", "more"]
    assert {pick.article_id for pick in made} == {article.pk for article in news}


def test_filling_replaces_its_own_pick_that_was_withdrawn_since() -> None:
    newsletter = make_planned().newsletter
    gone = make_article(first_seen_at=NOON - HOUR)
    digest = selection.build(newsletter, at=NOON, window_end=NOON)
    gone.withdrawn_at = NOON
    gone.save()
    other = make_article(first_seen_at=NOON - HOUR)

    selection.fill(digest, at=NOON)

    assert _titles(digest) == {other.pk}


def test_only_a_draft_is_filled() -> None:
    digest = make_handed_over()

    with pytest.raises(WrongState):
        selection.fill(digest, at=NOON)


def test_a_digest_sent_before_its_cut_off_leaves_the_rest_of_its_window_to_the_next() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=MONDAY_SIX - 3 * HOUR)
    digest = selection.build(newsletter, at=MONDAY_SIX - 2 * HOUR)
    digest.subject = "Früher als sonst"
    digest.save()
    proof = workflow.propose(digest, by=make_user(), at=MONDAY_SIX - 2 * HOUR)
    workflow.approve(proof, by=make_user(), at=MONDAY_SIX - 2 * HOUR)
    digest = proof.digest
    workflow.send_now(digest, by=None, at=MONDAY_SIX - 2 * HOUR, grace_seconds=0)
    workflow.hand_over(digest, at=MONDAY_SIX - 2 * HOUR)
    between = make_article(first_seen_at=MONDAY_SIX - HOUR)

    following = selection.build(newsletter, at=MONDAY_SIX - HOUR)

    assert digest.window_end == following.window_start == MONDAY_SIX - 2 * HOUR
    assert following.due_at == MONDAY_SIX + DAY
    found = selection.candidates(
        newsletter, start=following.window_start, end=following.window_end, at=MONDAY_SIX
    )
    assert [candidate.article for candidate in found] == [between]


def test_an_article_that_somebody_marked_comes_first() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=NOON - HOUR)
    marked = make_article(first_seen_at=NOON - 5 * HOUR)
    Mark.objects.create(newsletter=newsletter, article=marked, marked_at=NOON)

    found = selection.candidates(newsletter, start=MONDAY_SIX, end=NOON, at=NOON)

    assert found[0].article == marked
    assert found[0].reasons["marked"] > 0


@pytest.mark.parametrize("size", [3, 30])
def test_candidates_cost_the_same_queries_at_any_size(size: int) -> None:
    newsletter = make_planned().newsletter
    section = make_section()
    make_news(size, at=NOON - HOUR, section=section)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        selection.candidates(newsletter, start=MONDAY_SIX, end=NOON, at=NOON)

    # The newsletter's plans, which did not come with it; marks; what is ranked; earlier picks; the articles with
    # section, picture and feed.
    assert len(queries) == 5


def test_a_name_for_a_digest_that_nobody_named_comes_from_its_stories() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=NOON - HOUR, title="Die Fähre fährt")
    make_article(first_seen_at=NOON - 2 * HOUR, title="Das Brot ist da")
    digest = selection.build(newsletter, at=NOON, window_end=NOON)

    selection.name(digest, at=NOON)

    assert (digest.subject, digest.preheader) == ("Die Fähre fährt", "Das Brot ist da")
    assert digest.is_automatic


def test_a_name_that_the_plan_gives_is_a_version_of_its_own_and_given_once() -> None:
    newsletter = make_planned().newsletter
    make_article(first_seen_at=NOON - HOUR, title="Die Fähre fährt")
    make_article(first_seen_at=NOON - 2 * HOUR, title="Das Brot ist da")
    digest = selection.build(newsletter, at=NOON, window_end=NOON)
    before = digest.version

    selection.name(digest, at=NOON + HOUR)
    selection.name(digest, at=NOON + 2 * HOUR)

    digest.refresh_from_db()
    newest, former = digest.versions.order_by("-number")
    assert (digest.version, newest.number, former.number) == (before + 1, before + 1, before)
    assert (newest.content["words"]["subject"], former.content["words"]["subject"]) == ("Die Fähre fährt", "")
    assert (newest.made_by, newest.made_at) == (None, NOON + HOUR)
    assert newest.content["slots"] == former.content["slots"]


def test_a_digest_that_the_desk_named_keeps_its_words_and_its_version() -> None:
    digest = make_ready(subject="Guten Morgen", preheader="Was heute zählt")

    selection.name(digest, at=NOON)

    digest.refresh_from_db()
    assert (digest.subject, digest.preheader, digest.version) == ("Guten Morgen", "Was heute zählt", 1)
    assert not digest.versions.exists()


def test_a_draft_built_for_the_day_after_takes_what_an_early_digest_left() -> None:
    newsletter = make_planned().newsletter
    today = make_ready(newsletter, window_start=MONDAY_SIX - DAY, window_end=MONDAY_SIX)
    tomorrow = selection.build(newsletter, at=MONDAY_SIX - 3 * HOUR, window_end=MONDAY_SIX + DAY)
    proof = workflow.propose(today, by=make_user(), at=MONDAY_SIX - 2 * HOUR)
    workflow.approve(proof, by=make_user(), at=MONDAY_SIX - 2 * HOUR)
    workflow.send_now(proof.digest, by=None, at=MONDAY_SIX - 2 * HOUR, grace_seconds=0)

    workflow.hand_over(proof.digest, at=MONDAY_SIX - 2 * HOUR)

    tomorrow.refresh_from_db()
    assert tomorrow.window_start == proof.digest.window_end == MONDAY_SIX - 2 * HOUR


def test_a_row_for_the_day_beats_the_row_without_days() -> None:
    plan = make_planned()
    plan.slots.create(key="briefs", title="Montagskurz", minimum=2, maximum=3, weekdays="mo", position=1)
    plan.slots.create(key="community", title="Samstags", minimum=0, maximum=2, weekdays="sa", position=4)

    monday = selection.slots_of(plan, on=MONDAY_SIX)
    tuesday = selection.slots_of(plan, on=MONDAY_SIX + DAY)
    saturday = selection.slots_of(plan, on=MONDAY_SIX + 5 * DAY)

    assert [(slot["key"], slot["title"], slot["maximum"]) for slot in monday] == [
        ("lead", "", 1), ("briefs", "Montagskurz", 3), ("more", "Mehr lesen", 6),
    ]  # fmt: skip
    assert [slot["title"] for slot in tuesday] == ["", "Kurz notiert", "Mehr lesen"]
    assert [slot["title"] for slot in saturday] == ["", "Kurz notiert", "Mehr lesen", "Samstags"]


def test_the_day_is_that_of_the_plans_zone() -> None:
    plan = make_planned(zone="Pacific/Auckland")
    plan.slots.create(key="lead", title="Dienstag", minimum=1, maximum=1, weekdays="tu")
    monday_evening = MONDAY_SIX + 10 * HOUR

    assert "Dienstag" in {slot["title"] for slot in selection.slots_of(plan, on=monday_evening)}


def test_a_digest_is_built_with_the_slots_of_its_day_and_keeps_them() -> None:
    plan = make_planned()
    monday = plan.slots.create(key="lead", title="Montag", minimum=1, maximum=1, weekdays="mo")
    make_news(2, at=MONDAY_SIX - HOUR)
    digest = selection.build(plan.newsletter, at=MONDAY_SIX, window_end=MONDAY_SIX, due_at=MONDAY_SIX)
    kept = list(digest.slots)

    monday.delete()
    plan.slots.update(maximum=1, title="Anders")

    digest.refresh_from_db()
    assert digest.slots == kept
    assert "Montag" in {slot["title"] for slot in digest.slots}


@pytest.mark.parametrize(("source", "is_held"), [("", True), ("digitalCapture", False)])
def test_a_submission_whose_picture_nobody_explains_is_not_taken_by_itself(
    source: str, is_held: bool
) -> None:
    plan = make_planned()
    picture = Picture.objects.create(sha256=source.ljust(64, "0"), digital_source=source)
    make_article(
        first_seen_at=MONDAY_SIX - HOUR,
        origin=Origin.USER_SUBMISSION,
        review=Review.REVIEWED,
        picture=picture,
    )

    (found,) = selection.candidates(plan.newsletter, start=MONDAY_SIX - DAY, end=MONDAY_SIX, at=MONDAY_SIX)

    assert found.held_back == ("picture" if is_held else "")


@pytest.mark.parametrize(
    ("feed", "values", "leads"),
    [
        ({}, {}, False),
        ({"picture_credit": "Foto: Hafenlabor"}, {}, True),
        ({"picture_credit": "Foto: Hafenlabor"}, {"picture_alt": ""}, False),
        ({}, {"picture_is_illustration": True}, True),
        ({}, {"picture": None}, True),
    ],
)
def test_the_plan_opens_with_a_picture_only_if_it_may_be_shown(
    feed: dict[str, str], values: dict[str, Any], leads: bool
) -> None:
    """Else preflight would stop the digest, and nobody is there at six in the morning to mend it."""
    newsletter = make_planned().newsletter
    picture = Picture.objects.create(file="pictures/kran.jpg", sha256="1" * 64, width=40, height=30)
    told: dict[str, Any] = {"picture": picture, "picture_alt": "Ein Kran", "feed": make_feed(**feed)} | values
    first = make_article(first_seen_at=NOON - HOUR, **told)
    make_article(first_seen_at=NOON - 20 * HOUR)

    digest = selection.build(newsletter, at=NOON, window_end=NOON)

    assert (digest.picks.get(slot="lead").article == first) is leads
    assert digest.picks.filter(article=first).exists()


def test_what_grace_or_an_embargo_held_back_is_offered_in_the_digest_after() -> None:
    newsletter = make_planned(grace_minutes=10).newsletter
    start, end = NOON, NOON + dt.timedelta(days=1)
    minute = dt.timedelta(minutes=1)
    make_article(title="Eben erst", first_seen_at=start - 5 * minute)
    make_article(title="Gesperrt", first_seen_at=start - 9 * dt.timedelta(days=1), embargo_until=start)
    make_article(title="Neu", first_seen_at=start)
    make_article(title="Davor", first_seen_at=start - 11 * minute)
    make_article(title="Längst frei", first_seen_at=start - 60 * minute, embargo_until=start - minute)
    make_article(title="Noch gesperrt", first_seen_at=start - 60 * minute, embargo_until=end)
    make_article(title="Zurückgezogen", first_seen_at=start - minute, withdrawn_at=NOON)

    found = selection.candidates(newsletter, start=start, end=end, at=end)

    assert {each.article.title for each in found} == {"Eben erst", "Gesperrt", "Neu"}


def test_candidates_are_found_without_reading_the_older_articles() -> None:
    newsletter = make_planned(grace_minutes=10).newsletter
    freed = make_article(first_seen_at=NOON - 9 * DAY, embargo_until=NOON + HOUR)
    marked = make_article(first_seen_at=NOON - 9 * DAY)
    Mark.objects.create(newsletter=newsletter, article=marked, marked_at=NOON)

    with CaptureQueriesContext(connection) as queries:
        found = selection.contenders(newsletter, start=NOON, end=NOON + DAY, at=NOON + DAY, with_marked=True)

    searches: set[str] = set()
    with connection.cursor() as cursor:
        for each in queries:
            cursor.execute("EXPLAIN QUERY PLAN " + each["sql"])
            searches |= {row[3] for row in cursor.fetchall() if " articles_article " in row[3]}
    assert {each.key for each in found} == {freed.pk, marked.pk}
    assert {search for search in searches if "INTEGER PRIMARY KEY" not in search} == {
        "SEARCH articles_article USING INDEX article_by_embargo (embargo_until>? AND embargo_until<?)",
        "SEARCH articles_article USING INDEX article_by_first_seen"
        " (language=? AND first_seen_at>? AND first_seen_at<?)",
    }


def test_what_is_marked_and_came_free_with_the_digest_is_of_its_time() -> None:
    newsletter = make_planned(grace_minutes=10).newsletter
    start, end = NOON, NOON + DAY
    make_article(title="Eben erst", first_seen_at=start - 10 * MINUTE)
    make_article(title="Gesperrt", first_seen_at=start - 60 * MINUTE, embargo_until=start)
    make_article(title="Davor", first_seen_at=start - 11 * MINUTE)
    make_article(title="Noch gesperrt", first_seen_at=start - 60 * MINUTE, embargo_until=end)
    make_article(title="Danach", first_seen_at=end, embargo_until=start)
    for article in Article.objects.all():
        Mark.objects.create(newsletter=newsletter, article=article, marked_at=NOON)

    found = selection.contenders(newsletter, start=start, end=end, at=end, with_marked=True)

    titles = dict(Article.objects.values_list("pk", "title"))
    assert {titles[each.key]: each.is_from_elsewhere for each in found} == {
        "Eben erst": False, "Gesperrt": False, "Davor": True, "Noch gesperrt": True, "Danach": True,
    }  # fmt: skip


def test_what_a_person_took_in_its_grace_is_not_taken_again() -> None:
    newsletter = make_planned(grace_minutes=10).newsletter
    article = make_article(first_seen_at=NOON - dt.timedelta(minutes=5))
    before = make_digest(
        newsletter=newsletter, state=DigestState.HANDED_OVER, window_end=NOON, handed_over_at=NOON
    )
    make_pick(digest=before, article=article)

    (found,) = selection.candidates(
        newsletter, start=NOON, end=NOON + dt.timedelta(days=1), at=NOON + dt.timedelta(hours=1)
    )

    assert (found.held_back, found.sent_in) == ("sent", before)
