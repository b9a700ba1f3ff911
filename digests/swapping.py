"""The exchange at the last minute: one story of a scheduled digest for another, in one act.

The digest keeps the time it had. It is proofed at once and waits; the approval of that proof alone puts it back on
the schedule. Earlier proofs stay on record.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from digests import history, selection, workflow
from digests.errors import PickRefused, WrongState
from digests.models import Digest, Pick, Proof
from digests.states import PickSource
from newsroom.articles.models import Article


def swap(pick: Pick, article: Article, *, expected_version: int, by: User, at: datetime) -> Proof:
    """Put the article where the pick stands, and propose the digest anew; returns the proof that waits for approval.

    Raises WrongState if the digest is neither scheduled nor waits for such an approval, PickRefused, EditConflict, and
    NotReady, if preflight blocks what would come of it; then nothing has changed, and the digest goes out as it was.
    """
    with transaction.atomic():
        # Read again and locked: if somebody stopped it meanwhile, there is no time left to keep.
        locked = Digest.objects.select_for_update(of=["self"]).with_frame()
        digest = locked.get(pk=pick.digest_id)
        wanted_at = digest.scheduled_at or digest.wanted_at
        if wanted_at is None:
            raise WrongState(
                _("Only a story of a scheduled digest is exchanged; others are simply edited."),
                state=digest.state,
            )
        workflow.reopen(digest, expected_version=expected_version, wanted_at=wanted_at)
        history.begin(digest, number=expected_version, at=at)
        _replace(pick, article, digest=digest, by=by, at=at)
        act = _("Exchanged “%(old)s” for “%(new)s”.") % {"old": pick.article.title, "new": article.title}
        if digest.is_automatic:
            digest.is_automatic = False
            digest.save(update_fields=["is_automatic"])
        history.keep(digest, by=by, at=at, act=act)
        return workflow.propose(digest, by=by, at=at)


def _replace(pick: Pick, article: Article, *, digest: Digest, by: User, at: datetime) -> None:
    """A new row in the same place: the links of the old one led to the old article."""
    title = {"title": article.title}
    if article.withdrawn_at is not None:
        raise PickRefused(_("“%(title)s” was withdrawn.") % title)
    if digest.picks.filter(article=article).exists():
        raise PickRefused(_("“%(title)s” is in this digest already.") % title)
    if not digest.picks.filter(pk=pick.pk).delete()[0]:
        raise PickRefused(_("The story to be exchanged is not in the digest any more."))
    Pick.objects.create(
        digest=digest,
        article=article,
        slot=pick.slot,
        position=pick.position,
        source=PickSource.DESK,
        reasons=selection.reasons_for(digest, article, at=at),
        original=history.original_of(article),
        added_by=by,
    )
