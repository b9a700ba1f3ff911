"""Who looks after a digest. Being on duty changes nothing that readers get, so no proof goes out of date by it."""

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from digests.errors import WrongState
from digests.models import Digest
from digests.states import EDITABLE


def take_over(digest: Digest, *, by: User, from_owner: int | None) -> None:
    """Put this user on duty, if the one seen there still is. Raises WrongState. Queries: 1, and 1 to refuse."""
    here = Digest.objects.filter(pk=digest.pk, owner=from_owner, state__in=EDITABLE)
    if here.update(owner=by) == 1:
        digest.owner = by
        return
    now = Digest.objects.only("state").get(pk=digest.pk)
    if now.state in EDITABLE:
        raise WrongState(_("Somebody else took it over meanwhile."), state=now.state)
    raise WrongState(_("There is nothing left to look after."), state=now.state)
