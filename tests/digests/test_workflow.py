"""From draft to schedule: each act, who may do it, and what makes it fall through."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from digests import curation, workflow
from digests.delivery.states import MailingState
from digests.errors import (
    EditConflict,
    NotApproved,
    NotReady,
    SecondPersonNeeded,
    StaleProof,
    TimePast,
    WrongState,
)
from digests.models import Approval, Digest, Link, Proof
from digests.states import ApprovalPolicy, Autopilot, DigestState
from newsroom.articles.models import Article
from tests.digests.factories import (
    DAY,
    HOUR,
    make_approved,
    make_handed_over,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import NOON, make_digest, make_pick

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def test_a_proof_is_numbered_and_freezes_what_it_saw() -> None:
    digest = make_ready(subject="Die Fähre fährt")

    proof = workflow.propose(digest, by=make_user(), at=NOON)

    rendition = proof.renditions.get().rendition
    assert (proof.number, proof.digest_version, digest.state) == (1, digest.version, DigestState.PROOFED)
    assert rendition.subject == "Die Fähre fährt"
    assert len(proof.content_hash) == 64
    assert Link.objects.filter(pick__digest=digest).count() == 1
    assert "/r/" not in proof.web_html


def test_a_digest_that_preflight_blocks_is_not_proofed_and_says_why() -> None:
    digest = make_ready(subject="")
    withdrawn = make_pick(digest=digest, slot="more").article
    withdrawn.withdrawn_at = NOON
    withdrawn.save()

    with pytest.raises(NotReady) as refusal:
        workflow.propose(digest, by=make_user(), at=NOON)

    assert {finding.rule for finding in refusal.value.findings} == {"no_subject", "withdrawn"}  # type: ignore[attr-defined]
    assert str(refusal.value).endswith(".")
    digest.refresh_from_db()
    assert digest.state == DigestState.DRAFT
    assert not Proof.objects.exists()


def test_only_a_draft_is_proofed() -> None:
    proof = make_proofed()

    with pytest.raises(WrongState, match="Only a draft"):
        workflow.propose(proof.digest, by=make_user(), at=NOON)

    assert Proof.objects.count() == 1


def test_an_edit_while_the_proof_was_rendered_is_not_lost_in_it() -> None:
    digest = make_ready()
    seen = Digest.objects.get(pk=digest.pk)
    curation.edit_digest(digest, expected_version=1, at=NOON, subject="Neuer Betreff")

    with pytest.raises(EditConflict):
        workflow.propose(seen, by=make_user(), at=NOON)


def test_a_second_person_approves() -> None:
    jonas, aylin = make_user(), make_user()
    proof = make_proofed(by=jonas)

    approval = workflow.approve(proof, by=aylin, at=NOON)

    assert approval.policy == ApprovalPolicy.FOUR_EYES
    assert (approval.proposer, approval.approver) == (jonas, aylin)
    assert Digest.objects.get(pk=proof.digest_id).state == DigestState.APPROVED


def test_whoever_proposed_cannot_approve() -> None:
    jonas = make_user()
    proof = make_proofed(by=jonas)

    with pytest.raises(SecondPersonNeeded):
        workflow.approve(proof, by=jonas, at=NOON)

    assert Digest.objects.get(pk=proof.digest_id).state == DigestState.PROOFED


def test_the_database_itself_refuses_one_person_in_both_places() -> None:
    jonas = make_user()
    proof = make_proofed(by=jonas)

    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(
            proof=proof, policy=ApprovalPolicy.FOUR_EYES, proposer=jonas, approver=jonas, approved_at=NOON
        )


def test_one_person_is_enough_where_the_plan_says_so() -> None:
    jonas = make_user()
    proof = make_proofed(make_planned(needs_four_eyes=False).newsletter, by=jonas)

    approval = workflow.approve(proof, by=jonas, at=NOON)

    assert approval.policy == ApprovalPolicy.ONE_PAIR


def test_a_proof_that_the_plan_proposed_is_approved_by_the_plan_only_if_it_may() -> None:
    held = workflow.propose(make_ready(), by=None, at=NOON)
    sent = workflow.propose(
        make_ready(make_planned(autopilot=Autopilot.FILL_AND_SEND).newsletter), by=None, at=NOON
    )

    with pytest.raises(SecondPersonNeeded):
        workflow.approve_by_plan(held, at=NOON)
    with pytest.raises(SecondPersonNeeded):
        workflow.approve(held, by=make_user(), at=NOON)

    assert workflow.approve_by_plan(sent, at=NOON).policy == ApprovalPolicy.AUTOPILOT


def test_a_person_s_proof_is_never_approved_by_the_plan() -> None:
    proof = make_proofed(make_planned(autopilot=Autopilot.FILL_AND_SEND).newsletter)

    with pytest.raises(SecondPersonNeeded):
        workflow.approve_by_plan(proof, at=NOON)


def test_an_edit_makes_the_proof_stale() -> None:
    proof = make_proofed()
    curation.edit_digest(proof.digest, expected_version=1, at=NOON, subject="Noch besser")

    with pytest.raises(StaleProof):
        workflow.approve(proof, by=make_user(), at=NOON)


def test_a_newer_proof_makes_the_older_one_stale() -> None:
    first = make_proofed()
    workflow.return_proof(first, by=make_user(), because="Der Betreff stimmt nicht.", at=NOON)
    second = workflow.propose(first.digest, by=make_user(), at=NOON)

    with pytest.raises(StaleProof):
        workflow.approve(first, by=make_user(), at=NOON)

    assert second.number == 2
    assert workflow.approve(second, by=make_user(), at=NOON).proof == second


def test_a_returned_proof_says_why_and_the_digest_is_a_draft_again() -> None:
    proof, aylin = make_proofed(), make_user()

    workflow.return_proof(proof, by=aylin, because="Der Betreff stimmt nicht.", at=NOON)

    proof.refresh_from_db()
    assert (proof.returned_by, proof.returned_because) == (aylin, "Der Betreff stimmt nicht.")
    assert proof.digest.state == DigestState.DRAFT
    with pytest.raises(StaleProof):
        workflow.approve(proof, by=make_user(), at=NOON)


def test_a_proof_is_not_returned_without_a_reason() -> None:
    with pytest.raises(WrongState, match="Say why"):
        workflow.return_proof(make_proofed(), by=make_user(), because=" ", at=NOON)


def test_an_approved_digest_is_scheduled() -> None:
    digest = make_approved()

    workflow.schedule(digest, when=NOON + HOUR, by=make_user(), at=NOON)

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.SCHEDULED, NOON + HOUR)


@pytest.mark.parametrize("when", [NOON, NOON - dt.timedelta(seconds=1), NOON - DAY])
def test_a_past_time_is_refused_and_not_sent_at_once(when: dt.datetime) -> None:
    digest = make_approved()

    with pytest.raises(TimePast):
        workflow.schedule(digest, when=when, by=None, at=NOON)

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)


@pytest.mark.parametrize(
    "make", [make_ready, lambda: make_proofed().digest, make_handed_over, make_scheduled]
)
def test_only_an_approved_digest_is_scheduled(make: object) -> None:
    digest = make()  # type: ignore[operator]

    with pytest.raises(WrongState, match="Only an approved digest"):
        workflow.schedule(digest, when=NOON + HOUR, by=None, at=NOON)


def test_an_approved_state_without_an_approved_proof_is_worth_nothing() -> None:
    digest = make_digest(newsletter=make_planned().newsletter, state=DigestState.APPROVED)

    with pytest.raises(NotApproved):
        workflow.send_now(digest, by=None, at=NOON, grace_seconds=0)

    digest.refresh_from_db()
    assert digest.state == DigestState.APPROVED


def test_send_now_leaves_five_minutes_to_stop_it() -> None:
    digest = make_approved()

    workflow.send_now(digest, by=make_user(), at=NOON)

    assert digest.scheduled_at == NOON + dt.timedelta(minutes=5)
    assert workflow.hand_over_due(NOON + dt.timedelta(minutes=4, seconds=59)) == []
    assert len(workflow.hand_over_due(NOON + dt.timedelta(minutes=5))) == 1


def test_stopping_before_the_time_sends_nothing() -> None:
    digest = make_scheduled(NOON + HOUR)

    workflow.stop(digest, by=make_user(), at=NOON)

    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)
    assert workflow.hand_over_due(NOON + HOUR) == []


def test_stopping_after_the_hand_over_pauses_the_mailing() -> None:
    digest, rui = make_handed_over(), make_user("rui")

    workflow.stop(digest, by=rui, at=NOON)

    mailing = digest.mailings.get().mailing
    assert mailing.state == MailingState.PAUSED
    assert "rui" in mailing.paused_because
    assert digest.state == DigestState.HANDED_OVER


def test_there_is_nothing_to_stop_in_a_draft() -> None:
    with pytest.raises(WrongState, match="nothing to stop"):
        workflow.stop(make_ready(), by=None, at=NOON)


def test_a_skipped_digest_keeps_its_reason_and_gives_its_window_to_the_next() -> None:
    newsletter = make_planned().newsletter
    first = make_ready(newsletter, window_start=NOON - 2 * DAY, window_end=NOON - DAY)
    second = make_digest(newsletter=newsletter, window_start=NOON - DAY, window_end=NOON)

    workflow.skip(first, because="Feiertag", by=make_user("jonas"), at=NOON)

    second.refresh_from_db()
    assert (first.state, first.number) == (DigestState.SKIPPED, None)
    assert first.skipped_because == "Feiertag (jonas)"
    assert second.window_start == NOON - 2 * DAY


def test_what_was_handed_over_is_not_skipped() -> None:
    with pytest.raises(WrongState, match="not handed over"):
        workflow.skip(make_handed_over(), because="zu spät", by=None, at=NOON)


def test_skipping_needs_a_reason() -> None:
    with pytest.raises(WrongState, match="Say why"):
        workflow.skip(make_ready(), because="  ", by=None, at=NOON)


def test_a_digest_scheduled_for_later_can_be_sent_now() -> None:
    digest = make_scheduled(NOON + DAY)

    workflow.send_now(digest, by=make_user(), at=NOON)

    assert len(workflow.hand_over_due(NOON + dt.timedelta(minutes=5))) == 1


def test_a_story_under_embargo_can_be_proofed_for_a_later_time_and_never_leaves_before() -> None:
    """The plan wants it at two; the story is free from half past two on."""
    digest = make_ready(due_at=NOON + 2 * HOUR)
    until = NOON + 2 * HOUR + HOUR / 2
    Article.objects.update(embargo_until=until)
    proof = workflow.propose(digest, by=make_user(), at=NOON)
    workflow.approve(proof, by=make_user(), at=NOON)
    digest = proof.digest

    for early in (NOON + 2 * HOUR, until - dt.timedelta(seconds=1)):
        with pytest.raises(NotReady, match="under embargo until"):
            workflow.schedule(digest, when=early, by=None, at=NOON)
        digest.refresh_from_db()
        assert digest.state == DigestState.APPROVED
    with pytest.raises(NotReady):
        workflow.send_now(digest, by=None, at=NOON)
    digest.refresh_from_db()
    workflow.schedule(digest, when=until, by=None, at=NOON)

    assert workflow.hand_over_due(until - dt.timedelta(seconds=1)) == []
    assert len(workflow.hand_over_due(until)) == 1


def test_an_embargo_set_after_the_schedule_keeps_the_digest_back() -> None:
    digest = make_scheduled(NOON + HOUR)
    Article.objects.update(embargo_until=NOON + 2 * HOUR)

    assert workflow.hand_over_due(NOON + HOUR) == []

    digest.refresh_from_db()
    assert digest.state == DigestState.APPROVED
