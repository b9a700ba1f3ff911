"""Start, stop, continue, end: each is one compare-and-set on the mailing, effective at the next claim.

Stop is pause, and can be taken back. End cancels what still waits, and cannot. Calls already begun are never
recalled; their outcomes are still written down.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from digests.delivery import canary, history, ledger, queue
from digests.delivery.errors import MailingInWrongState
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import BatchState, DeliveryState, MailingState
from newsroom.mail import incidents
from newsroom.mail.states import Severity

# Cancelled in one go; the sweep goes on with the rest.
_CANCEL_BATCHES = 400
_STOPS_BY_ITSELF = ("late", "canary", "spam")
STOPPING = ("change_digest", "approve_digest", "send_digest")
"""Permissions of `digests`, each of which lets its holder stop a mailing: the safe act. To go on and to end take the last."""


def is_late(mailing: Mailing, at: datetime) -> bool:
    """Idle longer than its late limit: nobody expects this mail any more, so a person has to say so."""
    return at - mailing.active_at > timedelta(seconds=mailing.late_limit_seconds)


def start(mailing: Mailing, *, at: datetime) -> Mailing:
    """Let a frozen mailing go out; one that is late is stopped instead. Safe to repeat.

    Raises MailingInWrongState unless it is ready or already being sent.
    """
    if mailing.state == MailingState.READY and is_late(mailing, at):
        return pause_late(mailing, at=at)
    changed = _change(
        mailing,
        wanted=[MailingState.READY],
        state=MailingState.SENDING,
        started_at=at,
        active_at=at,
        paused_because="",
    )
    if not changed and mailing.state != MailingState.SENDING:
        raise _wrong(mailing, MailingState.READY)
    queue.wake_pump()
    return mailing


def pause(mailing: Mailing, *, because: str, at: datetime, by: AbstractBaseUser | None = None) -> Mailing:
    """Stop it: nothing more is claimed, what is being handed over is brought to its end. Safe to repeat.

    Raises MailingInWrongState if it is over.
    """
    wanted = [MailingState.FREEZING, MailingState.READY, MailingState.SENDING]
    if _change(mailing, wanted=wanted, state=MailingState.PAUSED, paused_because=because[:300]):
        history.note(mailing, said=_("Stopped: %(because)s") % {"because": because}, by=by, at=at)
    elif mailing.state != MailingState.PAUSED:
        raise _wrong(mailing, *wanted)
    return mailing


def pause_late(mailing: Mailing, *, at: datetime) -> Mailing:
    """Stop a mailing that was idle past its late limit, and tell staff."""
    because = _("Idle for longer than its late limit")
    if _change(
        mailing,
        wanted=[MailingState.FREEZING, MailingState.READY, MailingState.SENDING],
        state=MailingState.PAUSED,
        paused_because=because,
    ):
        incidents.report(
            f"delivery.late.{mailing.pk}",
            title=_("A mailing waits for a person: %(title)s") % {"title": mailing.title[:120]},
            text=_(
                "It was idle for longer than its late limit. Continue it if readers still want it, else end it."
            ),
            severity=Severity.ERROR,
            facts={"mailing": mailing.pk, "active_at": mailing.active_at.isoformat()},
            newsletter_id=mailing.newsletter_id,
            at=at,
        )
    return mailing


def resume(mailing: Mailing, *, at: datetime, by: AbstractBaseUser | None) -> Mailing:
    """Go on where it stopped, in the knowledge of why it stopped: a failed first batch no longer holds the rest.

    Raises MailingInWrongState unless it is stopped or already going on.
    """
    is_frozen = mailing.frozen_at is not None
    state = MailingState.SENDING if is_frozen else MailingState.FREEZING
    with transaction.atomic():
        if not _change(mailing, wanted=[MailingState.PAUSED], state=state, active_at=at, paused_because=""):
            if mailing.state in (MailingState.SENDING, MailingState.FREEZING):
                return mailing
            raise _wrong(mailing, MailingState.PAUSED)
        Mailing.objects.filter(pk=mailing.pk, frozen_at__isnull=False, started_at__isnull=True).update(
            started_at=at
        )
        canary.let_pass(mailing.pk, at=at)
        history.note(mailing, said=_("Continued"), by=by, at=at)
    _resolve_stops(mailing, at=at)
    if is_frozen:
        queue.wake_pump()
    else:
        queue.wake_freeze(mailing.pk)
    mailing.refresh_from_db()
    return mailing


def end(mailing: Mailing, *, at: datetime, by: AbstractBaseUser | None = None, because: str = "") -> Mailing:
    """Cancel what waits, for good. Copies being handed over keep their outcome. Safe to repeat.

    Large mailings are cancelled in part here, and to the end by the sweep.
    """
    wanted = [MailingState.FREEZING, MailingState.READY, MailingState.SENDING, MailingState.PAUSED]
    with transaction.atomic():
        if _change(mailing, wanted=wanted, state=MailingState.ENDED):
            if mailing.frozen_at is None and mailing.frozen:
                # Ended while it was being frozen: what the ledger has so far becomes one batch, to be cancelled.
                ledger.new_batch(
                    range(mailing.frozen), mailing_id=mailing.pk, provider=mailing.provider, not_before=at
                ).save()
            said = _("Ended early: %(because)s") % {"because": because} if because else _("Ended early")
            history.note(mailing, said=said, by=by, at=at)
        elif mailing.state != MailingState.ENDED:
            raise _wrong(mailing, *wanted)
    cancel_waiting(mailing, at=at)
    _resolve_stops(mailing, at=at)
    queue.wake_sweep()
    return mailing


def cancel_waiting(mailing: Mailing, *, at: datetime, limit: int = _CANCEL_BATCHES) -> int:
    """Cancel up to `limit` ready batches of an ended mailing, each in its own transaction."""
    ready = Batch.objects.filter(mailing=mailing, state=BatchState.READY).order_by("pk")[:limit]
    return sum(_cancel(batch) for batch in ready)


def _cancel(batch: Batch) -> bool:
    with transaction.atomic():
        mine = Batch.objects.filter(pk=batch.pk, state=BatchState.READY, fence=batch.fence)
        if not mine.update(state=BatchState.CANCELLED):
            return False
        waiting = ledger.of_batch(batch).filter(state=DeliveryState.WAITING)
        cancelled = waiting.update(state=DeliveryState.CANCELLED, reason="ended")
        Batch.objects.filter(pk=batch.pk).update(cancelled=batch.cancelled + cancelled)
    return True


def _resolve_stops(mailing: Mailing, *, at: datetime) -> None:
    """A person decided: what told of its stopping by itself is done with."""
    for cause in _STOPS_BY_ITSELF:
        incidents.resolve(f"delivery.{cause}.{mailing.pk}", at=at)


def _change(mailing: Mailing, *, wanted: list[MailingState], **values: Any) -> bool:
    """Compare-and-set; the row at hand shows afterwards what the database has."""
    changed = Mailing.objects.filter(pk=mailing.pk, state__in=wanted).update(**values)
    mailing.refresh_from_db()
    return bool(changed)


def _wrong(mailing: Mailing, *wanted: MailingState) -> MailingInWrongState:
    return MailingInWrongState(mailing_id=mailing.pk, state=mailing.state, wanted=wanted)
