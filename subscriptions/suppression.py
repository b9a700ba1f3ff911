"""Whom not to mail: addresses known by their keyed hash alone, so that the list outlives erasure and import."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from newsroom.web import keys
from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription, Suppression
from subscriptions.states import OPEN, ConsentKind, SubscriptionState, SuppressionReason

# A reader's own new double opt-in lifts these: it shows that she wants the mail, and that it arrives.
LIFTED_BY_CONFIRMING = (
    SuppressionReason.SOFT_BOUNCES,
    SuppressionReason.UNSUBSCRIBED,
    SuppressionReason.ERASED,
)
# These lifts only a confirmation that she asked for in her own settings.
LIFTED_BY_RETURNING = (SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT)
# The later reason replaces the earlier one only if it weighs more.
_WEIGHT = {
    SuppressionReason.SOFT_BOUNCES: 1,
    SuppressionReason.UNSUBSCRIBED: 2,
    SuppressionReason.ERASED: 3,
    SuppressionReason.HARD_BOUNCE: 4,
    SuppressionReason.COMPLAINT: 5,
    SuppressionReason.MANUAL: 6,
    SuppressionReason.NEVER_ASK: 0,  # of another kind, and never beside the others
}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Mail to an address is to stop: for one newsletter, or for all. since: when it was stopped, if before today."""

    address_hash: str
    reason: SuppressionReason
    newsletter: Newsletter | None = None
    note: str = ""
    since: datetime | None = None

    @property
    def scope(self) -> "_Scope":
        if self.reason == SuppressionReason.NEVER_ASK:
            return self.address_hash, _ASKING
        return self.address_hash, None if self.newsletter is None else self.newsletter.pk


_ASKING = 0
"""In place of a newsletter's number: letters that ask, about any of them."""
_Scope = tuple[str, int | None]


def suppress(
    address_hash: str,
    *,
    reason: SuppressionReason,
    at: datetime,
    newsletter: Newsletter | None = None,
    note: str = "",
) -> Suppression:
    """Stop mail to an address and end its subscriptions, each with an event. Safe to repeat.

    newsletter: stop only this one. Queries: at most 6, whatever the number of subscriptions.
    """
    stop = Stop(address_hash=address_hash, reason=reason, newsletter=newsletter, note=note)
    return suppress_all([stop], at=at)[stop.scope]


def suppress_all(stops: Collection[Stop], *, at: datetime) -> dict[_Scope, Suppression]:
    """As `suppress`, for many at once: of several for one address the weightiest counts.

    Queries: at most 6, and one per suppression whose reason gains weight.
    """
    weightiest: dict[_Scope, Stop] = {}
    for stop in stops:
        known = weightiest.setdefault(stop.scope, stop)
        if _WEIGHT[stop.reason] > _WEIGHT[known.reason]:
            weightiest[stop.scope] = stop
    if not weightiest:
        return {}
    with transaction.atomic():
        rows = _rows(weightiest)
        if missing := [stop for scope, stop in weightiest.items() if scope not in rows]:
            Suppression.objects.bulk_create(
                (
                    Suppression(
                        address_hash=stop.address_hash,
                        newsletter=None if stop.scope[1] == _ASKING else stop.newsletter,
                        reason=stop.reason,
                        note=stop.note,
                        created_at=stop.since or at,
                    )
                    for stop in missing
                ),
                ignore_conflicts=True,  # somebody else may have been quicker
            )
            rows = _rows(weightiest)
        for scope, stop in weightiest.items():
            row = rows[scope]
            if _WEIGHT[stop.reason] > _WEIGHT[SuppressionReason(row.reason)]:
                row.reason, row.note = stop.reason, stop.note or row.note
                row.save(update_fields=["reason", "note"])
        _end_subscriptions(weightiest, at=at)
    return rows


def _rows(scopes: Collection[_Scope]) -> dict[_Scope, Suppression]:
    found = Suppression.objects.filter(address_hash__in={address_hash for address_hash, _ in scopes})
    return {scope: row for row in found if (scope := _scope_of(row)) in scopes}


def _scope_of(row: Suppression) -> _Scope:
    is_of_asking = row.reason == SuppressionReason.NEVER_ASK
    return row.address_hash, _ASKING if is_of_asking else row.newsletter_id


def _end_subscriptions(stops: Mapping[_Scope, Stop], *, at: datetime) -> None:
    rows = Subscription.objects.filter(
        subscriber__address_hash__in={address_hash for address_hash, _ in stops}, state__in=OPEN
    ).order_by("pk")
    # Locked in one order, so that no two of these wait for each other in a circle.
    locked = rows.select_for_update(of=("self",)).select_related("subscriber")
    ended = [(row, stop) for row in locked if (stop := _stop_of(row, stops)) is not None]
    if not ended:
        return
    Subscription.objects.filter(pk__in=[row.pk for row, _ in ended]).update(
        state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=at
    )
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            subscriber=row.subscriber,
            newsletter_id=row.newsletter_id,
            kind=ConsentKind.SUPPRESSED,
            address=row.subscriber.address or stop.address_hash,
            language=row.subscriber.language,
            form=stop.reason.value,
            actor="suppression",
            facts={"reason": stop.reason.value, "before": row.state},
            at=at,
        )
        for row, stop in ended
    )


