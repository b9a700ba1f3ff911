"""What the composer's script says, in the editor's language. Braces hold what the script puts in."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def texts() -> dict[str, str]:
    return {
        "saved": _("Saved at {at}."),
        "saving": _("Saving …"),
        "refused": _("Not saved."),
        "not_saved": _("Not saved: no connection. It is tried again."),
        "locked_out": _(
            "Not saved: you are not signed in any more, or may not change this. Copy what you typed and load the page anew."
        ),
        "unsaved": _("Not saved yet. Saving makes the proof out of date."),
        "save_first": _("Save what you typed first."),
        "away": _("The page could not be brought up to date; reload it."),
        # Translators: „Fähre legt ab“: Aufmacher, Stelle 1 von 3.
        "moved": _("“{title}”: {slot}, place {place} of {of}."),
        # Translators: Aufmacher ist voll: 2 von 1 · 1 zu viel.
        "full": _("{slot} is full: {count}."),
        "length_one": _length(1),
        "length": _length(2),
        "remove": _("Take “{title}” out of the digest?"),
        "removed": _("“{title}” is out of the digest."),
        "drag": _("Move “{title}”"),
        "up": _("“{title}” one place up"),
        "down": _("“{title}” one place down"),
    }


def _length(number: int) -> str:
    """As forms.Length says it, for a script that counts along."""
    sentence = ngettext("%(number)d character, %(ideal)s", "%(number)d characters, %(ideal)s", number)
    return sentence.replace("%(number)d", "{number}").replace("%(ideal)s", "{ideal}")


def keys() -> list[tuple[str, str]]:
    """The shortcuts and what they do."""
    return [
        ("1 … 9", _("On a candidate: put it into the first, second … slot")),
        ("j, k", _("To the next or the previous candidate")),
        ("/", _("To the search")),
        ("Alt + ↑ ↓", _("On a pick: one place up or down")),
        ("Alt + ← →", _("On a pick: to the slot before or after")),
        (_("Del"), _("On a pick: take it out")),
        ("?", _("Show these keys")),
    ]
