"""How much a bounce that a provider reports says about the reader's mailbox.

Anymail's reject reason "bounced" covers what will never arrive and what may arrive tomorrow: Amazon's transient
bounces, MailerSend's and SparkPost's soft ones are all called so, while SendGrid's and Mandrill's hard ones come without
any reason (Anymail 15.2). So the provider's own word is read first, from where its documentation puts it.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final


class Severity(StrEnum):
    """What follows for the address."""

    HARD = "hard"  # the mailbox takes no mail, now or later
    SOFT = "soft"  # it did not take this one; counted
    ABOUT_US = "about us"  # our server or the mail was judged, not the mailbox
    UNSAID = "unsaid"


# Where providers say it: Postmark twice, Brevo and Mandrill, MailerSend, Resend, Amazon SES, Mailtrap, Unisender Go.
_PLACES: Final = (
    ("Type",),
    ("SuppressionReason",),
    ("event",),
    ("data", "type"),
    ("data", "bounce", "type"),
    ("bounce", "bounceType"),
    ("bounce_category",),
    ("status",),
)
# Small letters alone, so that "hard_bounce", "hard bounce" and "HardBounce" are one word.
_WORDS: Final = {
    **dict.fromkeys(("hard", "hardbounce", "hardbounced", "permanent"), Severity.HARD),
    **dict.fromkeys(
        ("soft", "softbounce", "softbounced", "transient", "temporary", "undetermined"), Severity.SOFT
    ),
    "virusnotification": Severity.ABOUT_US,
}
# SparkPost's bounce classes; 1 is "undetermined", 25 and those from 50 on are about the sender or the mail.
_SPARKPOST: Final = {
    **dict.fromkeys(("10", "30"), Severity.HARD),
    **dict.fromkeys(("1", "20", "21", "22", "24", "40", "70"), Severity.SOFT),
    **dict.fromkeys(("23", "25", "50", "51", "52", "53", "54"), Severity.ABOUT_US),
}
# SendGrid's classes of bounces; where it gives none, its type tells a bounce from a block.
_SENDGRID: Final = {
    "invalidaddress": Severity.HARD,
    **dict.fromkeys(("mailboxunavailable", "technical", "technicalfailure"), Severity.SOFT),
    **dict.fromkeys(("reputation", "content", "frequencyorvolumetoohigh"), Severity.ABOUT_US),
}
_SENDGRID_TYPES: Final = {"bounce": Severity.HARD, "blocked": Severity.ABOUT_US}
_REASONS: Final = {
    **dict.fromkeys(("invalid", "bounced"), Severity.HARD),
    **dict.fromkeys(("timed_out", "other"), Severity.SOFT),
    **dict.fromkeys(("blocked", "spam", "unsubscribed"), Severity.ABOUT_US),
}
# A full mailbox may be emptied, whatever class the code has (RFC 3463 §3.3).
_FULL: Final = re.compile(r"(?<![\d.])[45]\.2\.2(?![\d.])|inbox was full|\berr_mailbox_full\b", re.I)
# What we wrote ourselves says nothing of the mailbox.
_OURS: Final = frozenset({"headers", "commonHeaders"})
_DEEPEST: Final = 4


def of_bounce(reject_reason: str, payload: Mapping[str, Any]) -> Severity:
    """What a bounce means, from Anymail's reason and the provider's report as stored.

    What blames us wins, then a full mailbox, then the provider's own word, then Anymail's reason.
    """
    reason = _REASONS.get(reject_reason, Severity.UNSAID)
    said = _said(payload)
    if Severity.ABOUT_US in (reason, said):
        return Severity.ABOUT_US
    if any(_FULL.search(text) for text in _texts(payload)):
        return Severity.SOFT
    return reason if said is Severity.UNSAID else said


def _said(payload: Mapping[str, Any]) -> Severity:
    """The provider's own word."""
    for place in _PLACES:
        if (found := _WORDS.get(_word(_at(payload, place)))) is not None:
            return found
    bounce_class = _at(payload, ("msys", "message_event", "bounce_class"))
    if (found := _SPARKPOST.get(str(bounce_class))) is not None:
        return found
    if isinstance(is_hard := payload.get("hard_bounce"), bool):  # Mailjet
        return Severity.HARD if is_hard else Severity.SOFT
    if payload.get("event") == "bounce":
        by_class = _SENDGRID.get(_word(payload.get("bounce_classification")))
        return by_class or _SENDGRID_TYPES.get(_word(payload.get("type")), Severity.UNSAID)
    return Severity.UNSAID


def _at(payload: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    found: Any = payload
    for name in place:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _word(value: Any) -> str:
    return re.sub(r"[^a-z]", "", value.lower()) if isinstance(value, str) else ""


def _texts(payload: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    for name, value in payload.items():
        if name in _OURS:
            continue
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _texts(value, depth + 1)
        elif isinstance(value, list) and depth < _DEEPEST:
            yield from _texts({str(number): item for number, item in enumerate(value)}, depth + 1)
