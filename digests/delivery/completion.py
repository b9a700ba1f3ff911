"""Finished is proved by arithmetic: every copy has one batch, every batch is over, the counts agree.

It is never concluded from there being nothing left to find.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from digests.delivery import steps
from digests.delivery.auditing import Audit, audit
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import OPEN_BATCHES, MailingState
from newsroom.mail import incidents
from newsroom.mail.states import Severity

__all__ = ["Audit", "audit", "complete", "report"]


def complete(mailing: Mailing, *, at: datetime) -> bool:
    """Write the totals and close the mailing, if the arithmetic allows it. Whether it is closed now.

    An ended mailing stays ended and gets its totals. Queries: 1 while a batch is open; else the audit's, which
    reads the whole ledger once.
    """
    if mailing.state not in (MailingState.SENDING, MailingState.PAUSED, MailingState.ENDED):
        return False
    if mailing.finished_at is not None or (mailing.frozen_at is None and mailing.state != MailingState.ENDED):
        return False
    if Batch.objects.filter(mailing=mailing, state__in=OPEN_BATCHES).exists():
        return False
    result = audit(mailing)
    if result.problems:
        report(mailing, result, at=at)
        return False
    state = MailingState(mailing.state)
    if state != MailingState.ENDED:
        state = MailingState.FINISHED_WITH_HELD if result.counts["held"] else MailingState.FINISHED
    counts = {name: result.counts[name] for name in ("accepted", "rejected", "skipped", "held", "cancelled")}
    same = Mailing.objects.filter(pk=mailing.pk, state=mailing.state, finished_at__isnull=True)
    closed = same.update(state=state, finished_at=at, paused_because="", **counts)
    mailing.refresh_from_db()
    if closed:
        incidents.resolve(_key(mailing), at=at)
        steps.reached(steps.COMPLETED)
    return bool(closed)


def report(mailing: Mailing, result: Audit, *, at: datetime) -> None:
    """Tell staff that an account does not add up, and where."""
    incidents.report(
        _key(mailing),
        title=_("The account of a mailing does not add up: %(title)s") % {"title": mailing.title[:120]},
        text="\n".join(result.problems[:10]),
        severity=Severity.ERROR,
        facts={"mailing": mailing.pk},
        newsletter_id=mailing.newsletter_id,
        at=at,
    )


def _key(mailing: Mailing) -> str:
    return f"delivery.arithmetic.{mailing.pk}"
