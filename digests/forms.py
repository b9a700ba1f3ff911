"""The composer's forms: what the desk types about a digest and about each of its picks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from digests import history
from digests.models import Digest, Pick
from digests.preflight import slot_name
from digests.states import PickLabel
from digests.stories import alt_of
from digests.wall_clock import BadWallClock, moment
from newsroom.articles import cuts
from newsroom.articles.models import Author, Picture
from newsroom.articles.states import Crop
from newsroom.articles.text import strip_unwanted
from subscriptions.models import Newsletter
from subscriptions.states import Cadence


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Without controls and direction marks, which come along when people paste: no header or feed may hold them."""
    return {
        name: strip_unwanted(value) if isinstance(value, str) else value for name, value in values.items()
    }


class BuildForm(forms.Form):
    """Which newsletter's next digest to build, and for whom."""

    newsletter = forms.ModelChoiceField(Newsletter.objects.active(), label=_("newsletter"), empty_label=None)
    cadence = forms.TypedChoiceField(
        label=_("for"), choices=Cadence.choices, required=False, empty_value=Cadence.EACH
    )


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long a text is and how long it reads well."""

    characters: int
    least: int
    most: int

    @property
    def fits(self) -> bool:
        return self.least <= self.characters <= self.most

    @property
    def ideal(self) -> str:
        if self.least:
            return gettext("%(least)d to %(most)d read well") % {"least": self.least, "most": self.most}
        return gettext("up to %(most)d read well") % {"most": self.most}

    @property
    def sentence(self) -> str:
        return ngettext(
            "%(number)d character, %(ideal)s", "%(number)d characters, %(ideal)s", self.characters
        ) % {"number": self.characters, "ideal": self.ideal}


IDEAL = {"kicker": (0, 25), "title": (0, 60), "teaser": (120, 200)}


@dataclass(frozen=True, kw_only=True)
class Clash:
    """A field that two people changed: both wordings, whose the other one is and since when, and what was chosen.

    name: of the field in the form.
    """

    name: str
    sentence: str
    mine: str
    theirs: str
    who: str
    changed_at: datetime | None
    choice: str = ""


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """A field as the composer shows it.

    reset: what a button sends that gives the article's own back; nothing where there is none.
    """

    field: forms.BoundField
    clash: Clash | None = None
    is_own: bool = False
    length: Length | None = None
    reset: str = ""

    @property
    def spoken(self) -> str:
        """The field's name, and whose it is, for who does not see where it stands."""
        return str(self.field.field.widget.attrs.get("aria-label", self.field.label))


