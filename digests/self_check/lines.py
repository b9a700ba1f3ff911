"""What the self-check says: one line for each thing looked at, green, yellow or red, and what to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _

from digests.countdown import span


class Colour(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"

    @property
    def word(self) -> str:
        # Translators: „in Ordnung“, „ansehen“, „handeln“
        return {"green": _("all right"), "yellow": _("have a look"), "red": _("act now")}[self.value]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing looked at. page: a name of the admin's and its arguments, where to act."""

    key: str
    colour: Colour
    title: str
    says: str
    remedy: str = ""
    page: tuple[str | int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]


def by_age(age: timedelta, *, yellow: timedelta, red: timedelta) -> Colour:
    """Red and yellow begin after these ages, not at them."""
    if age > red:
        return Colour.RED
    return Colour.YELLOW if age > yellow else Colour.GREEN


def seen(moment: datetime, *, at: datetime) -> str:
    """`Last seen 3 min ago.`"""
    return _("Last seen %(span)s ago.") % {"span": span(max(at - moment, timedelta(0)))}
