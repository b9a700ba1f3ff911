"""What was done to learn what became of held copies, in the order it happened: calls, answers, looks, decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.delivery import history, ledger
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from digests.delivery.states import BatchState, DeliveryState
from subscriptions.models import Subscription

MOST_BATCHES: Final = 50
_MOST_DECISIONS: Final = 100


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the account: when, and in a sentence what."""

    at: datetime
    what: str
    note: str = ""  # a provider's own words, or a person's reason


@dataclass(frozen=True, kw_only=True)
class HeldBatch:
    """A held batch and all that is known about it."""

    batch: Batch
    why: str
    called_at: datetime | None
    provider_ref: str
    steps: list[Step]
    next_look_at: datetime | None
    decisions: list[LogEntry]

    @property
    def seen(self) -> str:
        """What the person had before his eyes; an act that comes with another one comes too late."""
        return f"{self.batch.held}-{len(self.decisions)}"


def of_mailing(mailing: Mailing) -> list[HeldBatch]:
    """Its held batches, the oldest first, at most MOST_BATCHES. Queries: 4, whatever their number and size."""
    held = Batch.objects.filter(mailing=mailing, state=BatchState.HELD).select_related("parent")
    return _with_history(list(held.order_by("pk")[:MOST_BATCHES]))


def of_batch(batch: Batch) -> HeldBatch:
    """The same for one batch, whether it still holds copies or not."""
    return _with_history([batch])[0]


def decisions(mailing: Mailing) -> list[LogEntry]:
    """What people decided about batches of this mailing, the newest first. Queries: 1."""
    return list(history.of_mailing(mailing.pk).select_related("user").order_by("-pk")[:_MOST_DECISIONS])


def copies(batch: Batch) -> QuerySet[Delivery]:
    """The held copies of a batch, in the order of their numbers."""
    return ledger.of_batch(batch).filter(state=DeliveryState.HELD).order_by("pk")


def readers(rows: Iterable[Delivery]) -> dict[int, Subscription]:
    """The subscriptions behind these copies with their readers, by key; one that is gone is not there. Queries: 1."""
    wanted = [row.subscription_id for row in rows]
    return Subscription.objects.select_related("subscriber").in_bulk(wanted)


def _with_history(batches: Sequence[Batch]) -> list[HeldBatch]:
    ids = {batch.pk for batch in batches} | {batch.parent_id for batch in batches if batch.parent_id}
    calls: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(batch__in=ids).order_by("calling_at", "pk"):
        calls.setdefault(attempt.batch_id, []).append(attempt)
    said: dict[str, list[LogEntry]] = {}
    noted = history.of_batches().filter(object_id__in=[str(batch.pk) for batch in batches])
    for entry in noted.select_related("user").order_by("pk"):
        said.setdefault(entry.object_id or "", []).append(entry)
    whys = _reasons(batches)
    return [
        _held_batch(batch, _calls_of(batch, calls), said.get(str(batch.pk), []), whys.get(batch.pk, ""))
        for batch in batches
    ]


def _calls_of(batch: Batch, calls: dict[int, list[Attempt]]) -> list[Attempt]:
    """Its own calls; before them those of the batch it was taken out of."""
    return [*calls.get(batch.parent_id or 0, []), *calls.get(batch.pk, [])]


def _reasons(batches: Iterable[Batch]) -> dict[int, str]:
    """Why each is held: all copies of a batch were held at once, so its first number tells. Queries: 1."""
    numbers = {
        batch.pk: ledger.first_id(batch.mailing_id) + number
        for batch in batches
        for number in list(ledger.numbers_of(batch))[:1]
    }
    rows = dict(Delivery.objects.filter(pk__in=numbers.values()).values_list("pk", "reason"))
    return {batch: rows.get(first, "") for batch, first in numbers.items()}


def _held_batch(batch: Batch, calls: list[Attempt], said: list[LogEntry], why: str) -> HeldBatch:
    steps = [step for attempt in calls for step in _steps(attempt)]
    steps += [
        Step(at=one.action_time, what=_("Decision of %(who)s") % {"who": one.user}, note=one.change_message)
        for one in said
    ]
    last = calls[-1] if calls else None
    return HeldBatch(
        batch=batch,
        why=why,
        called_at=last.calling_at if last else None,
        provider_ref=last.provider_ref if last else "",
        steps=sorted(steps, key=lambda step: step.at),
        next_look_at=batch.not_before if last and batch.not_before < ledger.GATED else None,
        decisions=said,
    )


def _steps(attempt: Attempt) -> Iterable[Step]:
    begun = ngettext(
        "Call to %(provider)s with %(count)d copy", "Call to %(provider)s with %(count)d copies", attempt.size
    )
    yield Step(at=attempt.calling_at, what=begun % {"provider": attempt.provider, "count": attempt.size})
    status = _("status %(status)d") % {"status": attempt.http_status} if attempt.http_status else ""
    if attempt.verdict_by == "deadline" or (not attempt.http_status and not attempt.response):
        yield Step(at=attempt.deadline_at, what=_("No answer by the deadline"))
    elif attempt.http_status or attempt.response:
        what = _("Answer: %(status)s") % {"status": status} if status else _("No answer that decides")
        yield Step(at=attempt.ended_at or attempt.deadline_at, what=what, note=attempt.response[:300])
    for look in attempt.evidence.get("looks", []):
        at = parse_datetime(str(look.get("at", "")))
        if at is not None:
            yield Step(at=at, what=_look(look), note=str(look.get("what", "")))
    held_at = parse_datetime(str(attempt.evidence.get("held_at", "")))
    if held_at is not None:
        yield Step(at=held_at, what=_("Held: a person decides"))


def _look(look: dict[str, Any]) -> str:
    """A look as a sentence: where, and what was found."""
    where = {
        "journal": _("Our own journal"),
        "replay": _("The same call again"),
        "search": _("The provider's records"),
    }.get(str(look.get("by")), str(look.get("by")))
    accepted, absent = int(look.get("accepted", 0)), look.get("absent")
    if accepted:
        found = ngettext("%(count)d copy proved accepted", "%(count)d copies proved accepted", accepted)
        return f"{where}: {found % {'count': accepted}}"
    if absent is not None and look.get("counts"):
        found = ngettext("complete; %(count)d copy not there", "complete; %(count)d copies not there", absent)
        return f"{where}: {found % {'count': absent}}"
    if absent is not None:
        found = ngettext(
            "%(count)d copy not there, which proves nothing yet",
            "%(count)d copies not there, which proves nothing yet",
            absent,
        )
        return f"{where}: {found % {'count': absent}}"
    status = f" ({look['status']})" if look.get("status") else ""
    nothing = _("no proof")
    return f"{where}: {nothing}{status}"
