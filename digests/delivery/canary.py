"""The first readers' batch goes alone: what is wrong with the whole costs fifty copies, not a million.

The other batches are cut with a time that never comes (`ledger.GATED`). They are let pass when one of the first
copies was accepted, or when the first batch ended without a refusal; a mailing whose first copies were all
refused stops and calls a person.
"""

from datetime import datetime
from typing import Final

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from digests.delivery import ledger
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import BatchState, MailingState
from newsroom.mail import incidents
from newsroom.mail.states import Severity

SIZE: Final = 50
_IN_HAND = (BatchState.READY, BatchState.LEASED, BatchState.CALLING)


def is_canary(batch: Batch) -> bool:
    """Whether the batch is the first readers', or a part of it."""
    return batch.lo < SIZE and batch.not_before < ledger.GATED


def judge(mailing_id: int, *, at: datetime) -> None:
    """Let the rest pass, stop the mailing, or wait, by what became of the batches that went so far.

    Queries: 1 while there is nothing to decide, else 2. Called in the transaction that settles a first batch and
    by the sweep.
    """
    went = Q(not_before__lt=ledger.GATED)
    seen = Batch.objects.filter(mailing=mailing_id).aggregate(
        gated=Count("pk", filter=Q(state=BatchState.READY, not_before=ledger.GATED)),
        in_hand=Count("pk", filter=went & Q(state__in=_IN_HAND)),
        accepted=Sum("accepted", default=0),
        refused=Sum("rejected", default=0) + Sum("held", default=0),
    )
    if not seen["gated"]:
        return
    if seen["accepted"] or not (seen["in_hand"] or seen["refused"]):
        let_pass(mailing_id, at=at)
    elif not seen["in_hand"]:
        _stop(mailing_id, refused=seen["refused"], at=at)


def let_pass(mailing_id: int, *, at: datetime) -> int:
    """Open the gate for the batches behind it."""
    gated = Batch.objects.filter(mailing=mailing_id, state=BatchState.READY, not_before=ledger.GATED)
    return gated.update(not_before=at)


def _stop(mailing_id: int, *, refused: int, at: datetime) -> None:
    sending = Mailing.objects.filter(pk=mailing_id, state=MailingState.SENDING)
    because = _("None of the first %(count)d copies was accepted") % {"count": refused}
    if sending.update(state=MailingState.PAUSED, paused_because=because):
        incidents.report(
            f"delivery.canary.{mailing_id}",
            title=_("A mailing stopped after its first copies"),
            text=_("%(because)s. Look at their reasons before you continue it.") % {"because": because},
            severity=Severity.ERROR,
            facts={"mailing": mailing_id, "refused": refused},
            newsletter_id=Mailing.objects.values_list("newsletter", flat=True).get(pk=mailing_id),
            at=at,
        )
