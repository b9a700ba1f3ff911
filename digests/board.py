"""“Today”, the desk's board: each newsletter's next digest with what it needs next, and how the last ones went.

It renders no mail: what stands in a digest's way is told by the rules that need none.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from digests import access, preflight, selection, underway
from digests.delivery import ledger
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import TERMINAL_MAILINGS, MailingState
from digests.health import Health, of_mailings
from digests.models import Digest, DigestMailing, Pick, Plan, Proof
from digests.preflight import Finding
from digests.states import EDITABLE, DigestState, MailingKind
from digests.stories import with_stories
from newsroom.mail.models import Incident
from subscriptions.models import Newsletter, NewsletterQuerySet
from subscriptions.states import Cadence, NewsletterState

OPEN_PER_NEWSLETTER = 3
LAST_SENDS = 10
_ON_THE_WAY = (MailingState.FREEZING, MailingState.READY, MailingState.SENDING, MailingState.PAUSED)


class Step(StrEnum):
    """What is useful next, for one user."""

    PLAN = "plan"
    BUILD = "build"
    MEND = "mend"
    FINISH = "finish"
    APPROVE = "approve"
    READ_PROOF = "read_proof"
    SCHEDULE = "schedule"
    STOP = "stop"
    DECIDE = "decide"
    LOOK = "look"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Card:
    """One digest that wants somebody, or the place of one that is not built yet."""

    newsletter: Newsletter
    step: Step
    moment: datetime | None
    says: str
    digest: Digest | None = None
    plan: Plan | None = None
    mailing: Mailing | None = None
    proof: Proof | None = None
    missing: tuple[str, ...] = ()
    blocking: int = 0
    may_take_over: bool = False
    missed: str = ""


@dataclass(frozen=True, kw_only=True)
class Past:
    """A digest that is over: sent, with its health, or skipped."""

    digest: Digest
    mailing: Mailing | None = None
    health: Health | None = None


@dataclass(frozen=True, kw_only=True)
class Board:
    """What needs somebody, first what is due first; and what is over, the last first."""

    cards: tuple[Card, ...] = ()
    past: tuple[Past, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """What the cards are made of, read once for all newsletters."""

    user: User
    at: datetime
    findings: Mapping[int, list[Finding]]
    proofs: Mapping[int, Proof]
    missed: Mapping[int, str]
    counts: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def may(self, permission: str, newsletter: Newsletter) -> bool:
        return access.may(self.user, permission, newsletter)


def look(user: User, *, at: datetime) -> Board:
    """The board of this user. Queries: at most 15, however many newsletters, digests and articles there are."""
    known = {newsletter.pk: newsletter for newsletter in _newsletters(user)}
    active = {pk: newsletter for pk, newsletter in known.items() if not preflight.resting(newsletter)}
    if not known or not user.has_perm("digests.view_digest"):
        return Board()
    digests = _open_digests(known, active)
    desk = _Desk(
        user=user,
        at=at,
        findings=preflight.glance(digests, picks=_picks(digests), at=at),
        proofs=_newest_proofs(digests),
        missed=_missed(active),
    )
    sending = _sending(known)
    desk = replace(desk, counts=_counts(mailing for _digest, mailing in sending))
    cards = [
        *(_card_of_digest(desk, digest) for digest in digests),
        *(_card_of_mailing(desk, digest, mailing) for digest, mailing in sending),
        *_cards_to_build(desk, active.values(), digests),
    ]
    never = at.max.replace(tzinfo=at.tzinfo)
    return Board(
        cards=tuple(sorted(cards, key=lambda card: (card.moment or never, card.newsletter.position))),
        past=_past(active, but=[digest.pk for digest, mailing in sending if not _is_correction(mailing)]),
    )


def _newsletters(user: User) -> NewsletterQuerySet:
    """The active ones, and those at rest as long as there is something of them to stop."""
    scheduled = Digest.objects.filter(newsletter=OuterRef("pk"), state=DigestState.SCHEDULED)
    sending = _on_the_way().filter(digest__newsletter=OuterRef("pk"))
    shown = Q(state=NewsletterState.ACTIVE) | Exists(scheduled) | Exists(sending)
    return access.newsletters_of(user).filter(shown).select_related("sender").prefetch_related("plans")


def _on_the_way() -> QuerySet[DigestMailing]:
    """What readers are being sent, or would be had nobody stopped it."""
    kinds = [MailingKind.MAIN, MailingKind.CORRECTION]
    return DigestMailing.objects.filter(kind__in=kinds, mailing__state__in=_ON_THE_WAY)


def _open_digests(known: Mapping[int, Newsletter], active: Collection[int]) -> list[Digest]:
    """The newest few of each newsletter and cadence that may still be edited; forgotten ones behind them stay in the list.

    Of a newsletter at rest only what is on the schedule.
    """
    place = Window(
        RowNumber(),
        partition_by=[F("newsletter"), F("cadence")],
        order_by=[F("window_end").desc(), F("pk").desc()],
    )
    found = (
        Digest.objects.filter(newsletter__in=known, state__in=EDITABLE)
        .filter(Q(newsletter__in=active) | Q(state=DigestState.SCHEDULED))
        .annotate(place=place)
        .filter(place__lte=OPEN_PER_NEWSLETTER)
        .select_related("owner", "note_author__portrait")
        .defer("choices", "archive_note")
    )
    digests = list(found)
    for digest in digests:
        digest.newsletter = known[digest.newsletter_id]
    return digests


def _picks(digests: Iterable[Digest]) -> Mapping[int, list[Pick]]:
    known = {digest.pk: digest for digest in digests}
    rows = with_stories(Pick.objects.filter(digest__in=known)).defer("article__body_html", "reasons")
    found = defaultdict(list)
    for pick in rows.order_by("slot", "position", "pk"):
        pick.digest = known[pick.digest_id]
        found[pick.digest_id].append(pick)
    return found


def _newest_proofs(digests: Iterable[Digest]) -> Mapping[int, Proof]:
    """By digest; of the drafts only those that would seem untouched are asked for."""
    ids = [
        digest.pk
        for digest in digests
        if digest.state == DigestState.PROOFED or (digest.state == DigestState.DRAFT and digest.is_automatic)
    ]
    rows = Proof.objects.filter(digest__in=ids).defer("web_html").order_by("number") if ids else ()
    return {proof.digest_id: proof for proof in rows}


def _missed(known: Mapping[int, Newsletter]) -> Mapping[int, str]:
    """By plan: what an open incident says of a run that nobody made up."""
    plans = (plan for newsletter in known.values() for plan in newsletter.plans.all())
    keys = {f"digests.missed.{plan.pk}": plan.pk for plan in plans}
    rows = Incident.objects.open().filter(key__in=keys).values_list("key", "title", "text")
    return {keys[key]: f"{title}. {text}".strip() for key, title, text in rows}


def _sending(known: Mapping[int, Newsletter]) -> list[tuple[Digest, Mailing]]:
    rows = _on_the_way().filter(digest__newsletter__in=known).select_related("digest__owner", "mailing")
    for bound in rows:
        bound.digest.newsletter = known[bound.digest.newsletter_id]
    return [(bound.digest, bound.mailing) for bound in rows]


def _counts(mailings: Iterable[Mailing]) -> Mapping[int, Mapping[str, int]]:
    """By mailing: the copies decided so far; a mailing's own totals are written when it is over."""
    ids = [mailing.pk for mailing in mailings]
    sums = {name: Sum(name) for name in ledger.COUNTS}
    rows: Iterable[dict[str, Any]] = (
        Batch.objects.filter(mailing__in=ids).values("mailing").annotate(**sums).order_by() if ids else ()
    )
    return {row["mailing"]: {name: row[name] for name in ledger.COUNTS} for row in rows}


