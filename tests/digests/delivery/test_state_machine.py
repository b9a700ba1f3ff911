"""Any sequence of what may happen to mailings: the account holds at every moment, and nobody gets a copy twice."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from digests.delivery import (
    claiming,
    control,
    events,
    freezing,
    held,
    ledger,
    pump,
    settling,
    steps,
    sweeping,
)
from digests.delivery.errors import MailingInWrongState
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.delivery.remedies import decide
from digests.delivery.states import BatchState, DeliveryState, MailingState
from newsroom.mail import providers
from newsroom.mail.providers.base import Found, HandOver
from newsroom.mail.verdicts import Outcome, Verdict
from newsroom.mail.wire import CompiledMail, Copy
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from subscriptions.models import Subscription
from subscriptions.states import SubscriptionState
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie
from tests.digests.delivery.factories import Clock, make_mailing
from tests.digests.delivery.scripted import Gone, ScriptedProvider
from tests.digests.delivery.test_events import report

ANSWERS = {
    "accept": scripted.accept,
    "accept without answer": scripted.accept_without_answer,
    "no answer": scripted.no_answer,
    "no connection": scripted.no_connection,
    "throttle": scripted.throttle,
    "refuse key": scripted.refuse_key,
    "refuse the third": scripted.refuse_these(2, 9),
    "mixed": scripted.by_number(
        {1: Verdict.REJECTED, 3: Verdict.NOT_SENT, 5: Verdict.UNKNOWN, 8: Verdict.NOT_SENT}
    ),
    "die before": scripted.die_before_taking,
    "die after": scripted.die_after_taking,
}


class Remembering(ScriptedProvider):
    """Knows a call again for an hour, shows its records late or in part, and notes each copy it was called for twice.

    `allowed` are the copies that a person had sent again.
    """

    def __init__(self, *, replay_seconds: int, can_search: bool) -> None:
        super().__init__(batch_size=7)
        self.capabilities = replace(
            self.capabilities,
            replay_seconds=replay_seconds,
            can_search=can_search,
            search_lag_seconds=SEARCH_LAG if can_search else 0,
        )
        self.clock = Clock()
        self.known: dict[UUID, tuple[datetime, dict[int, str]]] = {}  # when taken, and what was in it
        self.taken_at: dict[int, tuple[UUID, datetime]] = {}
        self.allowed: set[int] = set()
        self.complaints: list[str] = []
        self.is_complete, self.shows = True, True

    def hand_over(
        self, mail: CompiledMail, copies: Sequence[Copy], *, attempt_id: UUID, seconds: float
    ) -> HandOver:
        self.look_at(attempt_id, copies)
        at, payload = self.known.get(attempt_id, (None, {}))
        replay_seconds = timedelta(seconds=self.capabilities.replay_seconds)
        if at is not None and self.clock() < at + replay_seconds:
            if payload != {copy.seq: copy.address for copy in copies}:
                return HandOver(
                    outcomes=scripted.alike(copies, Verdict.UNKNOWN), http_status=409, is_conflict=True
                )
            return HandOver(outcomes=scripted.alike(copies, Verdict.ACCEPTED), http_status=200)
        before = self.taken.copy()
        try:
            return super().hand_over(mail, copies, attempt_id=attempt_id, seconds=seconds)
        finally:
            fresh = [pk for pk, times in self.taken.items() if times > before[pk]]
            self.note(attempt_id, fresh)
            if fresh and self.capabilities.replay_seconds:
                self.known[attempt_id] = self.clock(), {copy.seq: copy.address for copy in copies}

    def look_at(self, attempt_id: UUID, copies: Sequence[Copy]) -> None:
        """Nobody may be called for again who was taken, but by the same call while its key is known."""
        for copy in copies:
            pk = tokens.read(TokenKind.DELIVERY, copy.message_token)
            if pk not in self.taken_at or pk in self.allowed:
                continue
            first, at = self.taken_at[pk]
            known_until = at + timedelta(seconds=self.capabilities.replay_seconds)
            if first != attempt_id or self.clock() >= known_until:
                self.complaints.append(f"{pk} was called for again")

    def note(self, attempt_id: UUID, taken: Iterable[int]) -> None:
        self.taken_at.update((pk, (attempt_id, self.clock())) for pk in taken)

    def search(self, *, attempt_id: UUID, since: datetime, until: datetime, seconds: float) -> Found:
        visible = [
            pk
            for pk, (attempt, at) in self.taken_at.items()
            if attempt == attempt_id and self.clock() >= at + timedelta(seconds=SEARCH_LAG)
        ]
        # What is late is not there however complete the answer says it is; a part of an answer says that it is one.
        shown = visible if self.shows else visible[::2]
        return Found(
            tokens=frozenset(tokens.make_many(TokenKind.DELIVERY, shown)),
            is_complete=self.is_complete and self.shows,
        )


SEARCH_LAG = 600
answers = st.lists(st.sampled_from(sorted(ANSWERS)), max_size=4)
crashes = st.one_of(st.none(), st.sampled_from(steps.ALL))
waits = st.sampled_from([1, 11, 61, 100, 301, settings.DELIVERY_UNKNOWN_SECONDS + 1, 7300])


class Engine(RuleBasedStateMachine):
    """One or two mailings, any number of workers that die or sleep, time that passes in leaps."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        self.clock = Clock()
        self.editor = User.objects.create_user("anna", "anna@example.org")
        self.asleep: list[tuple[Attempt, HandOver, list[int]]] = []
        self.mailings: list[Mailing] = []
        self.provider: Remembering

    def teardown(self) -> None:
        try:
            if self.mailings:
                self._bring_to_an_end()
        finally:
            self.stack.close()

    @initialize(
        readers=st.lists(st.integers(0, 26), min_size=1, max_size=2),
        replay_seconds=st.sampled_from([0, 3600]),
        can_search=st.booleans(),
    )
    def begin(self, readers: list[int], replay_seconds: int, can_search: bool) -> None:
        self.provider = Remembering(replay_seconds=replay_seconds, can_search=can_search)
        self.provider.clock = self.clock
        key = (os.getpid(), settings.MAIL_PROVIDERS, "main")
        self.stack.enter_context(patch.dict(providers._made, {key: self.provider}))
        self.mailings = [make_mailing(readers=count) for count in readers]

    def _mailing(self, which: int) -> Mailing:
        return Mailing.objects.get(pk=self.mailings[which % len(self.mailings)].pk)

    @contextlib.contextmanager
    def _dying_at(self, step: str | None) -> Iterator[None]:
        def reached(name: str) -> None:
            if name == step:
                raise Gone

        with patch.object(steps, "reached", reached), contextlib.suppress(Gone):
            yield

    @rule(which=st.integers(0, 1), rows=st.integers(1, 30), crash=crashes)
    def freeze(self, which: int, rows: int, crash: str | None) -> None:
        with self._dying_at(crash):
            freezing.freeze(self._mailing(which).pk, at=self.clock(), page_rows=rows)

    @rule(which=st.integers(0, 1))
    def start(self, which: int) -> None:
        if (mailing := self._mailing(which)).state == MailingState.READY:
            control.start(mailing, at=self.clock())

    @rule(script=answers, crash=crashes)
    def work(self, script: list[str], crash: str | None) -> None:
        self.provider.script.extend(ANSWERS[name] for name in script)
        with self._dying_at(crash):
            pump.run(seconds=10, at_clock=self.clock)
        self.provider.script.clear()

    @rule(verdict=st.sampled_from(list(Verdict)), was_taken=st.booleans())
    def fall_asleep_in_a_call(self, verdict: Verdict, was_taken: bool) -> None:
        """A worker claims, commits its attempt, calls, and is stopped before it can say how it went."""
        batch = claiming.claim(at=self.clock(), owner="asleep")
        if batch is None:
            return
        rows = ledger.of_batch(batch).filter(state=DeliveryState.WAITING).order_by("pk")
        ids = list(rows.values_list("pk", flat=True))
        numbers = [ledger.number_of(pk) for pk in ids]
        attempt = claiming.begin(
            batch, attempt_id=uuid4(), offered=numbers, skipped={}, digest="", at=self.clock()
        )
        assert attempt is not None
        if verdict is Verdict.ACCEPTED or (verdict is Verdict.UNKNOWN and was_taken):
            self.provider.taken.update(ids)
            self.provider.note(attempt.pk, ids)
        outcomes = {n: Outcome(verdict=verdict, reason="asleep") for n in numbers}
        self.asleep.append((attempt, HandOver(outcomes=outcomes), numbers))

    @precondition(lambda self: self.asleep)
    @rule(keep=st.booleans())
    def wake_up_and_settle(self, keep: bool) -> None:
        attempt, answer, numbers = self.asleep[0]
        if not keep:
            self.asleep.pop(0)
        at = self.clock()
        settling.settle(attempt, decide(numbers, answer, tries=0, at=at), answer, at=at)

    @rule(seconds=waits)
    def let_time_pass(self, seconds: int) -> None:
        self.clock.pass_by(seconds=seconds)

    @rule(crash=crashes, script=answers, is_complete=st.booleans(), shows=st.booleans())
    def sweep(self, crash: str | None, script: list[str], is_complete: bool, shows: bool) -> None:
        """A sweep may make a call once more: it is answered in any way; the records answer whole, late or in part."""
        self.provider.is_complete, self.provider.shows = is_complete, shows
        self.provider.script.extend(ANSWERS[name] for name in script)
        with self._dying_at(crash):
            sweeping.sweep(at=self.clock())
        self.provider.script.clear()
        self.provider.is_complete = self.provider.shows = True

    @rule(which=st.integers(0, 1), act=st.sampled_from(["pause", "resume", "end", "resume"]))
    def control_it(self, which: int, act: str) -> None:
        mailing = self._mailing(which)
        with contextlib.suppress(MailingInWrongState):
            if act == "pause":
                control.pause(mailing, because="a person", at=self.clock())
            elif act == "resume":
                control.resume(mailing, at=self.clock(), by=self.editor)
            else:
                control.end(mailing, at=self.clock())

    @rule(choice=st.integers(0, 40))
    def reader_leaves(self, choice: int) -> None:
        active = Subscription.objects.active().order_by("pk")
        ids = list(active.values_list("pk", flat=True)[choice : choice + 1])
        Subscription.objects.filter(pk__in=ids).update(state=SubscriptionState.UNSUBSCRIBED)

    @rule(
        chosen=st.lists(st.integers(0, 50), min_size=1, max_size=6), kind=st.sampled_from(["sent", "opened"])
    )
    def provider_reports(self, chosen: list[int], kind: str) -> None:
        taken = sorted(self.provider.taken)
        for number in chosen:
            if taken:
                report(kind, delivery=taken[number % len(taken)])
        events.apply(at=self.clock(), limit=4)

    @rule()
    def person_decides_by_the_truth(self) -> None:
        """Somebody looks the held copies up at the provider, and nobody is asleep over them."""
        batch = Batch.objects.filter(state=BatchState.HELD).order_by("pk").first()
        if batch is None or self.asleep:
            return
        ids = set(ledger.of_batch(batch).filter(state=DeliveryState.HELD).values_list("pk", flat=True))
        with contextlib.suppress(MailingInWrongState):
            if ids <= set(self.provider.taken):
                held.mark_accepted(batch, by=self.editor, because="in their log", at=self.clock())
            elif not ids & set(self.provider.taken):
                held.send_again(batch, by=self.editor, because="not in their log", at=self.clock())

    @rule(which=st.integers(0, 5), act=st.sampled_from(["accepted", "leave", "again"]))
    def person_decides_without_looking(self, which: int, act: str) -> None:
        """Somebody sends held copies again without knowing, or leaves them; nothing but that may double a copy."""
        batches = list(Batch.objects.filter(state=BatchState.HELD).order_by("pk"))
        if not batches or self.asleep:
            return
        batch = batches[which % len(batches)]
        ids = set(ledger.of_batch(batch).filter(state=DeliveryState.HELD).values_list("pk", flat=True))
        with contextlib.suppress(MailingInWrongState):
            if act == "leave":
                held.leave(batch, by=self.editor, because="who knows", at=self.clock())
            elif act == "again":
                held.send_again(batch, by=self.editor, because="to be sure", at=self.clock())
                self.provider.allowed |= ids
            elif ids <= set(self.provider.taken):
                held.mark_accepted(batch, by=self.editor, because="in their log", at=self.clock())

    @invariant()
    def nobody_is_called_for_twice(self) -> None:
        assert not hasattr(self, "provider") or self.provider.complaints == []

    @invariant()
    def account_holds_and_nobody_lies(self) -> None:
        for mailing in self.mailings:
            assert_account_holds(Mailing.objects.get(pk=mailing.pk))
            assert_no_lie(mailing, self.provider, sent_again=self.provider.allowed)

    def _bring_to_an_end(self) -> None:
        """With the faults over, every mailing ends, and only what was never answered is held."""
        for _ in range(40):
            for mailing in Mailing.objects.filter(state=MailingState.PAUSED):
                control.resume(mailing, at=self.clock(), by=self.editor)
            self.clock.pass_by(seconds=301)
            sweeping.sweep(at=self.clock())
            pump.run(seconds=10, at_clock=self.clock)
            unfinished = Mailing.objects.filter(finished_at__isnull=True)
            if not unfinished.exists():
                break
        assert list(unfinished) == []
        self.account_holds_and_nobody_lies()
        assert not Delivery.objects.filter(state=DeliveryState.WAITING).exists()


def run_examples(count: int) -> None:
    run_state_machine_as_test(
        Engine,
        settings=hypothesis_settings(
            max_examples=count,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_no_sequence_of_events_breaks_the_account() -> None:
    run_examples(8)


@pytest.mark.slow
@pytest.mark.django_db
def test_no_long_search_finds_a_sequence_that_breaks_the_account() -> None:
    run_examples(150)
