"""When an approved digest goes out, and how it is stopped."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from digests import queue, skipping
from digests.delivery import control
from digests.errors import NotApproved, TimePast
from digests.models import Digest, DigestMailing
from digests.states import DigestState, MailingKind
from digests.transitions import advance, refused
from digests.workflow.proofing import approved_proof

GRACE_SECONDS = 300
"""How long an editor who pressed "send now" can still stop it."""


def schedule(digest: Digest, *, when: datetime, by: User | None, at: datetime) -> None:
    """Let the approved digest go out at this time. Raises TimePast, NotApproved, EditConflict and WrongState."""
    if when <= at:
        raise TimePast(when)
    _schedule(digest, when, start=[DigestState.APPROVED])


def send_now(digest: Digest, *, by: User | None, at: datetime, grace_seconds: int = GRACE_SECONDS) -> None:
    """Let the approved digest go out as soon as the grace is over, scheduled for later or not. Raises as `schedule`."""
    when = at + timedelta(seconds=grace_seconds)
    _schedule(digest, when, start=[DigestState.APPROVED, DigestState.SCHEDULED])
    if not grace_seconds:
        queue.wake_hand_over()


def _schedule(digest: Digest, when: datetime, *, start: Collection[DigestState]) -> None:
    with transaction.atomic():
        advance(
            digest,
            start=start,
            to=DigestState.SCHEDULED,
            refusal=_("Only an approved digest can be scheduled."),
            scheduled_at=when,
        )
        if approved_proof(digest) is None:
            raise NotApproved(_("No proof of this digest is approved."))


def stop(digest: Digest, *, by: User | None, at: datetime) -> None:
    """Stop the sending: a scheduled digest is approved only, a mailing under way pauses.

    Raises WrongState if there is nothing to stop, and what `delivery.control.pause` raises.
    """
    scheduled = Digest.objects.filter(pk=digest.pk, state=DigestState.SCHEDULED)
    if scheduled.update(state=DigestState.APPROVED, scheduled_at=None) == 1:
        digest.refresh_from_db()
        return
    bound = (
        DigestMailing.objects.filter(digest=digest, kind=MailingKind.MAIN).select_related("mailing").first()
    )
    if bound is None:
        raise refused(digest, start=[DigestState.SCHEDULED], refusal=_("There is nothing to stop."))
    because = _("Stopped by %(name)s.") % {"name": by.get_username()} if by else _("Stopped.")
    control.pause(bound.mailing, because=because, at=at)
    digest.refresh_from_db()


def skip(digest: Digest, *, because: str, by: User | None, at: datetime) -> None:
    """Let this digest fall out, for a reason; its articles go into the next. Raises WrongState."""
    if by is not None and because.strip():
        because = f"{because.strip()} ({by.get_username()})"
    skipping.skip(digest, because=because, at=at)
