"""The record: one consent event for each act, with the wording where something was agreed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind
from subscriptions.wording import wording

# What leaving writes over, or whoever asks for her after it: all that she gets back with a subscription.
_KEPT: Final = ("cadence", "source")
_KEPT_TIMES: Final = ("paused_until", "confirmed_at", "requested_at")


def kept(row: Subscription) -> dict[str, str | None]:
    """A subscription as it is before it ends, for the record."""
    times = {name: getattr(row, name) for name in _KEPT_TIMES}
    return {name: getattr(row, name) for name in _KEPT} | {
        name: time.isoformat() if time else None for name, time in times.items()
    }


def as_kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a subscription as `kept` wrote them down; older records hold fewer, and the others stay."""
    texts = {name: before[name] for name in _KEPT if name in before}
    times = {name: before[name] for name in _KEPT_TIMES if name in before}
    return texts | {name: datetime.fromisoformat(time) if time else None for name, time in times.items()}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting before and after. newsletter is None for what concerns the reader as a whole."""

    newsletter: Newsletter | None
    what: str
    before: str
    after: str


def changed(
    reader: Subscriber, changes: Iterable[Change], *, how: str, network_address: str | None, at: datetime
) -> None:
    """Write changed settings down, an event each. how: where it happened, such as "/preferences/"."""
    for change in changes:
        event(
            reader,
            change.newsletter,
            ConsentKind.CHANGED,
            at=at,
            form=how,
            language=reader.language,
            network_address=network_address,
            facts={"what": change.what, "before": change.before, "after": change.after},
        ).save(force_insert=True)


def event(
    reader: Subscriber,
    newsletter: Newsletter | None,
    kind: ConsentKind,
    *,
    at: datetime,
    form: str,
    language: str,
    network_address: str | None,
    actor: str = "",
    wording_version: str = "",
    facts: dict[str, object] | None = None,
) -> ConsentEvent:
    """One line of the record; wording is kept where something was agreed, as it was shown, and in that language."""
    shown = (
        wording(wording_version, language, name=newsletter.name if newsletter else "")
        if wording_version
        else None
    )
    return ConsentEvent(
        subscriber=reader,
        newsletter=newsletter,
        kind=kind,
        address=reader.address or "",
        wording=shown.text if shown else "",
        wording_version=shown.version if shown else "",
        language=language,
        form=form,
        network_address=network_address or None,
        actor=actor,
        facts=facts or {},
        at=at,
    )
