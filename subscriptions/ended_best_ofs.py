"""When a weekly best-of has ended: whoever had chosen it is told once, by letter, and chooses herself.

Nobody is turned to each digest: that is six mails for one, and she agreed to one. Nor does it just stay away.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from subscriptions import correspondence, suppression
from subscriptions.models import Newsletter, Subscription, SubscriptionQuerySet
from subscriptions.states import Cadence

# A plan that was switched off by mistake is on again by then, and nobody has been written to.
AFTER: Final = timedelta(hours=1)
# At a time, that is each minute: confirmations wait in the same queue, and somebody waits for those.
MOST: Final = 200


def tell_readers(*, at: datetime) -> int:
    """Write to those who have not been told yet; how many letters that made. Safe to run twice, and at once."""
    told = 0
    ended = Newsletter.objects.active().filter(has_weekly=False, weekly_ended_at__lte=at - AFTER)
    for newsletter in ended.select_related("sender"):
        rows = list(_untold(newsletter).select_related("subscriber").order_by("pk")[: MOST - told])
        hashes = {row.subscriber.address_hash for row in rows}
        stopped = suppression.among(hashes, newsletter=newsletter)
        for row in rows:
            row.newsletter = newsletter
            told += _tell(row, may_write=row.subscriber.address_hash not in stopped, at=at)
    return told


def _untold(newsletter: Newsletter) -> SubscriptionQuerySet:
    """Whoever waits for its best-of, and does not know since it ended last."""
    waiting = Subscription.objects.active().filter(newsletter=newsletter, cadence=Cadence.WEEKLY)
    return waiting.filter(
        Q(end_told_at__isnull=True) | Q(end_told_at__lt=newsletter.weekly_ended_at),
        subscriber__address__isnull=False,
    )


def _tell(row: Subscription, *, may_write: bool, at: datetime) -> bool:
    """One reader's letter; it is hers to write for whoever notes it first."""
    with transaction.atomic():
        mine = Subscription.objects.active().filter(
            pk=row.pk, cadence=Cadence.WEEKLY, end_told_at=row.end_told_at
        )
        if mine.update(end_told_at=at) != 1 or not may_write:
            return False
        correspondence.say_best_of_ended(row, at=at)
    return True
