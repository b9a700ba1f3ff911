"""The moment a digest leaves our hands: one transaction binds it to its mailing, and a constraint lets that happen once."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from digests import preflight, selection
from digests.delivery import freezing
from digests.delivery.models import Mailing
from digests.envelopes import envelope_of
from digests.errors import DigestError, EditConflict, NotApproved, NotReady, TooLate, WrongState
from digests.models import Digest, DigestMailing, Plan, Proof
from digests.skipping import followers
from digests.states import DigestState, MailingKind
from digests.transitions import advance
from digests.workflow.proofing import approved_proof
from newsroom.mail import incidents
from newsroom.mail.states import Severity
from subscriptions import audiences
from subscriptions.models import Newsletter

logger = logging.getLogger(__name__)


def hand_over(digest: Digest, *, at: datetime) -> Mailing:
    """Hand the approved proof over to the engine, for everybody who chose the digest's cadence. Never twice.

    Preflight runs once more, because an article may have been withdrawn since the proof. Raises NotReady,
    NotApproved, TooLate, EditConflict, and WrongState if it is not scheduled for now or earlier.
    """
    if digest.state == DigestState.SCHEDULED:
        blocking = [finding for finding in preflight.check(digest, at=at) if finding.blocks]
        if blocking:
            raise NotReady(blocking)
    with transaction.atomic():
        locked = Digest.objects.select_for_update().get(pk=digest.pk)
        if locked.version != digest.version:
            raise EditConflict(expected=digest.version, actual=locked.version, state=locked.state)
        _check_time(locked, at)
        advance(
            locked,
            start=[DigestState.SCHEDULED],
            to=DigestState.HANDED_OVER,
            refusal=_("Only a scheduled digest can be handed over."),
            handed_over_at=at,
        )
        if rests := preflight.at_rest(locked):  # paused since, while the mail was looked at
            raise NotReady(rests)
        proof = approved_proof(locked)
        if proof is None:
            raise NotApproved(_("No proof of this digest is approved."))
        mailing = _mail(locked, proof, at=at)
        _cut_off(locked, proof)
        _tell_newsletter(locked, mailing, at=at)
        for key in ("not_sent", "waiting", "withdrawn"):
            incidents.resolve(f"digests.{key}.{locked.pk}", at=at)
    digest.refresh_from_db()
    return mailing


def _check_time(digest: Digest, at: datetime) -> None:
    if digest.state != DigestState.SCHEDULED or digest.scheduled_at is None:
        return  # the compare-and-set says what is wrong
    if digest.scheduled_at > at:
        raise WrongState(_("The digest is scheduled for later."), state=digest.state)
    if at - digest.scheduled_at > timedelta(seconds=settings.DELIVERY_LATE_LIMIT_SECONDS):
        raise TooLate(
            _("The digest was not handed over in time; schedule it again if readers still want it.")
        )


def _mail(digest: Digest, proof: Proof, *, at: datetime) -> Mailing:
    renditions = {row.variant: row.rendition for row in proof.renditions.select_related("rendition")}
    mailing = freezing.create(
        newsletter=digest.newsletter,
        title=renditions[0].subject,
        renditions=renditions,
        envelope=envelope_of(digest),
        audience=audiences.for_newsletter(digest.newsletter, cadence=digest.cadence),
        at=at,
        late_limit=settings.DELIVERY_LATE_LIMIT_SECONDS,
    )
    DigestMailing.objects.create(digest=digest, mailing=mailing, proof=proof, kind=MailingKind.MAIN)
    return mailing


def _cut_off(digest: Digest, proof: Proof) -> None:
    """A digest proofed before its cut-off ended its window then: what came in later belongs to the next one.

    A window never quite vanishes, however early the proof; and where the next digest went out before this one,
    nobody is left to take the rest, so it stays.
    """
    cut_off = max(proof.proposed_at, digest.window_start + datetime.resolution)
    alike = Digest.objects.alike(digest)
    while alike.filter(window_end=cut_off).exclude(pk=digest.pk).exists():  # no two may end at one moment
        cut_off += datetime.resolution
    if cut_off >= digest.window_end or alike.filter(window_start=digest.window_end).public().exists():
        return
    followers(digest, digest.window_end).update(window_start=cut_off)
    digest.window_end = cut_off
    digest.save(update_fields=["window_end"])


def _tell_newsletter(digest: Digest, mailing: Mailing, *, at: datetime) -> None:
    """What lower floors show. The latest digest to look at is one of those that everybody gets who signs up."""
    plan = Plan.of(digest.newsletter, digest.cadence)
    next_at = selection.open_due(plan, at=at) if plan else None
    newsletter = Newsletter.objects.filter(pk=digest.newsletter_id)
    if digest.is_best_of:
        newsletter.update(next_weekly_at=next_at)
    else:
        newsletter.update(latest_url=digest.get_absolute_url(), latest_title=mailing.title, next_at=next_at)


def hand_over_due(at: datetime) -> list[Mailing]:
    """Hand over every digest whose time has come. What may not go is approved only, and staff are told.

    One digest's trouble never holds up another's. Queries: 1 if nothing is due.
    """
    due = Digest.objects.due(at).with_frame().order_by("scheduled_at", "pk")
    mailings = []
    for digest in due:
        try:
            mailings.append(hand_over(digest, at=at))
        except (NotReady, NotApproved, TooLate) as error:
            put_back(digest, error, at=at)
        except DigestError as error:
            logger.info("Digest not handed over: %s", error, extra={"digest": digest.pk})
        except Exception:  # it stays scheduled and is tried again until it is late
            logger.exception("A digest could not be handed over.", extra={"digest": digest.pk})
            _report(
                digest, _("An unexpected error; the log has it. It is tried again until it is late."), at=at
            )
    return mailings


def put_back(digest: Digest, error: DigestError, *, at: datetime) -> None:
    """Take the digest off the schedule, and let staff know why."""
    with transaction.atomic():
        scheduled = Digest.objects.filter(pk=digest.pk, state=DigestState.SCHEDULED, version=digest.version)
        if scheduled.update(state=DigestState.APPROVED, scheduled_at=None) == 1:
            _report(digest, str(error), at=at)
    digest.refresh_from_db()


def _report(digest: Digest, text: str, *, at: datetime) -> None:
    incidents.report(
        f"digests.not_sent.{digest.pk}",
        title=_("%(digest)s was not sent") % {"digest": digest},
        text=text,
        severity=Severity.ERROR,
        facts={"digest": digest.pk},
        newsletter_id=digest.newsletter_id,
        at=at,
    )
