"""Proofs: what is approved is exactly what is sent. Any edit makes a proof out of date."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from digests import correspondence, links, preflight, queue, underway
from digests.delivery import renditions
from digests.errors import NotReady, SecondPersonNeeded, StaleProof, WrongState
from digests.models import Approval, Digest, Plan, Proof, ProofRendition
from digests.rendering import Rendered, render
from digests.states import EDITABLE, ApprovalPolicy, Autopilot, DigestState
from digests.transitions import advance
from newsroom.mail import incidents


def propose(digest: Digest, *, by: User | None, at: datetime) -> Proof:
    """Freeze the draft as a numbered proof that somebody can approve. by: nobody, if the plan proposes.

    Where the plan says so, colleagues who may approve get a letter. Raises NotReady with what blocks, EditConflict if
    somebody edited since the digest was read, and WrongState.
    """
    with transaction.atomic():
        # What is refused leaves no link behind: a digest that went out may have come without.
        links.place(digest, at=at)
        rendered = render(digest, by_plan=by is None)
        findings = preflight.check(digest, at=at, rendered=rendered)
        if blocking := [finding for finding in findings if finding.blocks]:
            raise NotReady(blocking)
        # The version that was rendered must still be the one in the table: this is what makes the proof true.
        advance(
            digest,
            start=[DigestState.DRAFT],
            to=DigestState.PROOFED,
            refusal=_("Only a draft can be proofed."),
        )
        proof = _freeze(digest, rendered, by=by, at=at)
        if by is not None and _approvers_get_mail(digest):
            correspondence.ask_approvers(proof, at=at)
        return proof


def _freeze(digest: Digest, rendered: Rendered, *, by: User | None, at: datetime) -> Proof:
    rendition = renditions.keep(
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=rendered.html,
        text=rendered.text,
        language=rendered.language,
        at=at,
    )
    highest = Proof.objects.filter(digest=digest).aggregate(highest=Max("number"))["highest"]
    proof = Proof.objects.create(
        digest=digest,
        number=(highest or 0) + 1,
        content_hash=rendered.content_hash,
        digest_version=digest.version,
        proposed_by=by,
        proposed_at=at,
        web_html=rendered.web_html,
    )
    ProofRendition.objects.create(proof=proof, rendition=rendition)
    return proof


def approve(proof: Proof, *, by: User, at: datetime) -> Approval:
    """Let this proof go out. A second person, unless the plan allows one.

    A digest whose story was exchanged shortly before is back on the schedule with it. Raises StaleProof if the digest
    changed since, SecondPersonNeeded, WrongState if it is no longer proofed, and NotReady if a story came under embargo
    beyond the time it would be back for, or the newsletter is not active any more.
    """
    if not _needs_four_eyes(proof.digest):
        return _approve(proof, ApprovalPolicy.ONE_PAIR, by=by, at=at)
    if proof.proposed_by_id is None:
        # Translators: „Niemand hat diese Abnahme vorgelegt …“
        raise SecondPersonNeeded(
            _("Nobody is named as proposer; propose the digest again, then a second person can approve it.")
        )
    if proof.proposed_by_id == by.pk:
        raise SecondPersonNeeded(_("Whoever proposed a digest cannot approve it: a second person must."))
    return _approve(proof, ApprovalPolicy.FOUR_EYES, by=by, at=at)


def needs_another(proof: Proof, *, than: User) -> bool:
    """Whether this person made the proof, and the plan wants a second one to approve it. Queries: at most 1."""
    return proof.proposed_by_id == than.pk and _needs_four_eyes(proof.digest)


def approve_by_plan(proof: Proof, *, at: datetime) -> Approval:
    """Let a proof that the plan itself proposed go out, where the newsroom has set the plan to fill and send.

    Only the digest's first: where there was one before, people have taken it in hand. Raises SecondPersonNeeded, and
    what `approve` raises else.
    """
    plan = _plan_of(proof.digest)
    is_plans = proof.proposed_by_id is None and not proofs_of(proof.digest).exclude(pk=proof.pk).exists()
    if plan is None or plan.autopilot != Autopilot.FILL_AND_SEND or not is_plans:
        raise SecondPersonNeeded(_("This plan does not send by itself: a person must approve the digest."))
    return _approve(proof, ApprovalPolicy.AUTOPILOT, by=None, at=at)


def _approve(proof: Proof, policy: ApprovalPolicy, *, by: User | None, at: datetime) -> Approval:
    try:
        with transaction.atomic():
            digest = Digest.objects.select_for_update().get(pk=proof.digest_id)
            _check_fresh(proof, digest)
            advance(
                digest,
                start=[DigestState.PROOFED],
                to=DigestState.APPROVED,
                refusal=_("Only a proofed digest can be approved."),
            )
            approval = Approval.objects.create(
                proof=proof, policy=policy, proposer_id=proof.proposed_by_id, approver=by, approved_at=at
            )
            if digest.wanted_at is not None:
                _take_up_again(digest, digest.wanted_at, at=at)
    except IntegrityError as error:
        raise WrongState(_("This proof is approved already."), state=DigestState.APPROVED) from error
    proof.digest = digest
    return approval


def _take_up_again(digest: Digest, wanted_at: datetime, *, at: datetime) -> None:
    """Back on the schedule at the time it had, at once if that is over; past the late limit it waits for a person."""
    if not underway.is_wanted(digest, at=at):
        Digest.objects.filter(pk=digest.pk).update(wanted_at=None)
        digest.wanted_at = None
        return
    if keeping := [*preflight.at_rest(digest), *preflight.too_early(digest, when=max(wanted_at, at))]:
        raise NotReady(keeping)
    advance(
        digest,
        start=[DigestState.APPROVED],
        to=DigestState.SCHEDULED,
        refusal=_("Only an approved digest can be scheduled."),
        scheduled_at=wanted_at,
        wanted_at=None,
    )
    incidents.resolve(f"digests.not_sent.{digest.pk}", at=at)
    if wanted_at <= at:
        queue.wake_hand_over()


def return_proof(proof: Proof, *, by: User, because: str, at: datetime) -> None:
    """Send a proof back to the desk with a reason; the digest is a draft again, and whoever proposed it is told.

    After an exchange it keeps the time it had, until somebody stops it: the next proof, once approved, goes out then.
    Raises StaleProof, and WrongState if it was decided already or no reason is given.
    """
    if not because.strip():
        raise WrongState(_("Say why the proof is returned."), state=proof.digest.state)
    with transaction.atomic():
        digest = Digest.objects.select_for_update().get(pk=proof.digest_id)
        _check_fresh(proof, digest)
        advance(
            digest,
            start=[DigestState.PROOFED],
            to=DigestState.DRAFT,
            refusal=_("Only a proof that waits for approval can be returned."),
        )
        proof.returned_at, proof.returned_by, proof.returned_because = at, by, because.strip()[:500]
        proof.save(update_fields=["returned_at", "returned_by", "returned_because"])
        correspondence.tell_proposer(proof, at=at)
    proof.digest = digest


def reopen(
    digest: Digest,
    *,
    expected_version: int,
    wanted_at: datetime | None = None,
    seen: DigestState | None = None,
) -> None:
    """Make the digest a draft again, with a new version: proof, approval and schedule no longer hold.

    Every edit does this. wanted_at: when a new approval puts it back on the schedule by itself; no edit but an
    exchange asks for that. The time that an exchange left stays through the edits that follow: what a second person
    returned minutes before is mended and still goes out then. It is not written here, so that a stop meanwhile holds.
    seen: as in `advance`: nobody undoes a proof, an approval or a schedule without having seen it. Raises WentOn then,
    EditConflict if the version is not the expected one, WrongState once handed over.
    """
    digest.version = expected_version
    times: dict[str, datetime | None] = {"scheduled_at": None}
    if wanted_at is not None:
        times["wanted_at"] = wanted_at
    advance(
        digest,
        start=EDITABLE,
        to=DigestState.DRAFT,
        refusal=_("A digest that was handed over or skipped cannot be changed."),
        seen=seen,
        version=expected_version + 1,
        **times,
    )


def approved_proof(digest: Digest) -> Proof | None:
    """The proof that may be sent: the newest one, approved, of the digest's present version. Queries: 1."""
    newest = proofs_of(digest).select_related("approval").first()
    if newest is None or not hasattr(newest, "approval") or newest.returned_at is not None:
        return None
    return newest if newest.digest_version == digest.version else None


def proofs_of(digest: Digest) -> QuerySet[Proof]:
    """The proofs of the digest itself, the newest first; those of its correction mails are `correcting`'s."""
    return Proof.objects.filter(digest=digest, correction__isnull=True).order_by("-number")


def _check_fresh(proof: Proof, digest: Digest) -> None:
    newest = proofs_of(digest).first()
    if proof != newest or proof.digest_version != digest.version or newest.returned_at is not None:
        raise StaleProof


def _needs_four_eyes(digest: Digest) -> bool:
    plan = _plan_of(digest)
    return plan is None or plan.needs_four_eyes


def _approvers_get_mail(digest: Digest) -> bool:
    plan = _plan_of(digest)
    return plan is not None and plan.approval_by_mail


def _plan_of(digest: Digest) -> Plan | None:
    """As it stands now, however long ago the digest was read: a guard may have been tightened meanwhile. Queries: 1."""
    return Plan.objects.filter(newsletter=digest.newsletter_id, cadence=digest.cadence).first()
