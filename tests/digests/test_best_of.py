"""The weekly best-of: what it is made of, when it is made, whom it goes to, and what it is called."""

import datetime as dt
import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from digests import board, curation, planning, preflight, reminding, selection, workflow
from digests.board import Step
from digests.delivery.models import Mailing
from digests.errors import NoPlan, WindowTaken
from digests.models import Digest, Link, LinkCount, Pick, Plan
from digests.states import Autopilot, DigestState
from newsroom.articles import clustering
from newsroom.articles.models import Article
from newsroom.mail.models import Incident, Letter
from newsroom.web import clock
from subscriptions.models import Newsletter
from subscriptions.states import Cadence
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    make_colleague,
    make_planned,
    make_sent,
    make_user,
    make_weekly,
)
from tests.digests.test_loosening import form_of
from tests.factories import make_article, make_plan, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

SATURDAY_EIGHT = MONDAY_SIX + 5 * DAY + 2 * HOUR
"""Eight in the morning in Berlin: when the best-of is due."""


def follow(digest: Digest, article: Article, people: int) -> None:
    pick = digest.picks.get(article=article)
    link = Link.objects.create(
        pick=pick, url="https://example.org/a", current_url="https://example.org/a", created_at=MONDAY_SIX
    )
    LinkCount.objects.create(link=link, hour=MONDAY_SIX, people=people)


def build(plan: Plan, *, at: dt.datetime = SATURDAY_EIGHT, until: dt.datetime | None = None) -> Digest:
    return selection.build(
        plan.newsletter, cadence=Cadence.WEEKLY, at=at, window_end=until or at, by=make_user()
    )


def titles(digest: Digest) -> list[str]:
    order = [slot["key"] for slot in digest.slots]
    picks = sorted(
        digest.picks.select_related("article"), key=lambda pick: (order.index(pick.slot), pick.position)
    )
    return [pick.article.title for pick in picks]


# --- What it is made of ---------------------------------------------------------------------------------------


def test_it_takes_what_the_weeks_digests_had_each_article_once_and_nothing_else() -> None:
    plan = make_weekly()
    ferry, bridge, library = (make_article(title=name) for name in ("Fähre", "Brücke", "Bibliothek"))
    make_article(title="Nie gepickt", first_seen_at=MONDAY_SIX + DAY)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[ferry, bridge])
    make_sent(plan.newsletter, at=MONDAY_SIX + DAY, articles=[library, ferry])
    make_sent(make_planned().newsletter, at=MONDAY_SIX, articles=[make_article(title="Woanders")])

    digest = build(plan)

    assert sorted(titles(digest)) == ["Bibliothek", "Brücke", "Fähre"]
    assert (digest.cadence, digest.is_best_of) == (Cadence.WEEKLY, True)
    assert str(digest).endswith("The best of the week")


def test_a_withdrawn_article_is_never_in_it() -> None:
    plan = make_weekly()
    gone, kept = make_article(title="Zurückgezogen"), make_article(title="Fähre")
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[gone, kept])
    Article.objects.filter(pk=gone.pk).update(withdrawn_at=MONDAY_SIX)

    digest = build(plan)

    assert titles(digest) == ["Fähre"]


def test_of_one_event_told_on_two_days_one_article_goes_in() -> None:
    plan = make_weekly()
    first, second = make_article(), make_article()
    clustering.merge([first, second], by="mia", at=MONDAY_SIX)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[first])
    make_sent(plan.newsletter, at=MONDAY_SIX + DAY, articles=[second])

    assert build(plan).picks.count() == 1


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

    assert titles(build(plan)) == (["Fähre"] if is_in else [])


def test_a_draft_or_a_skipped_digest_is_no_part_of_the_week() -> None:
    plan = make_weekly()
    digest = make_sent(plan.newsletter, at=MONDAY_SIX)
    Digest.objects.filter(pk=digest.pk).update(state=DigestState.SKIPPED)

    assert titles(build(plan)) == []


