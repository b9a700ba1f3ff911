"""Stop, go on, end: what can be done about a digest that is about to go out, or on its way."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from digests import underway
from digests.delivery import control
from digests.delivery.models import Mailing
from digests.delivery.states import TERMINAL_MAILINGS
from digests.errors import WrongState
from digests.models import Digest
from digests.states import DigestState
from digests.transitions import refused

_WAITING = (DigestState.DRAFT, DigestState.PROOFED, DigestState.APPROVED)


def stop(digest: Digest, *, by: User | None, at: datetime) -> None:
    """Stop the sending: a scheduled digest is approved only, a mailing under way pauses, that of a correction too.

    A digest that waits for the approval of an exchange no longer goes out with it. Raises WrongState if there is
    nothing to stop, and what `delivery.control.pause` raises.
    """
    # In this order: an approval between the two leaves a scheduled digest, which the second one finds.
    wanted = Digest.objects.filter(pk=digest.pk, state__in=_WAITING, wanted_at__isnull=False)
    scheduled = Digest.objects.filter(pk=digest.pk, state=DigestState.SCHEDULED)
    if wanted.update(wanted_at=None) or scheduled.update(state=DigestState.APPROVED, scheduled_at=None):
        digest.refresh_from_db()
        return
    because = _("Stopped by %(name)s.") % {"name": by.get_username()} if by else _("Stopped.")
    first, *others = _mailings(digest, _("There is nothing to stop."))
    for mailing in [first, *(each for each in others if each.state not in TERMINAL_MAILINGS)]:
        control.pause(mailing, because=because, at=at, by=by)
    digest.refresh_from_db()


def go_on(digest: Digest, *, mailing: int, by: User, at: datetime) -> Mailing:
    """Go on with a mailing that was stopped, where it stopped; nobody gets a second copy.

    mailing: the number of the one that was shown. Raises WrongState if there is none or another one is to be shown now,
    and what `delivery.control.resume` raises.
    """
    return control.resume(_shown(digest, mailing, _("There is nothing to continue.")), at=at, by=by)


def end(digest: Digest, *, mailing: int, because: str, by: User, at: datetime) -> Mailing:
    """Cancel what still waits of a mailing, for good and for a reason.

    mailing: as with `go_on`. Raises WrongState without this mailing or a reason, and what `delivery.control.end` raises.
    """
    if not because.strip():
        raise WrongState(_("Say why the sending ends."), state=digest.state)
    shown = _shown(digest, mailing, _("There is nothing to end."))
    return control.end(shown, at=at, by=by, because=because.strip()[:300])


def _shown(digest: Digest, mailing: int, refusal: str) -> Mailing:
    """The first one, if it is still the one that was looked at: a digest may have a correction mail beside its own."""
    first = _mailings(digest, refusal)[0]
    if first.pk != mailing:
        raise WrongState(_("It changed meanwhile; nothing was done."), state=digest.state)
    return first


def _mailings(digest: Digest, refusal: str) -> list[Mailing]:
    """As the bar has them: first the one that it shows."""
    found = [bound.mailing for bound in underway.mailings_of(digest)]
    if not found:
        raise refused(digest, start=[DigestState.HANDED_OVER], refusal=refusal)
    return found
