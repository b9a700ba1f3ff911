"""Two at once, on two real connections: one wins, the other changes nothing."""

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from digests import curation, planning, workflow
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.errors import DigestError, EditConflict, WrongState
from digests.models import Approval, Digest, Plan
from digests.states import Autopilot, DigestState
from tests.digests.factories import (
    HOUR,
    MONDAY_SIX,
    make_news,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import NOON

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
