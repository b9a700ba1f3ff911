"""What a person decides about held copies. Each act says who, when and why, in the admin's history.

A batch is held when its call had no answer and nothing proves what became of it, or when it was tried too often.
"""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from digests.delivery import history, ledger, queue, recipients, settling
from digests.delivery.errors import MailingInWrongState, NotHeld
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.states import AttemptState, BatchState, DeliveryState, MailingState
from newsroom.mail import incidents


def mark_accepted(batch: Batch, *, by: AbstractBaseUser, because: str, at: datetime) -> int:
    """The provider did take them, as somebody knows from elsewhere. How many copies. Raises NotHeld."""
    with transaction.atomic():
        locked, numbers = _held(batch)
        rows = ledger.of_numbers(locked.mailing_id, numbers).filter(state=DeliveryState.HELD)
        rows.update(state=DeliveryState.ACCEPTED, reason="marked accepted by staff")
        locked.accepted += len(numbers)
        locked.held = 0
        _save(locked, by=by, verdict=AttemptState.DONE)
        over = Mailing.objects.filter(pk=locked.mailing_id, finished_at__isnull=False)
        over.update(accepted=F("accepted") + len(numbers), held=F("held") - len(numbers))
        over.filter(state=MailingState.FINISHED_WITH_HELD, held=0).update(state=MailingState.FINISHED)
        said = _("%(count)d held copies marked as accepted: %(because)s")
        history.note(locked, said=said % {"count": len(numbers), "because": because}, by=by, at=at)
    _resolve(locked.mailing_id, at=at)
    return len(numbers)


def send_again(batch: Batch, *, by: AbstractBaseUser, because: str, at: datetime) -> Batch:
    """Hand them over once more, at the risk that some readers get them twice; the new batch.

    A finished mailing is opened again for it. Raises NotHeld, also while its readers are being counted for a correction,
    of which these would else learn nothing, or MailingInWrongState if it was ended.
    """
    with transaction.atomic():
        locked, numbers = _held(batch)
        if locked.mailing_id in recipients.being_counted():
            raise NotHeld(f"The readers of mailing {locked.mailing_id} are being counted.")
        if locked.mailing.state == MailingState.ENDED:
            raise MailingInWrongState(
                mailing_id=locked.mailing_id,
                state=locked.mailing.state,
                wanted=[MailingState.SENDING, MailingState.FINISHED_WITH_HELD],
            )
        rows = ledger.of_numbers(locked.mailing_id, numbers).filter(state=DeliveryState.HELD)
        rows.update(state=DeliveryState.WAITING, reason="")
        again = ledger.new_batch(
            numbers, mailing_id=locked.mailing_id, provider=locked.provider, not_before=at, parent=locked
        )
        locked.held = 0
        locked.size -= len(numbers)
        _save(locked, by=by, verdict=AttemptState.HELD)
        again.save()
        Mailing.objects.filter(pk=locked.mailing_id, state=MailingState.FINISHED_WITH_HELD).update(
            state=MailingState.SENDING, finished_at=None, active_at=at
        )
        said = _("%(count)d held copies sent again: %(because)s")
        history.note(locked, said=said % {"count": len(numbers), "because": because}, by=by, at=at)
        queue.wake_pump()
    _resolve(locked.mailing_id, at=at)
    return again


def leave(batch: Batch, *, by: AbstractBaseUser, because: str, at: datetime) -> int:
    """Leave them held for good: looked at, and neither marked nor sent. How many copies. Raises NotHeld.

    The incident is over when each held batch of the mailing was decided about.
    """
    with transaction.atomic():
        locked, numbers = _held(batch)
        said = _("%(count)d held copies left as they are: %(because)s")
        history.note(locked, said=said % {"count": len(numbers), "because": because}, by=by, at=at)
        is_over = all_decided(locked.mailing_id)
    if is_over:
        incidents.resolve(f"delivery.held.{locked.mailing_id}", at=at)
    return len(numbers)


def all_decided(mailing_id: int) -> bool:
    """Whether somebody decided about each held batch of a mailing, if only to leave it. Queries: 2."""
    held = Batch.objects.filter(mailing=mailing_id, state=BatchState.HELD)
    return set(held.values_list("pk", flat=True)) <= history.noted_batches(mailing_id)


def _held(batch: Batch) -> tuple[Batch, list[int]]:
    """The batch, locked, and the numbers of its held copies."""
    locked = Batch.objects.select_related("mailing").select_for_update(of=("self",)).get(pk=batch.pk)
    if Mailing.objects.filter(pk=locked.mailing_id, account__isnull=False).exists():
        raise NotHeld(f"The copies of mailing {locked.mailing_id} are being forgotten.")
    rows = ledger.of_batch(locked).filter(state=DeliveryState.HELD).order_by("pk")
    numbers = [ledger.number_of(pk) for pk in rows.values_list("pk", flat=True)]
    if locked.state != BatchState.HELD or not numbers:
        raise NotHeld(f"Batch {batch.pk} holds no copies.")
    return locked, numbers


def _save(batch: Batch, *, by: AbstractBaseUser, verdict: AttemptState) -> None:
    batch.state = settling.state_of(batch)
    batch.save(update_fields=["accepted", "held", "size", "state"])
    held = Attempt.objects.filter(batch=batch, state=AttemptState.HELD)
    held.update(state=verdict, verdict_by=f"staff {by.pk}")


def _resolve(mailing_id: int, *, at: datetime) -> None:
    if not Batch.objects.filter(mailing=mailing_id, state=BatchState.HELD).exists():
        for key in ("held", "stuck"):
            incidents.resolve(f"delivery.{key}.{mailing_id}", at=at)
