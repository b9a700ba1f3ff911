"""The desk's forms for articles and pictures."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy as _

from newsroom.articles import intake, pictures
from newsroom.articles.errors import PictureError
from newsroom.articles.models import Article, Picture
from newsroom.articles.states import Origin, Review


class ArticleForm(forms.ModelForm[Article]):
    """The language is one of the site's; the name in addresses is made from the headline where nobody gives one."""

    language = forms.ChoiceField(label=_("language"), choices=settings.LANGUAGES)

    class Meta:
        model = Article
        fields = "__all__"  # noqa: DJ007 — the admin's fieldsets say which
        widgets = {
            "title": forms.TextInput(attrs={"class": "article-wide"}),
            "teaser": forms.Textarea(attrs={"rows": 3, "class": "article-wide"}),
            "body_html": forms.Textarea(attrs={"rows": 24, "class": "article-wide"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = _("Empty: made from the headline.")
        known, language = dict(settings.LANGUAGES), self.fields.get("language")
        if (
            isinstance(language, forms.ChoiceField)
            and self.instance.language
            and self.instance.language not in known
        ):
            # A feed may have brought another one; saving the form must not change it.
            language.choices = [*settings.LANGUAGES, (self.instance.language,) * 2]

    def clean(self) -> dict[str, Any]:
        """A submission needs a review: as long as nobody says that there was one, there was none."""
        cleaned = super().clean() or self.cleaned_data
        is_submission = cleaned.get("origin") == Origin.USER_SUBMISSION
        if is_submission and cleaned.get("review") == Review.NOT_NEEDED:
            cleaned["review"] = Review.UNREVIEWED
        return cleaned

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        return slug or self.instance.slug or intake.free_slug(self.data.get("title", ""))


class PictureForm(forms.ModelForm[Picture]):
    """An upload is looked into before it is kept: format, size, and what it says of its own making."""

    class Meta:
        model = Picture
        fields = ["file", "alt", "credit", "digital_source", "source_url", "withdrawn_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "file" in self.fields:
            # We look into the file, whatever it is called; Django's own sentence names no format that would do.
            self.fields["file"].validators = []
            self.fields["file"].error_messages["invalid_image"] = _(
                "This is no picture that we can read; JPEG, PNG, GIF and WebP are."
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        upload = self.files.get("file")
        if upload is None or "file" not in cleaned:
            return cleaned
        upload.seek(0)
        content = upload.read()
        sha256 = pictures.checksum(content)
        try:
            made, extension, stated = pictures.prepare(content)
        except PictureError as error:
            self.add_error("file", str(error))
            return cleaned
        if Picture.objects.exclude(pk=self.instance.pk).filter(sha256=sha256).exists():
            self.add_error("file", _("We keep this picture already; search for it."))
        self.instance.sha256 = sha256
        cleaned["file"] = ContentFile(made, name=pictures.file_name(sha256, extension))
        if stated:
            # What the maker wrote into the picture goes before what the form says.
            cleaned["digital_source"] = stated
        return cleaned
