"""What becomes of the digests ahead when their plan gets other days, another time or another zone: they move with it.

A digest that the plan has yet to take care of is due at the plan's next time, proofed or approved or not. One that
people gave a time of its own, sent ahead or skipped keeps all they decided. It stands for the plan's due time of its
day from then on, so that this brings no second one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from digests import recurrence, selection, underway
from digests.errors import WindowTaken
from digests.models import Digest, Plan
from digests.skipping import followers
from digests.states import CUTTING, DigestState
from digests.wall_clock import spoken

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Move:
    """A digest as it is, and when it is due and its window ends from now on. says: that, in words; maybe nothing."""

    digest: Digest
    due_at: datetime
    window_end: datetime
    says: str


def moves(plan: Plan, *, at: datetime) -> list[Move]:
    """What moves with the plan, which is given as it is to be and is not saved yet; nothing where it rests.

    Within a transaction: until its end nobody builds, runs the plan or changes these digests, so that `carry_out` finds
    what this looked at. What waits since an earlier run stays where it is. Raises WindowTaken, naming what is in the
    way. Queries: 2, and one for each digest that moves.
    """
    stored = Plan.objects.select_for_update().filter(pk=plan.pk).first()
    if not plan.is_active:
        return []
    since = (stored.last_due_at or stored.first_window_from) if stored else at
    ahead = Digest.objects.select_for_update(of=["self"]).select_related("newsletter")
    ours = ahead.filter(newsletter=plan.newsletter_id, cadence=plan.cadence, due_at__gt=since)
    found, last = [], at
    for digest in ours.order_by("due_at", "pk"):
        move = _decided(digest, plan, at=at) or _next(digest, plan, after=last)
        last = max(last, move.due_at)
        if move.due_at != digest.due_at or not _is_due(plan, move.due_at):
            found.append(move)
    return found


def carry_out(found: Iterable[Move]) -> None:
    """Write down what `moves` found, in its transaction. Queries: 2 at most for each."""
    for move in found:
        digest, end = move.digest, move.window_end
        if end != digest.window_end:
            # A skipped one that ended before stays as it was: no window may become empty.
            followers(digest, digest.window_end).filter(window_end__gt=end).update(window_start=end)
        Digest.objects.filter(pk=digest.pk).update(due_at=move.due_at, window_end=end)


def _decided(digest: Digest, plan: Plan, *, at: datetime) -> Move | None:
    """How a digest moves whose time people decided; None if the plan has yet to take care of it."""
    assert digest.due_at is not None  # those without one are not among the plan's
    time = digest.wanted_at if underway.is_wanted(digest, at=at) else digest.scheduled_at
    if time is None and digest.state not in (DigestState.HANDED_OVER, DigestState.SKIPPED):
        return None
    is_open = time is not None and digest.state != DigestState.HANDED_OVER
    said = _("%(digest)s keeps the time that was set for it: %(time)s.")
    return Move(
        digest=digest,
        due_at=_on_its_day(plan, digest.due_at, at=at),
        window_end=digest.window_end,
        says=said % {"digest": digest, "time": _spoken(plan, time)} if time and is_open else "",
    )


def _next(digest: Digest, plan: Plan, *, after: datetime) -> Move:
    """A digest that the plan has yet to take care of, moved to the next due time that its window reaches."""
    due = selection.next_due(plan, after=max(after, digest.window_start))
    assert due is not None  # the plan is active, and its form wants a weekday
    if due != digest.due_at:
        _check_way(digest, plan, due)
    if digest.state == DigestState.DRAFT:
        said = _("%(digest)s moves with the plan: it is due %(time)s now.")
    else:
        said = _(
            "%(digest)s moves with the plan: it is due %(time)s now. What was decided about its proof stays."
        )
    return Move(
        digest=digest,
        due_at=due,
        window_end=due,
        says=said % {"digest": digest, "time": _spoken(plan, due)},
    )


def _check_way(digest: Digest, plan: Plan, due: datetime) -> None:
    """Windows follow each other, and no two digests stand for one time. Raises WindowTaken."""
    between = sorted((digest.window_end, due))
    others = Digest.objects.alike(digest).exclude(pk=digest.pk).select_related("newsletter")
    taken = others.filter(
        Q(window_end=due) | Q(due_at=due) | Q(state__in=CUTTING, window_end__range=between)
    ).first()
    if taken is not None:
        raise WindowTaken(
            _(
                "%(taken)s is in the way: %(digest)s would move to %(time)s with the plan. Choose another time, or send or skip one of the two first."
            )
            % {"taken": taken, "digest": digest, "time": _spoken(plan, due)}
        )


def _on_its_day(plan: Plan, due: datetime, *, at: datetime) -> datetime:
    """The plan's due time of the same day, where the plan is, if it lies ahead; else the old one stays."""
    zone = recurrence.zone(plan.zone)
    times = recurrence.due_times(
        plan.weekdays, plan.time, plan.zone, after=max(at, due - _DAY), until=due + _DAY
    )
    day = due.astimezone(zone).date()
    return next((time for time in times if time.astimezone(zone).date() == day), due)


def _is_due(plan: Plan, moment: datetime) -> bool:
    return recurrence.is_due(plan.weekdays, plan.time, plan.zone, at=moment)


def _spoken(plan: Plan, moment: datetime) -> str:
    return spoken(moment, recurrence.zone(plan.zone))
