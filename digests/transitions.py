"""How a digest changes its state: by one UPDATE that must change exactly one row, or not at all."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from digests.errors import EditConflict, WentOn, WrongState
from digests.models import Digest
from digests.states import DigestState, is_further


def advance(
    digest: Digest,
    *,
    start: Collection[DigestState],
    to: DigestState,
    refusal: str,
    seen: DigestState | None = None,
    **values: Any,
) -> None:
    """Take the digest, as it was read, from one of the states `start` to `to`, and write the values with it.

    refusal: one sentence for whoever tries it in another state. seen: the state in which whoever acts was shown it,
    if that matters. Raises EditConflict if the digest was edited since it was read, WentOn if it is further than it was
    seen, WrongState if it left these states. Queries: 1.
    """
    shown = [state for state in start if seen is None or not is_further(state, than=seen)]
    here = Digest.objects.filter(pk=digest.pk, state__in=shown, version=digest.version)
    if here.update(state=to, **values) != 1:
        raise refused(digest, start=start, refusal=refusal, seen=seen)
    for name, value in {"state": to, **values}.items():
        setattr(digest, name, value)


def refused(
    digest: Digest, *, start: Collection[DigestState], refusal: str, seen: DigestState | None = None
) -> WrongState:
    """Why the digest could not advance, by what it is now. Queries: 1."""
    now = Digest.objects.only("state", "version").get(pk=digest.pk)
    if seen is not None and now.state in start and is_further(now.state, than=seen):
        return WentOn(state=now.state)
    if now.version != digest.version and now.state in start:
        return EditConflict(expected=digest.version, actual=now.version, state=now.state)
    sentence = _("%(refusal)s It is now: %(state)s.") % {
        "refusal": refusal,
        "state": now.get_state_display(),
    }
    return WrongState(sentence, state=now.state)
