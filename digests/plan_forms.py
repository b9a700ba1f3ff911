"""Forms of a plan: the plan itself, and weights as numbers, on its page and in a rehearsal."""

from copy import copy
from dataclasses import asdict
from typing import Any

from django import forms
from django.db.models import Field, Model
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from digests import moving, planning, recurrence, weights
from digests.errors import WindowTaken
from digests.models import Plan, SlotRule
from digests.plan_fields import OriginOrderField, WeekdaysField
from digests.reasons import weight_name
from newsroom.web import clock
from subscriptions.states import Cadence

PREFIX = "weight_"
WEIGHT_FIELDS = tuple(f"{PREFIX}{name}" for name in weights.NAMES)


def _words(model: type[Model], name: str) -> dict[str, Any]:
    """Label, help and what stands there at first, as the model has them for this field."""
    field = model._meta.get_field(name)
    assert isinstance(field, Field)
    return {
        "label": capfirst(field.verbose_name),
        "help_text": field.help_text,
        "initial": field.get_default(),
    }


def may_not_just_rest(plan: Plan) -> bool:
    """Whether readers wait for this best-of: letting it rest leaves them without mail, and whoever does it must know."""
    return plan.is_best_of and plan.is_active and planning.weekly_readers(plan.newsletter) > 0


def weight_field(name: str, *, cadence: str = Cadence.EACH) -> forms.FloatField:
    """A number with its range; named in the language of the moment, so made anew for each form."""
    least, most = weights.bounds(name)
    is_hours = name == "half_life_hours"
    return forms.FloatField(
        label=weight_name(name),
        min_value=least,
        max_value=most,
        required=False,
        widget=forms.NumberInput(attrs={"step": "1" if is_hours else "0.05", "min": least, "max": most}),
        help_text=_("Usually %(usual)s; from %(least)s to %(most)s.")
        % {
            "usual": weights.in_words(getattr(weights.usual(cadence), name)),
            "least": weights.in_words(least),
            "most": weights.in_words(most),
        },
    )


def weights_in(cleaned: dict[str, Any], *, cadence: str = Cadence.EACH) -> weights.Weights:
    """The weights of a valid form; an empty field is the usual weight."""
    given = {name: cleaned.get(f"{PREFIX}{name}") for name in weights.NAMES}
    return weights.read({name: value for name, value in given.items() if value is not None}, cadence=cadence)


def _rest_field(readers: int) -> forms.BooleanField:
    """The tick that goes with letting a best-of rest: what its readers get then."""
    sentence = ngettext(
        "%(number)d reader chose the weekly best-of. While this plan rests she gets nothing, and no other digest "
        "either: only she herself can choose every digest, in her settings. One letter tells her so, an hour after the "
        "plan rests.",
        "%(number)d readers chose the weekly best-of. While this plan rests they get nothing, and no other digests "
        "either: only they themselves can choose every digest, in their settings. One letter tells each of them so, an "
        "hour after the plan rests.",
        readers,
    )
    return forms.BooleanField(
        # Translators: Ruhen lassen, obwohl Leserinnen und Leser darauf warten
        label=_("let it rest although readers wait for it"),
        required=False,
        help_text=sentence % {"number": readers},
    )


def _name_parts(field: forms.Field) -> None:
    """The admin shows a moment as two fields, and puts no label to either."""
    if isinstance(field.widget, forms.MultiWidget):
        for part, name in zip(
            field.widget.widgets, (_("%(field)s, date"), _("%(field)s, time")), strict=True
        ):
            part.attrs["aria-label"] = name % {"field": field.label}


