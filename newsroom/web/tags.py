"""Template filters of the ground floor: `{% load web %}`."""

from datetime import date, datetime
from typing import Literal

from babel.dates import format_date
from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext, override

from newsroom.web.hyphens import soften
from newsroom.web.masking import mask

register = template.Library()
_GERMAN_ZONES = {"CET": "MEZ", "CEST": "MESZ"}


@register.filter
def reading_time(minutes: int, language: str = "") -> str:
    """`4 Minuten Lesezeit`, `1 minute read`; nothing for no minutes."""
    if not minutes:
        return ""
    with override(language or get_language()):
        # Translators: 1 Minute Lesezeit | %(minutes)d Minuten Lesezeit
        text = ngettext("%(minutes)d minute read", "%(minutes)d minute read", minutes)
        return text % {"minutes": minutes}


@register.filter
def long_date(value: date | datetime | None, language: str = "") -> str:
    """`22. November 2026`, `November 22, 2026`: the day where the site is."""
    return _day(value, "long", language)


@register.filter
def weekday_date(value: date | datetime | None, language: str = "") -> str:
    """`Sonntag, 22. November 2026`, `Sunday, November 22, 2026`: for days that somebody plans by."""
    return _day(value, "full", language)


@register.filter
def short_day(value: datetime, at: datetime | None = None) -> str:
    """`4. Mai`; `4. Mai 2025` where the year is not that of `at`, which is now where nothing is said."""
    return _dated(value, "j. F", at)


@register.filter
def short_time(value: datetime, at: datetime | None = None) -> str:
    """`4. Mai, 14:00`; with the year where it is another one, as `short_day`."""
    return f"{_dated(value, 'j. F', at)}, {timezone.localtime(value):%H:%M}"


@register.filter
def weekday_time(value: datetime, at: datetime | None = None) -> str:
    """`Mo, 4. Mai, 14:00`; with the year where it is another one, as `short_day`."""
    return f"{_dated(value, 'D, j. M', at)}, {timezone.localtime(value):%H:%M}"


def _dated(value: datetime, day: str, at: datetime | None) -> str:
    here, now = timezone.localtime(value), timezone.localtime(at)
    return date_format(here, day if here.year == now.year else f"{day} Y")


@register.filter
def exact_time(value: datetime, language: str = "") -> str:
    """`Samstag, 4. April 2026, 14:00:00 Uhr MESZ`, `Saturday, April 4, 2026, 14:00:00 CEST`: for what proves something."""
    here = timezone.localtime(value)
    locale, zone = language or get_language() or settings.LANGUAGE_CODE, f"{here:%Z}"
    if locale.startswith("de"):
        zone = f"Uhr\N{NO-BREAK SPACE}{_GERMAN_ZONES.get(zone, zone)}"
    return f"{weekday_date(here, language)}, {here:%H:%M:%S}\N{NO-BREAK SPACE}{zone}"


def _day(value: date | datetime | None, length: Literal["long", "full"], language: str) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = timezone.localtime(value).date() if timezone.is_aware(value) else value.date()
    locale = (language or get_language() or settings.LANGUAGE_CODE).partition("-")[0]
    return format_date(value, length, locale=locale)


@register.filter
def masked_address(address: str) -> str:
    """`m…@example.org`."""
    return mask(address)


@register.filter
def soft_hyphens(text: str, language: str) -> str:
    """A headline whose long words may break where its language breaks them."""
    return soften(text, language)
