"""The guards: where each stands, how it is broken, and the test that must fall."""

from dataclasses import dataclass

_DELIVERY = "tests/digests/delivery"


@dataclass(frozen=True, kw_only=True)
class Guard:
    """`before` stands once in the file and becomes `after`; test is a node that pytest knows."""

    name: str
    broken_by: str
    file: str
    before: str
    after: str
    test: str

    @property
    def test_name(self) -> str:
        return self.test.rpartition("::")[2]


GUARDS = (
    Guard(
        name="lease: the sweep takes back only what ran out",
        broken_by="`return_leases` without the time",
        file="digests/delivery/sweeping.py",
        before="Batch.objects.filter(state=BatchState.LEASED, lease_until__lt=at)",
        after="Batch.objects.filter(state=BatchState.LEASED)",
        test=f"{_DELIVERY}/test_claiming.py::test_lease_that_has_not_run_out_is_the_workers_alone",
    ),
    Guard(
        name="fence at the claim",
        broken_by="a move that does not compare the fence",
        file="digests/delivery/claiming.py",
        before="mine = Batch.objects.filter(pk=batch.pk, state=before, fence=batch.fence)",
        after="mine = Batch.objects.filter(pk=batch.pk, state=before)",
        test=f"{_DELIVERY}/test_claiming.py"
        "::test_lease_that_ran_out_without_a_call_is_ready_again_and_the_late_worker_loses",
    ),
    Guard(
        name="fence grows with each claim",
        broken_by="the claim writes the same fence again",
        file="digests/delivery/claiming.py",
        before="fence=batch.fence + 1,",
        after="fence=batch.fence,",
        test=f"{_DELIVERY}/test_claiming.py"
        "::test_lease_that_ran_out_without_a_call_is_ready_again_and_the_late_worker_loses",
    ),
    Guard(
        name="fence at settling",
        broken_by="two calls that meet are not noticed",
        file="digests/delivery/sweeping.py",
        before="if parted:\n",
        after="if False:\n",
        test=f"{_DELIVERY}/test_claiming.py::test_open_attempt_whose_batch_is_held_by_another_is_loud",
    ),
    Guard(
        name="intent: a call past its deadline is unknown, not ready",
        broken_by="the sweep forgets calling attempts",
        file="digests/delivery/sweeping.py",
        before="moved = return_leases(at=at) + stop_waiting_for_calls(at=at)",
        after="moved = return_leases(at=at)",
        test=f"{_DELIVERY}/test_claiming.py::test_late_worker_settles_an_unknown_call_once_and_not_twice",
    ),
    Guard(
        name="a mailing stopped meanwhile is not called",
        broken_by="the move to calling does not ask the mailing",
        file="digests/delivery/claiming.py",
        before="mailing__state=MailingState.SENDING,\n            lease_until=deadline,",
        after="lease_until=deadline,",
        test=f"{_DELIVERY}/test_claiming.py::test_mailing_stopped_between_claim_and_call_is_not_called",
    ),
    Guard(
        name="settled once",
        broken_by="an attempt may be settled again",
        file="digests/delivery/settling.py",
        before="_OPEN_ATTEMPT = (AttemptState.CALLING, AttemptState.UNKNOWN)",
        after="_OPEN_ATTEMPT = tuple(AttemptState)",
        test=f"{_DELIVERY}/test_claiming.py::test_late_worker_settles_an_unknown_call_once_and_not_twice",
    ),
    Guard(
        name="no answer is unknown",
        broken_by="such a batch is ready again",
        file="digests/delivery/settling.py",
        before="batch.state, batch.lease_until = BatchState.UNKNOWN, _grace_until(at)\n    return []",
        after="batch.state, batch.lease_until, batch.not_before = BatchState.READY, None, at\n    return []",
        test=f"{_DELIVERY}/test_pump.py"
        "::test_call_without_answer_makes_batch_and_attempt_unknown_and_is_never_repeated",
    ),
    Guard(
        name="an overdue call is unknown",
        broken_by="the sweep makes it ready",
        file="digests/delivery/sweeping.py",
        before='state=BatchState.UNKNOWN,\n                owner="",',
        after='state=BatchState.READY,\n                owner="",',
        test=f"{_DELIVERY}/test_crashes.py"
        "::test_worker_killed_at_any_step_sends_nothing_twice_and_loses_nobody",
    ),
    Guard(
        name="a call is made again only while its key is known",
        broken_by="the time is not looked at",
        file="digests/delivery/ladder.py",
        before="over_by < known_until\n        and batch.fence == attempt.fence",
        after="batch.fence == attempt.fence",
        test=f"{_DELIVERY}/test_ladder.py::test_the_same_call_again_only_while_its_key_is_known",
    ),
    Guard(
        name="absent: only by a complete answer",
        broken_by="an incomplete one counts",
        file="digests/delivery/ladder.py",
        before="counts = found.is_complete and at >= attempt.deadline_at + lag",
        after="counts = at >= attempt.deadline_at + lag",
        test=f"{_DELIVERY}/test_ladder.py::test_the_providers_records_prove_readers_one_by_one",
    ),
    Guard(
        name="absent: only after the records' lag",
        broken_by="an early answer counts",
        file="digests/delivery/ladder.py",
        before="counts = found.is_complete and at >= attempt.deadline_at + lag",
        after="counts = found.is_complete",
        test=f"{_DELIVERY}/test_ladder.py"
        "::test_absent_counts_when_the_records_are_complete_twice_after_their_lag",
    ),
    Guard(
        name="absent: only by two answers",
        broken_by="one counts",
        file="digests/delivery/ladder.py",
        before="for each in looks) >= 2:",
        after="for each in looks) >= 1:",
        test=f"{_DELIVERY}/test_ladder.py"
        "::test_absent_counts_when_the_records_are_complete_twice_after_their_lag",
    ),
    Guard(
        name="last look at the reader",
        broken_by="reasons to skip are ignored",
        file="digests/delivery/loading.py",
        before="if reader.skip_reason:",
        after='if reader.skip_reason == "erased":',
        test=f"{_DELIVERY}/test_admin.py::test_arithmetic_page_shows_every_term_and_the_sum",
    ),
    Guard(
        name="deadline of a call",
        broken_by="a worker that slept calls all the same",
        file="digests/delivery/pump.py",
        before="    if seconds <= 0:\n",
        after="    if False:\n",
        test=f"{_DELIVERY}/test_pump.py::test_worker_that_slept_past_its_deadline_does_not_call_any_more",
    ),
    Guard(
        name="arithmetic",
        broken_by="a mailing closes although its account is wrong",
        file="digests/delivery/completion.py",
        before="    if result.problems:\n",
        after="    if False:\n",
        test=f"{_DELIVERY}/test_auditing.py"
        "::test_mailing_whose_account_does_not_add_up_is_not_finished_and_staff_hear_of_it",
    ),
    Guard(
        name="late limit",
        broken_by="a restored mailing starts by itself",
        file="digests/delivery/control.py",
        before="return at - mailing.active_at > timedelta(seconds=mailing.late_limit_seconds)",
        after="return False",
        test=f"{_DELIVERY}/test_control.py"
        "::test_mailing_idle_past_its_late_limit_as_after_a_restore_is_not_sent_by_a_pump",
    ),
    Guard(
        name="event key",
        broken_by="the same report is stored twice",
        file="newsroom/mail/events.py",
        before="        event_id=_event_id(provider, event, token, recipient),",
        after="        event_id=hashlib.sha256(str(id(event)).encode() + str(at).encode()).hexdigest(),",
        test="tests/newsroom/mail/test_webhooks.py::test_the_same_report_again_is_stored_once",
    ),
    Guard(
        name="event applied once",
        broken_by="applied events are applied again",
        file="digests/delivery/events.py",
        before='ProviderEvent.objects.filter(applied_at__isnull=True).order_by("pk")',
        after='ProviderEvent.objects.order_by("pk")',
        test=f"{_DELIVERY}/test_events.py::test_events_are_applied_once_and_in_parts",
    ),
    Guard(
        name="what was approved is what goes",
        broken_by="the hand-over does not compare versions",
        file="digests/workflow/handing_over.py",
        before="if locked.version != digest.version:",
        after="if False:",
        test="tests/digests/test_handing_over.py::test_an_edit_that_the_hand_over_did_not_see_stops_it",
    ),
)
