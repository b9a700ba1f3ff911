"""What the arithmetic page shows of a mailing: sums over its batches, and why copies were skipped.

Before a mailing's copies are forgotten, these sums are kept as its account, and the page reads that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max, Min, QuerySet, Sum
from django.db.models.functions import Substr
from django.utils.translation import gettext_lazy as _

from digests.delivery import ledger
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.states import AttemptState, BatchState, DeliveryState
from newsroom.mail.models import ProviderEvent
from newsroom.web import tokens
from newsroom.web.tokens import TokenKind

CAME_BACK: Final = ("bounced", "complained")
# The reasons that the ledger keeps as a key.
REASONS: Final[Mapping[str, object]] = {
    # Of `subscriptions.audiences`, at the last look before the hand-over.
    "cadence": _("wants fewer issues"),
    "erased": _("erased"),
    "gone": _("subscription gone"),
    "paused": _("paused"),
    "suppressed": _("suppressed"),
    "unsubscribed": _("unsubscribed"),
    # Translators: Mailing beendet
    "ended": _("mailing ended"),
    # Translators: von der Redaktion als angenommen vermerkt
    "marked accepted by staff": _("marked as accepted by staff"),
    # Translators: belegt durch unser eigenes Protokoll | … durch denselben Aufruf noch einmal | … durch die Aufzeichnungen des Anbieters
    "proved by journal": _("proved by our own journal"),
    "proved by replay": _("proved by the same call again"),
    "proved by search": _("proved by the provider’s records"),
    # Translators: belegt durch eine Meldung des Anbieters | … durch eine späte Antwort des Anbieters
    "proved by event": _("proved by a report of the provider"),
    "proved by late answer": _("proved by a late answer of the provider"),
}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The account of one mailing at one moment; `terms` and `waiting` add up to `frozen`."""

    frozen: int
    terms: dict[DeliveryState, int]
    waiting: int
    batches: list[tuple[BatchState, int, int]]  # state, batches, copies
    attempts: list[tuple[AttemptState, int, int]]  # state, calls, copies offered
    skip_reasons: list[tuple[str, int]]
    held_batches: int
    per_second: float | None
    first_call_at: datetime | None
    last_answer_at: datetime | None


def of_mailing(mailing: Mailing) -> Figures:
    """Queries: 3, and one more where copies were skipped; only that one reads the ledger. None once it is forgotten."""
    terms = {DeliveryState(name): number for name, number in decided(mailing).items()}
    sums = sums_of(mailing) if mailing.account is None else mailing.account
    first, last = _time(sums["first_call_at"]), _time(sums["last_answer_at"])
    seconds = (last - first).total_seconds() if first and last else 0.0
    accepted = terms[DeliveryState.ACCEPTED]
    by_batch = [(BatchState(state), number, copies) for state, number, copies in sums["batches"]]
    is_forgotten = mailing.account is not None
    return Figures(
        frozen=mailing.frozen,
        terms=terms,
        waiting=mailing.frozen - sum(terms.values()),
        batches=by_batch,
        attempts=[(AttemptState(state), calls, copies) for state, calls, copies in sums["attempts"]],
        skip_reasons=[(reason_name(reason), number) for reason, number in sums["skip_reasons"]],
        held_batches=sum(
            number for state, number, _copies in by_batch if state == BatchState.HELD and not is_forgotten
        ),
        per_second=accepted / seconds if seconds > 0 and accepted else None,
        first_call_at=first,
        last_answer_at=last,
    )


def decided(mailing: Mailing) -> dict[str, int]:
    """How many copies became what, so far. One query; none once the copies are forgotten: the mailing has its totals."""
    if mailing.account is not None:
        return {name: getattr(mailing, name) for name in ledger.COUNTS}
    batches = Batch.objects.filter(mailing=mailing)
    counted: dict[str, int] = batches.aggregate(**{name: Sum(name, default=0) for name in ledger.COUNTS})
    return counted


def sums_of(mailing: Mailing) -> dict[str, Any]:
    """All the page shows beside the totals, ready for JSON. Queries: 2, and one more where copies were skipped."""
    batches = Batch.objects.filter(mailing=mailing)
    grouped = batches.values("state").annotate(
        number=Count("pk"), copies=Sum("size"), skips=Sum("skipped", default=0)
    )
    by_batch = list(grouped.order_by("state"))
    calls = Attempt.objects.filter(batch__mailing=mailing)
    by_state = calls.values("state").annotate(
        calls=Count("pk"), copies=Sum("size"), first=Min("calling_at"), last=Max("ended_at")
    )
    rows = list(by_state.order_by("state"))
    first = min((row["first"] for row in rows), default=None)
    last = max((row["last"] for row in rows if row["last"]), default=None)
    return {
        "batches": [[row["state"], row["number"], row["copies"]] for row in by_batch],
        "attempts": [[row["state"], row["calls"], row["copies"]] for row in rows],
        "skip_reasons": _skip_reasons(mailing) if any(row["skips"] for row in by_batch) else [],
        "first_call_at": first.isoformat() if first else None,
        "last_answer_at": last.isoformat() if last else None,
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def came_back(mailings: Sequence[Mailing]) -> Mapping[tuple[int, str], int]:
    """By mailing and kind: copies that bounced or were complained about, each once. One query, or none.

    A copy's token begins with its mailing, so the database counts them without reading a token each.
    """
    found = {
        (mailing.pk, kind): int(mailing.account[kind])
        for mailing in mailings
        if mailing.account is not None
        for kind in CAME_BACK
    }
    whole = [mailing for mailing in mailings if mailing.account is None]
    return found | copies_of(whole, ProviderEvent.objects.filter(kind__in=CAME_BACK))


def copies_of(mailings: Sequence[Mailing], events: QuerySet[ProviderEvent]) -> dict[tuple[int, str], int]:
    """By mailing and kind: copies that these events tell of, each once. One query, or none."""
    if not mailings:
        return {}
    by_start = {
        start: mailing.pk
        for mailing in mailings
        for start in tokens.starts(TokenKind.DELIVERY, ledger.first_id(mailing.pk))
    }
    length = min(map(len, by_start))
    since = min(mailing.started_at or mailing.created_at for mailing in mailings)
    rows = (
        events.filter(received_at__gte=since)
        .annotate(start=Substr("token", 1, length))
        .filter(start__in=by_start)
        .order_by()
        .values_list("start", "kind")
        .annotate(copies=Count("token", distinct=True))
    )
    found: dict[tuple[int, str], int] = {}
    for start, kind, copies in rows:
        key = (by_start[start], kind)
        found[key] = found.get(key, 0) + copies
    return found


def _skip_reasons(mailing: Mailing) -> list[list[Any]]:
    skipped = ledger.of_mailing(mailing.pk).filter(state=DeliveryState.SKIPPED)
    counted = skipped.values("reason").annotate(number=Count("pk")).order_by("-number", "reason")
    return [[row["reason"], row["number"]] for row in counted]


def reason_name(reason: str) -> str:
    """What staff call a copy's reason; a provider's own words, and those a worker wrote out, stay as they are."""
    return str(REASONS.get(reason, reason))
