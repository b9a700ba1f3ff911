"""What stands beside a consent event, in words: for a reader's own file, for her proof, and for the desk.

The record keeps facts as programs need them. The numbers of other rows among them tell a person nothing: they stay in
the file for programs.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import TextChoices
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsroom.web.tags import exact_time, long_date
from subscriptions.states import Cadence, ConsentKind, SubscriptionState, SuppressionReason

_NAMES: Final = {
    "cadence": gettext_lazy("How often"),
    "reason": gettext_lazy("Reason"),
    "because": gettext_lazy("Note"),
    "note": gettext_lazy("Note"),
    "asked_at": gettext_lazy("Asked for"),
    "requested_at": gettext_lazy("Ordered there"),
    "confirmed_at": gettext_lazy("Confirmed there"),
    "agreed_to": gettext_lazy("The words you saw"),
    "agreed_at": gettext_lazy("Time"),
    "agreed_where": gettext_lazy("Where"),
    "requested_network_address": gettext_lazy("network address (IP) when requested"),
    "confirmed_network_address": gettext_lazy("network address (IP) when confirmed"),
    "provider": gettext_lazy("Accepted by"),
    "message_id": gettext_lazy("Identifier of the e-mail (Message-ID)"),
}
# What has no page of its own, and stands in the record as a program calls it.
_PLACES: Final = {
    # Translators: über die Abbestell-Taste des E-Mail-Programms
    "one-click": gettext_lazy("by the unsubscribe button of the e-mail program"),
    # Translators: in unserer Verwaltung
    "admin": gettext_lazy("in our administration"),
    "import": "",  # a file that does not say
}
# Who acts when neither the reader nor anybody of ours does: a job that notes what went, what a provider reported or
# somebody stopped, and a step of her own in two places.
_NOBODYS: Final = frozenset(["letters", "suppression", "change of address"])
# Numbers of other rows and of a file's lines, an address as a hash, and what is said elsewhere.
_UNTOLD: Final = frozenset(
    ["letter", "confirmation", "change", "moved_from", "import", "line", "ended", "to", "provider_ref"]
)
_OF_A_CHANGE: Final = frozenset(["what", "before", "after", "step", "lifted"])
_STEPS: Final = {
    # Translators: Neue Adresse gewünscht | Neue Adresse bestätigt | Adressänderung zurückgenommen
    "asked": gettext_lazy("New address asked for"),
    "confirmed": gettext_lazy("New address confirmed"),
    "undone": gettext_lazy("Change of address taken back"),
}
_MOVES: Final = {
    # Translators: Kommt seither an eine andere Adresse | Kommt wieder an die frühere Adresse
    "moved": gettext_lazy("Comes to another address since then"),
    "moved back": gettext_lazy("Comes to the former address again"),
}


def told(kind: str, facts: object, *, undone: Mapping[int, datetime] | None = None) -> list[str]:
    """What the facts of an event say, a line each; nothing for none. No query.

    undone: when what leaving happened, by its event's number, for the event that takes it back.
    """
    if not isinstance(facts, dict):
        return []
    lines = [changed(facts)] if kind == ConsentKind.CHANGED else []
    for name, value in facts.items():
        if kind == ConsentKind.CHANGED and name in _OF_A_CHANGE:
            continue
        lines += _told(name, value, facts, undone or {})
    return list(filter(None, lines))


def is_by_us(actor: str) -> bool:
    """Whether the actor of an event is one of the staff, by hand or by a command."""
    return actor not in {"", *_NOBODYS}


def place(kind: str, form: str) -> str:
    """Where an event happened: the path of a page, a name from a file, or words; nothing of what happened nowhere."""
    if kind in (ConsentKind.SUPPRESSED, ConsentKind.LETTER_SENT):  # there stands why, or which letter it was
        return ""
    return str(_PLACES.get(form, form))


def changed(facts: Mapping[str, Any]) -> str:
    """What a change was, in one line; nothing if the record does not say."""
    if "lifted" in facts:
        return f"{_('Suppression lifted')}: {_label(SuppressionReason, facts['lifted'])}"
    what, before, after = (facts.get(name, "") for name in ("what", "before", "after"))
    match what:
        case "paused_until":
            return f"{_('Paused until')}: {_last_day(before)} → {_last_day(after)}"
        case "cadence":
            return f"{_('How often')}: {_label(Cadence, before)} → {_label(Cadence, after)}"
        case "language":
            names = dict(settings.LANGUAGES)
            return f"{_('Language of our e-mails')}: {names.get(before, before)} → {names.get(after, after)}"
        case "address":
            return str(_STEPS.get(facts.get("step", ""), ""))
        case "confirmation":
            return _("Confirmation letter sent again")
        case "asking" if after == "never":
            # Translators: Anmeldung verworfen; will nicht mehr um eine Bestätigung gebeten werden
            return _("Sign-up declined; does not want to be asked to confirm again")
        case "asking":
            # Translators: Zurückgenommen: darf wieder um eine Bestätigung gebeten werden
            return _("Taken back: may be asked to confirm again")
        case _:
            return f"{what}: {before} → {after}" if what else ""


def _told(name: str, value: Any, facts: Mapping[str, Any], undone: Mapping[int, datetime]) -> Iterator[str]:
    if name in _UNTOLD or value in ("", None):
        return
    match name:
        case "before":
            yield from _standing(value)
        case "undoes":
            if when := undone.get(value):
                # Translators: Zurückgenommen: Abbestellung, %(when)s
                yield _("Taken back: unsubscribing, %(when)s") % {"when": exact_time(when)}
        case "together_with":
            # Translators: Alle Newsletter auf einmal
            yield _("All newsletters at once")
        case "all_confirmed":
            # Translators: Wir haben festgehalten, dass alle auf dieser Liste bestätigt hatten.
            yield _("We noted that all on this list had confirmed.")
        case "after_stop":
            # Translators: Nach einer Sperre
            yield _("After our mail had been stopped")
        case "because" if "change" in facts and value in _MOVES:
            yield str(_MOVES[value])
        case "provider" if reference := facts.get("provider_ref"):
            yield f"{_NAMES[name]}: {value} ({reference})"
        case _:
            label = capfirst(str(_NAMES[name])) if name in _NAMES else name
            yield f"{label}: {_value(name, value)}"


def _standing(before: Any) -> Iterator[str]:
    """What a subscription was until it ended: its state alone, or its settings as well."""
    was = before if isinstance(before, dict) else {"state": before}
    parts = [_label(SubscriptionState, was.get("state", ""))]
    if cadence := was.get("cadence"):
        parts.append(_label(Cadence, cadence))
    if until := was.get("paused_until"):
        parts.append(_("paused until %(when)s") % {"when": _last_day(until)})
    # Translators: Bis dahin: %(standing)s
    yield _("Until then: %(standing)s") % {"standing": ", ".join(filter(None, parts))}
    if confirmed := was.get("confirmed_at"):
        yield f"{_('Confirmed')}: {_time(confirmed)}"


def _value(name: str, value: Any) -> str:
    if name == "cadence":
        return _label(Cadence, value)
    if name == "reason":
        return _label(SuppressionReason, value)
    return _time(value) if name.endswith("_at") else str(value)


def _label(choices: type[TextChoices], value: Any) -> str:
    return str(choices(value).label) if value in choices.values else str(value)


def _read(text: Any) -> datetime | None:
    """A time of the record; what a file said of one may be anything."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _time(text: Any) -> str:
    when = _read(text)
    return exact_time(when) if when is not None and when.tzinfo else str(text)


def _last_day(text: Any) -> str:
    """The last day of a break that ends at this moment."""
    until = _read(text)
    if until is None:
        return str(text) if text else "–"
    return long_date(until - timedelta(microseconds=1))
