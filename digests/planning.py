"""What plans do by themselves: at each due time one digest is built, and held for the desk or sent.

A run belongs to a due time, not to the moment somebody runs it: the window ends at the due time however late the run
is. Of several missed due times only the latest is made up; the older ones' articles are in its window.
Everything up to the schedule is one transaction that begins with a compare-and-set on the plan, so that two
schedulers make one digest, and a crash in between leaves nothing half done.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from digests import recurrence, selection, workflow
from digests.errors import DigestError, WindowTaken
from digests.models import Digest, Plan
from digests.skipping import skip, too_little
from digests.states import CUTTING, EDITABLE, Autopilot, DigestState
from newsroom.mail import incidents
from newsroom.mail.states import Severity
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import Cadence, NewsletterState

logger = logging.getLogger(__name__)


def run_due_plans(at: datetime) -> list[Digest]:
    """Run every plan whose time has come, and build the drafts that are wanted ahead; returns the digests touched.

    One plan's trouble never holds up another's. Safe to run twice and at once.
    """
    plans = Plan.objects.filter(is_active=True, newsletter__state=NewsletterState.ACTIVE)
    touched = []
    for plan in plans.select_related("newsletter__sender").order_by("pk"):
        try:
            digest = run(plan, at=at) or build_ahead(plan, at=at)
        except Exception as error:  # nothing of the run is left; the next minute tries again
            logger.exception("A plan could not run.", extra={"plan": plan.pk})
            _report(plan, f"error.{plan.pk}", _("A plan could not run"), str(error), Severity.ERROR, at)
            continue
        if digest is not None:
            touched.append(digest)
    return touched


def run(plan: Plan, *, at: datetime) -> Digest | None:
    """Take care of the plan's latest due time, if nobody has yet; the digest of it, or None."""
    since = plan.last_due_at or plan.first_window_from
    due = recurrence.previous_due(plan.weekdays, plan.time, plan.zone, at=at)
    if due is None or due <= since:
        return None
    is_too_old = at - due > timedelta(hours=plan.make_up_hours)
    with transaction.atomic():
        mine = Plan.objects.filter(pk=plan.pk, last_due_at=plan.last_due_at, is_active=True)
        if mine.update(last_due_at=due) != 1:
            return None  # another scheduler was faster
        plan.last_due_at = due
        digest = None if is_too_old else _digest_for(plan, due, since=since, at=at)
        if is_too_old:
            text = _("It was due at %(due)s. Its articles go into the next digest.") % {
                "due": _local(plan, due)
            }
            _report(plan, f"missed.{plan.pk}", _("A digest was missed"), text, Severity.ERROR, at)
        if digest is not None and digest.state == DigestState.DRAFT:
            _go_on(plan, digest, at=at)
        elif digest is not None:
            _remind(plan, digest, at=at)
        _tell_newsletter(plan, at=at)
        incidents.resolve(f"digests.error.{plan.pk}", at=at)
    # Outside, so that the schedule is written down whatever becomes of the hand-over: the beat repeats it.
    if digest is not None and digest.state == DigestState.SCHEDULED:
        workflow.hand_over_due(at)
        digest.refresh_from_db()
    return digest


def _digest_for(plan: Plan, due: datetime, *, since: datetime, at: datetime) -> Digest | None:
    """The digest of this due time: the one that is there already, else a new one."""
    newsletter = plan.newsletter
    # Locked until the run is over: an editor's save waits, instead of being overtaken half-way.
    ours = Digest.objects.select_for_update(of=["self"]).with_frame()
    _merge_missed(plan, since=since, due=due, at=at)
    _remind_of_passed(plan, since=since, due=due, at=at)
    if (
        existing := ours.filter(
            Q(due_at=due) | Q(window_end=due), newsletter=newsletter, cadence=plan.cadence
        )
        .order_by("pk")
        .first()
    ):
        return existing
    try:
        return selection.build(newsletter, cadence=plan.cadence, at=at, window_end=due, due_at=due)
    except WindowTaken as error:
        # Somebody built a digest whose window goes beyond this due time: unless it goes out by itself, people must know.
        logger.info("Nothing to build: %s", error, extra={"plan": plan.pk})
        beyond = Digest.objects.filter(
            newsletter=newsletter, cadence=plan.cadence, state__in=CUTTING, window_end__gt=due
        )
        if in_the_way := beyond.order_by("window_end").first():
            _remind(plan, in_the_way, at=at)
        return None


