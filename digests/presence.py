"""Who has a digest open: known for as long as the page asks now and then, and forgotten soon after.

Nobody is locked out by it: it only says whom to talk to. Whoever writes the same all the same is told by the save.
"""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import User

from digests.models import Digest, Presence

HERE_FOR: Final = timedelta(minutes=5)
"""A page with a script asks every half minute; without one each save says so."""

SEEN_EVERY: Final = timedelta(seconds=20)
KEPT_FOR: Final = timedelta(days=1)


def note(digest: Digest, user: User, *, at: datetime) -> list[Presence]:
    """Write down that this user is here; returns who else is, the longest here first. Queries: 1 or 2."""
    here = _here(digest, at=at)
    mine = next((each for each in here if each.user_id == user.pk), None)
    if mine is None:
        _arrive(digest, user, at=at)
    elif mine.seen_at <= at - SEEN_EVERY:
        Presence.objects.filter(pk=mine.pk).update(seen_at=at)
    return [each for each in here if each is not mine]


def others(digest: Digest, user: User, *, at: datetime) -> list[Presence]:
    """Who else is here, the longest here first. Queries: 1."""
    return [each for each in _here(digest, at=at) if each.user_id != user.pk]


def _here(digest: Digest, *, at: datetime) -> list[Presence]:
    seen = Presence.objects.filter(digest=digest, seen_at__gt=at - HERE_FOR)
    return list(seen.select_related("user").order_by("since", "pk"))


def _arrive(digest: Digest, user: User, *, at: datetime) -> None:
    Presence.objects.bulk_create(
        [Presence(digest=digest, user=user, since=at, seen_at=at)],
        update_conflicts=True,
        unique_fields=["digest", "user"],
        update_fields=["since", "seen_at"],
    )


def forget(*, at: datetime) -> int:
    """Who was where when is nobody's business the day after; how many rows. Safe to run twice. Queries: 1."""
    deleted, _ = Presence.objects.filter(seen_at__lt=at - KEPT_FOR).delete()
    return deleted
