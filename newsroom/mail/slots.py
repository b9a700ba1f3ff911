"""Slots: the places in a mail where each reader's own values go."""

import re
from collections.abc import Mapping
from html import escape

from newsroom.mail.errors import MissingSlot

# Private-use characters: articles are stripped of them, so no text can forge a slot.
SLOT_OPEN = "\ue000"
SLOT_CLOSE = "\ue001"
SLOT = re.compile(f"{SLOT_OPEN}([a-z_]+){SLOT_CLOSE}")
_STRAY = re.compile(f"[{SLOT_OPEN}{SLOT_CLOSE}]")


def slot(name: str) -> str:
    """The mark for a reader's own value, for HTML and text, never for subjects."""
    return f"{SLOT_OPEN}{name}{SLOT_CLOSE}"


def strip_slots(text: str) -> str:
    """Text from outside, without anything that could be read as a slot."""
    return _STRAY.sub("", text)


def slot_names(content: str) -> set[str]:
    """The slots that a text asks values for."""
    return set(SLOT.findall(content))


def fill_slots(content: str, values: Mapping[str, str], *, html: bool) -> str:
    """The text with its slots filled, escaped in HTML. Raises MissingSlot."""

    def value(found: re.Match[str]) -> str:
        try:
            text = values[found[1]]
        except KeyError as error:
            raise MissingSlot(found[1]) from error
        return escape(text) if html else text

    return SLOT.sub(value, content)
