"""What the desk does to a digest. Each act is one edit: it counts the version up, and a proof made before is out of date.

Every act takes the version the editor saw, and may take the state. If somebody else was faster it raises EditConflict
or WentOn and changes nothing; afterwards `digest.version` is the new one, so that several acts of one form can follow
each other. Each edit leaves a version in the digest's history, in the same transaction.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from digests import history, links, selection
from digests.errors import PickRefused
from digests.models import Digest, Pick
from digests.states import DigestState, PickSource
from digests.workflow import reopen
from newsroom.articles.models import Article, Picture

_UNDONE = ("version", "state", "scheduled_at", "wanted_at", "is_automatic")


def edit_digest(
    digest: Digest,
    *,
    expected_version: int,
    at: datetime,
    by: User | None = None,
    seen: DigestState | None = None,
    **words: str,
) -> None:
    """Change some of `history.WORDS`; what is not named stays. Raises EditConflict, WentOn and WrongState."""
    _check_names(words, history.WORDS)
    with edit(digest, expected_version=expected_version, seen=seen, by=by, at=at, act=_("Saved.")):
        put_words(digest, {name: value.strip() for name, value in words.items()}, at=at)


def put_words(digest: Digest, wanted: Mapping[str, str], *, at: datetime) -> None:
    """Within an edit: write these words, and place the links of another note. Queries: as `history.put_words`, and 3 more."""
    note = digest.note
    history.put_words(digest, wanted)
    if digest.note != note and links.may_have_links(f"{note} {digest.note}"):
        links.place_of_note(digest, at=at)


def add_pick(
    digest: Digest,
    article: Article,
    *,
    slot: str,
    expected_version: int,
    by: User | None,
    at: datetime,
    position: int | None = None,
    source: PickSource = PickSource.DESK,
    seen: DigestState | None = None,
) -> Pick:
    """Put an article into a slot, at the end unless a position from 0 is given.

    Raises PickRefused if it is in the digest already, withdrawn, or the digest has no such slot.
    """
    if article.withdrawn_at is not None:
        raise PickRefused(_("“%(title)s” was withdrawn.") % {"title": article.title})
    act = _("Picked “%(title)s”.") % {"title": article.title}
    with edit(digest, expected_version=expected_version, seen=seen, by=by, at=at, act=act):
        if digest.picks.filter(article=article).exists():
            raise PickRefused(_("“%(title)s” is in this digest already.") % {"title": article.title})
        reasons = selection.reasons_for(digest, article, at=at)
        words = selection.carried(digest, [article.pk]).get(article.pk, {}) if digest.is_best_of else {}
        pick = Pick(
            digest=digest,
            article=article,
            added_by=by,
            source=source,
            reasons=reasons,
            **({"original": history.original_of(article)} | words),
        )
        _place(pick, slot=slot, position=position)
        links.place(digest, at=at)
    return pick


def move_pick(
    pick: Pick,
    *,
    slot: str,
    position: int | None = None,
    expected_version: int,
    at: datetime,
    by: User | None = None,
) -> None:
    """Move a pick within its slot or to another one; from now on it is the desk's. Raises PickRefused."""
    act = _("Moved “%(title)s”.") % {"title": pick}
    with edit(pick.digest, expected_version=expected_version, by=by, at=at, act=act):
        pick.source = PickSource.DESK
        left = pick.slot
        _place(pick, slot=slot, position=position)
        if left != slot:
            _number(list(_others(pick, left)))


def remove_pick(pick: Pick, *, expected_version: int, at: datetime, by: User | None = None) -> None:
    """Take a pick out; the others close ranks."""
    act = _("Took “%(title)s” out.") % {"title": pick}
    with edit(pick.digest, expected_version=expected_version, by=by, at=at, act=act):
        others = list(_others(pick, pick.slot))
        pick.delete()
        _number(others)


def change_pick(
    pick: Pick,
    *,
    expected_version: int,
    at: datetime,
    by: User | None = None,
    picture: Picture | None = None,
    **overrides: str,
) -> None:
    """Set the desk's own words and picture. What is not named, or empty, is the article's again.

    The article itself is untouched.
    """
    _check_names(overrides, history.OVERRIDES)
    act = _("Changed “%(title)s”.") % {"title": pick}
    with edit(pick.digest, expected_version=expected_version, by=by, at=at, act=act):
        for name in history.OVERRIDES:
            setattr(pick, name, overrides.get(name, "").strip())
        pick.picture = picture
        pick.source = PickSource.DESK
        pick.save(update_fields=[*history.OVERRIDES, "picture", "source"])


@contextmanager
def edit(
    digest: Digest,
    *,
    expected_version: int,
    by: User | None,
    at: datetime,
    act: str,
    seen: DigestState | None = None,
) -> Iterator[None]:
    """One edit, all or nothing: what is written within makes a new version, a draft again, and the desk's own.

    act: one sentence for the history. Raises EditConflict, WentOn and WrongState. Queries: 4, and 1 or 2 more the
    first time.
    """
    before = {name: getattr(digest, name) for name in _UNDONE}
    try:
        with transaction.atomic():
            reopen(digest, expected_version=expected_version, seen=seen)
            history.begin(digest, number=expected_version, at=at)
            if digest.is_automatic:
                digest.is_automatic = False
                digest.save(update_fields=["is_automatic"])
            yield
            history.keep(digest, by=by, at=at, act=act)
    except Exception:
        for name, value in before.items():  # nothing was written, so the row at hand must not say otherwise
            setattr(digest, name, value)
        raise


def _place(pick: Pick, *, slot: str, position: int | None) -> None:
    if slot not in {rule["key"] for rule in pick.digest.slots}:
        raise PickRefused(_("This digest has no slot “%(slot)s”.") % {"slot": slot})
    picks = list(_others(pick, slot))
    pick.slot = slot
    picks.insert(len(picks) if position is None else max(0, position), pick)
    _number(picks)


def _others(pick: Pick, slot: str) -> Iterator[Pick]:
    return Pick.objects.filter(digest_id=pick.digest_id, slot=slot).exclude(pk=pick.pk).iterator()


def _number(picks: list[Pick]) -> None:
    """Positions without gaps, in this order. A handful of rows: a slot is small."""
    for position, pick in enumerate(picks):
        pick.position = position
        pick.save()


def _check_names(given: dict[str, Any], known: tuple[str, ...]) -> None:
    if unknown := set(given) - set(known):
        raise TypeError(f"Unknown: {', '.join(sorted(unknown))}.")
