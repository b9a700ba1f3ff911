"""What a plan leaves to the desk: a digest that people have taken in hand, whatever the plan would do by itself."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from digests import curation, planning, selection, withdrawing, workflow
from digests.composer.wording import put_together, status
from digests.errors import SecondPersonNeeded
from digests.models import Approval, Digest, DigestMailing, Plan
from digests.states import Autopilot
from newsroom.articles.models import Article
from newsroom.mail.models import Incident
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    make_news,
    make_planned,
    make_proofed,
    make_ready,
    make_user,
)
from tests.factories import NOON

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
SENDS = {"autopilot": Autopilot.FILL_AND_SEND}


def _open(key: str) -> bool:
    return Incident.objects.open().filter(key__startswith=key).exists()


@pytest.mark.parametrize("autopilot", [Autopilot.HOLD, Autopilot.FILL_AND_SEND])
@pytest.mark.parametrize("station", ["proofed", "approved", "scheduled", "skipped", "handed_over"])
def test_what_the_desk_took_beyond_a_draft_is_left_alone(station: str, autopilot: Autopilot) -> None:
    plan = make_planned(autopilot=autopilot)
    make_news(3, at=MONDAY_SIX - 2 * HOUR)
    at = MONDAY_SIX - HOUR
    draft = selection.build(plan.newsletter, at=at)
    curation.edit_digest(draft, expected_version=1, at=at, subject="Von Hand")
    if station == "skipped":
        workflow.skip(draft, because="Feiertag", by=None, at=at)
    else:
        proof = workflow.propose(draft, by=make_user(), at=at)
        if station != "proofed":
            workflow.approve(proof, by=make_user(), at=at)
            draft.refresh_from_db()
        if station == "scheduled":
            workflow.schedule(draft, when=MONDAY_SIX + HOUR, by=None, at=at)
        if station == "handed_over":
            workflow.send_now(draft, by=None, at=at, grace_seconds=0)
            workflow.hand_over(draft, at=at)
    before = Digest.objects.filter(pk=draft.pk).values().get()

    planning.run_due_plans(MONDAY_SIX)

    assert Digest.objects.values().get() == before
    assert _open(f"digests.waiting.{draft.pk}") == (station in ("proofed", "approved"))


def _take_back(draft: Digest, act: str, *, at: dt.datetime) -> None:
    """Proofed by the desk, and made a draft again by this act."""
    proof = workflow.propose(draft, by=make_user(), at=at)
    if act == "returned":
        workflow.return_proof(proof, by=make_user(), because="Die Zahl im Aufmacher stimmt nicht.", at=at)
        return
    workflow.approve(proof, by=make_user(), at=at)
    draft.refresh_from_db()
    workflow.schedule(draft, when=MONDAY_SIX + HOUR, by=None, at=at)
    if act == "withdrawn":
        Article.objects.filter(picks__in=draft.picks.all()[:1]).update(withdrawn_at=at)
        assert withdrawing.pull_withdrawn(at) == [draft]
        return
    workflow.stop(draft, by=make_user(), at=at)
    curation.edit_digest(draft, expected_version=draft.version, at=at, subject="Noch einmal von vorn")


@pytest.mark.parametrize("autopilot", list(Autopilot))
@pytest.mark.parametrize("act", ["returned", "withdrawn", "stopped"])
@pytest.mark.parametrize("is_curated", [False, True])
@pytest.mark.usefixtures("in_english")
def test_a_draft_that_was_a_proof_before_waits_for_the_desk_whatever_the_plan_says(
    act: str, autopilot: Autopilot, is_curated: bool
) -> None:
    plan = make_planned(autopilot=autopilot, minimum_new=1)
    make_news(6, at=MONDAY_SIX - 2 * HOUR)
    at = MONDAY_SIX - 10 * MINUTE
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    selection.name(draft, at=at)
    if is_curated:
        curation.edit_digest(draft, expected_version=draft.version, at=at, subject="Von Hand")
    _take_back(draft, act, at=at)
    draft = Digest.objects.get()
    make_news(3, at=MONDAY_SIX - HOUR / 2)
    before = Digest.objects.values().get(), set(draft.picks.values_list("article"))
    said = status(draft, plan, at=at, zone=ZoneInfo(plan.zone), newest=1)
    mail_says = put_together(draft, plan, newest=1)

    planning.run_due_plans(MONDAY_SIX)
    planning.run_due_plans(MONDAY_SIX + DAY)

    digests = Digest.objects.filter(pk=draft.pk)
    assert (digests.values().get(), set(draft.picks.values_list("article"))) == before
    assert not DigestMailing.objects.filter(digest=draft).exists()
    assert _open(f"digests.waiting.{draft.pk}")
    assert "it needs a proof and an approval before" in said
    assert "the plan" not in mail_says


@pytest.mark.parametrize(("autopilot", "sends"), [(Autopilot.FILL_AND_SEND, True), (Autopilot.HOLD, False)])
@pytest.mark.usefixtures("in_english")
def test_the_desk_reads_above_a_draft_that_the_plan_will_send_it(autopilot: Autopilot, sends: bool) -> None:
    plan = make_planned(autopilot=autopilot)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)

    said = [
        status(draft, each, at=MONDAY_SIX - HOUR, zone=ZoneInfo(plan.zone), newest=0)
        for each in (plan, Plan(newsletter=plan.newsletter, autopilot=autopilot, is_active=False))
    ]

    assert [("the plan fills the empty places and sends it" in each) for each in said] == [sends, False]


def test_the_plan_does_not_approve_a_second_proof() -> None:
    """Whoever calls it: where there was a proof before, people have taken the digest in hand."""
    proof = make_proofed(make_planned(**SENDS).newsletter)
    workflow.return_proof(proof, by=make_user(), because="Falsches Bild.", at=NOON)
    again = workflow.propose(proof.digest, by=None, at=NOON)

    with pytest.raises(SecondPersonNeeded):
        workflow.approve_by_plan(again, at=NOON)

    assert not Approval.objects.exists()


def _begun(plan: Plan, *, window_end: dt.datetime | None = None) -> Digest:
    """A draft that the desk works on, an hour before the plan is due."""
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR, window_end=window_end, by=make_user())
    curation.edit_digest(draft, expected_version=1, at=MONDAY_SIX - HOUR, subject="Von Hand")
    return draft


@pytest.mark.usefixtures("in_english")
def test_a_draft_without_a_due_time_waits_for_the_desk_as_its_page_says() -> None:
    plan = make_planned(**SENDS)
    make_news(3, at=MONDAY_SIX - 2 * HOUR)
    draft = _begun(plan, window_end=MONDAY_SIX)
    before = set(draft.picks.values_list("article"))
    said = status(draft, plan, at=MONDAY_SIX - HOUR, zone=ZoneInfo(plan.zone), newest=0)
    make_news(3, at=MONDAY_SIX - HOUR / 2)

    planning.run_due_plans(MONDAY_SIX)

    assert said == "Draft. It goes nowhere before a proof of it is approved."
    assert set(draft.picks.values_list("article")) == before
    assert not DigestMailing.objects.exists()
    assert _open(f"digests.waiting.{draft.pk}")


@pytest.mark.usefixtures("in_english")
def test_a_draft_whose_time_is_none_of_the_plans_any_more_is_not_promised_and_told() -> None:
    plan = make_planned(**SENDS)
    draft = _begun(plan)
    plan.time = dt.time(7)
    plan.save()
    make_news(3, at=MONDAY_SIX + HOUR / 2)

    said = status(draft, plan, at=MONDAY_SIX - HOUR, zone=ZoneInfo(plan.zone), newest=0)
    planning.run_due_plans(MONDAY_SIX)
    planning.run_due_plans(MONDAY_SIX + HOUR)

    assert "it needs a proof and an approval before" in said
    assert not DigestMailing.objects.filter(digest=draft).exists()
    assert _open(f"digests.waiting.{draft.pk}")


@pytest.mark.parametrize("station", ["draft", "proofed", "approved", "scheduled"])
def test_what_is_in_the_way_of_a_due_time_is_told_unless_it_goes_out_by_itself(station: str) -> None:
    plan = make_planned(**SENDS)
    draft = make_ready(plan.newsletter, window_start=MONDAY_SIX - DAY, window_end=MONDAY_SIX + HOUR)
    if station != "draft":
        proof = workflow.propose(draft, by=make_user(), at=MONDAY_SIX - HOUR)
    if station in ("approved", "scheduled"):
        workflow.approve(proof, by=make_user(), at=MONDAY_SIX - HOUR)
        draft.refresh_from_db()
    if station == "scheduled":
        workflow.schedule(draft, when=MONDAY_SIX + HOUR, by=None, at=MONDAY_SIX - HOUR)

    planning.run_due_plans(MONDAY_SIX)

    assert Digest.objects.get().state == station
    assert _open(f"digests.waiting.{draft.pk}") == (station != "scheduled")


def test_a_scheduler_that_read_the_plan_before_it_was_moved_builds_nothing_ahead() -> None:
    plan = make_planned(lead_minutes=60)
    seen = Plan.objects.select_related("newsletter").get(pk=plan.pk)
    Plan.objects.filter(pk=plan.pk).update(time="07:00")

    assert planning.build_ahead(seen, at=MONDAY_SIX - HOUR) is None

    assert not Digest.objects.exists()
