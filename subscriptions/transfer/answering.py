"""Which stops of a file a reader has answered since, by confirming here: an old list ends no newer agreement."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import OuterRef, Q, QuerySet, Subquery

from newsroom.web import keys
from subscriptions.models import ConsentEvent, Newsletter, Subscription
from subscriptions.states import ConsentKind, SuppressionReason
from subscriptions.suppression import LIFTED_BY_CONFIRMING, LIFTED_BY_RETURNING
from subscriptions.transfer.judging import Stopped
from subscriptions.wording import ADDRESS

# That she left, complained or was erased is answered by her own later wish, that mail bounced by a link that arrived.
# What staff entered is theirs to lift, and who wants no more questions loses nothing by it.
_ANSWERABLE: Final = frozenset({*LIFTED_BY_CONFIRMING, *LIFTED_BY_RETURNING})
_OF_THE_MAILBOX: Final = frozenset({SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES})
# A day without an hour and a zone ends as much later than it begins in UTC; in doubt the stop counts.
_IN_DOUBT: Final = timedelta(hours=36)


def answered(stopped: Collection[Stopped], *, newsletter: Newsletter) -> set[int]:
    """The numbers of those lines whose reader gets mail by a confirmation here that is later than what they say.

    A stop without a date is answered by nothing; one of all mail by a confirmation of any newsletter that she reads; a
    bounce by any link from a letter to this address. What files said of confirmations does not count. Queries: 1, or
    none where no line has a date.
    """
    dated = [each for each in stopped if each.since is not None and each.reason in _ANSWERABLE]
    if not dated:
        return set()
    wished, arrived = _confirmed({each.address_hash for each in dated})
    return {
        each.number
        for each in dated
        if each.since is not None
        and any(
            time > each.since + _IN_DOUBT
            for time in (
                arrived[each.address_hash]
                if each.reason in _OF_THE_MAILBOX
                else wished[each.address_hash, None if each.is_for_all else newsletter.pk]
            )
        )
    }


_Times = dict[str, list[datetime]]
_TimesByScope = dict[tuple[str, int | None], list[datetime]]


def _confirmed(hashes: Collection[str]) -> tuple[_TimesByScope, _Times]:
    """When readers last confirmed what they read, by hash and newsletter (None: any), and when a link last arrived."""
    hers = ConsentEvent.objects.filter(subscriber=OuterRef("subscriber"))
    of_this = hers.filter(newsletter=OuterRef("newsletter"), kind=ConsentKind.CONFIRMED)
    at_her_address = hers.filter(
        Q(kind=ConsentKind.CONFIRMED) | Q(kind=ConsentKind.CHANGED, wording_version=ADDRESS),
        address=OuterRef("subscriber__address"),
    )
    rows = (
        Subscription.objects.active()
        .filter(subscriber__address_hash__in=keys.among(hashes))
        .annotate(last_confirmed_at=_last(of_this), last_arrived_at=_last(at_her_address))
    )
    wished: _TimesByScope = defaultdict(list)
    arrived: _Times = defaultdict(list)
    found: Iterable[tuple[str, int, datetime | None, datetime | None]] = rows.values_list(
        "subscriber__address_hash", "newsletter_id", "last_confirmed_at", "last_arrived_at"
    )
    for known, newsletter_id, confirmed_at, arrived_at in found:
        if confirmed_at is not None:
            wished[known, newsletter_id].append(confirmed_at)
            wished[known, None].append(confirmed_at)
        if arrived_at is not None:
            arrived[known].append(arrived_at)
    return wished, arrived


def _last(events: QuerySet[ConsentEvent]) -> Subquery:
    return Subquery(events.order_by("-pk").values("at")[:1])
