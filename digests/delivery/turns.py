"""Waits until a claimed batch may go: by its provider's rate, its newsletter's, and those of families of mailboxes.

Copies to a family whose turn is far off wait in a batch of their own; the others go. Where a provider has no families
and no rate, and the newsletter none, nothing is asked.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from digests.delivery import claiming, ledger, limits, parting, spending
from digests.delivery.limits import Bucket
from digests.delivery.models import Batch
from digests.delivery.states import DeliveryState
from newsroom.mail.families import family_of
from newsroom.mail.provider_urls import ProviderConfig

# What has to wait longer is looked at again after this: limits may be lifted meanwhile.
_LONGEST_REST: Final = 60.0
_HOUR: Final = 3600


@dataclass(kw_only=True)
class Resting:
    """What is not looked at any more in this slice, because its turn comes later."""

    providers: set[str] = field(default_factory=set)
    newsletters: set[int] = field(default_factory=set)


def wait_for(
    batch: Batch, config: ProviderConfig, resting: Resting, *, left: float, at_clock: Callable[[], datetime]
) -> Batch | None:
    """Wait, at most a third of a lease and what is left of the slice. The batch that may go now, or its part.

    None: nothing of it may go so soon, and it was given back.
    """
    longest_wait = min(left, settings.DELIVERY_LEASE_SECONDS / 3)
    families = _families(batch, config)
    while True:
        turn = limits.take(_buckets(batch, config, families, at_clock), longest_wait=longest_wait)
        if not turn.too_far:
            time.sleep(turn.wait)
            return batch
        rest = timedelta(seconds=min(max(turn.too_far.values()), _LONGEST_REST))
        far = [family for family in families if _of_family(batch, family) in turn.too_far]
        later = {number for family in far for number in families[family]}
        part = None
        if len(far) == len(turn.too_far):
            part = parting.put_off(batch, later, not_before=at_clock() + rest)
        if part is None:
            if batch.provider in turn.too_far:
                resting.providers.add(batch.provider)
            if _of_newsletter(batch) in turn.too_far:
                resting.newsletters.add(batch.mailing.newsletter_id)
            claiming.give_back(batch, not_before=at_clock() + rest)
            return None
        batch = part
        families = {family: numbers for family, numbers in families.items() if family not in far}


def _of_newsletter(batch: Batch) -> str:
    # Names of providers hold no colon.
    return f"newsletter:{batch.mailing.newsletter_id}"


def _of_family(batch: Batch, family: str) -> str:
    return f"{batch.provider}:{family}"


def _families(batch: Batch, config: ProviderConfig) -> dict[str, list[int]]:
    """The batch's waiting numbers by the families that have a rate. One query, none without such families."""
    found: dict[str, list[int]] = {}
    if not config.families:
        return found
    rows = ledger.of_batch(batch).filter(state=DeliveryState.WAITING)
    for pk, address in rows.values_list("pk", "subscription__subscriber__address"):
        if (family := family_of(address or "")) in config.families:
            found.setdefault(family, []).append(ledger.number_of(pk))
    return found


def _buckets(
    batch: Batch,
    config: ProviderConfig,
    families: Mapping[str, list[int]],
    at_clock: Callable[[], datetime],
) -> list[Bucket]:
    buckets = []
    if rate := config.rate:
        buckets.append(
            Bucket(
                name=batch.provider,
                copies=batch.size,
                rate=rate,
                spent=lambda: spending.ahead(batch, rate=rate, at=at_clock()),
            )
        )
    if hourly := batch.mailing.newsletter.most_copies_per_hour:
        pace = hourly / _HOUR
        buckets.append(
            Bucket(
                name=_of_newsletter(batch),
                copies=batch.size,
                rate=pace,
                spent=lambda: spending.ahead_of_newsletter(batch, rate=pace, at=at_clock()),
            )
        )
    return buckets + [
        _family_bucket(batch, family, copies=len(numbers), rate=config.families[family], at_clock=at_clock)
        for family, numbers in families.items()
    ]


def _family_bucket(
    batch: Batch, family: str, *, copies: int, rate: float, at_clock: Callable[[], datetime]
) -> Bucket:
    return Bucket(
        name=_of_family(batch, family),
        copies=copies,
        rate=rate,
        spent=lambda: spending.ahead_of_family(batch, family, rate=rate, at=at_clock()),
    )