def test_a_good_place_and_many_readers_lift_an_article() -> None:
    plan = make_weekly()
    lead, brief, followed = (make_article(title=name) for name in ("Aufmacher", "Kurz", "Viel gelesen"))
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[lead, brief, followed])

    by_place = titles(build(plan))
    Digest.objects.filter(cadence=Cadence.WEEKLY).delete()
    follow(digest, followed, 400)
    follow(digest, brief, 100)
    by_clicks = titles(build(plan))

    assert by_place[0] == "Aufmacher"
    assert by_clicks == ["Viel gelesen", "Aufmacher", "Kurz"]
    terms = Pick.objects.get(article=followed, digest__cadence=Cadence.WEEKLY).reasons
    assert (terms["clicks"], terms["place"]) == (0.6, 0.2)


def test_clicks_of_fewer_than_five_people_lift_nothing() -> None:
    plan = make_weekly()
    article = make_article()
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    follow(digest, article, 4)

    (found,) = selection.candidates_for(build(plan), at=SATURDAY_EIGHT)

    assert "clicks" not in found.reasons


def test_an_article_of_monday_may_stand_before_one_of_friday() -> None:
    plan = make_weekly()
    monday = make_article(title="Montag", first_seen_at=MONDAY_SIX - HOUR)
    friday = make_article(title="Freitag", first_seen_at=MONDAY_SIX + 4 * DAY)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[monday])
    make_sent(plan.newsletter, at=MONDAY_SIX + 4 * DAY, articles=[make_article(), friday])

    found = [each.article.title for each in selection.candidates_for(build(plan), at=SATURDAY_EIGHT)]

    assert found.index("Montag") < found.index("Freitag")


def test_the_desks_own_words_come_along_and_what_changed_since_is_shown() -> None:
    plan = make_weekly()
    article = make_article(title="Fähre fährt")
    digest = make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    digest.picks.update(title="Sie fährt wieder!", kicker="Am Fluss", original={"title": "Fähre fährt bald"})

    pick = build(plan).picks.get()

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
    digest = build(plan)
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
    best_of = build(plan)

    assert "repeated" not in [finding.rule for finding in preflight.check(best_of, at=SATURDAY_EIGHT)]

    Digest.objects.filter(pk=best_of.pk).update(state=DigestState.HANDED_OVER, handed_over_at=SATURDAY_EIGHT)
    daily = make_sent(plan.newsletter, at=SATURDAY_EIGHT + DAY, articles=[make_article()])
    assert preflight.check(daily, at=SATURDAY_EIGHT + DAY) is not None
    following = selection.candidates_for(
        build(plan, at=SATURDAY_EIGHT + 7 * DAY),
        at=SATURDAY_EIGHT + 7 * DAY,
    )
    assert [each.sent_in for each in following] == [None]


def test_what_the_last_best_of_had_is_not_taken_again() -> None:
    plan = make_weekly()
    article = make_article()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[article])
    first = build(plan)
    make_sent(plan.newsletter, at=MONDAY_SIX + 7 * DAY, articles=[article])

    second = build(plan, at=SATURDAY_EIGHT + 7 * DAY)

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


# --- When it is made ------------------------------------------------------------------------------------------


def test_both_plans_run_at_their_own_times_with_windows_of_their_own() -> None:
    daily = make_planned(
        autopilot=Autopilot.FILL_AND_SEND, weekdays="mo,tu,we,th,fr,sa", last_due_at=MONDAY_SIX - DAY
    )
    weekly = make_weekly(daily.newsletter, autopilot=Autopilot.FILL_AND_SEND)
    make_subscription(newsletter=daily.newsletter)
    make_subscription(newsletter=daily.newsletter, cadence=Cadence.WEEKLY)
    for day in range(6):
        make_article(title=f"Tag {day}", first_seen_at=MONDAY_SIX + day * DAY - HOUR)
        planning.run_due_plans(MONDAY_SIX + day * DAY)

    (best_of,) = planning.run_due_plans(SATURDAY_EIGHT)

    best_of.refresh_from_db()
    assert best_of.state == DigestState.HANDED_OVER
    assert sorted(titles(best_of)) == [f"Tag {day}" for day in range(6)]
    assert (best_of.window_start, best_of.window_end) == (weekly.first_window_from, SATURDAY_EIGHT)
    assert best_of.subject.startswith("Das Beste der Woche: ") or best_of.subject.startswith(
        "The best of the week: "
    )
    assert [digest.number for digest in Digest.objects.order_by("pk")] == [1, 2, 3, 4, 5, 6, 7]
    newsletter = Newsletter.objects.get(pk=daily.newsletter_id)
    assert newsletter.next_weekly_at == SATURDAY_EIGHT + 7 * DAY
    assert (
        newsletter.latest_url == Digest.objects.get(number=6).get_absolute_url()
    )  # what everybody gets who signs up
    audiences = list(Mailing.objects.order_by("pk").values_list("audience", flat=True))
    assert [audience["cadence"] for audience in audiences] == [*["each"] * 6, "weekly"]


