"""Takes up what was left behind: leases, calls, unknown batches, freezes, mailings nobody started or closed.

Each act is a compare-and-set, so any number of sweeps may run at once and at any time.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from digests.delivery import (
    canary,
    completion,
    control,
    failing_over,
    freezing,
    holding,
    ladder,
    ledger,
    queue,
)
from digests.delivery.errors import DeliveryError
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.states import AttemptState, BatchState, MailingState
from newsroom.mail import incidents
from newsroom.mail.errors import MailError
from newsroom.mail.states import Severity

logger = logging.getLogger(__name__)

MOST_IDLE_CLAIMS: Final = 5
_AT_A_TIME = 200


def sweep(*, at: datetime) -> int:
    """Everything below, once. How many rows were moved; 0 means that nothing was left behind."""
    moved = return_leases(at=at) + stop_waiting_for_calls(at=at)
    moved += ladder.look(at=at) + hold_unknown(at=at) + failing_over.move(at=at)
    for mailing in _unfinished():
        try:
            advanced = _advance(mailing, at=at)
            moved += advanced
            if advanced:
                incidents.resolve(f"delivery.mailing.{mailing.pk}", at=at)
        except (DeliveryError, MailError) as error:
            logger.exception("A mailing cannot go on.", extra={"mailing": mailing.pk})
            incidents.report(
                f"delivery.mailing.{mailing.pk}",
                title=_("A mailing cannot go on: %(title)s") % {"title": mailing.title[:120]},
                text=str(error),
                severity=Severity.ERROR,
                facts={"mailing": mailing.pk},
                newsletter_id=mailing.newsletter_id,
                at=at,
            )
    return moved


def return_leases(*, at: datetime) -> int:
    """Batches claimed but never called: certainly not sent, so they are ready again; held if that goes on."""
    expired = Batch.objects.filter(state=BatchState.LEASED, lease_until__lt=at)
    stuck = list(expired.filter(idle_claims__gt=MOST_IDLE_CLAIMS)[:_AT_A_TIME])
    held = 0
    for batch in stuck:
        if holding.hold(batch, because=_("claimed again and again without a call"), at=at):
            held += 1
            incidents.report(
                f"delivery.stuck.{batch.mailing_id}",
                title=_("Copies of a mailing cannot be prepared"),
                text=_("Batch %(batch)d was claimed %(count)d times, and no call came of it. It is held.")
                % {"batch": batch.pk, "count": batch.idle_claims},
                severity=Severity.ERROR,
                facts={
                    "mailing": batch.mailing_id,
                    "batch": batch.pk,
                    "page": ["admin:delivery_mailing_held", batch.mailing_id],
                },
                newsletter_id=batch.mailing.newsletter_id,
                at=at,
            )
    freed = expired.filter(idle_claims__lte=MOST_IDLE_CLAIMS).update(
        state=BatchState.READY, owner="", lease_until=None
    )
    return held + freed


def stop_waiting_for_calls(*, at: datetime) -> int:
    """Calls past their deadline: nobody knows, so batch and attempt are unknown, and proof is waited for."""
    late = Attempt.objects.filter(state=AttemptState.CALLING, deadline_at__lt=at)
    count = 0
    for attempt in late.order_by("deadline_at")[:_AT_A_TIME]:
        with transaction.atomic():
            mine = Batch.objects.filter(pk=attempt.batch_id, state=BatchState.CALLING, fence=attempt.fence)
            if mine.update(
                state=BatchState.UNKNOWN,
                owner="",
                lease_until=at + timedelta(seconds=settings.DELIVERY_UNKNOWN_SECONDS),
            ):
                Attempt.objects.filter(pk=attempt.pk, state=AttemptState.CALLING).update(
                    state=AttemptState.UNKNOWN, verdict_by="deadline"
                )
                count += 1
            else:
                count += _part_from_batch(attempt, at=at)
    return count


def _part_from_batch(attempt: Attempt, *, at: datetime) -> int:
    """An open call whose batch somebody else holds: must never be, so it is closed loudly."""
    orphan = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.CALLING)
    parted = orphan.update(state=AttemptState.HELD, ended_at=at, verdict_by="lost its batch")
    if parted:
        incidents.report(
            f"delivery.fence.{attempt.batch_id}",
            title=_("Two calls for one batch met"),
            text=_(
                "Batch %(batch)d: some readers may have got the mail twice. Compare with the provider's records."
            )
            % {"batch": attempt.batch_id},
            severity=Severity.ERROR,
            facts={"batch": attempt.batch_id, "attempt": str(attempt.pk), "fence": attempt.fence},
            newsletter_id=attempt.batch.mailing.newsletter_id,
            at=at,
        )
    return parted


def hold_unknown(*, at: datetime) -> int:
    """Unknown for longer than proof takes: a person decides."""
    stale = Batch.objects.filter(state=BatchState.UNKNOWN, lease_until__lt=at).select_related("mailing")
    held = [
        batch
        for batch in stale.order_by("pk")[:_AT_A_TIME]
        if holding.hold(batch, because=_("no answer, and no proof since"), at=at)
    ]
    for mailing_id, newsletter_id in {(batch.mailing_id, batch.mailing.newsletter_id) for batch in held}:
        incidents.report(
            f"delivery.held.{mailing_id}",
            title=_("Copies of a mailing are held"),
            text=_(
                "A call had no answer, and nothing proves that the mail was taken. Somebody has to decide."
            ),
            severity=Severity.WARNING,
            facts={"mailing": mailing_id, "page": ["admin:delivery_mailing_held", mailing_id]},
            newsletter_id=newsletter_id,
            at=at,
        )
    return len(held)


def _unfinished() -> list[Mailing]:
    open_states = [MailingState.FREEZING, MailingState.READY, MailingState.SENDING, MailingState.PAUSED]
    unfinished = Q(state__in=open_states) | Q(state=MailingState.ENDED, finished_at__isnull=True)
    return list(Mailing.objects.filter(unfinished).order_by("pk"))


def _advance(mailing: Mailing, *, at: datetime) -> int:
    """The next step of one mailing, if nobody is taking it."""
    match mailing.state:
        case MailingState.FREEZING:
            left_behind = timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
            if at - mailing.active_at <= left_behind:
                return 0
            state = freezing.freeze(mailing.pk, at=at).state
            return state != MailingState.FREEZING
        case MailingState.READY:
            return control.start(mailing, at=at).state != MailingState.READY
        case MailingState.SENDING:
            return _advance_sending(mailing, at=at)
        case MailingState.ENDED:
            cancelled = control.cancel_waiting(mailing, at=at)
            return cancelled + completion.complete(mailing, at=at)
    return completion.complete(mailing, at=at)


def _advance_sending(mailing: Mailing, *, at: datetime) -> int:
    ready = Batch.objects.filter(mailing=mailing, state=BatchState.READY)
    if control.is_late(mailing, at) and ready.exists():
        control.pause_late(mailing, at=at)
        return 1
    if ready.filter(not_before=ledger.GATED).exists():
        canary.judge(mailing.pk, at=at)
    if ready.filter(not_before__lte=at).exists():
        queue.wake_pump()
    return completion.complete(mailing, at=at)
