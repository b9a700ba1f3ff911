"""Forgetting old copies: the ledger's rows go when the newsletter's sender no longer keeps them; their sum stays.

Which mail a reader got is kept for as many months as the privacy notice says. What tells of nobody is closed first:
totals and all that the arithmetic page shows stand on the mailing before its first row goes. Only what is over is
forgotten: a held copy keeps its mailing until somebody decided about it.
"""

import calendar
import time
from datetime import datetime

from django.db import transaction

from digests.delivery import auditing, completion, figures, held, ledger, recipients
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.delivery.states import BatchState, MailingState
from newsroom.mail import retention
from newsroom.mail.models import ProviderEvent
from newsroom.web import keys, tokens
from newsroom.web.tokens import TokenKind
from subscriptions.models import Sender

_OVER = (MailingState.FINISHED, MailingState.FINISHED_WITH_HELD, MailingState.ENDED)


def forget_old(*, at: datetime, rows: int = retention.SLICE, seconds: float = 60.0) -> int:
    """Forget the copies of mailings that were over longer ago than their sender keeps them. How many copies.

    In slices of `rows` copies, each its own commit; ends after `seconds`, and the next run goes on. Safe to run twice,
    and to kill. Queries: 2 when nothing is old; per mailing some 20, and 2 for each slice and key of LINK_KEYS.
    """
    end = time.monotonic() + seconds
    forgotten = 0
    for mailing in _old(at):
        if time.monotonic() >= end:
            break
        if mailing.account is None and not close(mailing, at=at):
            continue
        forgotten += _forget(mailing, rows=rows, end=end, at=at)
    return forgotten


def months_before(at: datetime, months: int) -> datetime:
    """The same time so many months earlier; the last of the month where it had no such day."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, calendar.monthrange(year, month + 1)[1]))


def _old(at: datetime) -> list[Mailing]:
    """What is due, the oldest first. A mailing whose readers a correction is just counting is left alone."""
    over = Mailing.objects.filter(state__in=_OVER, copies_forgotten_at=None)
    found: list[Mailing] = []
    senders = Sender.objects.filter(deliveries_kept_months__isnull=False)
    for sender, months in list(senders.values_list("pk", "deliveries_kept_months")):
        assert months is not None
        found += over.filter(newsletter__sender=sender, finished_at__lte=months_before(at, months))
    if not found:
        return []
    asked = recipients.being_counted()
    return sorted((mailing for mailing in found if mailing.pk not in asked), key=lambda mailing: mailing.pk)


def close(mailing: Mailing, *, at: datetime) -> bool:
    """Recount a mailing a last time and keep its account. False if it does not add up, or copies are undecided.

    From here on no decision about its copies can be taken. An account that does not add up is an incident.
    """
    result = auditing.audit(mailing)
    if result.problems:
        completion.report(mailing, result, at=at)
        return False
    returned = figures.came_back([mailing])
    account = {
        **figures.sums_of(mailing),
        **{kind: returned.get((mailing.pk, kind), 0) for kind in figures.CAME_BACK},
    }
    with transaction.atomic():
        # In the order of every writer: batches before their mailing, so that no decision is taken meanwhile.
        undecided = Batch.objects.select_for_update().filter(mailing=mailing, state=BatchState.HELD)
        if list(undecided.order_by("pk")) and not held.all_decided(mailing.pk):
            return False
        same = {name: result.counts[name] for name in ledger.COUNTS}
        kept = Mailing.objects.filter(pk=mailing.pk, state=mailing.state, account__isnull=True, **same)
        if not kept.update(account=account):
            return False
    mailing.account = account
    return True


def _forget(mailing: Mailing, *, rows: int, end: float, at: datetime) -> int:
    """Delete what is left of a closed mailing, copies first: they name readers."""
    gone = 0
    first = ledger.of_mailing(mailing.pk).order_by("pk").values_list("pk", flat=True).first()
    if first is not None:
        behind = ledger.first_id(mailing.pk) + mailing.frozen
        for low in range(first, behind, rows):
            if time.monotonic() >= end:
                return gone
            gone += _forget_range(low, min(low + rows, behind))
    retention.delete_in_slices(Attempt.objects.filter(batch__mailing=mailing), rows=rows)
    retention.delete_in_slices(Batch.objects.filter(mailing=mailing), rows=rows)
    Mailing.objects.filter(pk=mailing.pk).update(copies_forgotten_at=at)
    return gone


def _forget_range(low: int, behind: int) -> int:
    """The copies of a range of ids, and what providers reported of them under any key we hold."""
    names = list(tokens.make_all(TokenKind.DELIVERY, range(low, behind)))
    with transaction.atomic():
        for start in range(0, len(names), behind - low):
            some = names[start : start + behind - low]
            ProviderEvent.objects.filter(token__in=keys.among(some), applied_at__isnull=False).delete()
        return Delivery.objects.filter(pk__gte=low, pk__lt=behind).delete()[0]
