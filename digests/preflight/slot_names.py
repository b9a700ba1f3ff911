"""What the desk calls the slots of a digest."""

from typing import Any

from django.utils.translation import gettext as _


def slot_name(key: str) -> str:
    """What the desk calls a slot that has no heading of its own."""
    names = {
        "lead": _("Lead"),
        "briefs": _("In brief"),
        "more": _("More to read"),
        "community": _("From the community"),
    }
    return names.get(key, key)


def name_of(slot: dict[str, Any]) -> str:
    return slot["title"] or slot_name(slot["key"])
