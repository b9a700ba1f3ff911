"""Two at once, on two real connections: one wins, the other changes nothing."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, time

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction

from digests import (
    approving,
    curation,
    moving,
    planning,
    reminding,
    saving,
    selection,
    swapping,
    withdrawing,
    workflow,
)
from digests.approval_tokens import approval_url
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.errors import DigestError, EditClash, EditConflict, WrongState
from digests.models import Approval, Digest, DigestMailing, Plan, Proof
from digests.states import Autopilot, DigestState
from digests.workflow.proofing import approved_proof
from newsroom.articles.models import Article
from newsroom.mail.models import Letter
from tests.digests.factories import (
    HOUR,
    MONDAY_SIX,
    make_colleague,
    make_news,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import NOON, make_article

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def _at_once(*acts: Callable[[], object]) -> list[DigestError | None]:
    """Run the acts in threads that start together, each on its own connection; what each of them was refused for."""
    barrier = threading.Barrier(len(acts))
    refusals: list[DigestError | None] = [None] * len(acts)
    failures: list[BaseException] = []

    def run(number: int, act: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=10)
            act()
        except DigestError as error:
            refusals[number] = error
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    if failures:
        raise failures[0]
    return refusals


def _one_refused(refusals: Sequence[DigestError | None]) -> DigestError:
    (refusal,) = [refusal for refusal in refusals if refusal is not None]
    return refusal


@pytest.mark.parametrize("autopilot", [Autopilot.HOLD, Autopilot.FILL_AND_SEND])
def test_two_schedulers_make_one_digest(autopilot: Autopilot) -> None:
    make_planned(autopilot=autopilot)
    make_news(3, at=MONDAY_SIX - HOUR)

    _at_once(*[lambda: planning.run_due_plans(MONDAY_SIX)] * 3)

    digest = Digest.objects.get()
    assert (digest.number, digest.picks.count()) == (1, 3)
    assert Mailing.objects.count() == (autopilot == Autopilot.FILL_AND_SEND)
    assert Plan.objects.get().last_due_at == MONDAY_SIX


def test_two_schedulers_build_one_draft_ahead() -> None:
    make_planned(lead_minutes=60)

    _at_once(*[lambda: planning.run_due_plans(MONDAY_SIX - HOUR / 2)] * 2)

    assert Digest.objects.get().due_at == MONDAY_SIX


def _move(at: datetime) -> None:
    """The plan is due at seven from now on, as its page saves that."""
    with transaction.atomic():
        plan = Plan.objects.get()
        plan.time = time(7)
        found = moving.moves(plan, at=at)
        plan.last_due_at = at
        plan.save()
        moving.carry_out(found)


def test_a_draft_built_ahead_while_its_plan_is_moved_is_due_at_the_plans_time() -> None:
    make_planned(lead_minutes=120)
    at = MONDAY_SIX - HOUR / 2

    _at_once(lambda: planning.run_due_plans(at), lambda: _move(at))
    planning.run_due_plans(at)

    assert Digest.objects.get().due_at == MONDAY_SIX + HOUR


def test_a_plan_moved_while_it_runs_sends_its_draft_once_then_or_later() -> None:
    plan = make_planned(autopilot=Autopilot.FILL_AND_SEND)
    make_news(3, at=MONDAY_SIX - 2 * HOUR)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)

    _at_once(lambda: planning.run_due_plans(MONDAY_SIX), lambda: _move(MONDAY_SIX))
    for minutes in (1, 60):
        planning.run_due_plans(MONDAY_SIX + minutes * HOUR / 60)

    mailing = DigestMailing.objects.get()
    sent = Digest.objects.get(pk=draft.pk)
    assert mailing.digest == draft
    assert sent.handed_over_at == sent.due_at
    assert sent.due_at in (MONDAY_SIX, MONDAY_SIX + HOUR)


def test_two_approvers_make_one_approval() -> None:
    proof = make_proofed()
    aylin, rui = make_user(), make_user()

    refusals = _at_once(
        lambda: workflow.approve(proof, by=aylin, at=NOON), lambda: workflow.approve(proof, by=rui, at=NOON)
    )

    assert isinstance(_one_refused(refusals), WrongState)
    assert Approval.objects.count() == 1


def test_approving_and_returning_at_once_end_in_one_of_the_two() -> None:
    proof = make_proofed()
    aylin, rui = make_user(), make_user()

    refusals = _at_once(
        lambda: workflow.approve(proof, by=aylin, at=NOON),
        lambda: workflow.return_proof(proof, by=rui, because="Noch einmal.", at=NOON),
    )

    assert isinstance(_one_refused(refusals), DigestError)
    proof.refresh_from_db()
    state = Digest.objects.get().state
    assert (state == DigestState.APPROVED) == Approval.objects.exists() == (proof.returned_at is None)


def test_two_editors_do_not_overwrite_each_other() -> None:
    digest = make_ready()
    mine, hers = Digest.objects.get(pk=digest.pk), Digest.objects.get(pk=digest.pk)

    refusals = _at_once(
        lambda: curation.edit_digest(mine, expected_version=1, at=NOON, subject="Meiner"),
        lambda: curation.edit_digest(hers, expected_version=1, at=NOON, subject="Ihrer"),
    )

    assert isinstance(_one_refused(refusals), EditConflict)
    digest.refresh_from_db()
    assert digest.version == 2
    assert digest.subject == ("Ihrer" if refusals[0] else "Meiner")


def test_two_saves_of_different_fields_at_once_both_survive() -> None:
    digest = make_ready()
    rows = [Digest.objects.get(pk=digest.pk) for _ in range(2)]

    refusals = _at_once(
        *[
            lambda row=row, words=words: saving.save(row, expected_version=1, words=words, edits=[], at=NOON)
            for row, words in zip(rows, [{"subject": "Meiner"}, {"note": "Ihre"}], strict=True)
        ]
    )

    digest.refresh_from_db()
    assert refusals == [None, None]
    assert (digest.subject, digest.note, digest.version) == ("Meiner", "Ihre", 3)
    assert list(digest.versions.order_by("number").values_list("number", flat=True)) == [1, 2, 3]


def test_two_saves_of_one_field_at_once_overwrite_nothing() -> None:
    digest = make_ready()
    rows = [Digest.objects.get(pk=digest.pk) for _ in range(2)]

    refusals = _at_once(
        *[
            lambda row=row, text=text: saving.save(
                row, expected_version=1, words={"subject": text}, edits=[], at=NOON
            )
            for row, text in zip(rows, ["Meiner", "Ihrer"], strict=True)
        ]
    )

    digest.refresh_from_db()
    assert isinstance(_one_refused(refusals), EditClash)
    assert digest.subject == ("Ihrer" if refusals[0] else "Meiner")
    assert digest.version == 2


def test_two_hand_overs_make_one_mailing() -> None:
    digest = make_scheduled(NOON + HOUR)
    rows = [Digest.objects.get(pk=digest.pk) for _ in range(3)]

    refusals = _at_once(*[lambda row=row: workflow.hand_over(row, at=NOON + HOUR) for row in rows])

    assert sum(refusal is None for refusal in refusals) == 1
    assert Mailing.objects.count() == 1


def test_a_stop_that_meets_the_hand_over_stops_one_or_the_other() -> None:
    digest = make_scheduled(NOON + HOUR)
    mine = Digest.objects.get(pk=digest.pk)

    _at_once(
        lambda: workflow.hand_over(digest, at=NOON + HOUR),
        lambda: workflow.stop(mine, by=None, at=NOON + HOUR),
    )

    if Digest.objects.get().state == DigestState.HANDED_OVER:
        assert Mailing.objects.get().state == MailingState.PAUSED
    else:
        assert Digest.objects.get().state == DigestState.APPROVED
        assert not Mailing.objects.exists()


def test_two_links_pressed_at_once_make_one_approval() -> None:
    proof = make_proofed(by=make_user())
    aylin, rui = make_colleague("aylin"), make_colleague("rui")
    at = proof.proposed_at + HOUR
    links = [approval_url(proof, user).split("/")[-2] for user in (aylin, rui)]

    refusals = _at_once(*[lambda link=link: approving.approve(link, at=at) for link in links])

    _one_refused(refusals)
    assert Approval.objects.count() == 1
    assert LogEntry.objects.count() == 1


def test_a_link_and_the_admin_pressed_at_once_make_one_approval() -> None:
    proof = make_proofed(by=make_user())
    aylin, rui = make_colleague("aylin"), make_user()
    link = approval_url(proof, aylin).split("/")[-2]
    mine = Proof.objects.select_related("digest").get()

    refusals = _at_once(
        lambda: approving.approve(link, at=NOON), lambda: workflow.approve(mine, by=rui, at=NOON)
    )

    _one_refused(refusals)
    assert Approval.objects.count() == 1


def test_an_edit_that_meets_an_approval_leaves_no_approved_digest_nobody_saw() -> None:
    proof = make_proofed()
    mine = Digest.objects.get()

    _at_once(
        lambda: workflow.approve(proof, by=make_user(), at=NOON),
        lambda: curation.edit_digest(mine, expected_version=1, at=NOON, subject="Neu"),
    )

    digest = Digest.objects.get()
    assert (digest.state, digest.subject, digest.version) == (DigestState.DRAFT, "Neu", 2)
    assert approved_proof(digest) is None


def test_a_stop_that_meets_the_approval_of_an_exchange_always_stops_it() -> None:
    """Whichever comes first: the digest is approved, and has no time."""
    digest = make_scheduled(NOON + HOUR)
    proof = swapping.swap(digest.picks.get(), make_article(), expected_version=1, by=make_user(), at=NOON)
    mine = Digest.objects.get()

    refusals = _at_once(
        lambda: workflow.approve(proof, by=make_user(), at=NOON),
        lambda: workflow.stop(mine, by=None, at=NOON),
    )

    digest.refresh_from_db()
    assert refusals == [None, None]
    assert (digest.state, digest.scheduled_at, digest.wanted_at) == (DigestState.APPROVED, None, None)


def test_an_exchange_that_meets_the_hand_over_sends_the_old_or_waits_with_the_new() -> None:
    digest = make_scheduled(NOON + HOUR)
    pick, jonas, new = digest.picks.get(), make_user(), make_article()
    at = NOON + HOUR

    _at_once(
        lambda: swapping.swap(pick, new, expected_version=1, by=jonas, at=at),
        lambda: workflow.hand_over_due(at),
    )

    now = Digest.objects.get()
    assert now.state in (DigestState.HANDED_OVER, DigestState.PROOFED)
    assert Mailing.objects.exists() == (now.state == DigestState.HANDED_OVER)
    assert now.picks.filter(article=new).exists() == (now.state == DigestState.PROOFED)


def test_two_looks_for_withdrawn_articles_pull_each_once() -> None:
    digest = make_ready(stories=2)
    Article.objects.filter(picks__slot="briefs").update(withdrawn_at=NOON)

    _at_once(*[lambda: withdrawing.pull_withdrawn(NOON)] * 3)

    digest.refresh_from_db()
    assert (digest.version, digest.picks.count()) == (2, 1)


def test_two_looks_for_reminders_write_each_letter_once() -> None:
    make_colleague("jonas", "Redaktion")
    make_ready(due_at=NOON + HOUR)

    _at_once(*[lambda: reminding.remind_due(NOON)] * 3)

    assert Letter.objects.count() == 1