def test_two_digests_of_one_moment_are_two_as_long_as_their_readers_differ() -> None:
    plan = make_weekly()

    selection.build(plan.newsletter, at=SATURDAY_EIGHT, window_end=SATURDAY_EIGHT, by=make_user())
    build(plan)

    assert Digest.objects.count() == 2
    with pytest.raises(WindowTaken):
        build(plan)


def test_a_newsletter_has_one_plan_for_each_kind_of_digest() -> None:
    plan = make_weekly()

    with pytest.raises(IntegrityError), transaction.atomic():
        make_plan(newsletter=plan.newsletter, cadence=Cadence.WEEKLY)


def test_without_a_plan_for_it_no_best_of_is_built() -> None:
    with pytest.raises(NoPlan, match="has no weekly best-of yet"):
        selection.build(
            make_planned().newsletter, cadence=Cadence.WEEKLY, at=SATURDAY_EIGHT, window_end=SATURDAY_EIGHT
        )


@pytest.mark.parametrize("autopilot", Autopilot)
def test_an_empty_week_is_skipped_and_staff_know_why(autopilot: Autopilot) -> None:
    plan = make_weekly(autopilot=autopilot, minimum_new=0)
    make_article(first_seen_at=SATURDAY_EIGHT - DAY)  # news, but nobody sent it

    planning.run_due_plans(SATURDAY_EIGHT)

    digest = Digest.objects.get(cadence=Cadence.WEEKLY)
    assert (digest.state, digest.number) == (DigestState.SKIPPED, None)
    assert digest.skipped_because == "No digest of this week had anything to take the best of."
    incident = Incident.objects.open().get(key=f"digests.skipped.{digest.pk}")
    assert incident.title == f"{plan.newsletter} · The best of the week was skipped"
    assert incident.text.endswith("The next best-of looks back on this week, too.")


def test_a_thin_week_is_counted_and_the_next_looks_back_on_it_too() -> None:
    plan = make_weekly(minimum_new=3)
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[make_article(title="Fähre")])
    planning.run_due_plans(SATURDAY_EIGHT)
    skipped = Digest.objects.get(cadence=Cadence.WEEKLY)
    make_sent(plan.newsletter, at=MONDAY_SIX + 7 * DAY, articles=[make_article(title="Brücke")])

    following = build(plan, at=SATURDAY_EIGHT + 7 * DAY)

    assert skipped.skipped_because == "Only 1 article in the week's digests; the plan wants at least 3."
    assert sorted(titles(following)) == ["Brücke", "Fähre"]


def test_a_best_of_sent_early_leaves_what_comes_later_to_the_next_and_no_daily_window_moves() -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[make_article(title="Fähre")])
    daily = selection.build(
        plan.newsletter, at=MONDAY_SIX + HOUR, window_end=MONDAY_SIX + 3 * DAY, by=make_user()
    )
    digest = build(plan, at=MONDAY_SIX + DAY, until=SATURDAY_EIGHT)
    selection.name(digest, at=digest.created_at)
    early = MONDAY_SIX + 2 * DAY
    workflow.approve(workflow.propose(digest, by=make_user(), at=early), by=make_user(), at=early)
    digest.refresh_from_db()
    workflow.send_now(digest, by=None, at=early, grace_seconds=0)

    workflow.hand_over(digest, at=early)

    assert digest.window_end == early
    daily.refresh_from_db()
    assert (daily.window_start, daily.window_end) == (MONDAY_SIX, MONDAY_SIX + 3 * DAY)
    later = MONDAY_SIX + 3 * DAY + HOUR
    make_sent(plan.newsletter, at=later, articles=[make_article(title="Später")])
    assert titles(build(plan)) == ["Später"]


