"""Approval by the link in a letter: the link names a proof and a colleague, and decides in that colleague's name.

Whoever has the link can decide, so each rule is looked at again when it is used: the colleague is still on staff and
may still approve, did not propose, and the proof is the newest, undecided, of the digest as it is, and a day old at most.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from digests import access, workflow
from digests.approval_tokens import proof_and_user
from digests.errors import LinkClosed
from digests.models import Approval, Proof
from digests.states import DigestState
from newsroom.web.errors import BadToken

VALID_FOR = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A proof that a colleague was asked about.

    closed: why the link decides nothing any more; empty while it does. may: whether the colleague may still approve.
    is_old: whether the link's day is over.
    """

    proof: Proof
    user: User
    closed: str
    may: bool
    is_old: bool

    @property
    def is_shown(self) -> bool:
        """Whether the link, which needs no sign-in, still shows the proof."""
        return self.may and not self.is_old


def find(token: str, *, at: datetime) -> Request:
    """What the link stands for. Raises BadToken if it is none of ours. Queries: at most 6."""
    proof_id, user_id = proof_and_user(token)
    proofs = Proof.objects.select_related("digest__newsletter__sender", "proposed_by", "approval")
    proof = proofs.filter(pk=proof_id, correction__isnull=True).first()
    user = User.objects.filter(pk=user_id).first()
    if proof is None or user is None:
        raise BadToken("The proof or the colleague of this link is gone.")
    may, is_old = _may_approve(user, proof), at - proof.proposed_at > VALID_FOR
    closed = _closed(proof, user, may=may, is_old=is_old)
    return Request(proof=proof, user=user, closed=closed, may=may, is_old=is_old)


def approve(token: str, *, at: datetime) -> Approval:
    """Approve in the colleague's name, with a line in the log.

    Raises BadToken, LinkClosed, and what `workflow.approve` raises.
    """
    asked = _open(token, at=at)
    with transaction.atomic():
        approval = workflow.approve(asked.proof, by=asked.user, at=at)
        _log(asked, _("Approved proof %(number)d by the link in a letter.") % {"number": asked.proof.number})
    return approval


def return_proof(token: str, *, because: str, at: datetime) -> None:
    """Return the proof to the desk in the colleague's name, with a line in the log. Raises as `approve`."""
    asked = _open(token, at=at)
    with transaction.atomic():
        workflow.return_proof(asked.proof, by=asked.user, because=because, at=at)
        _log(asked, _("Returned proof %(number)d by the link in a letter.") % {"number": asked.proof.number})


def _open(token: str, *, at: datetime) -> Request:
    asked = find(token, at=at)
    if asked.closed:
        raise LinkClosed(asked.closed)
    return asked


def _may_approve(user: User, proof: Proof) -> bool:
    is_staff = user.is_active and user.is_staff
    return is_staff and access.may(user, "digests.approve_digest", proof.digest.newsletter)


def _closed(proof: Proof, user: User, *, may: bool, is_old: bool) -> str:
    digest = proof.digest
    newest = workflow.proofs_of(digest).first()
    if not may:
        return _("You may not approve digests of this newsletter any more.")
    if hasattr(proof, "approval"):
        return _("This proof is approved already.")
    if proof.returned_at is not None:
        return _("This proof was returned to the desk already.")
    is_current = proof == newest and proof.digest_version == digest.version
    if not is_current or digest.state != DigestState.PROOFED:
        return _("This proof is out of date: the digest was changed or proofed again after it.")
    if proof.proposed_by_id == user.pk:
        return _("You proposed this proof yourself: a second person must decide.")
    if is_old:
        return _("This link was good for 24 hours. Decide in the admin.")
    return ""


def _log(asked: Request, sentence: str) -> None:
    LogEntry.objects.log_actions(
        asked.user.pk, [asked.proof.digest], CHANGE, change_message=sentence, single_object=True
    )
