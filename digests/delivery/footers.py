"""The foot of a copy: why its reader gets it, and what her links do, in her own language.

A digest is rendered once, in its newsletter's language; what stands here is put into each copy. The words are made
once for a language, a day and a place, with room for the address, so that a copy costs no translation.
"""

import textwrap
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _

from newsroom.mail.plain_text import WIDTH
from newsroom.mail.slots import strip_slots
from newsroom.web.tags import long_date
from subscriptions import sources

SLOTS: Final = ("reader_language", "why", "why_end", "manage_label", "leave_label")
# Stands for the address while the sentence is broken into lines: as long as most are when shortened.
_ADDRESS: Final = "\0" * 20


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What the foot says of a reader beside her address. source: where she signed up, as the record has it.

    is_dated: whether anybody knows that she signed up on the day `since`.
    """

    language: str
    since: date | datetime
    source: str = ""
    is_dated: bool = True
    is_back: bool = False


def words(reader: Reader, *, newsletter: str, language: str) -> dict[str, str]:
    """The values of SLOTS. newsletter: its name; language: the newsletter's, for a reader whose own we do not speak.

    `why` and `why_end` stand before and after the address and hold the line breaks of the text part, which are blanks
    in HTML.
    """
    spoken = spoken_language(reader.language, otherwise=language)
    with translation.override(spoken):
        place = sources.in_words(reader.source, spoken)
        if reader.is_dated:
            # Translators: Sie erhalten „Morgenpost“, weil Sie sich am 4. Mai 2026 unter einem Artikel mit m…@example.org angemeldet haben.
            sentence = _(
                "You receive %(name)s because you signed up with %(masked_address)s on %(since)s%(place)s."
            )
        else:
            # Translators: Sie erhalten „Morgenpost“, weil Sie sich bei unserem früheren Newsletter-Dienst mit m…@example.org angemeldet haben.
            sentence = _("You receive %(name)s because you signed up with %(masked_address)s%(place)s.")
        sentence %= {
            "name": " ".join(strip_slots(newsletter).split()),
            "masked_address": _ADDRESS,
            "since": long_date(reader.since, spoken),
            "place": f" {place}" if place else "",
        }
        why, _room, end = _in_lines(f"{welcome_back()}{sentence}" if reader.is_back else sentence).partition(
            _ADDRESS
        )
        return {
            "reader_language": spoken,
            "why": why,
            "why_end": end,
            "manage_label": _("Change settings or pause"),
            "leave_label": _("Unsubscribe"),
        }


def former_words(reader: Reader, *, language: str) -> dict[str, str]:
    """The same for mails that were frozen, or templates written, when the newsletter's language was everybody's."""
    with translation.override(language):
        place = sources.in_words(reader.source, language)
        return {
            "since": long_date(reader.since, language),
            "place": f" {place}" if place else "",
            "back": welcome_back() if reader.is_back else "",
        }


def sample_words(since: datetime, *, newsletter: str, language: str) -> dict[str, str]:
    """Both for a made-up reader who signed up then and speaks the newsletter's language."""
    reader = Reader(language=language, since=since)
    return former_words(reader, language=language) | words(reader, newsletter=newsletter, language=language)


def welcome_back() -> str:
    """What the first mail after a break says before all else in its foot, in the language that is active."""
    # Translators: Ihre Pause ist vorbei, willkommen zurück.
    return _("Your break is over, welcome back.") + " "


def spoken_language(wanted: str, *, otherwise: str) -> str:
    """A language that we have words in: the one that is wanted, or without its region, or the other."""
    try:
        return translation.get_supported_language_variant(wanted)
    except LookupError:
        return otherwise


def _in_lines(sentence: str) -> str:
    return "\n".join(textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False))
