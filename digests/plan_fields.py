"""What a plan keeps as a list of short codes, asked for in words: ticks for weekdays, places for origins."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from digests import recurrence
from newsroom.articles.states import Origin


def _codes(text: Any) -> list[str]:
    return [code.strip() for code in str(text or "").split(",") if code.strip()]


class WeekdaysField(forms.MultipleChoiceField):
    """One tick for each day of the week; the value is text as `recurrence.read_weekdays` takes it, Monday first."""

    def __init__(self, **options: Any) -> None:
        widget = forms.CheckboxSelectMultiple(attrs={"class": "in-a-row"})
        days = zip(recurrence.WEEKDAYS, WEEKDAYS.values(), strict=True)
        # Translators: Bitte haken Sie mindestens einen Tag an.
        errors = {"required": _("Please tick at least one day.")}
        super().__init__(choices=list(days), widget=widget, error_messages=errors, **options)

    def prepare_value(self, value: Any) -> Any:
        return _codes(value) if isinstance(value, str) else value

    def clean(self, value: Any) -> str:
        chosen = set(super().clean(value))
        return ",".join(day for day in recurrence.WEEKDAYS if day in chosen)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(_codes(initial), data))


class _Places(forms.MultiWidget):
    """One list for each place."""

    use_fieldset = True

    def __init__(self, names: Sequence[Any]) -> None:
        choices = [("", "–"), *Origin.choices]
        lists = [forms.Select(attrs={"aria-label": name}, choices=choices) for name in names]
        super().__init__(lists)

    def decompress(self, value: Any) -> list[Any]:
        codes = [*_codes(value), *[""] * len(self.widgets)]
        return list(codes[: len(self.widgets)])


class OriginOrderField(forms.MultiValueField):
    """Which origin leads, which comes next, and so on: one list for each place; the value is their codes with commas.

    An origin without a place comes after those that have one.
    """

    _PLACES = (
        _("in the first place"),
        _("in the second place"),
        _("in the third place"),
        _("in the fourth place"),
    )

    def __init__(self, **options: Any) -> None:
        fields = [forms.ChoiceField(choices=Origin.choices, required=False) for _place in self._PLACES]
        super().__init__(fields, widget=_Places(self._PLACES), require_all_fields=False, **options)

    def compress(self, data_list: Sequence[str]) -> str:
        named = [code for code in data_list if code]
        if len(set(named)) < len(named):
            raise forms.ValidationError(_("Each origin can have one place only."))
        return ",".join(named)
