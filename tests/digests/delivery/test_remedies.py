"""The rules that follow from an answer, one by one."""

import datetime as dt
import math

import pytest

from digests.delivery.remedies import MOST_TRIES, Decision, Remedy, decide
from digests.delivery.runs import halves, is_one_run, runs
from newsroom.mail.providers.base import HandOver
from newsroom.mail.verdicts import Outcome, Verdict
from tests.factories import NOON


def decided(count: int, verdict: Verdict, *, tries: int = 0, **values: object) -> Decision:
    outcome = Outcome(verdict=verdict, reason="because of mia@example.org\nand so on")
    answer = HandOver(outcomes=dict.fromkeys(range(count), outcome), **values)  # type: ignore[arg-type]  # by case
    return decide(list(range(count)), answer, tries=tries, at=NOON)


def wait(decision: Decision) -> float:
    return (decision.not_before - NOON).total_seconds()


@pytest.mark.parametrize(("tries", "seconds"), [(0, 10), (1, 30), (2, 90), (3, 270)])
def test_waits_grow_threefold(tries: int, seconds: int) -> None:
    decision = decided(3, Verdict.NOT_SENT, tries=tries)
    assert (decision.remedy, decision.tries, wait(decision)) == (Remedy.WAIT, tries + 1, seconds)


def test_fifth_try_is_the_last() -> None:
    assert decided(3, Verdict.NOT_SENT, tries=MOST_TRIES - 1).remedy is Remedy.HOLD


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, 30),
        (40.0, 40),
        (-5.0, 1),
        (0.0, 1),
        (31_536_000.0, 3600),
        (math.inf, 3600),
        (-math.inf, 1),
        (math.nan, 30),
    ],
)
def test_being_told_to_wait_is_obeyed_within_reason_and_costs_no_try(
    retry_after: float | None, seconds: float
) -> None:
    decision = decided(3, Verdict.NOT_SENT, tries=4, http_status=429, retry_after=retry_after)
    assert (decision.remedy, decision.tries, wait(decision)) == (Remedy.WAIT, 4, seconds)


def test_wrong_configuration_costs_no_try() -> None:
    decision = decided(3, Verdict.NOT_SENT, tries=4, http_status=401, is_configuration=True)
    assert (decision.remedy, decision.tries) == (Remedy.WAIT, 4)


def test_provider_that_nobody_reaches_costs_no_try_and_a_wait() -> None:
    decision = decided(3, Verdict.NOT_SENT, tries=4, is_unreachable=True)
    assert (decision.remedy, decision.tries, wait(decision)) == (Remedy.WAIT, 4, 10)


def test_refused_batch_is_split_and_a_refused_single_copy_is_rejected() -> None:
    many = decided(3, Verdict.NOT_SENT, http_status=400, is_splittable=True)
    one = decided(1, Verdict.NOT_SENT, http_status=400)

    assert (many.remedy, many.not_sent, many.tries) == (Remedy.SPLIT, [0, 1, 2], 0)
    assert (one.rejected, one.not_sent) == ({0: "because of m…@example.org and so on"}, [])


@pytest.mark.parametrize("status", [413, 420])
def test_too_many_at_once_are_split(status: int) -> None:
    assert decided(4, Verdict.NOT_SENT, http_status=status).remedy is Remedy.SPLIT


def test_copy_without_an_outcome_is_unknown() -> None:
    answer = HandOver(outcomes={1: Outcome(verdict=Verdict.ACCEPTED)})

    decision = decide([0, 1, 2], answer, tries=0, at=NOON)

    assert (decision.accepted, decision.unknown) == ([1], [0, 2])
    assert decision.not_before == NOON + dt.timedelta()


def test_reasons_hold_no_address_and_fit_the_ledger() -> None:
    outcome = Outcome(verdict=Verdict.REJECTED, reason="550 5.1.1 <mia@example.org> " + "x" * 500)

    decision = decide([7], HandOver(outcomes={7: outcome}), tries=0, at=NOON)

    assert "mia@" not in decision.rejected[7]
    assert len(decision.rejected[7]) == 120


def test_numbers_are_kept_as_runs() -> None:
    assert runs([5, 1, 2, 3, 9]) == [[1, 4], [5, 6], [9, 10]]
    assert runs([]) == []
    assert is_one_run([4, 5, 6])
    assert not is_one_run([4, 6])
    assert not is_one_run([])
    assert halves([1, 2, 3]) == ([1, 2], [3])
    assert halves([1]) == ([1], [])