class DigestForm(forms.ModelForm[Digest]):
    """The digest's own words. `version` is the one the editor was looking at."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    clashes: Mapping[str, Clash] = {}
    IDEAL = {"subject": (40, 50), "preheader": (40, 90)}

    class Meta:
        model = Digest
        fields = history.WORDS
        widgets = {
            "subject": forms.TextInput(attrs={"maxlength": 200}),
            "preheader": forms.TextInput(attrs={"maxlength": 200}),
            "note": forms.Textarea(attrs={"rows": 5}),
        }
        help_texts = {
            "subject": _("Phones cut off what is longer."),
            "preheader": _(
                "Continues the subject in the inbox; its point belongs into the first 40 characters."
            ),
            "note": _(
                "A few sentences to open with. Markdown: *italic*, **bold**, [link](https://…), lists."
            ),
            "note_author": _(
                "Name, role and portrait stand under the note. Authors with a role or a portrait can be chosen."
            ),
            "note_by": _("Instead of the author's name and role, or where none of the authors signs."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].initial = self.instance.version
        signs = self.fields["note_author"]
        assert isinstance(signs, forms.ModelChoiceField)
        # Who signs already may go on, though the role was taken off since.
        chosen = Author.objects.filter(pk=self.instance.note_author_id or 0)
        signs.queryset, signs.empty_label = Author.objects.introduced() | chosen, "–"

    def clean(self) -> dict[str, Any]:
        return _typed(super().clean() or self.cleaned_data)

    @property
    def words(self) -> dict[str, str]:
        """What was typed and chosen, as the history keeps it."""
        author = self.cleaned_data["note_author"]
        return {
            **{name: self.cleaned_data[name] for name in history.WORDS},
            "note_author": str(author.pk) if author else "",
        }

    @property
    def rows(self) -> list[FieldRow]:
        return [
            FieldRow(field=self[name], clash=self.clashes.get(name), length=self._length(name))
            for name in self.Meta.fields
        ]

    def _length(self, name: str) -> Length | None:
        if name not in self.IDEAL:
            return None
        least, most = self.IDEAL[name]
        return Length(characters=len(self[name].value() or ""), least=least, most=most)


def _crop_help(picture: Picture | None) -> str:
    """Which of the crops make a difference to this picture."""
    if picture is None:
        return ""
    match cuts.long_side(picture):
        case "height":
            return gettext("Cuts the picture to 16:9. It is taller than that: top, middle or bottom stays.")
        case "width":
            return gettext("Cuts the picture to 16:9. It is wider than that: left, middle or right stays.")
        case "":
            return gettext("The picture is 16:9 already; no crop takes anything off.")


class PickForm(forms.Form):
    """Where a pick stands and what the desk sets for it; the article's words are the placeholders."""

    slot = forms.ChoiceField(label=_("Slot"))
    position = forms.IntegerField(label=_("Place"), min_value=1, max_value=99)
    kicker = forms.CharField(label=_("Kicker"), required=False, max_length=80)
    title = forms.CharField(label=_("Headline"), required=False, max_length=300)
    teaser = forms.CharField(
        label=_("Teaser"), required=False, max_length=600, widget=forms.Textarea(attrs={"rows": 3})
    )
    link_label = forms.CharField(label=_("Link label"), required=False, max_length=80)
    picture = forms.TypedChoiceField(label=_("Picture"), required=False, coerce=int, empty_value=None)
    crop = forms.ChoiceField(
        label=_("Crop"),
        required=False,
        choices=[("", _("the whole picture")), *Crop.choices],
    )
    alt = forms.CharField(label=_("Alternative text"), required=False, max_length=300)
    label = forms.ChoiceField(
        label=_("Taken again as"), required=False, choices=[("", "–"), *PickLabel.choices]
    )
    remove = forms.BooleanField(label=_("Take out"), required=False)

    clashes: Mapping[str, Clash] = {}
    OWN = ("kicker", "title", "teaser", "link_label", "picture", "crop", "alt", "label")

    def __init__(
        self,
        data: Any = None,
        *,
        pick: Pick,
        slots: Sequence[dict[str, Any]],
        place: int,
        pictures: Sequence[tuple[int, str]] = (),
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """values: what the fields show instead of the pick's own; place counts from 1."""
        own = {name: pick.picture_id if name == "picture" else getattr(pick, name) for name in self.OWN}
        initial = {"slot": pick.slot, "position": place, **own, **(values or {})}
        super().__init__(data, prefix=f"pick-{pick.pk}", initial=initial)
        self.pick = pick
        self._choices("slot", [(slot["key"], slot["title"] or slot_name(slot["key"])) for slot in slots])
        self._choices("picture", [("", _("the article's")), *pictures])
        self.fields["crop"].help_text = _crop_help(pick.picture or pick.article.picture)
        placeholders = {
            **{name: getattr(pick.article, name) for name in ("kicker", "title", "teaser")},
            "alt": alt_of(Pick(article=pick.article, picture=pick.picture)),
            "link_label": gettext("Read on: %(title)s") % {"title": pick.title or pick.article.title},
        }
        for name, text in placeholders.items():
            self.fields[name].widget.attrs["placeholder"] = text
        for typed in self.fields.values():
            typed.widget.attrs["aria-label"] = _("%(field)s of “%(title)s”") % {
                "field": typed.label,
                "title": pick.article.title,
            }

    def _choices(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        return _typed(super().clean() or self.cleaned_data)

    @property
    def own(self) -> dict[str, Any]:
        """What the desk sets, as typed; a field that the form did not send stays as it is."""
        return {name: self.cleaned_data[name] for name in self.OWN if self.add_prefix(name) in self.data}

    @property
    def rows(self) -> list[FieldRow]:
        return [self._row(name) for name in self.OWN if name != "label"]

    def _row(self, name: str) -> FieldRow:
        value, clash = self[name].value(), self.clash(name)
        length = None
        if name in IDEAL:
            least, most = IDEAL[name]
            characters = len(value or getattr(self.pick.article, name))
            length = Length(characters=characters, least=least, most=most)
        return FieldRow(
            field=self[name],
            clash=clash,
            is_own=bool(value),
            length=length,
            reset=f"{self.pick.pk}:{name}",
        )

    def clash(self, name: str) -> Clash | None:
        return self.clashes.get(self.add_prefix(name))

    @property
    def again(self) -> FieldRow:
        """Why an article comes again that an earlier digest had."""
        return FieldRow(field=self["label"], clash=self.clash("label"))

    @property
    def place_clashes(self) -> list[Clash]:
        """About where the pick stands and whether it is in at all."""
        found = [self.clash(name) for name in ("slot", "remove", "gone")]
        return [clash for clash in found if clash]

    @property
    def is_open(self) -> bool:
        """Whether somebody must look into the fields."""
        prefix = self.add_prefix("")
        return bool(self.errors) or any(name.startswith(prefix) for name in self.clashes)

    @property
    def is_overridden(self) -> bool:
        return any(row.is_own for row in self.rows)


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
