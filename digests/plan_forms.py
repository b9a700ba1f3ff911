"""Forms of a plan: the plan itself, and weights as numbers, on its page and in a rehearsal."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from digests import recurrence, weights
from digests.models import Plan
from digests.reasons import weight_name
from newsroom.articles.states import Origin
from newsroom.web import clock

PREFIX = "weight_"
WEIGHT_FIELDS = tuple(f"{PREFIX}{name}" for name in weights.NAMES)


def weight_field(name: str) -> forms.FloatField:
    """A number with its range; named in the language of the moment, so made anew for each form."""
    least, most = weights.bounds(name)
    is_hours = name == "half_life_hours"
    return forms.FloatField(
        label=weight_name(name),
        min_value=least,
        max_value=most,
        required=False,
        widget=forms.NumberInput(attrs={"step": "1" if is_hours else "0.05", "min": least, "max": most}),
        help_text=_("Usually %(usual)g; from %(least)g to %(most)g.")
        % {"usual": getattr(weights.DEFAULTS, name), "least": least, "most": most},
    )


def weights_in(cleaned: dict[str, Any]) -> weights.Weights:
    """The weights of a valid form; an empty field is the usual weight."""
    given = {name: cleaned.get(f"{PREFIX}{name}") for name in weights.NAMES}
    return weights.read({name: value for name, value in given.items() if value is not None})


class WeightsForm(forms.Form):
    """Weights to try out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update({f"{PREFIX}{name}": weight_field(name) for name in weights.NAMES})


class PlanForm(forms.ModelForm[Plan]):
    """A plan whose weekdays, zone and origins exist, with its weights as numbers."""

    for _name in weights.NAMES:
        # Declared, so that the admin's field sets know them; labels are set when the form is made.
        locals()[f"{PREFIX}{_name}"] = forms.FloatField(required=False, label=gettext_lazy("weights"))
    del _name

    class Meta:
        model = Plan
        fields = (
            "newsletter",
            "is_active",
            "weekdays",
            "time",
            "zone",
            "autopilot",
            "needs_four_eyes",
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
        stored = asdict(weights.read(self.instance.weights)) if self.instance.pk else asdict(weights.DEFAULTS)
        for name, value in stored.items():
            self.fields[f"{PREFIX}{name}"] = weight_field(name)
            self.initial.setdefault(f"{PREFIX}{name}", value)

    def clean_origin_order(self) -> str:
        order = [name.strip() for name in self.cleaned_data["origin_order"].split(",") if name.strip()]
        if unknown := set(order) - set(Origin.values):
            raise ValidationError(
                _("“%(name)s” is no origin; known are %(known)s.")
                % {"name": min(unknown), "known": ", ".join(Origin.values)}
            )
        return ",".join(dict.fromkeys(order))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                recurrence.next_due(values["weekdays"], values["time"], values["zone"], after=clock.now())
            except ValueError as error:
                self.add_error("zone" if "zone" in str(error) else "weekdays", str(error))
            self.instance.weights = weights.changed(weights_in(values))
        return values
