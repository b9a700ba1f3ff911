"""Writes down what became of a call: attempt, batch and every copy in one transaction, once.

Settling is keyed by the attempt. It is accepted while the attempt is calling or unknown, from a worker that was
away too long as well; a second time it changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, CharField, Value, When

from digests.delivery import canary, ledger, quotas, reconciling, steps
from digests.delivery.errors import FenceBroken
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.remedies import Decision, Remedy
from digests.delivery.runs import halves, runs
from digests.delivery.states import AttemptState, BatchState, DeliveryState, MailingState
from newsroom.mail.providers.base import HandOver
from newsroom.web.masking import mask_text

_OPEN_ATTEMPT = (AttemptState.CALLING, AttemptState.UNKNOWN)
_OPEN_BATCH = (BatchState.CALLING, BatchState.UNKNOWN)
# A mailing's last sign of life is written at most this often, so that its row does not become a hot one.
_SIGN_OF_LIFE = timedelta(seconds=20)


def settle(
    attempt: Attempt, decision: Decision, answer: HandOver, *, at: datetime, by: str = "answer"
) -> bool:
    """Commit the outcome of a call. False if it was settled before, or is nobody's to settle any more.

    by: what the decision rests on.
    Queries: constant, whatever the size of the batch. Raises FenceBroken if two calls for one batch met.
    """
    with transaction.atomic():
        batch = (
            Batch.objects.select_related("mailing").select_for_update(of=("self",)).get(pk=attempt.batch_id)
        )
        closed = Attempt.objects.filter(pk=attempt.pk, state__in=_OPEN_ATTEMPT).update(
            state=_attempt_state(decision),
            ended_at=at,
            http_status=answer.http_status,
            provider_ref=answer.provider_ref[:250],
            response=mask_text(answer.response)[:2000],
            evidence={"unknown": runs(decision.unknown)} if decision.unknown else {},
            verdict_by=by,
        )
        if closed:
            if batch.fence != attempt.fence or batch.state not in _OPEN_BATCH:
                raise FenceBroken(batch_id=batch.pk, fence=attempt.fence)
            _write(batch, decision, at=at)
            if _attempt_state(decision) is AttemptState.UNKNOWN and batch.state != BatchState.UNKNOWN:
                # Every copy that was unknown is proved by now, or has passed on to a batch of its own.
                Attempt.objects.filter(pk=attempt.pk, state=AttemptState.UNKNOWN).update(
                    state=AttemptState.DONE
                )
            quotas.give_back(attempt, len(decision.not_sent))
            steps.reached(steps.SETTLING)
    if not closed and decision.accepted:
        # Held meanwhile, and now proved: an acceptance counts whenever it is heard of.
        reconciling.promote(batch.mailing_id, decision.accepted, by="late answer", at=at)
    return bool(closed)


def _attempt_state(decision: Decision) -> AttemptState:
    if decision.accepted or decision.rejected:
        return AttemptState.DONE
    return AttemptState.UNKNOWN if decision.unknown else AttemptState.NOT_SENT


def _write(batch: Batch, decision: Decision, *, at: datetime) -> None:
    before = ledger.decided(batch)
    batch.accepted += mark(batch, decision.accepted, DeliveryState.ACCEPTED)
    batch.rejected += mark(batch, list(decision.rejected), DeliveryState.REJECTED, decision.rejected)
    not_sent, unknown = _still_waiting(batch, decision.not_sent, decision.unknown)
    if not_sent and batch.mailing.state == MailingState.ENDED:
        batch.cancelled += mark(batch, not_sent, DeliveryState.CANCELLED, dict.fromkeys(not_sent, "ended"))
        not_sent = []
    elif not_sent and decision.remedy is Remedy.HOLD:
        because = f"not sent after {decision.tries} tries: {decision.because}"[:120]
        batch.held += mark(batch, not_sent, DeliveryState.HELD, dict.fromkeys(not_sent, because))
        not_sent = []
    is_whole = not (decision.accepted or decision.rejected or (not_sent and unknown))
    if is_whole and ledger.decided(batch) == before and (not_sent or unknown):
        children = _keep_or_split(batch, decision, not_sent=not_sent, at=at)
    else:
        children = _pass_on(batch, decision, not_sent=not_sent, unknown=unknown, at=at)
    batch.save(
        update_fields=[
            *ledger.COUNTS, "state", "size", "tries", "not_before", "lease_until", "owner"
        ]
    )  # fmt: skip
    Batch.objects.bulk_create(children)
    Mailing.objects.filter(pk=batch.mailing_id, active_at__lt=at - _SIGN_OF_LIFE).update(active_at=at)
    if canary.is_canary(batch):
        canary.judge(batch.mailing_id, at=at)


def mark(
    batch: Batch, numbers: Sequence[int], state: DeliveryState, reasons: Mapping[int, str] | None = None
) -> int:
    """Bring waiting copies to an end, in one UPDATE. How many were still waiting."""
    if not numbers:
        return 0
    waiting = ledger.of_numbers(batch.mailing_id, sorted(numbers)).filter(state=DeliveryState.WAITING)
    if reasons is None:
        return waiting.update(state=state)
    by_reason: dict[str, list[int]] = {}
    first = ledger.first_id(batch.mailing_id)
    for number in numbers:
        by_reason.setdefault(reasons[number], []).append(first + number)
    if len(by_reason) == 1:
        return waiting.update(state=state, reason=next(iter(by_reason)))
    cases = [When(pk__in=ids, then=Value(text)) for text, ids in by_reason.items()]
    return waiting.update(state=state, reason=Case(*cases, output_field=CharField()))


def _still_waiting(batch: Batch, *lists: list[int]) -> tuple[list[int], ...]:
    """The numbers without those that a provider's event has proved accepted meanwhile."""
    if not any(lists):
        return lists
    wanted = sorted(number for one in lists for number in one)
    waiting = ledger.of_numbers(batch.mailing_id, wanted).filter(state=DeliveryState.WAITING)
    left = {ledger.number_of(pk) for pk in waiting.values_list("pk", flat=True)}
    return tuple([number for number in one if number in left] for one in lists)


