"""What we write for a field is what Django's templates write for it."""

from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom.web.form_html import _WRITERS, Renderer

_TEXT = st.text(max_size=30) | st.sampled_from(['"><script>', "&amp;", "'", " ", "", "{{ 1 }}", "\n\n", "ß"])
_ATTRS = st.dictionaries(
    st.sampled_from(["class", "maxlength", "placeholder", "required", "data-x", "aria-label"]),
    _TEXT
    | st.booleans()
    | st.sampled_from([0, 1, 80])
    | st.just(mark_safe("<b>"))
    | st.just(gettext_lazy("Save")),
    max_size=4,
)
_CHOICES = st.lists(
    st.tuples(_TEXT, _TEXT) | st.tuples(_TEXT, st.lists(st.tuples(_TEXT | st.integers(), _TEXT), max_size=3)),
    max_size=4,
)


def _both(field: forms.Field, value: Any, *, errors: bool) -> tuple[str, str]:
    """Label, field and errors, by us and by Django's templates."""
    made = []
    for renderer in (Renderer(), DjangoTemplates()):
        kind: type[forms.Form] = type("OneField", (forms.Form,), {"one": field})
        form = kind({"one": value} if errors else None, initial={"one": value}, renderer=renderer)
        bound = form["one"]
        made.append(f"{bound.label_tag()}|{bound}|{bound.errors}")
    return made[0], made[1]


@settings(deadline=None)
@given(
    label=_TEXT, attrs=_ATTRS, value=_TEXT | st.none() | st.integers(), errors=st.booleans(), data=st.data()
)
def test_each_field_is_as_django_writes_it(
    label: str, attrs: dict[str, Any], value: Any, errors: bool, data: st.DataObject
) -> None:
    kind = data.draw(
        st.sampled_from(["char", "area", "choice", "many", "whole", "tick", "mail", "url", "hidden", "when"])
    )
    widget: Any
    match kind:
        case "area":
            field: forms.Field = forms.CharField(label=label, widget=forms.Textarea(attrs), max_length=3)
        case "choice":
            field = forms.ChoiceField(
                label=label, choices=data.draw(_CHOICES), widget=forms.Select(attrs), required=False
            )
        case "many":
            field = forms.MultipleChoiceField(
                label=label, choices=data.draw(_CHOICES), widget=forms.SelectMultiple(attrs)
            )
            value = [value] if value is not None else []
        case _:
            made, widget = {
                "char": (forms.CharField, forms.TextInput),
                "whole": (forms.IntegerField, forms.NumberInput),
                "tick": (forms.BooleanField, forms.CheckboxInput),
                "mail": (forms.EmailField, forms.EmailInput),
                "url": (forms.URLField, forms.URLInput),
                "hidden": (forms.CharField, forms.HiddenInput),
                "when": (forms.DateTimeField, forms.DateTimeInput),
            }[kind]
            value = str(value) if isinstance(value, int) and errors else value  # a browser sends text
            more = {"assume_scheme": "https"} if kind == "url" else {}
            field = made(label=label, widget=widget(attrs), **more)

    ours, djangos = _both(field, value, errors=errors)

    assert ours == djangos


def test_a_field_that_we_do_not_write_is_left_to_django() -> None:
    field = forms.ChoiceField(label="Wann", choices=[("a", "früh"), ("b", "spät")], widget=forms.RadioSelect)

    ours, djangos = _both(field, "a", errors=False)

    assert ours == djangos
    assert "radio" in ours


@pytest.mark.parametrize("template", sorted(_WRITERS))
def test_each_template_that_we_stand_in_for_exists(template: str) -> None:
    assert DjangoTemplates().get_template(template)
