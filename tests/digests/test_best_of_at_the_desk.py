"""The weekly best-of at the desk: board, composer, and the plan that offers it to readers."""

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from digests import board, planning, selection, workflow
from digests.board import Step
from digests.models import Digest, Plan
from newsroom.web import clock
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
)
from tests.digests.test_loosening import form_of
from tests.factories import make_article, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


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
    digest = build_best_of(plan)
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
    assert "One letter tells her so, an hour after the plan rests." in shown
    assert "Readers wait for this best-of." in refused.content.decode()
    assert kept
    assert rested.status_code == 302
    newsletter = Newsletter.objects.get(pk=plan.newsletter_id)
    assert (newsletter.has_weekly, newsletter.next_weekly_at) == (False, None)
    reader.refresh_from_db()
    assert reader.cadence == Cadence.WEEKLY


def test_the_end_is_dated_once_and_forgotten_when_the_best_of_is_back() -> None:
    plan = make_weekly()
    planning.tell_newsletter(plan.newsletter, at=MONDAY_SIX)

    def ended_after(*, is_active: bool, at: datetime) -> datetime | None:
        Plan.objects.filter(pk=plan.pk).update(is_active=is_active)
        planning.tell_newsletter(plan.newsletter, at=at)
        return Newsletter.objects.get(pk=plan.newsletter_id).weekly_ended_at

    assert ended_after(is_active=True, at=MONDAY_SIX) is None
    assert ended_after(is_active=False, at=MONDAY_SIX + HOUR) == MONDAY_SIX + HOUR
    assert ended_after(is_active=False, at=MONDAY_SIX + DAY) == MONDAY_SIX + HOUR
    assert ended_after(is_active=True, at=MONDAY_SIX + DAY) is None
    Newsletter.objects.update(has_weekly=False)  # as if there had never been one
    assert ended_after(is_active=False, at=MONDAY_SIX + DAY) is None


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