def test_a_reminder_of_each_goes_out_though_both_are_due_at_one_moment() -> None:
    daily = make_planned(weekdays="sa", time=dt.time(8))
    make_weekly(daily.newsletter)
    make_colleague("jonas", "Redaktion")

    written = reminding.remind_due(SATURDAY_EIGHT - dt.timedelta(minutes=50))

    assert written == 2
    assert Letter.objects.filter(dedupe_key__contains=":weekly:").count() == 1


def test_build_digest_and_its_rehearsal_know_the_best_of() -> None:
    plan = make_weekly(first_window_from=clock.now() - 2 * DAY)
    make_sent(plan.newsletter, at=clock.now() - HOUR, articles=[make_article(title="Fähre")])
    make_article(title="Nie gepickt", first_seen_at=clock.now() - HOUR)
    rehearsed, built = StringIO(), StringIO()

    call_command("build_digest", plan.newsletter.slug, "--weekly", "--dry-run", stdout=rehearsed)
    call_command("build_digest", plan.newsletter.slug, "--weekly", stdout=built)

    assert "+ Lead: Fähre (fresh +" in rehearsed.getvalue()
    assert "- Nie gepickt: In none of the week's digests." in rehearsed.getvalue()
    assert titles(Digest.objects.get(pk=int(built.getvalue()))) == ["Fähre"]


# --- At the desk ----------------------------------------------------------------------------------------------


@pytest.fixture
def browser() -> Client:
    User.objects.create_superuser("rui", is_staff=True)
    found = Client(headers={"accept-language": "en"})
    found.force_login(User.objects.get(username="rui"), backend="django.contrib.auth.backends.ModelBackend")
    return found


def test_the_board_asks_for_both_and_builds_what_is_pressed(browser: Client) -> None:
    plan = make_weekly()

    cards = board.look(User.objects.get(username="rui"), at=MONDAY_SIX + HOUR).cards
    front = browser.get("/admin/").content.decode()
    answer = browser.post(
        reverse("admin:digests_digest_add"), {"newsletter": plan.newsletter_id, "cadence": "weekly"}
    )

    assert [(card.plan, card.step, card.moment) for card in cards] == [
        (Plan.objects.get(cadence=Cadence.EACH), Step.BUILD, MONDAY_SIX + DAY),
        (plan, Step.BUILD, SATURDAY_EIGHT),
    ]
    assert "Wirtschaft &amp; Technik · The best of the week" in front
    assert '<input type="hidden" name="cadence" value="weekly">' in front
    digest = Digest.objects.get()
    assert answer["Location"] == reverse("admin:digests_digest_change", args=[digest.pk])
    assert digest.cadence == Cadence.WEEKLY
    ahead = board.look(User.objects.get(username="rui"), at=clock.now()).cards
    assert [card.digest for card in ahead if card.plan == plan] == [digest]


def test_a_best_of_that_rests_wants_nobody() -> None:
    make_weekly(is_active=False)

    cards = board.look(User.objects.create_superuser("rui"), at=MONDAY_SIX).cards

    assert [card.plan.cadence for card in cards if card.plan] == [Cadence.EACH]


def test_the_composer_shows_the_week_and_says_who_does_not_get_it(browser: Client) -> None:
    plan = make_weekly()
    for _ in range(3):
        make_subscription(newsletter=plan.newsletter)
    make_subscription(newsletter=plan.newsletter, cadence=Cadence.WEEKLY)
    articles = [make_article(title="Fähre"), make_article(title="Kein Platz mehr")]
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=articles)
    digest = build(plan)
    digest.picks.filter(article=articles[1]).delete()
    selection.name(digest, at=digest.created_at)

    draft = browser.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()
    proof = workflow.propose(digest, by=make_user(), at=SATURDAY_EIGHT)
    workflow.approve(proof, by=make_user(), at=SATURDAY_EIGHT)
    approved = browser.get(reverse("admin:digests_digest_change", args=[digest.pk])).content.decode()

    assert f'id="candidate-{articles[1].pk}"' in draft
    assert "good place in the week" in draft
    assert "It goes to 1 reader. Not among them: 3 who get every digest." in approved


