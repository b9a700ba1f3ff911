"""What articles refer to: sections, authors, pictures."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsroom.articles.states import MACHINE_MADE, DigitalSource


class Section(models.Model):
    """A department of the newsroom."""

    slug = models.SlugField(_("slug"), unique=True)
    name_de = models.CharField(_("name in German"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.name_de

    def name_in(self, language: str) -> str:
        return self.name_de if language.startswith("de") else self.name_en


class AuthorQuerySet(models.QuerySet["Author"]):
    def introduced(self) -> "AuthorQuerySet":
        """Those whom the newsroom has introduced, by a role or a portrait; feeds bring many that are only a name."""
        return self.filter(~Q(role_de="") | ~Q(role_en="") | Q(portrait__isnull=False))


class Author(models.Model):
    """Somebody whose name stands over an article, or under a note to readers."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("slug"), max_length=140, unique=True)
    role_de = models.CharField(_("role in German"), max_length=120, blank=True)
    role_en = models.CharField(_("role in English"), max_length=120, blank=True)
    bio_de = models.TextField(_("about, in German"), blank=True)
    bio_en = models.TextField(_("about, in English"), blank=True)
    contact = models.EmailField(_("contact"), blank=True)
    portrait = models.ForeignKey(
        "Picture", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("portrait")
    )

    objects = AuthorQuerySet.as_manager()

    class Meta:
        verbose_name = _("author")
        verbose_name_plural = _("authors")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def role_in(self, language: str) -> str:
        return self.role_de if language.startswith("de") else self.role_en

    @property
    def shown_portrait(self) -> "Picture | None":
        """The portrait, unless it was withdrawn."""
        return self.portrait if self.portrait and not self.portrait.withdrawn_at else None


class Picture(models.Model):
    """A picture we keep, with who made it and how."""

    file = models.ImageField(
        _("file"), upload_to="pictures/%Y/%m", width_field="width", height_field="height"
    )
    width = models.PositiveIntegerField(_("width"), default=0, editable=False)
    height = models.PositiveIntegerField(_("height"), default=0, editable=False)
    sha256 = models.CharField(_("checksum"), max_length=64, unique=True, editable=False)
    alt = models.CharField(
        _("alternative text"),
        max_length=300,
        blank=True,
        help_text=_("What somebody misses who cannot see it."),
    )
    credit = models.CharField(_("credit"), max_length=200, blank=True)
    digital_source = models.CharField(
        _("how it was made"), max_length=48, choices=DigitalSource, blank=True, default=""
    )
    source_url = models.URLField(_("fetched from"), max_length=1000, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return self.alt or self.file.name

    @property
    def is_machine_made(self) -> bool:
        return self.digital_source in MACHINE_MADE
