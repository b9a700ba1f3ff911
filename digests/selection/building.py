"""Drafts and their windows."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from digests import recurrence
from digests.errors import NewsletterAtRest, NoPlan, WindowTaken
from digests.models import Digest, Plan
from digests.selection.candidates import count_new
from digests.selection.filling import fill
from digests.skipping import too_little
from digests.states import CUTTING, DigestState
from newsroom.articles import clustering
from subscriptions.models import Newsletter
from subscriptions.states import Cadence, NewsletterState


def build(
    newsletter: Newsletter,
    *,
    at: datetime,
    window_end: datetime | None = None,
    due_at: datetime | None = None,
    by: User | None = None,
    cadence: str = Cadence.EACH,
) -> Digest:
    """A draft for the next window, its slots filled with proposals that the desk may change.

    cadence: weekly for the best-of, which has a plan and windows of its own. window_end: the cut-off; without it the plan's next due time, so that the plan finds this draft and makes no
    second one. With too little new once the window is over, the plan's build is a skipped digest, and staff know.
    Raises NewsletterAtRest, NoPlan and WindowTaken, that also where due_at is no due time of the plan any more.
    """
    if newsletter.state != NewsletterState.ACTIVE:
        raise NewsletterAtRest(_("%(newsletter)s is not active.") % {"newsletter": newsletter})
    # What came in since the last look may tell of an event that is in already.
    clustering.group_new(at=at)
    with transaction.atomic():
        # Two builds at once would both start at the last cut-off: the plan's row lets one wait for the other.
        plan = plan_of(newsletter, cadence, is_locked=True)
        if due_at is not None and not recurrence.is_due(plan.weekdays, plan.time, plan.zone, at=due_at):
            raise WindowTaken(_("The plan was moved meanwhile; it is not due then any more."))
        if window_end is None:
            due_at = open_due(plan, at=at)
            window_end = due_at or at
        digest = _draft(plan, at=at, window_end=window_end, due_at=due_at, by=by)
        fill(digest, at=at)
        if by is None and window_end <= at and (found := count_new(digest, at=at)) < plan.least:
            digest.picks.all().delete()
            too_little(digest, found=found, minimum=plan.least, at=at)
    return digest


def _draft(
    plan: Plan, *, at: datetime, window_end: datetime, due_at: datetime | None, by: User | None
) -> Digest:
    digests = Digest.objects.filter(newsletter=plan.newsletter, cadence=plan.cadence)
    if taken := digests.filter(window_end=window_end).first():
        raise WindowTaken(
            _("The digest with the cut-off %(end)s is there already, under the id %(id)d.")
            % {"end": _stamp(window_end), "id": taken.pk}
        )
    if due_at is not None and (there := digests.filter(due_at=due_at).first()):
        raise WindowTaken(
            _("For %(due)s there is a digest already, under the id %(id)d.")
            % {"due": _stamp(due_at), "id": there.pk}
        )
    start = last_cut_off(plan)
    if window_end <= start:
        raise WindowTaken(
            _("The cut-off %(end)s is not after the last one, %(start)s.")
            % {"end": _stamp(window_end), "start": _stamp(start)}
        )
    return Digest.objects.create(
        newsletter=plan.newsletter,
        cadence=plan.cadence,
        number=next_number(plan.newsletter),
        window_start=start,
        window_end=window_end,
        due_at=due_at,
        slots=slots_of(plan, on=due_at or window_end),
        is_automatic=True,
        created_at=at,
        created_by=by,
    )


def slots_of(plan: Plan, *, on: datetime) -> list[dict[str, Any]]:
    """The plan's slots for a digest of that day, where the plan is, in their order: a copy, which no later change reaches.

    A row that names the day beats the row of the same kind that names none. Queries: 1.
    """
    weekday = on.astimezone(recurrence.zone(plan.zone)).weekday()
    rows = [
        rule
        for rule in plan.slots.all()
        if not rule.weekdays or weekday in recurrence.read_weekdays(rule.weekdays)
    ]
    named = {rule.key for rule in rows if rule.weekdays}
    return [
        {"key": rule.key, "title": rule.title, "minimum": rule.minimum, "maximum": rule.maximum}
        for rule in rows
        if rule.weekdays or rule.key not in named
    ]


def last_cut_off(plan: Plan) -> datetime:
    """Where the plan's next window starts. Queries: 1."""
    cutting = Digest.objects.filter(
        newsletter=plan.newsletter_id, cadence=plan.cadence, state__in=CUTTING
    ).aggregate(end=Max("window_end"))
    return cutting["end"] or plan.first_window_from


def next_number(newsletter: Newsletter) -> int:
    """Best-ofs are numbered with the others: a number is a digest's address on the web."""
    highest = Digest.objects.filter(newsletter=newsletter).aggregate(highest=Max("number"))["highest"]
    return (highest or 0) + 1


def plan_of(newsletter: Newsletter, cadence: str = Cadence.EACH, *, is_locked: bool = False) -> Plan:
    """The newsletter's plan, in a transaction ours alone if is_locked. Raises NoPlan."""
    plans = Plan.objects.select_for_update() if is_locked else Plan.objects.all()
    try:
        plan = plans.get(newsletter=newsletter, cadence=cadence)
    except Plan.DoesNotExist as error:
        if cadence == Cadence.WEEKLY:
            raise NoPlan(
                _("%(newsletter)s has no weekly best-of yet: make a plan for it.")
                % {"newsletter": newsletter}
            ) from error
        raise NoPlan(_("%(newsletter)s has no plan yet.") % {"newsletter": newsletter}) from error
    plan.newsletter = newsletter
    return plan


def next_due(plan: Plan, *, after: datetime) -> datetime | None:
    """The plan's next due time, None while it rests."""
    if not plan.is_active:
        return None
    return recurrence.next_due(plan.weekdays, plan.time, plan.zone, after=after)


def open_due(plan: Plan, *, at: datetime) -> datetime | None:
    """The next due time whose digest did not go out ahead of it, None while the plan rests. Queries: 1, and none then."""
    if not plan.is_active:
        return None
    sent = Digest.objects.filter(
        newsletter=plan.newsletter_id,
        cadence=plan.cadence,
        state=DigestState.HANDED_OVER,
        due_at__gt=at,
    ).aggregate(last=Max("due_at"))["last"]
    return next_due(plan, after=max(at, sent or at))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
