"""What must be right before a digest goes out: one registry of rules, run at the proof and again at hand-over.

A rule has a code, blocks or advises, and says in a sentence what is wrong and the way out. It never asks the network.
"""

from digests.preflight import mails, pictures, places, portraits, stories, words  # noqa: F401 — each registers its rules
from digests.preflight.checking import Report, check, glance
from digests.preflight.mails import at_rest, resting
from digests.preflight.registry import RULES, Desk, Finding, Rule
from digests.preflight.slot_names import slot_name
from digests.preflight.stories import too_early

__all__ = [
    "RULES",
    "Desk",
    "Finding",
    "Report",
    "Rule",
    "at_rest",
    "check",
    "glance",
    "resting",
    "slot_name",
    "too_early",
]
