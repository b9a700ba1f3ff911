"""When a reader asked for a newsletter and confirmed it, as far as anybody can show.

A subscription has both times, because one that is active needs them: after an import of lines without dates they are
the import's own. What the file did say stands among the facts of the event that the import wrote.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from subscriptions.models import ConsentEvent, Subscription
from subscriptions.states import ConsentKind

_AGREED = (ConsentKind.CONFIRMED, ConsentKind.IMPORTED)
_KNOWN = ("kind", "facts", "at")
_Whose = tuple[int, int | None]


@dataclass(frozen=True, kw_only=True)
class Dates:
    """None: nobody knows, or it did not happen. imported_at: when a file said the other two, or left them out."""

    requested_at: datetime | None
    confirmed_at: datetime | None
    imported_at: datetime | None = None


def agreeing() -> QuerySet[ConsentEvent]:
    """The events by which readers came to newsletters, or wait to. Part of a query.

    Without requests that nobody confirmed before leaving was undone: what comes then is what came before.
    """
    comes_to = (
        ConsentEvent.objects.filter(
            subscriber=OuterRef("subscriber"),
            newsletter=OuterRef("newsletter"),
            kind__in=(*_AGREED, ConsentKind.RESTORED),
            pk__gt=OuterRef("pk"),
        )
        .order_by("pk")
        .values("kind")[:1]
    )
    return ConsentEvent.objects.alias(comes_to=Coalesce(Subquery(comes_to), Value(""))).filter(
        Q(kind__in=_AGREED) | Q(kind=ConsentKind.REQUESTED) & ~Q(comes_to=ConsentKind.RESTORED)
    )


def last_by_subscription(agreeing: Iterable[ConsentEvent]) -> dict[_Whose, ConsentEvent]:
    """The last of these for each reader and newsletter, by the numbers of both. They come oldest first."""
    return {(each.subscriber_id, each.newsletter_id): each for each in agreeing}


def with_last(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Each subscription with what `dates_of_shown` wants to know; cheap for a page of a list, and no query more."""
    events = (
        agreeing()
        .filter(subscriber=OuterRef("subscriber"), newsletter=OuterRef("newsletter"))
        .order_by("-pk")
    )
    return rows.annotate(**{f"last_{name}": Subquery(events.values(name)[:1]) for name in _KNOWN})


def dates_of_shown(row: Subscription) -> Dates:
    """The times of a row that came by `with_last`."""
    kind, facts, at = (getattr(row, f"last_{name}") for name in _KNOWN)
    return dates_of(row, ConsentEvent(kind=kind, facts=facts, at=at) if kind else None)


def dates_of(row: Subscription, last: ConsentEvent | None) -> Dates:
    """The times that can be shown. last: the event by which she came to this newsletter."""
    if last is None or last.kind != ConsentKind.IMPORTED:
        return Dates(requested_at=row.requested_at, confirmed_at=row.confirmed_at)
    return Dates(
        requested_at=_time(last.facts.get("requested_at")),
        confirmed_at=_time(last.facts.get("confirmed_at")),
        imported_at=last.at,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