def _keep_or_split(batch: Batch, decision: Decision, *, not_sent: list[int], at: datetime) -> list[Batch]:
    """The call decided nobody: the batch stays one, waiting or unknown, unless its halves are to be tried."""
    if decision.remedy is Remedy.SPLIT and not_sent:
        return _pass_on(batch, decision, not_sent=not_sent, unknown=[], at=at)
    batch.owner = ""
    if not_sent:
        batch.state, batch.lease_until = BatchState.READY, None
        batch.tries, batch.not_before = decision.tries, decision.not_before
    else:
        batch.state, batch.lease_until = BatchState.UNKNOWN, _grace_until(at)
    return []


def _pass_on(
    batch: Batch, decision: Decision, *, not_sent: list[int], unknown: list[int], at: datetime
) -> list[Batch]:
    """The batch ends with what it decided; what is left goes to batches of their own."""
    children = []
    for numbers in halves(not_sent) if decision.remedy is Remedy.SPLIT else (not_sent,):
        if numbers:
            children.append(child := _child(batch, numbers, not_before=decision.not_before))
            child.tries = decision.tries
    if unknown:
        children.append(child := _child(batch, unknown, not_before=at))
        child.state, child.lease_until = BatchState.UNKNOWN, _grace_until(at)
    batch.owner, batch.lease_until = "", None
    batch.size -= len(not_sent) + len(unknown)
    batch.state = state_of(batch)
    return children


def _grace_until(at: datetime) -> datetime:
    return at + timedelta(seconds=settings.DELIVERY_UNKNOWN_SECONDS)


def _child(batch: Batch, numbers: Sequence[int], *, not_before: datetime) -> Batch:
    return ledger.new_batch(
        numbers, mailing_id=batch.mailing_id, provider=batch.provider, not_before=not_before, parent=batch
    )


def state_of(batch: Batch) -> BatchState:
    """The last state of a batch that has nothing waiting any more."""
    if not batch.size:
        return BatchState.SPLIT
    if batch.held:
        return BatchState.HELD
    return BatchState.CANCELLED if batch.cancelled == batch.size else BatchState.DONE
