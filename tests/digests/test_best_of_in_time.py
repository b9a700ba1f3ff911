"""When the weekly best-of is made: its plan, its windows, its empty weeks."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from digests import correcting, planning, reminding, selection, skipping, workflow
from digests.delivery.models import Mailing
from digests.errors import NoPlan, WindowTaken
from digests.models import Digest
from digests.states import Autopilot, DigestState
from newsroom.mail.models import Incident, Letter
from newsroom.web import clock
from subscriptions.models import Newsletter
from subscriptions.states import Cadence
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    SATURDAY_EIGHT,
    build_best_of,
    make_colleague,
    make_planned,
    make_sent,
    make_user,
    make_weekly,
    titles,
)
from tests.factories import make_article, make_digest, make_plan, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


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
    build_best_of(plan)

    assert Digest.objects.count() == 2
    with pytest.raises(WindowTaken):
        build_best_of(plan)


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

    following = build_best_of(plan, at=SATURDAY_EIGHT + 7 * DAY)

    assert skipped.skipped_because == "Only 1 article in the week's digests; the plan wants at least 3."
    assert sorted(titles(following)) == ["Brücke", "Fähre"]


def test_a_best_of_sent_early_leaves_what_comes_later_to_the_next_and_no_daily_window_moves() -> None:
    plan = make_weekly()
    make_sent(plan.newsletter, at=MONDAY_SIX, articles=[make_article(title="Fähre")])
    daily = selection.build(
        plan.newsletter, at=MONDAY_SIX + HOUR, window_end=MONDAY_SIX + 3 * DAY, by=make_user()
    )
    digest = build_best_of(plan, at=MONDAY_SIX + DAY, until=SATURDAY_EIGHT)
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
    assert titles(build_best_of(plan)) == ["Später"]


def test_a_reminder_of_each_goes_out_though_both_are_due_at_one_moment() -> None:
    daily = make_planned(weekdays="sa", time=dt.time(8))
    make_weekly(daily.newsletter)
    make_colleague("jonas", "Redaktion")

    written = reminding.remind_due(SATURDAY_EIGHT - dt.timedelta(minutes=50))

    assert written == 2
    assert Letter.objects.filter(dedupe_key__contains=":weekly:").count() == 1


def test_a_best_of_that_is_built_hides_no_daily_digest_that_is_not() -> None:
    daily = make_planned(weekdays="sa", time=dt.time(8))
    make_weekly(daily.newsletter)
    make_colleague("jonas", "Redaktion")
    make_digest(
        newsletter=daily.newsletter, cadence=Cadence.WEEKLY, due_at=SATURDAY_EIGHT, window_end=SATURDAY_EIGHT,
        window_start=SATURDAY_EIGHT - 7 * DAY,
    )  # fmt: skip

    assert reminding.remind_due(SATURDAY_EIGHT - dt.timedelta(minutes=50)) == 2


def test_what_follows_a_digest_is_of_its_own_kind() -> None:
    newsletter = make_weekly().newsletter
    first = make_digest(newsletter=newsletter, window_start=MONDAY_SIX, window_end=MONDAY_SIX + DAY)
    best_of = make_digest(
        newsletter=newsletter, cadence=Cadence.WEEKLY, window_start=first.window_end,
        window_end=first.window_end + HOUR,
    )  # fmt: skip
    second = make_digest(
        newsletter=newsletter, window_start=first.window_end, window_end=first.window_end + DAY
    )

    assert list(skipping.followers(first, first.window_end)) == [second]
    assert correcting.next_draft(first) == second
    assert correcting.next_draft(best_of) is None


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
