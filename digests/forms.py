"""The composer's forms: what the desk types about a digest and about each of its picks."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from digests.models import Digest, Pick
from digests.preflight import slot_name
from digests.wall_clock import BadWallClock, moment
from newsroom.articles.text import strip_unwanted
from subscriptions.models import Newsletter


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Without controls and direction marks, which come along when people paste: no header or feed may hold them."""
    return {
        name: strip_unwanted(value) if isinstance(value, str) else value for name, value in values.items()
    }


class BuildForm(forms.Form):
    """Which newsletter's next digest to build."""

    newsletter = forms.ModelChoiceField(Newsletter.objects.active(), label=_("newsletter"), empty_label=None)


class DigestForm(forms.ModelForm[Digest]):
    """The digest's own words. `version` is the one the editor was looking at."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Digest
        fields = ("subject", "preheader", "note", "note_by")
        widgets = {
            "subject": forms.TextInput(attrs={"maxlength": 200}),
            "preheader": forms.TextInput(attrs={"maxlength": 200}),
            "note": forms.Textarea(attrs={"rows": 5}),
        }
        help_texts = {
            "subject": _("40 to 50 characters are seen whole on a phone."),
            "preheader": _(
                "Continues the subject in the inbox; its point belongs into the first 40 characters."
            ),
            "note": _(
                "A few sentences to open with. Markdown: *italic*, **bold**, [link](https://…), lists."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        return _typed(super().clean() or self.cleaned_data)

    @property
    def desk_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.Meta.fields]


class PickForm(forms.Form):
    """Where a pick stands and the desk's own words for it; the article's words are the placeholders."""

    slot = forms.ChoiceField(label=_("Slot"))
    position = forms.IntegerField(label=_("Place"), min_value=1, max_value=99)
    kicker = forms.CharField(label=_("Kicker"), required=False, max_length=80)
    title = forms.CharField(label=_("Headline"), required=False, max_length=300)
    teaser = forms.CharField(
        label=_("Teaser"), required=False, max_length=600, widget=forms.Textarea(attrs={"rows": 3})
    )
    remove = forms.BooleanField(label=_("Take out"), required=False)

    def __init__(self, data: Any = None, *, pick: Pick, slots: list[dict[str, Any]], place: int) -> None:
        initial = {
            "slot": pick.slot,
            "position": place,
            "kicker": pick.kicker,
            "title": pick.title,
            "teaser": pick.teaser,
        }
        super().__init__(data, prefix=f"pick-{pick.pk}", initial=initial)
        self.pick = pick
        choices = [(slot["key"], slot["title"] or slot_name(slot["key"])) for slot in slots]
        field = self.fields["slot"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        for name in ("kicker", "title", "teaser"):
            self.fields[name].widget.attrs["placeholder"] = getattr(pick.article, name)
        for typed in self.fields.values():
            typed.widget.attrs["aria-label"] = _("%(field)s of “%(title)s”") % {
                "field": typed.label,
                "title": pick.article.title,
            }

    def clean(self) -> dict[str, Any]:
        return _typed(super().clean() or self.cleaned_data)

    @property
    def is_overridden(self) -> bool:
        return bool(self.pick.kicker or self.pick.title or self.pick.teaser)


class ReturnForm(forms.Form):
    """Why a proof goes back to the desk."""

    because = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class SkipForm(forms.Form):
    """Why a digest falls out."""

    because = forms.CharField(label=_("Reason"), max_length=300)


class WallClockField(forms.DateTimeField):
    """What a clock shows, without a zone: Django's own field would read it on the site's clock, clock changes included."""

    def to_python(self, value: Any) -> Any:
        with timezone.override(UTC):
            typed = super().to_python(value)
        return typed.replace(tzinfo=None) if typed else typed


class ScheduleForm(forms.Form):
    """When a digest goes out, on the newsroom's clock."""

    when = WallClockField(
        label=_("Send on"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean_when(self) -> Any:
        """The typed wall-clock time as a moment in the newsroom's zone, whatever zone the admin shows."""
        try:
            return moment(self.cleaned_data["when"], self.zone)
        except BadWallClock as error:
            raise forms.ValidationError(str(error)) from error
