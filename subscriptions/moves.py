"""Which addresses readers had before they moved: for what comes back late, for old lists, and for staff who are asked.

The record tells it for as long as we keep any proof: before and after each move it has an event with the address of that
time, or its keyed hash once she is erased. Nothing here may answer a visitor: whose mailbox it is by now, nobody knows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from newsroom.mail.addresses import address_hash
from newsroom.web import keys
from subscriptions.models import AddressChange, ConsentEvent, Newsletter, Subscriber
from subscriptions.states import ConsentKind, SubscriptionState

_MOVING = ("confirmed", "undone")


@dataclass(frozen=True, kw_only=True)
class Past:
    """Where a reader's mail went, the first address first; since: from when each of the later ones was hers."""

    hashes: tuple[str, ...]
    since: tuple[datetime, ...]

    def former_at(self, time: datetime) -> str:
        """The address she had then, if she has left it since; else nothing."""
        number = sum(since <= time for since in self.since)
        return self.hashes[number] if number < len(self.since) else ""


def has_moved(subscriber: str) -> Exists:
    """Whether the reader whom a query knows by this name ever moved, there or back; part of that query."""
    return Exists(_steps().filter(subscriber=OuterRef(subscriber), facts__step__in=_MOVING))


def pasts(readers: Collection[int]) -> dict[int, Past]:
    """Where the mail of these readers went before. One query."""
    found: dict[int, list[ConsentEvent]] = {}
    for step in _steps().filter(subscriber__in=keys.among(readers)).order_by("pk"):
        found.setdefault(step.subscriber_id, []).append(step)
    return {number: _past(steps) for number, steps in found.items()}


def _past(steps: list[ConsentEvent]) -> Past:
    hashes, since = [_hash(steps[0].address)], []
    before: dict[int, str] = {}
    for step in steps:
        match step.facts["step"]:
            case "confirmed":
                before[step.facts["change"]] = hashes[-1]
                now = _hash(step.address)
            case "undone":  # written while she still had the other one
                now = before.get(step.facts["change"], hashes[-1])
            case _:
                continue
        hashes.append(now)
        since.append(step.at)
    return Past(hashes=tuple(hashes), since=tuple(since))


def hashes_of(reader: Subscriber) -> set[str]:
    """Each address that she has or had. One query."""
    addresses = ConsentEvent.objects.filter(subscriber=reader).order_by("address")
    known = {*addresses.values_list("address", flat=True).distinct(), reader.address or ""}
    return {_hash(address) for address in known if address}


def reader_of_former(known: str, *, address: str = "") -> Subscriber | None:
    """Who had this address and gets her mail elsewhere by now, the last of several; who became another reader is that one.

    known: its hash. Without the address itself, moves are found for as long as changes of address are kept. For an address
    that nobody has. Queries: at most 4.
    """
    steps = _steps().filter(address__in=[address, known] if address else [known])
    found = steps.select_related("subscriber").order_by("pk").last()
    if found is None:
        done = AddressChange.objects.filter(former_hash=known, confirmed_at__isnull=False)
        change = done.select_related("subscriber").order_by("pk").last()
        return _today(change.subscriber) if change else None
    return _today(found.subscriber)


def _today(reader: Subscriber) -> Subscriber:
    if reader.address:
        return reader
    last = _steps().filter(subscriber=reader, facts__step="confirmed").order_by("pk").last()
    other = Subscriber.objects.filter(address_hash=last.facts["to"]).first() if last else None
    return other or reader


def states_by_former(
    hashes: Collection[str], addresses: Collection[str], *, newsletter: Newsletter
) -> dict[str, SubscriptionState]:
    """Who reads this newsletter at another address by now, or has left it there, by the former one's hash. One query.

    An address that somebody has is never a former one.
    """
    if not addresses:
        return {}
    theirs = Subscriber.objects.filter(Q(address=OuterRef("address")) | Q(address_hash=OuterRef("address")))
    rows = (
        _steps()
        .filter(
            address__in=keys.among([*addresses, *hashes]),
            subscriber__subscriptions__newsletter=newsletter,
        )
        .exclude(Exists(theirs))
        .values_list(
            "address", "subscriber__subscriptions__state", "subscriber__subscriptions__unsubscribed_at"
        )
    )
    found: dict[str, SubscriptionState] = {}
    for address, state, left_at in rows:
        known = _hash(address)
        if state == SubscriptionState.ACTIVE:
            found[known] = SubscriptionState.ACTIVE
        elif state == SubscriptionState.UNSUBSCRIBED or left_at:
            found.setdefault(known, SubscriptionState.UNSUBSCRIBED)
    return found


def _steps() -> QuerySet[ConsentEvent]:
    """All that was asked, confirmed and undone of moves."""
    return ConsentEvent.objects.filter(
        kind=ConsentKind.CHANGED, newsletter__isnull=True, facts__what="address"
    )


def _hash(address: str) -> str:
    return address_hash(address) if "@" in address else address
