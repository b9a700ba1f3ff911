"""Filling what the desk left empty. What the desk did stays as it is."""

from datetime import datetime

from django.db import transaction
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from digests.choosing import Choice, Place, choose
from digests.errors import WrongState
from digests.models import Digest, Pick
from digests.selection.candidates import Candidate, candidates
from digests.states import DigestState, PickSource
from newsroom.articles.text import one_line


def fill(digest: Digest, *, at: datetime) -> list[Pick]:
    """Fill what is empty of a draft from its window; returns the new picks, each with its reasons.

    A slot without a pick is filled up to its maximum, one the desk began up to its minimum; picks of the desk
    stay where they are. Never taken: what candidates holds back. Reader submissions go into the community slot only.
    At most two of a section among lead and briefs, as long as there are others.
    """
    with transaction.atomic():
        draft = Digest.objects.select_for_update().filter(pk=digest.pk, state=DigestState.DRAFT).first()
        if draft is None:
            raise WrongState(_("Only a draft can be filled."), state=digest.state)
        # What became unfit since an earlier filling makes room; the desk's own picks are preflight's business.
        draft.picks.filter(source=PickSource.AUTOPILOT, article__withdrawn_at__isnull=False).delete()
        picks = list(draft.picks.select_related("article"))
        usable = _usable(draft, had={pick.article_id for pick in picks}, at=at)
        places = choose(
            draft.slots,
            [Place(slot=pick.slot, section=pick.article.section_id) for pick in picks],
            [
                Choice(key=key, section=found.article.section_id, is_submission=found.article.is_submission)
                for key, found in usable.items()
            ],
        )
        return Pick.objects.bulk_create(
            Pick(
                digest=draft,
                article=usable[key].article,
                slot=slot,
                position=position,
                source=PickSource.AUTOPILOT,
                reasons=dict(usable[key].reasons),
            )
            for slot, position, key in places
        )


def name(digest: Digest) -> None:
    """Give a draft that nobody gave a subject or preheader the headlines of its first stories. Queries: 2."""
    order = {slot["key"]: position for position, slot in enumerate(digest.slots)}
    picks = [pick for pick in digest.picks.select_related("article") if pick.slot in order]
    picks.sort(key=lambda pick: order[pick.slot])
    titles = [one_line(pick.title or pick.article.title) for pick in picks]
    digest.subject = digest.subject or Truncator(" ".join(titles[:1])).chars(200)
    digest.preheader = digest.preheader or Truncator(" · ".join(titles[1:4])).chars(200)
    digest.save(update_fields=["subject", "preheader"])


def _usable(digest: Digest, *, had: set[int], at: datetime) -> dict[int, Candidate]:
    found = candidates(digest.newsletter, start=digest.window_start, end=digest.window_end, at=at)
    return {
        candidate.article.pk: candidate
        for candidate in found
        if not candidate.held_back and candidate.article.pk not in had
    }
