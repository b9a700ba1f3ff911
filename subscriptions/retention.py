"""How long a reader's traces are kept that are of no more use: links, wishes, addresses she has left.

What proves an agreement stays (GDPR art. 7(1)); what only helped to reach it goes. In slices, each its own commit.
"""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from newsroom.mail import retention as mail
from subscriptions import privacy
from subscriptions.correspondence import UNDO_ADDRESS_WITHIN
from subscriptions.models import (
    AddressChange,
    Confirmation,
    LinkRequest,
    SoftBounces,
    Subscriber,
    Subscription,
)
from subscriptions.states import SubscriptionState

# A worker answers within seconds; what waits longer was lost with a fault.
_LINKS_WAIT = timedelta(days=1)
_BOUNCES_COUNT = timedelta(days=90)


def tidy(*, at: datetime, rows: int = mail.SLICE) -> dict[str, int]:
    """Let go what is of no more use; how many rows of each kind. Safe to run twice, and to kill.

    rows: per slice. Queries: 3 per slice, and 8 when nothing is old.
    """
    kept = mail.days(settings.KEPT_DAYS["confirmations"])
    return {
        "unconfirmed": _forget_unconfirmed(at=at, rows=rows),
        "addresses": _forget_left_addresses(at=at, rows=rows),
        "changes": mail.delete_older(AddressChange.objects.all(), "asked_at", at - kept, rows=rows),
        "confirmations": mail.delete_older(Confirmation.objects.all(), "expires_at", at - kept, rows=rows),
        "link_requests": mail.delete_older(
            LinkRequest.objects.all(), "asked_at", at - _LINKS_WAIT, rows=rows
        ),
        "soft_bounces": _forget_bounces((at - _BOUNCES_COUNT).date(), rows=rows),
    }


def _forget_unconfirmed(*, at: datetime, rows: int) -> int:
    forgotten = 0
    while True:
        some = privacy.forget_unconfirmed(at=at, limit=rows)
        forgotten += some
        if some < rows:
            return forgotten


def _forget_left_addresses(*, at: datetime, rows: int) -> int:
    """Empty what no link can use any more: wishes that nobody confirmed, moves that can no longer be undone.

    A reader who was united with another one is forgotten with it, unless something comes to her again.
    """
    undo_ended = at - UNDO_ADDRESS_WITHIN
    over = (
        Q(confirmed_at=None, expires_at__lte=at)
        | Q(confirmed_at__lte=undo_ended)
        | Q(undone_at__isnull=False)
    )
    held = AddressChange.objects.filter(over).exclude(typed_address="", former_address="").order_by("pk")
    emptied = 0
    while numbers := list(held.values_list("pk", flat=True)[:rows]):
        with transaction.atomic():
            changes = AddressChange.objects.filter(pk__in=numbers)
            united = changes.filter(united_with__isnull=False, undone_at=None)
            for number in list(united.values_list("subscriber_id", flat=True)):
                _forget_if_idle(number, at=at)
            changes.update(
                typed_address="", former_address="", network_address=None, token_hash=None, undo_hash=None
            )
        emptied += len(numbers)
    return emptied


def _forget_if_idle(number: int, *, at: datetime) -> None:
    reader = Subscriber.objects.select_for_update().get(pk=number)
    comes = [SubscriptionState.ACTIVE, SubscriptionState.PENDING]
    if not Subscription.objects.filter(subscriber=reader, state__in=comes).exists():
        privacy.forget_address(reader, at=at)


def _forget_bounces(before: date, *, rows: int) -> int:
    """Addresses whose mail has not bounced for so long that no day counts any more."""
    gone, after = 0, 0
    while found := list(
        SoftBounces.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "days")[:rows]
    ):
        after = found[-1][0]
        old = [number for number, days in found if not days or max(days) < before.isoformat()]
        SoftBounces.objects.filter(pk__in=old).delete()
        gone += len(old)
    return gone
