"""Reminders an hour and a quarter of an hour before a digest is due: how it stands, what blocks, what happens else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from digests import correspondence, planning, preflight, selection, staff, workflow
from digests.models import Digest, Plan
from digests.states import Autopilot, DigestState
from newsroom.mail.models import Letter
from subscriptions.states import NewsletterState

STEPS = (15, 60)
"""Minutes before; the shortest that fits counts, so that a late start does not send two at once."""

_OPEN = (DigestState.DRAFT, DigestState.PROOFED, DigestState.APPROVED)


@dataclass(frozen=True, kw_only=True)
class Due:
    """A digest that would not go out by itself, or not as the desk wants; perhaps nobody has built it yet."""

    digest: Digest
    plan: Plan | None
    at: datetime

    @property
    def is_built(self) -> bool:
        return bool(self.digest.pk)


def remind_due(at: datetime) -> int:
    """Write the reminders that are due now; returns how many letters. Each goes out once, however often this runs.

    Queries: 2 if nothing is due within the hour.
    """
    return sum(_remind(due, at=at) for due in [*_open(at), *_not_built(at)])


def _open(at: datetime) -> Iterator[Due]:
    digests = (
        Digest.objects.filter(state__in=_OPEN, newsletter__state=NewsletterState.ACTIVE)
        .annotate(goes_at=Coalesce("wanted_at", "due_at"))
        .filter(goes_at__gt=at, goes_at__lte=at + timedelta(minutes=max(STEPS)))
        .select_related("newsletter__sender", "owner")
        .prefetch_related("newsletter__plans")
        .order_by("pk")
    )
    for digest in digests:
        plan = Plan.of(digest.newsletter, digest.cadence)
        goes_at = digest.wanted_at or digest.due_at
        if goes_at is not None:
            yield Due(digest=digest, plan=plan, at=goes_at)


def _not_built(at: datetime) -> Iterator[Due]:
    """Plans that have no digest for their due time yet, those that send by themselves among them."""
    plans = Plan.objects.filter(is_active=True, newsletter__state=NewsletterState.ACTIVE)
    for plan in plans.select_related("newsletter__sender").order_by("pk"):
        due = selection.next_due(plan, after=at)
        if due is None or due - at > timedelta(minutes=max(STEPS)):
            continue
        draft = Digest(newsletter=plan.newsletter, cadence=plan.cadence, due_at=due)
        if Digest.objects.alike(draft).filter(Q(due_at=due) | Q(window_end__gte=due)).exists():
            continue
        yield Due(digest=draft, plan=plan, at=due)


def _remind(due: Due, *, at: datetime) -> int:
    step = next(minutes for minutes in STEPS if due.at - at <= timedelta(minutes=minutes))
    whose = f"{due.digest.newsletter_id}" + (":weekly" if due.digest.is_best_of else "")
    key = f"reminder:{whose}:{due.at:%Y%m%d%H%M}:{step}"
    users = _told(due.digest, step)
    keys = {f"{key}:{user.pk}": user for user in users}
    written = set(Letter.objects.filter(dedupe_key__in=list(keys)).values_list("dedupe_key", flat=True))
    missing = [user for each, user in keys.items() if each not in written]
    if not missing:
        return 0
    return correspondence.remind(missing, due.digest, key=key, context=_context(due, at=at), at=at)


def _told(digest: Digest, step: int) -> list[User]:
    """Whoever is on duty; if nobody is, or that one gets no mail, those who may change the newsletter's digests.

    The last time, of a proof that waits, also those who may approve it. Nobody twice. Queries: 1, or 2 then.
    """
    everybody = list(staff.who_may("digests.change_digest", digest.newsletter))
    told = [user for user in everybody if user.pk == digest.owner_id] or everybody
    if step == min(STEPS) and digest.state == DigestState.PROOFED:
        told += staff.who_may("digests.approve_digest", digest.newsletter)
    return list(dict.fromkeys(told))


def _context(due: Due, *, at: datetime) -> dict[str, Any]:
    return {
        "minutes": max(1, ceil((due.at - at).total_seconds() / 60)),
        "state": _state(due),
        "blocking": _blocking(due, at=at),
        "otherwise": _otherwise(due),
    }


def _state(due: Due) -> str:
    if not due.is_built:
        return _("Nobody has built the digest yet.")
    match DigestState(due.digest.state):
        case DigestState.DRAFT:
            return _("The draft waits for the desk.")
        case DigestState.PROOFED:
            return _("The proof waits for approval.")
        case _:
            return _("It is approved, but not scheduled.")


def _blocking(due: Due, *, at: datetime) -> list[str]:
    if not due.is_built or due.digest.state != DigestState.DRAFT:
        return []
    return [finding.message for finding in preflight.check(due.digest, at=at) if finding.blocks]


def _otherwise(due: Due) -> str:
    """What happens at the due time if nobody does anything."""
    if due.digest.wanted_at:
        return _("Without an approval it does not go out.")
    was_proofed = due.is_built and workflow.proofs_of(due.digest).exists()
    match planning.at_due(due.plan, due.digest, was_proofed=was_proofed):
        case Autopilot.FILL_AND_SEND:
            return _("If nobody does anything, the plan fills the empty places and sends it.")
        case Autopilot.SKIP:
            return _("If nobody curates it, the plan skips it; its articles go into the next.")
        case _:
            return _("If nobody does anything, it does not go out.")