def _merge_missed(plan: Plan, *, since: datetime, due: datetime, at: datetime) -> None:
    """Drafts built ahead for older due times, which nobody ran, curated or proofed, give their window to the latest."""
    missed = Digest.objects.filter(
        newsletter=plan.newsletter,
        cadence=plan.cadence,
        state=DigestState.DRAFT,
        is_automatic=True,
        proofs=None,
        due_at__gt=since,
        due_at__lt=due,
    )
    for digest in missed.order_by("window_end"):
        skip(digest, because=_("Its run was missed; a later digest takes its articles."), at=at)


def _remind_of_passed(plan: Plan, *, since: datetime, due: datetime, at: datetime) -> None:
    """What people began for a time that no run took care of would wait without a word. Queries: 1."""
    passed = Digest.objects.filter(
        newsletter=plan.newsletter,
        cadence=plan.cadence,
        state__in=EDITABLE,
        due_at__gt=since,
        due_at__lt=due,
    )
    for digest in passed.select_related("newsletter").order_by("pk"):
        _remind(plan, digest, at=at)


def at_due(plan: Plan | None, draft: Digest, *, was_proofed: bool) -> Autopilot:
    """What becomes of the draft at its due time if nobody does anything.

    was_proofed: whether there ever was a proof of it. Then people have taken it in hand, and it is a draft again because
    one of them returned, stopped or changed it, or because an article was withdrawn: it waits for them, whatever the
    plan says. So does one whose time is none of the plan's: nobody set that time for readers.
    """
    if plan is None or not plan.is_active or draft.newsletter.state != NewsletterState.ACTIVE or was_proofed:
        return Autopilot.HOLD
    if draft.due_at is None or not recurrence.is_due(plan.weekdays, plan.time, plan.zone, at=draft.due_at):
        return Autopilot.HOLD
    if plan.autopilot == Autopilot.SKIP and draft.pk and not draft.is_automatic:
        return Autopilot.HOLD
    return Autopilot(plan.autopilot)


def _go_on(plan: Plan, draft: Digest, *, at: datetime) -> None:
    """What the plan says is to happen with a draft at its due time."""
    if workflow.proofs_of(draft).exists():
        _remind(plan, draft, at=at)
        return
    then = at_due(plan, draft, was_proofed=False)
    # What the desk has begun and has to finish is left as it is: an open page would lose its place.
    if draft.is_automatic or then == Autopilot.FILL_AND_SEND:
        selection.fill(draft, at=at)
    found = selection.count_new(draft, at=at)
    if draft.is_automatic and found < plan.least:
        too_little(draft, found=found, minimum=plan.least, at=at)
        return
    match then:
        case Autopilot.HOLD:
            _remind(plan, draft, at=at)
        case Autopilot.SKIP:
            skip(draft, because=_("Nobody curated it, and the plan skips such digests."), at=at)
        case Autopilot.FILL_AND_SEND:
            try:
                with transaction.atomic():
                    selection.name(draft, at=at)
                    proof = workflow.propose(draft, by=None, at=at)
                    workflow.approve_by_plan(proof, at=at)
                    draft.refresh_from_db()
                    workflow.send_now(draft, by=None, at=at, grace_seconds=0)
            except DigestError as error:
                draft.refresh_from_db()
                title = _("%(digest)s was not sent") % {"digest": draft}
                _report(plan, f"not_sent.{draft.pk}", title, str(error), Severity.ERROR, at, digest=draft)