def _card_of_digest(desk: _Desk, digest: Digest) -> Card:
    newsletter = digest.newsletter
    blocking = [finding for finding in desk.findings[digest.pk] if finding.blocks]
    proof = desk.proofs.get(digest.pk)
    may_change = desk.may("digests.change_digest", newsletter)
    return Card(
        newsletter=newsletter,
        digest=digest,
        plan=_plan_of(digest),
        proof=proof,
        moment=digest.scheduled_at or digest.wanted_at or digest.due_at or digest.window_end,
        says=_state(digest, proof, desk),
        step=_step(digest, proof, desk, is_blocked=bool(blocking)),
        missing=tuple(finding.message for finding in blocking if finding.rule == "slot_underfull"),
        blocking=len(blocking),
        may_take_over=may_change and digest.owner_id != desk.user.pk,
    )


def _state(digest: Digest, proof: Proof | None, desk: _Desk) -> str:
    """What it is and what it waits for, in one sentence."""
    match DigestState(digest.state):
        case DigestState.DRAFT if underway.is_wanted(digest, at=desk.at):
            return _("A draft again. Once a new proof is approved, it goes out at the time it had.")
        case DigestState.DRAFT if digest.due_at and digest.due_at <= desk.at:
            return _("A draft past its due time; nothing went out.")
        case DigestState.DRAFT if digest.is_automatic and proof is None:
            return _("A draft as the plan filled it; nobody worked on it yet.")
        case DigestState.DRAFT:
            return _("A draft the desk works on.")
        case DigestState.PROOFED if proof and underway.is_wanted(digest, at=desk.at):
            # Translators: Ein Artikel wurde ausgetauscht. Sobald sie freigegeben ist, geht Abnahme %(number)d zur vorgesehenen Zeit hinaus.
            return _(
                "A story was exchanged. Once approved, proof %(number)d goes out at the time it had."
            ) % {"number": proof.number}
        case DigestState.PROOFED if proof and _is_own(digest, proof, desk):
            return _("Your proof %(number)d waits for a second person.") % {"number": proof.number}
        case DigestState.PROOFED:
            return _("Proof %(number)d waits for approval.") % {"number": proof.number if proof else 0}
        case DigestState.APPROVED:
            return _("Approved, but not scheduled.")
        case _:
            resting = preflight.resting(digest.newsletter)
            return resting or _("Approved and scheduled; it goes out by itself.")


