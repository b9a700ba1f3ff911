"""Letters to staff about a digest: an approval is wanted, a proof came back, a digest is due.

What each says is in `templates/email/`; who gets which is decided here. Each goes out once: its key says so.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from digests import staff
from digests.approval_tokens import approval_url
from digests.models import Digest, Proof
from digests.stories import with_stories
from digests.wall_clock import spoken, zone_of
from newsroom.mail import letters
from newsroom.mail.errors import BadAddress
from newsroom.mail.notices import staff_sender
from newsroom.mail.states import LetterKind
from newsroom.mail.wire import Envelope

logger = logging.getLogger(__name__)


def ask_approvers(proof: Proof, *, at: datetime) -> int:
    """Each colleague who may approve gets a link of her own to the proof; whoever proposed it gets none.

    Returns how many letters. Queries: 5, and 2 per letter.
    """
    digest = proof.digest
    approvers = staff.who_may("digests.approve_digest", digest.newsletter)
    if proof.proposed_by is not None:
        approvers = approvers.exclude(pk=proof.proposed_by.pk)
    rendition = proof.renditions.select_related("rendition").order_by("variant")[0].rendition
    order = {slot["key"]: number for number, slot in enumerate(digest.slots)}
    picks = sorted(with_stories(digest.picks.all()), key=lambda pick: order.get(pick.slot, len(order)))
    titles = [pick.title or pick.article.title for pick in picks]
    told = {
        **_about(digest),
        "proof": proof,
        "proposer": name_of(proof.proposed_by),
        "rendition": rendition,
        "titles": titles,
    }
    return sum(
        _write(
            LetterKind.APPROVAL_WANTED,
            user,
            digest,
            context={**told, "approve_url": approval_url(proof, user)},
            key=f"approval:{proof.pk}:{user.pk}",
            at=at,
        )
        for user in approvers
    )


def tell_proposer(proof: Proof, *, at: datetime) -> int:
    """Whoever proposed the proof learns who returned it and why; not, if that is the same person."""
    proposer = proof.proposed_by
    if proposer is None or proposer.pk == proof.returned_by_id or not proposer.is_active:
        return 0
    told = {**_about(proof.digest), "proof": proof, "returner": name_of(proof.returned_by)}
    return _write(
        LetterKind.PROOF_RETURNED, proposer, proof.digest, context=told, key=f"returned:{proof.pk}", at=at
    )


def remind(
    users: Iterable[User], digest: Digest, *, key: str, context: Mapping[str, Any], at: datetime
) -> int:
    """Tell these colleagues how a digest stands that is due soon; one letter per key and person."""
    told = {**_about(digest), **context}
    return sum(
        _write(LetterKind.REMINDER, user, digest, context=told, key=f"{key}:{user.pk}", at=at)
        for user in users
    )


def name_of(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else ""


def envelope() -> Envelope | None:
    """The sender of letters to staff; None if no address is known to send them from."""
    if not (sender := staff_sender()):
        return None
    return Envelope(
        kind="letter",
        from_name=settings.SITE_NAME,
        from_address=sender,
        language=settings.LANGUAGE_CODE,
        auto_submitted=True,
    )


def _about(digest: Digest) -> dict[str, Any]:
    when = digest.scheduled_at or digest.wanted_at or digest.due_at
    page = (
        reverse("admin:digests_digest_change", args=[digest.pk])
        if digest.pk
        else reverse("admin:digests_digest_add")
    )
    return {
        "digest": digest,
        "newsletter": digest.newsletter,
        "due": spoken(when, zone_of(digest.newsletter)) if when else "",
        "admin_url": f"{settings.SITE_URL}{page}",
    }


def _write(
    kind: LetterKind, user: User, digest: Digest, *, context: Mapping[str, Any], key: str, at: datetime
) -> int:
    sender = envelope()
    if sender is None:
        logger.warning("No letter to staff: no address to send it from.", extra={"digest": digest.pk})
        return 0
    try:
        letters.write(
            kind,
            address=user.email,
            newsletter_id=digest.newsletter_id,
            language=settings.LANGUAGE_CODE,
            context=context,
            envelope=sender,
            dedupe_key=key,
            at=at,
        )
    except BadAddress:
        logger.warning("A staff user's address cannot be written to.", extra={"user_id": user.pk})
        return 0
    return 1
