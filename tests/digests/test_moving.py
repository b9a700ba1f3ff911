"""A plan that is moved takes its digests ahead along: none is lost, none comes twice, and what people decided stays."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from digests import curation, moving, planning, selection, skipping, workflow
from digests.composer.wording import status
from digests.errors import WindowTaken
from digests.models import Digest, DigestMailing, Plan
from digests.states import Autopilot, DigestState
from newsroom.mail.models import Incident
from newsroom.web import clock
from subscriptions.states import Cadence
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    SATURDAY_EIGHT,
    make_news,
    make_planned,
    make_sent,
    make_user,
    make_weekly,
)
from tests.digests.test_loosening import form_of

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
FIVE = MONDAY_SIX - HOUR
SENDS = Autopilot.FILL_AND_SEND
EARLIER, LATER = dt.time(5, 30), dt.time(7)
NEW_TIMES = [(EARLIER, MONDAY_SIX - HOUR / 2), (LATER, MONDAY_SIX + HOUR)]


def move(plan: Plan, *, at: dt.datetime = FIVE, **values: Any) -> list[str]:
    """Save the plan with these values, as its page does; what that says."""
    with transaction.atomic():
        for name, value in values.items():
            setattr(plan, name, value)
        found = moving.moves(plan, at=at)
        plan.last_due_at = at
        plan.save()
        moving.carry_out(found)
    return [move.says for move in found]


def run_all(*, since: dt.datetime = FIVE, hours: int = 4) -> None:
    """The beat, on its quarter hours."""
    for quarter in range(hours * 4 + 1):
        planning.run_due_plans(since + quarter * HOUR / 4)
        workflow.hand_over_due(since + quarter * HOUR / 4)


def begun(plan: Plan) -> Digest:
    """A draft for Monday at six that the desk works on, with news enough for whatever the plan wants."""
    make_news(3, at=MONDAY_SIX - 6 * HOUR)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - 5 * HOUR, by=make_user())
    selection.name(draft, at=MONDAY_SIX - 5 * HOUR)
    curation.edit_digest(draft, expected_version=draft.version, at=MONDAY_SIX - 5 * HOUR, subject="Von Hand")
    return draft


def brought_to(draft: Digest, state: DigestState) -> Digest:
    at = MONDAY_SIX - 4 * HOUR
    if state == DigestState.SKIPPED:
        skipping.skip(draft, because="Feiertag", at=at)
    elif state != DigestState.DRAFT:
        proof = workflow.propose(draft, by=make_user(), at=at)
        if state != DigestState.PROOFED:
            workflow.approve(proof, by=make_user(), at=at)
            draft.refresh_from_db()
        if state == DigestState.SCHEDULED:
            workflow.schedule(draft, when=MONDAY_SIX, by=None, at=at)
        if state == DigestState.HANDED_OVER:
            workflow.send_now(draft, by=None, at=at, grace_seconds=0)
            workflow.hand_over(draft, at=at)
    draft.refresh_from_db()
    return draft


def waits(digest: Digest) -> bool:
    return Incident.objects.open().filter(key=f"digests.waiting.{digest.pk}").exists()


@pytest.mark.parametrize("autopilot", list(Autopilot))
@pytest.mark.parametrize(("time", "due"), NEW_TIMES)
@pytest.mark.usefixtures("in_english")
def test_a_draft_moves_with_its_plan_and_keeps_its_promise(
    autopilot: Autopilot, time: dt.time, due: dt.datetime
) -> None:
    plan = make_planned(autopilot=autopilot)
    draft = begun(plan)

    (said,) = move(plan, time=time)
    draft.refresh_from_db()
    promised = status(draft, plan, at=FIVE, zone=ZoneInfo(plan.zone), newest=0)
    run_all()

    moment = f"Mon, May 4, 2026, {time:%H:%M} (UTC+2)"
    assert said == f"{draft} moves with the plan: it is due {moment} now."
    assert moment in promised
    assert (draft.due_at, draft.window_end) == (due, due)
    draft.refresh_from_db()
    assert Digest.objects.get() == draft
    if autopilot == SENDS:
        assert (draft.state, draft.handed_over_at) == (DigestState.HANDED_OVER, due)
    else:
        assert (draft.state, waits(draft)) == (DigestState.DRAFT, True)


@pytest.mark.parametrize(("time", "due"), NEW_TIMES)
def test_what_the_plan_built_ahead_goes_out_at_the_new_time_with_what_came_in_until_then(
    time: dt.time, due: dt.datetime
) -> None:
    plan = make_planned(autopilot=SENDS, lead_minutes=120)
    make_news(1, at=MONDAY_SIX - 6 * HOUR)
    (draft,) = planning.run_due_plans(FIVE - HOUR)

    move(plan, time=time)
    news = make_news(2, at=due - 15 * MINUTE)
    run_all()

    digest = Digest.objects.get()
    assert (digest.pk, digest.handed_over_at) == (draft.pk, due)
    assert set(news) <= {pick.article for pick in digest.picks.all()}


@pytest.mark.parametrize("state", [DigestState.PROOFED, DigestState.APPROVED])
@pytest.mark.parametrize(("time", "due"), NEW_TIMES)
@pytest.mark.usefixtures("in_english")
def test_a_proof_stays_as_it_is_and_is_told_at_the_new_time(
    state: DigestState, time: dt.time, due: dt.datetime
) -> None:
    plan = make_planned(autopilot=SENDS)
    digest = brought_to(begun(plan), state)

    (said,) = move(plan, time=time)
    run_all(hours=1 if time == EARLIER else 2)

    assert said.endswith("now. What was decided about its proof stays.")
    moved = Digest.objects.get()
    assert (moved.state, moved.version, moved.due_at) == (state, digest.version, due)
    assert waits(moved)
    assert not DigestMailing.objects.exists()


@pytest.mark.parametrize(("time", "due"), NEW_TIMES)
@pytest.mark.usefixtures("in_english")
def test_a_scheduled_digest_keeps_its_time_and_no_second_one_comes(time: dt.time, due: dt.datetime) -> None:
    plan = make_planned(autopilot=SENDS, minimum_new=0)
    digest = brought_to(begun(plan), DigestState.SCHEDULED)

    (said,) = move(plan, time=time)
    run_all()

    assert said == f"{digest} keeps the time that was set for it: Mon, May 4, 2026, 06:00 (UTC+2)."
    assert Digest.objects.get().handed_over_at == MONDAY_SIX


@pytest.mark.parametrize("state", [DigestState.HANDED_OVER, DigestState.SKIPPED])
@pytest.mark.parametrize(("time", "due"), NEW_TIMES)
def test_what_was_sent_or_skipped_ahead_does_not_come_again(
    state: DigestState, time: dt.time, due: dt.datetime
) -> None:
    plan = make_planned(autopilot=SENDS, minimum_new=0)
    before = brought_to(begun(plan), state)

    assert move(plan, time=time) == [""]
    make_news(3, at=due - MINUTE)
    run_all()

    after = Digest.objects.get()
    assert (after.state, after.handed_over_at, after.window_end) == (
        state,
        before.handed_over_at,
        before.window_end,
    )
    with pytest.raises(WindowTaken):
        selection.build(plan.newsletter, at=FIVE, window_end=due, due_at=due)


@pytest.mark.parametrize("state", [DigestState.SCHEDULED, DigestState.HANDED_OVER, DigestState.SKIPPED])
def test_what_was_decided_of_a_day_that_the_plan_gives_up_takes_no_other_day_s_place(
    state: DigestState,
) -> None:
    plan = make_planned(autopilot=SENDS, minimum_new=0)
    monday = brought_to(begun(plan), state)

    move(plan, weekdays="tu,we")
    make_news(3, at=MONDAY_SIX + 12 * HOUR)
    run_all(hours=26)

    tuesday = Digest.objects.exclude(pk=monday.pk).get()
    assert (tuesday.state, tuesday.handed_over_at) == (DigestState.HANDED_OVER, MONDAY_SIX + DAY)


@pytest.mark.parametrize(
    ("values", "at", "due"),
    [
        ({"weekdays": "tu,we"}, FIVE, MONDAY_SIX + DAY),
        ({"zone": "Europe/London"}, FIVE, MONDAY_SIX + HOUR),
        ({"time": EARLIER}, MONDAY_SIX - 20 * MINUTE, MONDAY_SIX + DAY - HOUR / 2),
        ({"weekdays": "mo", "time": EARLIER}, MONDAY_SIX - 20 * MINUTE, MONDAY_SIX + 7 * DAY - HOUR / 2),
        # Half a minute after six, and the beat has not looked yet: nobody else would take care of it.
        ({"time": LATER}, MONDAY_SIX + MINUTE / 2, MONDAY_SIX + HOUR),
        ({"weekdays": "mo,tu,sa,su"}, FIVE, MONDAY_SIX),
    ],
)
def test_a_draft_is_due_at_the_plans_next_time(
    values: dict[str, Any], at: dt.datetime, due: dt.datetime
) -> None:
    plan = make_planned(autopilot=SENDS, last_due_at=MONDAY_SIX - 3 * DAY)
    draft = begun(plan)

    said = move(plan, at=at, **values)

    assert len(said) == (due != MONDAY_SIX)
    draft.refresh_from_db()
    assert (draft.due_at, draft.window_end) == (due, due)


@pytest.mark.parametrize("time", [dt.time(2, 30), dt.time(1, 30)])
def test_a_draft_moved_into_a_night_of_clock_change_goes_out_once(time: dt.time) -> None:
    six = dt.datetime(2026, 3, 29, 4, tzinfo=dt.UTC)
    plan = make_planned(autopilot=SENDS, weekdays="su", first_window_from=six - DAY)
    make_news(3, at=six - 10 * HOUR)
    draft = selection.build(plan.newsletter, at=six - 9 * HOUR)

    move(plan, at=six - 8 * HOUR, time=time)
    run_all(since=six - 8 * HOUR, hours=12)

    assert Digest.objects.get().handed_over_at == dt.datetime(2026, 3, 29, time.hour - 1, 30, tzinfo=dt.UTC)
    assert DigestMailing.objects.get().digest == draft


def test_what_waits_since_an_earlier_run_stays_and_the_next_digest_comes() -> None:
    plan = make_planned()
    draft = begun(plan)
    run_all(since=MONDAY_SIX, hours=0)
    plan.refresh_from_db()

    assert move(plan, at=MONDAY_SIX + HOUR / 2, time=LATER) == []
    make_news(3, at=MONDAY_SIX + 45 * MINUTE)
    run_all(since=MONDAY_SIX + HOUR / 2, hours=1)

    assert [digest.due_at for digest in Digest.objects.order_by("pk")] == [MONDAY_SIX, MONDAY_SIX + HOUR]
    assert waits(draft)


def test_a_plan_at_rest_moves_nothing_until_it_is_switched_on_again() -> None:
    plan = make_planned(last_due_at=MONDAY_SIX - 3 * DAY)
    draft = begun(plan)

    assert move(plan, time=LATER, is_active=False) == []
    assert len(move(plan, at=FIVE + MINUTE, is_active=True)) == 1

    draft.refresh_from_db()
    assert draft.due_at == MONDAY_SIX + HOUR


def test_a_best_of_and_the_digests_of_each_day_move_apart() -> None:
    weekly = make_weekly(autopilot=SENDS)
    daily = Plan.objects.get(newsletter=weekly.newsletter, cadence=Cadence.EACH)
    draft = begun(daily)
    make_sent(weekly.newsletter, at=MONDAY_SIX - 10 * HOUR, window_start=MONDAY_SIX - 2 * DAY)
    best_of = selection.build(weekly.newsletter, cadence=Cadence.WEEKLY, at=FIVE)
    assert best_of.due_at == SATURDAY_EIGHT

    move(daily, time=LATER)
    best_of.refresh_from_db()
    assert best_of.due_at == SATURDAY_EIGHT
    move(weekly, weekdays="fr")

    best_of.refresh_from_db()
    draft.refresh_from_db()
    assert best_of.due_at == best_of.window_end == SATURDAY_EIGHT - DAY
    assert draft.due_at == MONDAY_SIX + HOUR


def test_the_next_window_begins_where_the_moved_one_ends() -> None:
    plan = make_planned()
    begun(plan)
    following = selection.build(plan.newsletter, at=FIVE, window_end=MONDAY_SIX + 9 * HOUR)

    for time, due in NEW_TIMES:
        move(plan, time=time)
        following.refresh_from_db()
        assert following.window_start == due


def test_a_draft_moves_to_the_next_time_that_its_window_reaches() -> None:
    plan = make_planned()
    selection.build(plan.newsletter, at=FIVE, window_end=MONDAY_SIX - 15 * MINUTE)
    draft = begun(plan)

    move(plan, time=EARLIER)

    draft.refresh_from_db()
    assert draft.due_at == MONDAY_SIX + DAY - HOUR / 2


def test_a_skipped_digest_that_ended_before_is_not_in_the_way() -> None:
    plan = make_planned()
    draft = begun(plan)
    between = selection.build(plan.newsletter, at=FIVE, window_end=MONDAY_SIX + HOUR / 2)
    skipping.skip(between, because="Zu wenig", at=FIVE)

    move(plan, time=LATER)

    draft.refresh_from_db()
    assert draft.window_end == MONDAY_SIX + HOUR


@pytest.mark.parametrize("is_skipped", [False, True])
def test_a_window_in_the_way_refuses_the_move_by_name(is_skipped: bool) -> None:
    plan = make_planned(autopilot=SENDS)
    draft = begun(plan)
    other = selection.build(plan.newsletter, at=FIVE, window_end=MONDAY_SIX + HOUR)
    if is_skipped:
        skipping.skip(other, because="Zu wenig", at=FIVE)
    else:
        Digest.objects.filter(pk=other.pk).update(window_end=MONDAY_SIX + HOUR / 2)
    before = list(Digest.objects.order_by("pk").values())

    with pytest.raises(WindowTaken) as refused:
        move(plan, time=LATER)

    assert str(refused.value).startswith(str(Digest.objects.get(pk=other.pk)))
    assert str(draft) in str(refused.value)
    assert list(Digest.objects.order_by("pk").values()) == before
    assert Plan.objects.get().time == dt.time(6)


class TestPage:
    """By the real clock: the draft is due in two hours."""

    @pytest.fixture
    def draft(self) -> Digest:
        self.now = clock.now().replace(second=0, microsecond=0)
        self.plan = make_planned(
            zone="UTC",
            weekdays="mo,tu,we,th,fr,sa,su",
            time=(self.now + 2 * HOUR).time(),
            first_window_from=self.now - DAY,
            last_due_at=self.now - DAY,
        )
        self.url = reverse("admin:digests_plan_change", args=[self.plan.pk])
        return selection.build(self.plan.newsletter, at=self.now)

    def save(self, browser: Client, **values: Any) -> Any:
        form = form_of(browser.get(self.url)) | values
        return browser.post(self.url, form, follow=True, headers={"accept-language": "en"})

    def test_the_plans_page_moves_the_draft_and_says_so_in_one_sentence(
        self, draft: Digest, admin_client: Client
    ) -> None:
        page = self.save(admin_client, time=f"{self.now + 3 * HOUR:%H:%M}")

        draft.refresh_from_db()
        assert draft.due_at == draft.window_end == self.now + 3 * HOUR
        told = [str(message) for message in page.context["messages"]]
        (said,) = [each for each in told if "moves with the plan" in each]
        assert said.startswith(f"{draft} moves with the plan: it is due ")
        assert f"{self.now + 3 * HOUR:%H:%M} (UTC+0) now." in said
        self.plan.newsletter.refresh_from_db()
        assert self.plan.newsletter.next_at == draft.due_at

    def test_a_save_that_moves_nothing_says_nothing(self, draft: Digest, admin_client: Client) -> None:
        page = self.save(admin_client, minimum_new="2")

        assert Plan.objects.get().minimum_new == 2
        assert not [each for each in page.context["messages"] if str(draft) in str(each)]
        assert Digest.objects.get().due_at == draft.due_at

    def test_a_digest_in_the_way_refuses_the_save(self, draft: Digest, admin_client: Client) -> None:
        other = selection.build(self.plan.newsletter, at=self.now, window_end=draft.window_end + HOUR / 2)

        page = self.save(admin_client, time=f"{self.now + 3 * HOUR:%H:%M}")

        (error,) = page.context["adminform"].form.non_field_errors()
        assert error.startswith(f"{other} is in the way: {draft} would move to ")
        assert Plan.objects.get().time == self.plan.time
        assert Digest.objects.get(pk=draft.pk).due_at == draft.due_at

    def test_a_plan_made_anew_takes_up_the_draft_of_the_one_before(
        self, draft: Digest, admin_client: Client
    ) -> None:
        form = form_of(admin_client.get(self.url))
        self.plan.delete()
        form |= {
            "newsletter": draft.newsletter_id,
            "cadence": Cadence.EACH,
            "time": f"{self.now + 4 * HOUR:%H:%M}",
            "slots-TOTAL_FORMS": "0",
            "slots-INITIAL_FORMS": "0",
        }

        admin_client.post(reverse("admin:digests_plan_add"), form)

        assert Plan.objects.get().time.hour == (self.now + 4 * HOUR).hour
        draft.refresh_from_db()
        assert draft.due_at == self.now + 4 * HOUR
