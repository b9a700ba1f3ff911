"""How a digest changes its state: by one UPDATE that must change exactly one row, or not at all."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from digests.errors import EditConflict, WrongState
from digests.models import Digest
from digests.states import DigestState


def advance(
    digest: Digest,
    *,
    start: Collection[DigestState],
    to: DigestState,
    refusal: str,
    **values: Any,
) -> None:
    """Take the digest, as it was read, from one of the states `start` to `to`, and write the values with it.

    refusal: one sentence for whoever tries it in another state. Raises EditConflict if the digest was edited since
    it was read, WrongState if it left these states. Queries: 1.
    """
    here = Digest.objects.filter(pk=digest.pk, state__in=start, version=digest.version)
    if here.update(state=to, **values) != 1:
        raise refused(digest, start=start, refusal=refusal)
    for name, value in {"state": to, **values}.items():
        setattr(digest, name, value)


def refused(digest: Digest, *, start: Collection[DigestState], refusal: str) -> WrongState:
    """Why the digest could not advance, by what it is now. Queries: 1."""
    now = Digest.objects.only("state", "version").get(pk=digest.pk)
    if now.version != digest.version and now.state in start:
        return EditConflict(expected=digest.version, actual=now.version, state=now.state)
    sentence = _("%(refusal)s It is now: %(state)s.") % {
        "refusal": refusal,
        "state": now.get_state_display(),
    }
    return WrongState(sentence, state=now.state)
