"""The registry: what a rule is, what it looks at and what it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from digests import links
from digests.models import Digest, LinkCheck, Pick
from digests.preflight.past import Past
from digests.rendering import Rendered
from digests.states import DigestState
from digests.stories import PICTURED_SLOTS
from newsroom.articles.models import Picture


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong; target is the id of the field, slot, pick or part of the composer it is about."""

    rule: str
    blocks: bool
    message: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the rules look at, read once. rendered: nothing while only a glance is wanted."""

    digest: Digest
    picks: tuple[Pick, ...]
    at: datetime
    rendered: Rendered | None = None
    past: Past = field(default_factory=Past)
    link_checks: Mapping[str, LinkCheck] = field(default_factory=dict)

    @property
    def has_a_time(self) -> bool:
        """Whether it goes out by itself: it is on the schedule, or an approval puts it back there."""
        return self.digest.state == DigestState.SCHEDULED or self.digest.wanted_at is not None

    @property
    def goes_out_at(self) -> datetime:
        """The earliest moment at which readers get it: the time it has on the schedule, else when it is due."""
        is_scheduled = self.digest.state == DigestState.SCHEDULED
        planned = self.digest.scheduled_at if is_scheduled else self.digest.wanted_at or self.digest.due_at
        return max(planned, self.at) if planned else self.at

    @property
    def pictured(self) -> list[tuple[Pick, Picture]]:
        """The pictures that the mail shows, each with its pick."""
        found = [
            (pick, pick.picture or pick.article.picture) for pick in self.picks if pick.slot in PICTURED_SLOTS
        ]
        return [(pick, picture) for pick, picture in found if picture and not picture.withdrawn_at]

    @property
    def note_links(self) -> list[str]:
        return list(links.in_note(self.digest.note))


def target_of(pick: Pick) -> str:
    """The id of the pick's place in the composer."""
    return f"pick-{pick.pk}"


def named(pick: Pick) -> dict[str, str]:
    """For a sentence: the headline by which the desk knows the pick."""
    return {"title": pick.title or pick.article.title}


Flaws = Iterator[tuple[str, str]]
"""A sentence and the id of what it is about, for each thing that is wrong."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A code, whether it blocks, and what looks for it."""

    code: str
    blocks: bool
    flaws: Callable[[Desk], Flaws]

    def findings(self, desk: Desk) -> Iterator[Finding]:
        for message, target in self.flaws(desk):
            yield Finding(rule=self.code, blocks=self.blocks, message=message, target=target)


RULES: dict[str, Rule] = {}
"""All rules by code, in the order in which their files were imported."""


def blocks(code: str) -> Callable[[Callable[[Desk], Flaws]], Callable[[Desk], Flaws]]:
    """A rule whose flaws must be mended before a proof is made and a digest handed over."""
    return _register(code, blocks=True)


def advises(code: str) -> Callable[[Callable[[Desk], Flaws]], Callable[[Desk], Flaws]]:
    """A rule that the desk may overrule by doing nothing."""
    return _register(code, blocks=False)


def _register(code: str, *, blocks: bool) -> Callable[[Callable[[Desk], Flaws]], Callable[[Desk], Flaws]]:
    def register(flaws: Callable[[Desk], Flaws]) -> Callable[[Desk], Flaws]:
        assert code not in RULES, code
        RULES[code] = Rule(code=code, blocks=blocks, flaws=flaws)
        return flaws

    return register