def _step(digest: Digest, proof: Proof | None, desk: _Desk, *, is_blocked: bool) -> Step:
    newsletter = digest.newsletter
    match DigestState(digest.state):
        case DigestState.DRAFT if desk.may("digests.change_digest", newsletter):
            return Step.MEND if is_blocked else Step.FINISH
        case DigestState.PROOFED if proof:
            is_other = not _is_own(digest, proof, desk) and desk.may("digests.approve_digest", newsletter)
            return Step.APPROVE if is_other else Step.READ_PROOF
        case DigestState.APPROVED if desk.may("digests.send_digest", newsletter):
            return Step.SCHEDULE
        case DigestState.SCHEDULED if access.may_stop(desk.user, newsletter):
            return Step.STOP
        case _:
            return Step.LOOK


def _is_own(digest: Digest, proof: Proof, desk: _Desk) -> bool:
    """Whether this user proposed it where the plan wants a second person."""
    plan = _plan_of(digest)
    return proof.proposed_by_id == desk.user.pk and (plan is None or plan.needs_four_eyes)


def _card_of_mailing(desk: _Desk, digest: Digest, mailing: Mailing) -> Card:
    is_paused = mailing.state == MailingState.PAUSED
    counts = desk.counts.get(mailing.pk, {})
    figures = {
        "done": sum(counts.values()),
        "all": mailing.frozen,
        "because": mailing.paused_because or _("no reason was given"),
    }
    if is_paused:
        says = _("Stopped after %(done)d of %(all)d copies: %(because)s") % figures
    elif mailing.state == MailingState.SENDING:
        says = _("Being sent: %(done)d of %(all)d copies are decided.") % figures
    else:
        says = _("Handed over; its readers are being counted.")
    if is_correction := _is_correction(mailing):
        says = _("Correction mail – %(told)s") % {"told": says}
    return Card(
        newsletter=digest.newsletter,
        digest=digest,
        mailing=mailing,
        plan=_plan_of(digest),
        moment=mailing.created_at if is_correction else digest.handed_over_at or mailing.created_at,
        says=says,
        step=_step_of_mailing(desk, digest.newsletter, is_paused=is_paused),
    )


