"""Unanswered calls: journal, the same call again, the provider's records; nobody is called for twice without proof."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest

from digests.delivery import pump, steps, sweeping
from digests.delivery.models import Attempt, Mailing
from digests.delivery.states import AttemptState
from newsroom.mail.models import Incident
from newsroom.mail.providers.base import Found, HandOver
from newsroom.mail.verdicts import Verdict
from newsroom.mail.wire import Copy
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind
from tests.digests.delivery import scripted
from tests.digests.delivery.asserts import assert_account_holds, assert_no_lie, states
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import Gone, ScriptedProvider

pytestmark = pytest.mark.django_db(transaction=True)
READERS = 20


class Recorded(ScriptedProvider):
    """A provider whose records can be searched."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = dataclasses.replace(self.capabilities, can_search=True, search_lag_seconds=1800)
        self.answers_completely = True
        self.hides: set[int] = set()

    def search(self, *, attempt_id: UUID, since: dt.datetime, until: dt.datetime, seconds: float) -> Found:
        shown = [pk for pk in self.taken if pk not in self.hides]
        return Found(
            tokens=frozenset(tokens.make_many(TokenKind.DELIVERY, shown)), is_complete=self.answers_completely
        )


def replayed(provider: ScriptedProvider, copies: Sequence[Copy]) -> HandOver:
    """The key is known: the first answer again, and nothing is sent."""
    return HandOver(outcomes=scripted.alike(copies, Verdict.ACCEPTED), http_status=200)


def wait(clock: Clock, *minutes: float) -> None:
    for each in minutes:
        clock.pass_by(minutes=each)
        sweeping.sweep(at=clock())


def sent_without_answer(clock: Clock) -> Mailing:
    mailing = make_sending(readers=READERS)
    pump.run(seconds=10, at_clock=clock)
    return mailing


def test_a_worker_that_dies_with_the_answer_in_hand_leaves_the_proof_behind(
    provider: ScriptedProvider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        if name == steps.HANDED_OVER:
            raise Gone

    mailing = make_sending(readers=READERS)
    with monkeypatch.context() as patched:
        patched.setattr(steps, "reached", die)
        with pytest.raises(Gone):
            pump.run(seconds=10, at_clock=clock)
    wait(clock, 2, 1)

    assert states(mailing) == {"accepted": READERS}
    assert len(provider.calls) == 1
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.verdict_by) == (AttemptState.DONE, "journal")
    assert attempt.evidence["looks"][0]["accepted"] == READERS
    assert_account_holds(mailing)


@pytest.mark.parametrize("hours", [1, 0])
def test_the_same_call_again_only_while_its_key_is_known(
    hours: int, provider: ScriptedProvider, clock: Clock
) -> None:
    provider.capabilities = dataclasses.replace(provider.capabilities, replay_seconds=hours * 3600 or 100)
    provider.script.append(scripted.accept_without_answer)
    provider.always = replayed
    mailing = sent_without_answer(clock)
    wait(clock, 3, 70)

    calls = [(attempt, numbers) for attempt, numbers, _seconds in provider.calls]
    assert calls == [calls[0]] * (2 if hours else 1)
    assert states(mailing) == {"accepted" if hours else "held": READERS}
    assert_no_lie(mailing, provider)


def test_a_replay_is_left_when_a_reader_has_gone_meanwhile(provider: ScriptedProvider, clock: Clock) -> None:
    provider.capabilities = dataclasses.replace(provider.capabilities, replay_seconds=86_400)
    provider.script.append(scripted.no_answer)
    mailing = sent_without_answer(clock)
    mailing.newsletter.subscriptions.filter(pk=mailing.deliveries.first().subscription_id).update(  # type: ignore[union-attr]  # there are twenty
        state="unsubscribed"
    )
    wait(clock, 3, 70)

    assert len(provider.calls) == 1
    assert states(mailing) == {"held": READERS}


def test_other_content_under_the_same_key_is_held_loudly(provider: ScriptedProvider, clock: Clock) -> None:
    provider.capabilities = dataclasses.replace(provider.capabilities, replay_seconds=86_400)
    provider.script.append(scripted.no_answer)
    provider.always = lambda _provider, copies: HandOver(
        outcomes=scripted.alike(copies, Verdict.UNKNOWN), http_status=409, is_conflict=True
    )
    mailing = sent_without_answer(clock)
    wait(clock, 3)

    assert states(mailing) == {"held": READERS}
    assert Incident.objects.filter(key__startswith="delivery.conflict.").exists()


def test_the_providers_records_prove_readers_one_by_one(
    install: Callable[[ScriptedProvider], ScriptedProvider], clock: Clock
) -> None:
    provider = Recorded()
    install(provider)
    provider.script.append(scripted.accept_without_answer)
    mailing = make_sending(readers=READERS)
    first = mailing.deliveries.order_by("pk").values_list("pk", flat=True)[0]
    provider.hides = {first}
    pump.run(seconds=10, at_clock=clock)
    provider.answers_completely = False
    wait(clock, 3, 5, 10, 60, 60)

    assert states(mailing) == {"accepted": READERS - 1, "held": 1}
    assert len(provider.calls) == 1
    assert_no_lie(mailing, provider)


def test_absent_counts_when_the_records_are_complete_twice_after_their_lag(
    install: Callable[[ScriptedProvider], ScriptedProvider], clock: Clock
) -> None:
    provider = Recorded()
    install(provider)
    provider.script.append(scripted.no_answer)
    mailing = sent_without_answer(clock)
    wait(clock, 3, 5, 10, 16)
    pump.run(seconds=10, at_clock=clock)
    assert states(mailing) == {"waiting": READERS}
    assert len(provider.calls) == 1

    wait(clock, 6)
    pump.run(seconds=10, at_clock=clock)

    assert states(mailing) == {"accepted": READERS}
    assert set(provider.taken.values()) == {1}
    assert Attempt.objects.filter(state=AttemptState.NOT_SENT, verdict_by="search").count() == 1
    assert_account_holds(mailing)
