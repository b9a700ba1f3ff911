"""The HTML of form fields without templates, letter for letter what Django's templates make of them.

The composer shows a hundred fields at once; with a template and an include for each, they took a third of its time.
The two halves of a date with its time get the names that Django shows beside them and ties to nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

Context = Mapping[str, Any]


class Renderer(DjangoTemplates):
    """Django's renderer of forms; fields, labels and lists of errors are written here, all else by its templates."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> SafeString:
        write = _WRITERS.get(template_name)
        if template_name == "admin/widgets/split_datetime.html":
            _name_halves(context)
        if write is None:
            return SafeString(super().render(template_name, context, request))
        return SafeString(write(context).strip())  # each writer escapes what it is given


def _name_halves(context: Context) -> None:
    """Each half is named here; which date it is, the page says around both."""
    halves = context["widget"]["subwidgets"]
    for half, label in zip(halves, (context["date_label"], context["time_label"]), strict=True):
        half["attrs"].setdefault("aria-label", str(label).rstrip(":"))


def _input(context: Context) -> str:
    widget = context["widget"]
    value = "" if widget["value"] is None else f' value="{_text(widget["value"])}"'
    return f'<input type="{widget["type"]}" name="{_text(widget["name"])}"{value}{_attrs(widget["attrs"])}>'


def _textarea(context: Context) -> str:
    widget = context["widget"]
    text = _text(widget["value"]) if widget["value"] else ""
    return f'<textarea name="{_text(widget["name"])}"{_attrs(widget["attrs"])}>\n{text}</textarea>'


def _select(context: Context) -> str:
    widget = context["widget"]
    parts = [f'<select name="{_text(widget["name"])}"{_attrs(widget["attrs"])}>']
    for group, options, _index in widget["optgroups"]:
        if group:
            parts.append(f'\n  <optgroup label="{_text(group)}">')
        parts.extend(map(_option, options))
        if group:
            parts.append("\n  </optgroup>")
    parts.append("\n</select>")
    return "".join(parts)


def _option(option: Context) -> str:
    value, label = _text(option["value"]), _text(option["label"])
    return f'\n  <option value="{value}"{_attrs(option["attrs"])}>{label}</option>\n'


def _label(context: Context) -> str:
    label = _text(context["label"])
    if not context["use_tag"]:
        return label
    return f"<{context['tag']}{_attrs(context['attrs'] or {})}>{label}</{context['tag']}>"


def _errors(context: Context) -> str:
    errors = context["errors"]
    if not errors:
        return ""
    number = f' id="{_text(errors.field_id)}_error"' if errors.field_id else ""
    lines = "".join(f"<li>{_text(error)}</li>" for error in errors)
    return f'<ul class="{_text(context["error_class"])}"{number}>{lines}</ul>'


def _attrs(attrs: Mapping[str, Any]) -> str:
    return "".join(
        f" {_text(name)}" if value is True else f' {_text(name)}="{_text(value)}"'
        for name, value in attrs.items()
        if value is not False
    )


def _text(value: Any) -> str:
    return conditional_escape(value)


_INPUTS = ("text", "number", "email", "url", "hidden", "checkbox", "date", "datetime", "time")
_WRITERS: dict[str, Callable[[Context], str]] = {
    **{f"django/forms/widgets/{name}.html": _input for name in _INPUTS},
    "django/forms/widgets/textarea.html": _textarea,
    "django/forms/widgets/select.html": _select,
    "django/forms/label.html": _label,
    "django/forms/errors/list/default.html": _errors,
    "django/forms/errors/list/ul.html": _errors,
}