def _step_of_mailing(desk: _Desk, newsletter: Newsletter, *, is_paused: bool) -> Step:
    if is_paused:
        return Step.DECIDE if desk.may("digests.send_digest", newsletter) else Step.LOOK
    return Step.STOP if access.may_stop(desk.user, newsletter) else Step.LOOK


def _is_correction(mailing: Mailing) -> bool:
    return mailing.digest_mailing.kind == MailingKind.CORRECTION


def _cards_to_build(
    desk: _Desk, newsletters: Iterable[Newsletter], digests: Collection[Digest]
) -> list[Card]:
    """Of each newsletter that has no digest ahead: when the next one is due; of its best-of, too, if it has a plan."""
    ahead = {
        (digest.newsletter_id, digest.cadence)
        for digest in digests
        if (digest.due_at or digest.window_end) > desk.at
    }
    lacking = [
        (newsletter, cadence)
        for newsletter in newsletters
        for cadence in Cadence.values
        if (newsletter.pk, cadence) not in ahead
        and (cadence == Cadence.EACH or _is_planned(Plan.of(newsletter, cadence)))
    ]
    rows = (
        Digest.objects.filter(
            newsletter__in=[newsletter for newsletter, _cadence in lacking],
            state=DigestState.HANDED_OVER,
            due_at__gt=desk.at,
        )
        .order_by()
        .values_list("newsletter", "cadence")
        .annotate(last=Max("due_at"))
    )
    sent = {(newsletter, cadence): last for newsletter, cadence, last in rows}
    return [
        _card_to_build(desk, newsletter, cadence, sent.get((newsletter.pk, cadence)))
        for newsletter, cadence in lacking
    ]


def _is_planned(plan: Plan | None) -> bool:
    return plan is not None and plan.is_active


def _card_to_build(desk: _Desk, newsletter: Newsletter, cadence: str, sent: datetime | None) -> Card:
    plan = Plan.of(newsletter, cadence)
    if plan is None:
        may_plan = desk.user.has_perm("digests.add_plan")
        return Card(
            newsletter=newsletter,
            step=Step.PLAN if may_plan else Step.NONE,
            moment=None,
            says=_("It has no plan yet: nobody knows when it is due."),
        )
    due = selection.next_due(plan, after=max(desk.at, sent or desk.at))
    return Card(
        newsletter=newsletter,
        plan=plan,
        step=Step.BUILD if desk.may("digests.add_digest", newsletter) else Step.NONE,
        moment=due,
        says=_("Not put together yet.") if due else _("The plan rests; it is put together by hand only."),
        missed=desk.missed.get(plan.pk, ""),
    )


def _past(known: Mapping[int, Newsletter], *, but: Collection[int]) -> tuple[Past, ...]:
    """The last digests that are over, sent or skipped; `but` are on their way. Queries: 2 or 3."""
    over = Digest.objects.filter(
        newsletter__in=known, state__in=[DigestState.HANDED_OVER, DigestState.SKIPPED]
    ).defer("choices", "archive_note", "slots")
    digests = list(over.exclude(pk__in=but).order_by("-window_end", "-pk")[:LAST_SENDS])
    bound = DigestMailing.objects.filter(
        kind=MailingKind.MAIN,
        digest__in=[digest.pk for digest in digests],
        mailing__state__in=TERMINAL_MAILINGS,
    ).select_related("mailing")
    mailings = {row.digest_id: row.mailing for row in bound}
    health = of_mailings(list(mailings.values()))
    past = []
    for digest in digests:
        digest.newsletter = known[digest.newsletter_id]
        mailing = mailings.get(digest.pk)
        if mailing:
            past.append(Past(digest=digest, mailing=mailing, health=health[mailing.pk]))
        elif digest.state == DigestState.SKIPPED:
            past.append(Past(digest=digest))
    return tuple(past)


def _plan_of(digest: Digest) -> Plan | None:
    return Plan.of(digest.newsletter, digest.cadence)
