"""Looks for proof of what became of an unanswered call, from the cheapest source to the dearest.

Journal, the same call again where the provider knows it for the same, the provider's own records; events come in by
themselves. Each look is won by a compare-and-set on its time, so no two sweeps look at once, and what was found is
kept with the attempt. Whom nothing proves is held, and a person decides.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from digests.delivery import control, holding, journal, ledger, loading, quotas, reconciling, settling
from digests.delivery.errors import DeliveryError
from digests.delivery.journal import Noted
from digests.delivery.models import Attempt, Batch
from digests.delivery.remedies import Decision
from digests.delivery.states import AttemptState, BatchState, DeliveryState, MailingState
from newsroom.mail import incidents, providers
from newsroom.mail.errors import MailError
from newsroom.mail.providers.base import HandOver, Provider, Searchable
from newsroom.mail.states import Severity
from newsroom.mail.verdicts import Verdict
from newsroom.web import tokens
from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind

# After the deadline of the call; a provider whose records lag is asked once more when they should be there.
LOOKS: Final = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 6 * 60, 24 * 60))
_CONFIRM_AFTER: Final = timedelta(minutes=5)
_SECONDS: Final = 20.0
_AT_A_TIME: Final = 20
_BEFORE: Final = timedelta(minutes=5)


def look(*, at: datetime) -> int:
    """Every look that is due. How many batches a proof moved."""
    due = Batch.objects.filter(state__in=[BatchState.UNKNOWN, BatchState.HELD], not_before__lte=at)
    found = [
        (batch, _attempt_of(batch))
        for batch in due.select_related("mailing__newsletter", "parent").order_by("not_before", "pk")[
            :_AT_A_TIME
        ]
    ]
    noted = journal.read([attempt.pk for _batch, attempt in found if attempt is not None])
    moved = 0
    for batch, attempt in found:
        if attempt is None:
            _plan(batch, ledger.GATED)
        elif _plan(batch, _next_look(attempt, at)):
            moved += _look(batch, attempt, noted.get(attempt.pk, Noted()), at=at)
    return moved


def _attempt_of(batch: Batch) -> Attempt | None:
    """The call that left the batch without an answer; its parent's, if that one got an answer for others only."""
    own = Attempt.objects.filter(
        batch=batch, fence=batch.fence, state__in=[AttemptState.UNKNOWN, AttemptState.HELD]
    )
    if attempt := own.first():
        return attempt
    parent = batch.parent
    if parent is None or Attempt.objects.filter(batch=batch).exists():
        return None
    return Attempt.objects.filter(batch=parent, fence=parent.fence, evidence__has_key="unknown").first()


def _plan(batch: Batch, when: datetime) -> bool:
    """Win this look and plan the next one."""
    mine = Batch.objects.filter(
        pk=batch.pk, state=batch.state, fence=batch.fence, not_before=batch.not_before
    )
    return bool(mine.update(not_before=when))


def _next_look(attempt: Attempt, at: datetime) -> datetime:
    provider = _provider(attempt)
    lag = timedelta(seconds=provider.capabilities.search_lag_seconds) if provider else timedelta()
    offsets = sorted([*LOOKS, *([lag + LOOKS[0]] if lag else [])])
    return next(
        (attempt.deadline_at + each for each in offsets if attempt.deadline_at + each > at), ledger.GATED
    )


def _provider(attempt: Attempt) -> Provider | None:
    try:
        return providers.provider(attempt.provider)
    except MailError:
        return None


def _look(batch: Batch, attempt: Attempt, noted: Noted, *, at: datetime) -> bool:
    if _settle(batch, attempt, noted, at=at):
        return True
    if _accept(batch, attempt, noted.accepted, by="journal", at=at) and not _waiting(batch):
        return True
    if not noted.accepted:
        _note(attempt, {"at": at.isoformat(), "by": "journal", "accepted": 0})
    provider = _provider(attempt)
    if provider is None or at < attempt.deadline_at:
        return False
    may_replay = batch.state == BatchState.UNKNOWN and _may_replay(batch, attempt, provider, at=at)
    if may_replay and _replay(batch, attempt, provider, at=at):
        return True
    return provider.capabilities.can_search and _search(batch, attempt, provider, at=at)


def _settle(batch: Batch, attempt: Attempt, noted: Noted, *, at: datetime) -> bool:
    """Where the journal is whole, only the copy in flight stays unknown: the others were taken, or never offered."""
    offered = {number for low, high in attempt.seqs for number in range(low, high)}
    never = offered - noted.accepted - noted.in_flight
    is_open = batch.state == BatchState.UNKNOWN and attempt.state == AttemptState.UNKNOWN
    if not (noted.is_whole and never and is_open and attempt.batch_id == batch.pk):
        return False
    decision = Decision(
        accepted=sorted(offered & noted.accepted),
        unknown=sorted(offered & noted.in_flight),
        not_sent=sorted(never),
        not_before=at,
        tries=batch.tries,
    )
    is_settled = settling.settle(attempt, decision, HandOver(outcomes={}), at=at, by="journal")
    if is_settled:
        _note(attempt, {"at": at.isoformat(), "by": "journal", "accepted": len(decision.accepted)})
    return is_settled


def _waiting(batch: Batch) -> list[int]:
    rows = ledger.of_batch(batch).filter(state__in=[DeliveryState.WAITING, DeliveryState.HELD])
    return [ledger.number_of(pk) for pk in rows.values_list("pk", flat=True)]