def _remind(plan: Plan, digest: Digest, *, at: datetime) -> None:
    """Tell staff what the digest waits for; nothing if it waits for nobody."""
    waits = {
        DigestState.DRAFT: _("The draft waits for the desk."),
        DigestState.PROOFED: _("The proof waits for approval."),
        DigestState.APPROVED: _("It is approved, but not scheduled."),
    }
    if text := waits.get(DigestState(digest.state)):
        title = _("%(digest)s is due and waits") % {"digest": digest}
        _report(plan, f"waiting.{digest.pk}", title, text, Severity.WARNING, at, digest=digest)


def build_ahead(plan: Plan, *, at: datetime) -> Digest | None:
    """Build the next draft as many minutes before its due time as the plan wants; None if it is not yet time."""
    due = recurrence.next_due(plan.weekdays, plan.time, plan.zone, after=at)
    if not plan.lead_minutes or due is None or due - at > timedelta(minutes=plan.lead_minutes):
        return None
    alike = Digest.objects.filter(newsletter=plan.newsletter, cadence=plan.cadence)
    if alike.filter(Q(due_at=due) | Q(window_end__gte=due)).exists():
        return None
    try:
        return selection.build(plan.newsletter, cadence=plan.cadence, at=at, window_end=due, due_at=due)
    except WindowTaken:
        return None  # another scheduler was faster, or the plan was moved meanwhile


def tell_newsletter(newsletter: Newsletter, *, at: datetime) -> None:
    """Write down when the newsletter's next digest comes, whether it has a weekly best-of, and when the next of those.

    Called when a plan was made, changed or deleted. Nobody's choice changes with it: whoever chose the best-of gets
    nothing while there is none, because each digest is more mail than she asked for. Her settings say so, and offer
    each digest, and when it stays away a letter says so (`subscriptions.ended_best_ofs`). Queries: 4 at most.
    """
    plans = {plan.cadence: plan for plan in Plan.objects.filter(newsletter=newsletter, is_active=True)}
    daily, weekly = plans.get(Cadence.EACH), plans.get(Cadence.WEEKLY)
    ended_at = Case(When(has_weekly=True, then=Value(at)), default=F("weekly_ended_at"))
    Newsletter.objects.filter(pk=newsletter.pk).update(
        next_at=selection.open_due(daily, at=at) if daily else None,
        has_weekly=weekly is not None,
        next_weekly_at=selection.open_due(weekly, at=at) if weekly else None,
        weekly_ended_at=None if weekly else ended_at,
    )


def weekly_readers(newsletter: Newsletter) -> int:
    """How many chose the weekly best-of, whether there is one or not. Queries: 1."""
    return Subscription.objects.active().filter(newsletter=newsletter, cadence=Cadence.WEEKLY).count()


def _tell_newsletter(plan: Plan, *, at: datetime) -> None:
    """When the next digest of the plan's kind comes. Queries: 2."""
    name = "next_weekly_at" if plan.is_best_of else "next_at"
    Newsletter.objects.filter(pk=plan.newsletter_id).update(**{name: selection.open_due(plan, at=at)})


def _report(
    plan: Plan,
    key: str,
    title: str,
    text: str,
    severity: Severity,
    at: datetime,
    *,
    digest: Digest | None = None,
) -> None:
    incidents.report(
        f"digests.{key}",
        title=title,
        text=text,
        severity=severity,
        facts={"plan": plan.pk, "newsletter": plan.newsletter.slug, "digest": digest.pk if digest else None},
        newsletter_id=plan.newsletter_id,
        at=at,
    )


def _local(plan: Plan, moment: datetime) -> str:
    return date_format(moment.astimezone(recurrence.zone(plan.zone)), "SHORT_DATETIME_FORMAT")
