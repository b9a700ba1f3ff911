"""What the desk calls the terms of a score, and why an article is not taken."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_REASONS = {
    "fresh": gettext_lazy("fresh"),
    "marked": gettext_lazy("marked by the desk"),
    "section": gettext_lazy("favoured section"),
    "trust": gettext_lazy("trusted source"),
    "picture": gettext_lazy("has a picture"),
    "staff": gettext_lazy("our own"),
    "length": gettext_lazy("good length"),
    # Translators: guter Platz in der Woche | oft angeklickt
    "place": gettext_lazy("good place in the week"),
    "clicks": gettext_lazy("followed often"),
    "variety": gettext_lazy("section seen often"),
    "used": gettext_lazy("taken before"),
    "thin": gettext_lazy("only a note"),
}
_HELD_BACK = {
    # Translators: ein Rechtehinweis ist offen | heikel: nur von Hand
    "rights": gettext_lazy("a rights notice is open"),
    "sensitive": gettext_lazy("sensitive: only by hand"),
    "embargo": gettext_lazy("under embargo"),
    "unreviewed": gettext_lazy("not reviewed yet"),
    "picture": gettext_lazy("nobody says how the picture was made"),
    "grace": gettext_lazy("came in a moment ago"),
    "sent": gettext_lazy("taken before"),
    "same_story": gettext_lazy("same event as another"),
}


def reason_name(name: str) -> str:
    """A term of the score."""
    return str(_REASONS.get(name, name))


def weight_name(name: str) -> str:
    """A weight as a plan's page calls it."""
    if name == "half_life_hours":
        return _("hours until half as fresh")
    return reason_name(name)


def held_back_name(name: str) -> str:
    """Why nothing takes the article by itself, where that needs no other article to say."""
    return str(_HELD_BACK.get(name, name))


def why(code: str, details: Mapping[str, str]) -> str:
    """One sentence: why an article is not taken. details: title and date, as far as the code needs them."""
    sentences = {
        "rights": _("Held back: a rights notice is open."),
        "sensitive": _("Held back: sensitive, so only the desk takes it."),
        "embargo": _("Held back: under embargo until %(when)s."),
        "unreviewed": _("Held back: the submission is not reviewed yet."),
        "picture": _("Held back: nobody says how the picture was made."),
        "grace": _("Held back: it came in only a moment ago."),
        "sent": _("Already in %(digest)s."),
        "same_story": _("Same event as “%(title)s”."),
        "cap_source": _("There are enough of this source."),
        "cap_author": _("There are enough of this author."),
        "cap_section": _("There are enough of this section."),
        # Translators: „Die Redaktion hat ihn aus dieser Ausgabe genommen.“
        "taken_out": _("The desk took it out of this digest."),
        "slot_full": _("No place left: others rank higher."),
        "language": _("In another language than the newsletter."),
        "not_new": _("Not new: first seen before this digest's window."),
        "not_of_week": _("In none of the week's digests."),
        "withdrawn": _("Withdrawn."),
    }
    return sentences[code] % details


def why_chosen(line: Mapping[str, Any]) -> str:
    """One line of `Digest.choices` in a sentence: why the plan took the article, or why not."""
    if line["slot"]:
        best = sorted(line.get("terms", {}).items(), key=lambda each: -each[1])[:3]
        names = ", ".join(reason_name(name) for name, points in best if points > 0)
        # Translators: „Genommen: frisch, mit Bild.“
        return _("Taken: %(reasons)s.") % {"reasons": names} if names else _("Taken.")
    return why(line["reason"], line.get("details", {}))