def _accept(batch: Batch, attempt: Attempt, numbers: Collection[int], *, by: str, at: datetime) -> int:
    """Proof of acceptance, for no more than this batch was cut for and the attempt offered."""
    offered = {number for low, high in attempt.seqs for number in range(low, high)}
    proved = offered.intersection(numbers).intersection(ledger.numbers_of(batch))
    if not proved:
        return 0
    _note(attempt, {"at": at.isoformat(), "by": by, "accepted": len(proved)})
    return reconciling.promote(batch.mailing_id, proved, by=by, at=at)


def _note(attempt: Attempt, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Keep what a look found with the attempt; all looks so far."""
    with transaction.atomic():
        row = Attempt.objects.select_for_update().get(pk=attempt.pk)
        looks: list[dict[str, Any]] = [*row.evidence.get("looks", []), entry]
        row.evidence = {**row.evidence, "looks": looks}
        row.save(update_fields=["evidence"])
    return looks


def _may_replay(batch: Batch, attempt: Attempt, provider: Provider, *, at: datetime) -> bool:
    """Only while the key is known for certain, and only for a mailing that may go out: it may be sent now."""
    known_until = attempt.calling_at + timedelta(seconds=provider.capabilities.replay_seconds)
    over_by = at + timedelta(seconds=settings.DELIVERY_CALL_SECONDS + settings.DELIVERY_MARGIN_SECONDS)
    return (
        over_by < known_until
        and batch.fence == attempt.fence
        and attempt.batch_id == batch.pk
        and batch.mailing.state == MailingState.SENDING
        and not control.is_late(batch.mailing, at)
    )


def _replay(batch: Batch, attempt: Attempt, provider: Provider, *, at: datetime) -> bool:
    try:
        loaded = loading.load_again(batch, attempt, loading.Mails(), at=at)
    except (DeliveryError, MailError):
        loaded = None
    if loaded is None or loaded.mail is None:
        _note(attempt, {"at": at.isoformat(), "by": "replay", "what": "no longer the same payload"})
        return False
    answer = provider.hand_over(loaded.mail, loaded.copies, attempt_id=attempt.pk, seconds=_SECONDS)
    # Only a yes proves something: what is refused now may have been taken then.
    taken = [seq for seq, outcome in answer.outcomes.items() if outcome.verdict is Verdict.ACCEPTED]
    if not taken:
        _note(attempt, {"at": at.isoformat(), "by": "replay", "status": answer.http_status, "accepted": 0})
    if answer.is_conflict:
        holding.hold(batch, because=_("the provider knows this call with other content"), at=at)
        incidents.report(
            f"delivery.conflict.{batch.pk}",
            title=_("A provider knows a call with other content"),
            text=_("Batch %(batch)d: the call was made with other content before. It is held.")
            % {"batch": batch.pk},
            severity=Severity.ERROR,
            facts={
                "batch": batch.pk,
                "attempt": str(attempt.pk),
                "page": ["admin:delivery_mailing_held", batch.mailing_id],
            },
            newsletter_id=batch.mailing.newsletter_id,
            at=at,
        )
        return True
    return bool(_accept(batch, attempt, taken, by="replay", at=at)) and not _waiting(batch)


def _search(batch: Batch, attempt: Attempt, provider: Provider, *, at: datetime) -> bool:
    """Ask the provider's own records. Nobody is absent unless two complete answers say so, both after its lag."""
    if not isinstance(provider, Searchable):
        return False
    since = attempt.calling_at - _BEFORE
    found = provider.search(attempt_id=attempt.pk, since=since, until=at, seconds=_SECONDS)
    changed = bool(_accept(batch, attempt, _numbers(batch, found.tokens), by="search", at=at))
    absent = _waiting(batch)
    lag = timedelta(seconds=provider.capabilities.search_lag_seconds)
    if not absent or batch.state != BatchState.UNKNOWN:
        return changed
    counts = found.is_complete and at >= attempt.deadline_at + lag
    looks = _note(
        attempt,
        {
            "at": at.isoformat(),
            "by": "search",
            "absent": len(absent),
            "counts": counts,
            "what": found.what[:100],
        },
    )
    if not counts:
        return changed
    if sum(bool(each.get("counts")) for each in looks) >= 2:
        return _free(batch, attempt, absent, at=at) or changed
    # Not held before the second answer has had its chance.
    Batch.objects.filter(pk=batch.pk, state=BatchState.UNKNOWN, fence=batch.fence).update(
        not_before=at + _CONFIRM_AFTER, lease_until=at + 2 * _CONFIRM_AFTER
    )
    return changed


def _numbers(batch: Batch, found: Collection[str]) -> list[int]:
    numbers = []
    for token in found:
        try:
            delivery_id = tokens.read(TokenKind.DELIVERY, token)
        except BadToken:
            continue
        if ledger.mailing_of(delivery_id) == batch.mailing_id:
            numbers.append(ledger.number_of(delivery_id))
    return numbers


def _free(batch: Batch, attempt: Attempt, absent: list[int], *, at: datetime) -> bool:
    """Proved not to be taken: the batch may go again. False if it moved on meanwhile."""
    with transaction.atomic():
        mine = Batch.objects.select_for_update().filter(
            pk=batch.pk, state=BatchState.UNKNOWN, fence=batch.fence
        )
        if mine.first() is None or not set(_waiting(batch)) <= set(absent):
            return False
        mine.update(state=BatchState.READY, not_before=at, lease_until=None, owner="")
        Attempt.objects.filter(pk=attempt.pk, batch=batch, state=AttemptState.UNKNOWN).update(
            state=AttemptState.NOT_SENT, ended_at=at, verdict_by="search"
        )
        quotas.give_back(attempt, len(absent))
    return True
