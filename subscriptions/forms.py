"""What readers fill in. Each form judges what it is given and says so in words; the service checks again."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import ProhibitNullCharactersValidator as _NullCharacters
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import admit, normalise
from newsroom.mail.errors import BadAddress
from subscriptions.errors import CadenceRefused
from subscriptions.models import Newsletter
from subscriptions.other_sites import may_return_to, site_of, without_query
from subscriptions.signing_up import SignUp, weekly_among
from subscriptions.states import Cadence
from subscriptions.wording import shown_at_sign_up

# Where the form stood: a path on this site, kept with the consent. Anything else is somebody's experiment.
_PATH = re.compile(r"/[\w\-./~%]{0,198}")
_LONGEST_PLACE = 200

PAUSES = (1, 2, 4)


def language_code(code: str | None = None) -> str:
    """A language we write letters in: the given one, else the page's, else the site's."""
    known = dict(settings.LANGUAGES)
    for each in (code, get_language()):
        short = (each or "").partition("-")[0]
        if short in known:
            return short
    return settings.LANGUAGE_CODE


class AddressField(forms.CharField):
    """An address as people type it. The value stays as typed; what it means is the service's matter."""

    widget = forms.EmailInput(
        attrs={
            "autocomplete": "email",
            "autocapitalize": "none",
            "spellcheck": "false",
            "inputmode": "email",
            "maxlength": 254,
        }
    )

    def __init__(self, **options: Any) -> None:
        # Translators: Bitte geben Sie Ihre E-Mail-Adresse ein.
        options.setdefault("error_messages", {"required": _("Please enter your e-mail address.")})
        # Translators: Ihre E-Mail-Adresse
        super().__init__(label=_("Your e-mail address"), max_length=320, strip=True, **options)
        # Django's own words for a null byte say nothing to a reader; `normalise` has a sentence for it.
        self.validators = [each for each in self.validators if not isinstance(each, _NullCharacters)]

    def clean(self, value: Any) -> str:
        typed = str(super().clean(value))
        try:
            self.judge(typed)
        except BadAddress as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        return typed

    def judge(self, typed: str) -> None:
        """Any address, as we may know it from somewhere else. Raises BadAddress."""
        normalise(typed)


class NewAddressField(AddressField):
    """An address that we are to write to from now on."""

    def judge(self, typed: str) -> None:
        admit(typed)


class SignupForm(forms.Form):
    """Address and picks. What else is sent, no reader sees and none can mend: what is wrong there is put right."""

    address = NewAddressField()
    newsletter = forms.MultipleChoiceField(
        # Translators: Newsletter
        label=_("Newsletters"),
        error_messages={
            # Translators: Bitte wählen Sie mindestens einen Newsletter.
            "required": _("Please choose at least one newsletter."),
            # Translators: Dieser Newsletter nimmt zurzeit keine Anmeldungen an. Bitte wählen Sie einen anderen, oder versuchen Sie es später.
            "invalid_choice": _(
                "This newsletter takes no sign-ups now. Please choose another, or try later."
            ),
        },
    )

    def __init__(
        self, data: "MultiValueDict[str, str] | None" = None, *, offered: Iterable[Newsletter]
    ) -> None:
        self.offered = list(offered)
        if isinstance(data, MultiValueDict) and data.getlist("weekly"):
            # Who ticks only the best of the week of a newsletter wants it.
            data = data.copy()
            data.setlist(
                "newsletter", list(dict.fromkeys(data.getlist("newsletter") + data.getlist("weekly")))
            )
        super().__init__(data)
        self.by_slug = {each.slug: each for each in self.offered}
        field = self.fields["newsletter"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(each.slug, each.name) for each in self.offered]
        if self.is_bound and "address" in self.errors:
            described = {"aria-invalid": "true", "aria-describedby": "address-error"}
            self.fields["address"].widget.attrs.update(described)

    @property
    def path(self) -> str:
        """Where on this site the form stood, or what address of ours it was sent to from another."""
        path = self._sent("path")
        return path if _PATH.fullmatch(path) else "/subscribe/"

    @property
    def site(self) -> str:
        """The other site on which the form stood, as its sender's browser named it; nothing for a page of ours."""
        return site_of(self._sent("site"))

    @property
    def return_to(self) -> str:
        """The page of another site that the form leads back to; nothing if it names none, or none that it may."""
        wanted = str(self.data.get("return", ""))  # to the letter: a space before it is a reason to doubt it
        return wanted if may_return_to(wanted) else ""

    @property
    def place(self) -> str:
        """Where the form stood, for the record: ours, and the page on another site as far as anything names it."""
        page = without_query(self.return_to) or self.site
        return f"{self.path} {page}".strip()[:_LONGEST_PLACE]

    @property
    def language(self) -> str:
        """The language her letters are to be in."""
        return language_code(self._sent("language"))

    @property
    def wording_version(self) -> str:
        """The words she agreed to."""
        return shown_at_sign_up(self._sent("wording"))

    @property
    def started(self) -> str:
        """When the form was shown, as `stamp` signed it."""
        return self._sent("started")

    def _sent(self, name: str) -> str:
        return str(self.data.get(name, "")).strip()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if "newsletter" in values:
            try:
                weekly_among(self.picks, self.cadences)
            except CadenceRefused as error:
                self.add_error("newsletter", str(error))
        return values

    def wish(self, *, network_address: str, insists: bool) -> SignUp:
        """What a valid form asks for."""
        return SignUp(
            typed_address=self.cleaned_data["address"],
            newsletters=self.picks,
            language=self.language,
            place=self.place,
            network_address=network_address,
            wording_version=self.wording_version,
            trap=self._sent("website"),  # no person sees it
            insists=insists,
            weekly=weekly_among(self.picks, self.cadences),
        )

    @cached_property
    def picks(self) -> list[Newsletter]:
        """The newsletters she chose, as far as they exist; of use before the form is valid, too."""
        chosen = self.data.getlist("newsletter") if isinstance(self.data, MultiValueDict) else []
        return [self.by_slug[slug] for slug in dict.fromkeys(chosen) if slug in self.by_slug]

    @property
    def weekly(self) -> list[Newsletter]:
        """Those of her picks of which she wants only the best of the week, as far as there is one."""
        return [
            each for each in self.picks if each.has_weekly and self.cadences.get(each.slug) == Cadence.WEEKLY
        ]

    @cached_property
    def cadences(self) -> dict[str, str]:
        """How often she wants her picks, by slug: one answer from a box for one newsletter, or a tick at each of many."""
        cadences = {}
        if said := str(self.data.get("cadence", "")):
            cadences = {each.slug: said for each in self.picks}
        if isinstance(self.data, MultiValueDict):
            cadences |= dict.fromkeys(self.data.getlist("weekly"), Cadence.WEEKLY)
        return cadences


class LinkForm(forms.Form):
    """Where to send the link to somebody's settings."""

    address = AddressField()
    website = forms.CharField(required=False)


class NewAddressForm(LinkForm):
    """Where a reader wants her mail from now on."""

    address = NewAddressField()