def _stop_of(row: Subscription, stops: Mapping[_Scope, Stop]) -> Stop | None:
    """What ends this subscription: a stop of all mail before one of its newsletter alone."""
    address_hash = row.subscriber.address_hash
    return stops.get((address_hash, None)) or stops.get((address_hash, row.newsletter_id))


def among(hashes: Collection[str], *, newsletter: Newsletter | None = None) -> set[str]:
    """Which of these addresses must not get this newsletter (without one: any mail at all). One query."""
    if not hashes:
        return set()
    scope = Q(newsletter__isnull=True)
    if newsletter is not None:
        scope |= Q(newsletter=newsletter)
    rows = Suppression.objects.of_mail().filter(scope, address_hash__in=keys.among(hashes))
    return set(rows.values_list("address_hash", flat=True))


def is_suppressed(address_hash: str, *, newsletter: Newsletter | None = None) -> bool:
    """Whether mail to this address is stopped, for this newsletter or for all."""
    return bool(among({address_hash}, newsletter=newsletter))


def want_no_questions(hashes: Collection[str]) -> set[str]:
    """Which of these addresses must not be asked to confirm anything. One query."""
    rows = Suppression.objects.of_asking().filter(address_hash__in=keys.among(hashes)) if hashes else ()
    return {row.address_hash for row in rows}


def wants_no_questions(address_hash: str) -> bool:
    """Whether no letter may ask this address to confirm anything: who has it said so. Her mail goes on. One query."""
    return Suppression.objects.of_asking().filter(address_hash=address_hash).exists()


def may_ask_again(address_hash: str) -> None:
    """The reader herself asks for something that has to be confirmed: her no to all questions is over. One query."""
    Suppression.objects.of_asking().filter(address_hash=address_hash).delete()


def unliftable(address_hash: str) -> set[int | None]:
    """What not even a reader's own confirmation lifts: ids of newsletters, None for all mail. One query.

    To these not even a letter goes.
    """
    rows = Suppression.objects.of_mail().filter(address_hash=address_hash)
    rows = rows.exclude(reason__in=LIFTED_BY_CONFIRMING)
    return set(rows.values_list("newsletter_id", flat=True))


def unaskable(address_hash: str) -> set[int | None]:
    """About what no letter may ask this address: ids of newsletters, None for all of them. One query.

    That is what a confirmation would not lift, and everything where she wants no more questions.
    """
    rows = Suppression.objects.filter(address_hash=address_hash).exclude(reason__in=LIFTED_BY_CONFIRMING)
    return set(rows.values_list("newsletter_id", flat=True))


def can_be_asked(address_hash: str, newsletters: Iterable[Newsletter]) -> bool:
    """Whether a letter may ask this address about any of these newsletters. One query.

    For pages that nobody but the reader sees: to others a stopped address looks like any other.
    """
    stopped = unaskable(address_hash)
    return None not in stopped and any(each.pk not in stopped for each in newsletters)


def barred(address_hash: str) -> set[int | None]:
    """What no act of the reader's own lifts: ids of newsletters, None for all mail. One query."""
    liftable = (*LIFTED_BY_CONFIRMING, *LIFTED_BY_RETURNING)
    rows = Suppression.objects.of_mail().filter(address_hash=address_hash).exclude(reason__in=liftable)
    return set(rows.values_list("newsletter_id", flat=True))


def of_reader(reader: Subscriber) -> dict[int | None, Suppression]:
    """What stops her mail, by newsletter; None for all mail. One query."""
    if not reader.address_hash:
        return {}
    rows = Suppression.objects.of_mail().filter(address_hash=reader.address_hash)
    return {row.newsletter_id: row for row in rows}


def lift(suppression: Suppression, *, note: str, actor: str, at: datetime) -> None:
    """Take a suppression back. It revives no subscription: that takes the reader's own new sign-up.

    The lifting is written beside the reader's agreement when we know the reader.
    """
    with transaction.atomic():
        reader = Subscriber.objects.filter(address_hash=suppression.address_hash).first()
        if reader is not None:
            ConsentEvent.objects.create(
                subscriber=reader,
                newsletter=suppression.newsletter,
                kind=ConsentKind.CHANGED,
                address=reader.address or suppression.address_hash,
                language=reader.language,
                actor=actor,
                facts={"lifted": suppression.reason, "note": note},
                at=at,
            )
        suppression.delete()
