"""When an approved digest goes out, or that it does not."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from digests import preflight, queue, skipping
from digests.errors import NotApproved, NotReady, TimePast
from digests.models import Digest
from digests.states import DigestState
from digests.transitions import advance
from digests.workflow.proofing import approved_proof
from newsroom.mail import incidents

GRACE_SECONDS = 300
"""How long an editor who pressed "send now" can still stop it."""


def schedule(digest: Digest, *, when: datetime, by: User | None, at: datetime) -> None:
    """Let the approved digest go out at this time.

    Raises TimePast, NotReady if a story is under embargo then or the newsletter is not active, NotApproved, EditConflict
    and WrongState.
    """
    if when <= at:
        raise TimePast(when)
    _schedule(digest, when, start=[DigestState.APPROVED], at=at)


def send_now(digest: Digest, *, by: User | None, at: datetime, grace_seconds: int = GRACE_SECONDS) -> None:
    """Let the approved digest go out as soon as the grace is over, scheduled for later or not. Raises as `schedule`."""
    when = at + timedelta(seconds=grace_seconds)
    _schedule(digest, when, start=[DigestState.APPROVED, DigestState.SCHEDULED], at=at)
    if not grace_seconds:
        queue.wake_hand_over()


def _schedule(digest: Digest, when: datetime, *, start: Collection[DigestState], at: datetime) -> None:
    with transaction.atomic():
        advance(
            digest,
            start=start,
            to=DigestState.SCHEDULED,
            refusal=_("Only an approved digest can be scheduled."),
            scheduled_at=when,
            wanted_at=None,
        )
        if approved_proof(digest) is None:
            raise NotApproved(_("No proof of this digest is approved."))
        if keeping := [*preflight.at_rest(digest), *preflight.too_early(digest, when=when)]:
            raise NotReady(keeping)
        # Somebody has dealt with the last failure: the next one is news, and staff are told of it again.
        incidents.resolve(f"digests.not_sent.{digest.pk}", at=at)


def skip(
    digest: Digest, *, because: str, by: User | None, at: datetime, seen: DigestState | None = None
) -> None:
    """Let this digest fall out, for a reason; its articles go into the next. Raises WentOn and WrongState."""
    if by is not None and because.strip():
        because = f"{because.strip()} ({by.get_username()})"
    skipping.skip(digest, because=because, seen=seen, at=at)
