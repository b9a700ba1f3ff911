"""The forms of what is put right after sending."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from digests.links import MOST_CHARACTERS
from digests.models import Pick

_MARKDOWN = _("Markdown: *italic*, **bold**, [link](https://…), lists.")


class NoteForm(forms.Form):
    """A note for the archive; empty takes it away."""

    text = forms.CharField(
        label=_("note in the archive"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_MARKDOWN,
        required=False,
        max_length=5_000,
    )


class RepointForm(forms.Form):
    """Where a link is to lead, and where it led when the form was shown."""

    # What an address is, `links.checked_address` says: one sentence for everything that is wrong.
    url = forms.CharField(label=_("leads to"), max_length=MOST_CHARACTERS)
    seen = forms.CharField(widget=forms.HiddenInput)


class CorrectionMailForm(forms.Form):
    """What readers of the digest are told."""

    subject = forms.CharField(
        label=_("subject"),
        max_length=150,
        help_text=_("Readers see “Correction:” before it."),
    )
    text = forms.CharField(
        label=_("text"), widget=forms.Textarea(attrs={"rows": 8}), help_text=_MARKDOWN, max_length=10_000
    )


class CorrectForm(forms.Form):
    """Which story was wrong, and what is right."""

    pick = forms.ModelChoiceField(Pick.objects.none(), label=_("story"), empty_label=None)
    text = forms.CharField(
        label=_("what is right"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Plain text. Say what was wrong and what is right, in the newsletter's language."),
        max_length=2_000,
    )

    def __init__(self, *args: Any, picks: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pick"].queryset = picks  # type: ignore[attr-defined]