class WeightsForm(forms.Form):
    """Weights to try out."""

    def __init__(self, *args: Any, cadence: str = Cadence.EACH, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update({f"{PREFIX}{name}": weight_field(name, cadence=cadence) for name in weights.NAMES})


class PlanForm(forms.ModelForm[Plan]):
    """A plan whose zone exists, with ticks for weekdays, places for origins, and its weights as numbers.

    Its digests ahead move with it: `moves` is what the plan's save has to carry out, as of `at`.
    """

    for _name in weights.NAMES:
        # Declared, so that the admin's field sets know them; labels are set when the form is made.
        locals()[f"{PREFIX}{_name}"] = forms.FloatField(required=False, label=gettext_lazy("weights"))
    del _name
    lets_rest = forms.BooleanField(required=False)
    weekdays = WeekdaysField(**_words(Plan, "weekdays"))
    origin_order = OriginOrderField(**_words(Plan, "origin_order"))

    class Meta:
        model = Plan
        fields = (
            "newsletter",
            "cadence",
            "is_active",
            "weekdays",
            "time",
            "zone",
            "autopilot",
            "needs_four_eyes",
            "approval_by_mail",
            "minimum_new",
            "lead_minutes",
            "make_up_hours",
            "first_window_from",
            "favoured_sections",
            "trusted_feeds",
            "cap_source",
            "cap_author",
            "cap_section",
            "grace_minutes",
            "origin_order",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.moves: list[moving.Move] = []
        plan = self.instance
        cadence = plan.cadence if plan.pk else self.initial.get("cadence", plan.cadence)
        for name in weights.NAMES:
            self.fields[f"{PREFIX}{name}"] = weight_field(name, cadence=cadence)
        if plan.pk:  # a new plan's fields stay empty: what is usual depends on what it is for
            stored = asdict(weights.read(plan.weights, cadence=plan.cadence))
            for name, value in stored.items():
                self.initial.setdefault(f"{PREFIX}{name}", value)
        _name_parts(self.fields["first_window_from"])
        if plan.pk and may_not_just_rest(plan):
            self.fields["lets_rest"] = _rest_field(planning.weekly_readers(plan.newsletter))
        else:
            self.fields.pop("lets_rest", None)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        self.at = clock.now()
        cadence = values.get("cadence") or self.instance.cadence
        if "lets_rest" in self.fields and not values.get("is_active") and not values.get("lets_rest"):
            self.add_error(
                "lets_rest",
                _("Readers wait for this best-of. Tick that you know what its rest means for them."),
            )
        if not self.errors:
            try:
                recurrence.next_due(values["weekdays"], values["time"], values["zone"], after=self.at)
            except ValueError as error:
                self.add_error("zone" if "zone" in str(error) else "weekdays", str(error))
            if cadence == Cadence.WEEKLY and len(recurrence.read_weekdays(values["weekdays"])) != 1:
                self.add_error(
                    "weekdays", _("A weekly best-of comes on one day of the week. Please tick just one.")
                )
            own = weights_in(values, cadence=cadence)
            self.instance.weights = weights.changed(own, cadence=cadence)
        if not self.errors and self.begins_now:
            self._look_ahead(values)
        return values

    @property
    def begins_now(self) -> bool:
        """Whether the plan is new or was moved: a due time that lies behind is nobody's missed run then."""
        return not self.instance.pk or bool(
            {"weekdays", "time", "zone", "is_active"} & set(self.changed_data)
        )

    def _look_ahead(self, values: dict[str, Any]) -> None:
        plan = copy(self.instance)
        for name in ("newsletter", "cadence", "is_active", "weekdays", "time", "zone"):
            setattr(plan, name, values.get(name, getattr(plan, name, None)))
        try:
            self.moves = moving.moves(plan, at=self.at)
        except WindowTaken as error:
            self.add_error(None, str(error))


class SlotRuleForm(forms.ModelForm[SlotRule]):
    """A kind of place, with ticks for the days on which it is there."""

    weekdays = WeekdaysField(required=False, **_words(SlotRule, "weekdays"))

    class Meta:
        model = SlotRule
        fields = ("position", "key", "title", "minimum", "maximum", "weekdays")
