"""What the desk calls the terms of a score, and why an article is not taken."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


def reason_name(name: str) -> str:
    """A term of the score."""
    names = {
        "fresh": _("fresh"),
        "marked": _("marked by the desk"),
        "section": _("favoured section"),
        "trust": _("trusted source"),
        "picture": _("has a picture"),
        "staff": _("our own"),
        "length": _("good length"),
        # Translators: guter Platz in der Woche | oft angeklickt
        "place": _("good place in the week"),
        "clicks": _("followed often"),
        "variety": _("section seen often"),
        "used": _("taken before"),
        "thin": _("only a note"),
    }
    return names.get(name, name)


def weight_name(name: str) -> str:
    """A weight as a plan's page calls it."""
    if name == "half_life_hours":
        return _("hours until half as fresh")
    return reason_name(name)


def held_back_name(name: str) -> str:
    """Why nothing takes the article by itself, where that needs no other article to say."""
    names = {
        "embargo": _("under embargo"),
        "unreviewed": _("not reviewed yet"),
        "picture": _("nobody says how the picture was made"),
        "grace": _("came in a moment ago"),
        "sent": _("taken before"),
        "same_story": _("same event as another"),
    }
    return names.get(name, name)


def why(code: str, details: Mapping[str, str]) -> str:
    """One sentence: why an article is not taken. details: title and date, as far as the code needs them."""
    sentences = {
        "embargo": _("Held back: under embargo until %(when)s."),
        "unreviewed": _("Held back: the submission is not reviewed yet."),
        "picture": _("Held back: nobody says how the picture was made."),
        "grace": _("Held back: it came in only a moment ago."),
        "sent": _("Already in %(digest)s."),
        "same_story": _("Same event as “%(title)s”."),
        "cap_source": _("There are enough of this source."),
        "cap_author": _("There are enough of this author."),
        "cap_section": _("There are enough of this section."),
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
