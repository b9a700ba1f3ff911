"""A pick as the composer shows it: a card with its fields, what speaks against it and what changed since.

Fields are the dearest part of the page, and hardly a card differs from what it was a minute ago. So a card is kept
under everything it is made from, and made anew as soon as any of that differs; one that shows what somebody typed,
or a clash, is never kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from digests import history
from digests.comparing import Piece, compare
from digests.composer.saves import PickPart
from digests.doubles import Double
from digests.forms import PickForm
from digests.models import Pick

# In this process alone, the least used go first. Some 10 kB each: forty digests' cards.
_kept = LocMemCache("composer-cards", {"TIMEOUT": None, "OPTIONS": {"MAX_ENTRIES": 500}})


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a source made of words that were picked: before and after, piece by piece."""

    name: str
    pieces: list[Piece]


@dataclass(frozen=True, kw_only=True)
class PickRow:
    """A pick with what speaks against it, and how its article was changed since it was picked."""

    part: PickPart
    doubles: Sequence[Double]

    @property
    def pick(self) -> Pick:
        return self.part.pick

    @property
    def form(self) -> PickForm:
        return self.part.form

    @property
    def asks_why(self) -> bool:
        """Whether it must be said why the article comes again."""
        return bool(self.pick.label) or any(double.kind == "sent" for double in self.doubles)

    @cached_property
    def changes(self) -> list[Change]:
        """Where the article's words are other than when it was picked."""
        names = {"kicker": _("Kicker"), "title": _("Headline"), "teaser": _("Teaser")}
        return [
            Change(name=names[name], pieces=compare(before, now))
            for name, (before, now) in history.changed_since(self.pick).items()
        ]


def write(part: PickPart, doubles: Sequence[Double], *, is_editable: bool) -> SafeString:
    """The card as HTML. The pick comes with its story, see `stories.with_stories`; no query."""
    row = PickRow(part=part, doubles=doubles)
    if not part.is_as_stored:
        return _written(row, is_editable=is_editable)
    key = hashlib.sha256(f"{is_editable} {_made_from(row)}".encode()).hexdigest()
    card: SafeString | None = _kept.get(key)
    if card is None:
        card = _written(row, is_editable=is_editable)
        _kept.set(key, card)
    return card


def _written(row: PickRow, *, is_editable: bool) -> SafeString:
    return render_to_string("admin/digests/digest/pick.html", {"row": row, "is_editable": is_editable})


def _made_from(row: PickRow) -> str:
    """All that a card can show: whole records, so that a field which the card shows from now on cannot be forgotten."""
    pick, part = row.pick, row.part
    records = (pick, pick.picture, pick.article, pick.article.picture, pick.article.feed)
    doubles = [(each, each.other and each.other.pk) for each in row.doubles]
    return repr(
        (
            get_language(),
            part.place,
            part.slots,
            part.pictures,
            pick.article.byline,
            doubles,
            [*map(_values, records)],
        )
    )


def _values(record: Model | None) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name != "_state"} if record else {}