def test_a_plan_for_a_best_of_makes_the_offer_and_names_one_day(browser: Client) -> None:
    newsletter = make_planned().newsletter
    add = f"{reverse('admin:digests_plan_add')}?cadence=weekly&newsletter={newsletter.pk}"
    values = form_of(browser.get(add)) | {
        "time": "08:00",
        "first_window_from_0": "2026-05-03",
        "first_window_from_1": "06:00",
    }

    refused = browser.post(add, values)
    made = browser.post(add, values | {"weekdays": "sa"})

    assert "A weekly best-of comes on one day of the week" in refused.content.decode()
    assert made.status_code == 302
    plan = Plan.objects.get(cadence=Cadence.WEEKLY)
    assert plan.weights == {}  # a week's own half-life holds, and no daily one
    newsletter.refresh_from_db()
    assert newsletter.has_weekly
    assert newsletter.next_weekly_at is not None
    assert timezone.localtime(newsletter.next_weekly_at).weekday() == 5


def test_letting_it_rest_says_what_that_means_and_sends_nobody_more_than_she_chose(browser: Client) -> None:
    plan = make_weekly()
    reader = make_subscription(newsletter=plan.newsletter, cadence=Cadence.WEEKLY)
    page = reverse("admin:digests_plan_change", args=[plan.pk])
    values = form_of(browser.get(page))
    del values["is_active"]

    shown = browser.get(page).content.decode()
    refused = browser.post(page, values)
    kept = Newsletter.objects.get(pk=plan.newsletter_id).has_weekly
    rested = browser.post(page, values | {"lets_rest": "on"})

    assert "1 reader chose the weekly best-of. While this plan rests she gets nothing" in shown
    assert "Readers wait for this best-of." in refused.content.decode()
    assert kept
    assert rested.status_code == 302
    newsletter = Newsletter.objects.get(pk=plan.newsletter_id)
    assert (newsletter.has_weekly, newsletter.next_weekly_at) == (False, None)
    reader.refresh_from_db()
    assert reader.cadence == Cadence.WEEKLY


def test_a_best_of_that_nobody_waits_for_rests_and_goes_without_a_question(browser: Client) -> None:
    plan = make_weekly()
    page = reverse("admin:digests_plan_change", args=[plan.pk])
    values = form_of(browser.get(page))
    del values["is_active"]

    rested = browser.post(page, values)
    gone = browser.post(reverse("admin:digests_plan_delete", args=[plan.pk]), {"post": "yes"})

    assert (rested.status_code, gone.status_code) == (302, 302)
    assert list(Plan.objects.values_list("cadence", flat=True)) == ["each"]


@pytest.mark.parametrize("way", ["one", "several"])
def test_a_best_of_that_readers_wait_for_is_not_deleted(way: str, browser: Client) -> None:
    plan = make_weekly()
    make_subscription(newsletter=plan.newsletter, cadence=Cadence.WEEKLY)

    if way == "one":
        answer = browser.post(reverse("admin:digests_plan_delete", args=[plan.pk]), {"post": "yes"})
        assert answer.status_code == 403
    else:
        browser.post(
            reverse("admin:digests_plan_changelist"),
            {"action": "delete_selected", "_selected_action": [plan.pk], "post": "yes"},
        )

    assert Plan.objects.filter(pk=plan.pk).exists()
    assert Newsletter.objects.get(pk=plan.newsletter_id).has_weekly


def test_deleting_several_plans_ends_the_offer() -> None:
    plan = make_weekly()
    User.objects.create_superuser("rui", is_staff=True)
    browser = Client()
    browser.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")

    browser.post(
        reverse("admin:digests_plan_changelist"),
        {"action": "delete_selected", "_selected_action": [plan.pk], "post": "yes"},
    )

    assert not Newsletter.objects.get(pk=plan.newsletter_id).has_weekly


# --- In public ------------------------------------------------------------------------------------------------


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
    assert "The best of the week" not in client.get(daily.get_absolute_url()).content.decode()
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
