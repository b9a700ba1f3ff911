"""How much each thing counts when articles are ranked: a newsletter's own numbers, or these."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from subscriptions.states import Cadence

LONGEST_HALF_LIFE_HOURS = 336.0
MOST = 2.0


class BadWeights(ValueError):
    """A weight is unknown or out of its range; the text names it."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a term may add, from 0 (does not count) to 2; variety, used and thin are taken off.

    half_life_hours: after so many hours an article is half as fresh, 1 to 336. place, clicks: what the place an article
    had in the week's digests and how much it was followed there count in a weekly best-of; elsewhere they are nothing.
    """

    half_life_hours: float = 12.0
    fresh: float = 1.0
    marked: float = 0.5
    section: float = 0.2
    trust: float = 0.15
    picture: float = 0.1
    staff: float = 0.15
    length: float = 0.1
    place: float = 0.4
    clicks: float = 0.6
    variety: float = 0.15
    used: float = 0.6
    thin: float = 0.2


NAMES = tuple(field.name for field in fields(Weights))
DEFAULTS = Weights()
# A best-of looks back on a week: by the usual numbers Monday's lead would stand behind Friday's least.
WEEKLY_DEFAULTS = Weights(half_life_hours=168.0, fresh=0.3)


def usual(cadence: str) -> Weights:
    """What counts where a plan says nothing else."""
    return WEEKLY_DEFAULTS if cadence == Cadence.WEEKLY else DEFAULTS


def bounds(name: str) -> tuple[float, float]:
    """The least and the greatest value of a weight."""
    return (1.0, LONGEST_HALF_LIFE_HOURS) if name == "half_life_hours" else (0.0, MOST)


def in_words(value: float) -> str:
    """The number as the reader's language writes it, without needless noughts: `0,5`, `72`."""
    return number_format(f"{value:g}")


def read(stored: Mapping[str, Any], *, cadence: str = Cadence.EACH) -> Weights:
    """The weights with these instead of the usual ones. Raises BadWeights."""
    if not isinstance(stored, Mapping):
        raise BadWeights(_("Weights are names with numbers."))
    for name, value in stored.items():
        if name not in NAMES:
            raise BadWeights(_("There is no weight “%(name)s”.") % {"name": name})
        least, most = bounds(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            raise BadWeights(
                _("“%(name)s” must be a number from %(least)s to %(most)s.")
                % {"name": name, "least": in_words(least), "most": in_words(most)}
            )
    return replace(usual(cadence), **{name: float(value) for name, value in stored.items()})


def changed(weights: Weights, *, cadence: str = Cadence.EACH) -> dict[str, float]:
    """What differs from the usual weights: only that is stored, so that a better default reaches every plan."""
    known = asdict(usual(cadence))
    return {name: value for name, value in asdict(weights).items() if value != known[name]}
