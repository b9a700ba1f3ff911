"""What readers fill in. Each form judges what it is given and says so in words; the service checks again."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.core.validators import ProhibitNullCharactersValidator as _NullCharacters
from django.utils.datastructures import MultiValueDict
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import normalise
from newsroom.mail.errors import BadAddress
from subscriptions.models import Newsletter
from subscriptions.signing_up import SignUp
from subscriptions.wording import PICKS

_STAMP_SALT = "subscriptions.form"
# Where the form stood: a path on this site, kept with the consent. Anything else is somebody's experiment.
_PATH = re.compile(r"/[\w\-./~%]{0,198}")

PAUSES = (1, 2, 4)


def language_code(code: str | None = None) -> str:
    """A language we write letters in: the given one, else the page's, else the site's."""
    known = dict(settings.LANGUAGES)
    for each in (code, get_language()):
        short = (each or "").partition("-")[0]
        if short in known:
            return short
    return settings.LANGUAGE_CODE


def stamp(seconds: float) -> str:
    """When a form was shown, signed, for its hidden field."""
    return signing.dumps(int(seconds), salt=_STAMP_SALT)


def shown_at(value: str) -> int | None:
    """When the form with this stamp was shown; None for a stamp that is not ours."""
    try:
        return int(signing.loads(value, salt=_STAMP_SALT))
    except (signing.BadSignature, TypeError, ValueError):
        return None


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
            normalise(typed)
        except BadAddress as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        return typed


class SignupForm(forms.Form):
    """Address and picks; beside them what a reader does not see: where, in which words, since when, and a trap."""

    address = AddressField()
    newsletter = forms.MultipleChoiceField(
        # Translators: Newsletter
        label=_("Newsletters"),
        error_messages={
            # Translators: Bitte wählen Sie mindestens einen Newsletter.
            "required": _("Please choose at least one newsletter."),
            # Translators: Diesen Newsletter gibt es nicht mehr. Bitte wählen Sie einen anderen.
            "invalid_choice": _("This newsletter is no longer offered. Please choose another."),
        },
    )
    website = forms.CharField(required=False)  # the trap: no person sees it
    started = forms.CharField(required=False)
    path = forms.CharField(required=False)
    language = forms.CharField(required=False)
    wording = forms.CharField(required=False)

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

    def clean_path(self) -> str:
        path = str(self.cleaned_data["path"])
        return path if _PATH.fullmatch(path) else "/subscribe/"

    def clean_language(self) -> str:
        return language_code(self.cleaned_data["language"])

    def clean_wording(self) -> str:
        return str(self.cleaned_data["wording"] or PICKS)[:20]

    def wish(self, *, network_address: str, insists: bool) -> SignUp:
        """What a valid form asks for."""
        return SignUp(
            typed_address=self.cleaned_data["address"],
            newsletters=self.picks(),
            language=self.cleaned_data["language"],
            place=self.cleaned_data["path"],
            network_address=network_address,
            wording_version=self.cleaned_data["wording"],
            trap=self.cleaned_data["website"],
            insists=insists,
            weekly=frozenset(each.pk for each in self.weekly()),
        )

    def picks(self) -> list[Newsletter]:
        """The newsletters she chose, as far as they exist; of use before the form is valid, too."""
        chosen = self.data.getlist("newsletter") if isinstance(self.data, MultiValueDict) else []
        return [self.by_slug[slug] for slug in dict.fromkeys(chosen) if slug in self.by_slug]

    def weekly(self) -> list[Newsletter]:
        """Those of her picks of which she wants only the best of the week, as far as there is one."""
        chosen = self.data.getlist("weekly") if isinstance(self.data, MultiValueDict) else []
        return [each for each in self.picks() if each.has_weekly and each.slug in chosen]


class LinkForm(forms.Form):
    """Where to send the link to somebody's settings."""

    address = AddressField()
    website = forms.CharField(required=False)
