"""What the arithmetic page shows of a mailing: sums over its batches, and why copies were skipped."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, Sum
from django.utils.translation import gettext as _

from digests.delivery import ledger
from digests.delivery.models import Attempt, Batch, Mailing
from digests.delivery.states import AttemptState, BatchState, DeliveryState


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
    """Queries: 3, and one more where copies were skipped; only that one reads the ledger."""
    batches = Batch.objects.filter(mailing=mailing)
    counted = batches.aggregate(**{name: Sum(name, default=0) for name in ledger.COUNTS})
    terms = {DeliveryState(name): counted[name] for name in ledger.COUNTS}
    calls = Attempt.objects.filter(batch__mailing=mailing)
    by_state = calls.values("state").annotate(
        calls=Count("pk"), copies=Sum("size"), first=Min("calling_at"), last=Max("ended_at")
    )
    rows = list(by_state.order_by("state"))
    first = min((row["first"] for row in rows), default=None)
    last = max((row["last"] for row in rows if row["last"]), default=None)
    seconds = (last - first).total_seconds() if first and last else 0.0
    accepted = terms[DeliveryState.ACCEPTED]
    grouped = batches.values("state").annotate(number=Count("pk"), copies=Sum("size")).order_by("state")
    by_batch = [(BatchState(row["state"]), row["number"], row["copies"]) for row in grouped]
    return Figures(
        frozen=mailing.frozen,
        terms=terms,
        waiting=mailing.frozen - sum(terms.values()),
        batches=by_batch,
        attempts=[(AttemptState(row["state"]), row["calls"], row["copies"]) for row in rows],
        skip_reasons=_skip_reasons(mailing) if terms[DeliveryState.SKIPPED] else [],
        held_batches=sum(number for state, number, _copies in by_batch if state == BatchState.HELD),
        per_second=accepted / seconds if seconds > 0 and accepted else None,
        first_call_at=first,
        last_answer_at=last,
    )


def _skip_reasons(mailing: Mailing) -> list[tuple[str, int]]:
    skipped = ledger.of_mailing(mailing.pk).filter(state=DeliveryState.SKIPPED)
    counted = skipped.values("reason").annotate(number=Count("pk")).order_by("-number", "reason")
    return [(skip_name(row["reason"]), row["number"]) for row in counted]


def skip_name(reason: str) -> str:
    """What staff call a reason of `subscriptions.audiences` or of the hand-over."""
    names = {
        "cadence": _("wants fewer issues"),
        "erased": _("erased"),
        "gone": _("subscription gone"),
        "paused": _("paused"),
        "suppressed": _("suppressed"),
        "unsubscribed": _("unsubscribed"),
    }
    return names.get(reason, reason)
