"""What the newsroom published, by whom, and what tells of the same event."""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsroom.articles.credits import credit_of
from newsroom.articles.models.about import Author, Picture, Section
from newsroom.articles.models.feeds import Feed
from newsroom.articles.states import Origin, Review


class Cluster(models.Model):
    """One event, told by several articles. A row of its own, so that articles find it when it was made by hand."""

    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("cluster")
        verbose_name_plural = _("clusters")

    def __str__(self) -> str:
        return f"#{self.pk}"


class ArticleQuerySet(models.QuerySet["Article"]):
    def published(self, at: datetime | Now) -> "ArticleQuerySet":
        """Public at that time: past its embargo, not withdrawn. `Now()` asks the database within the query."""
        return self.filter(withdrawn_at__isnull=True).filter(
            Q(embargo_until__isnull=True) | Q(embargo_until__lte=at)
        )

    def first_seen_between(self, start: datetime, end: datetime) -> "ArticleQuerySet":
        """First seen in the half-open window [start, end)."""
        return self.filter(first_seen_at__gte=start, first_seen_at__lt=end)

    def in_language(self, language: str) -> "ArticleQuerySet":
        return self.filter(language=language)

    def with_byline(self) -> "ArticleQuerySet":
        """Everything a card or page shows: 2 queries whatever the number."""
        return self.select_related("section", "picture", "feed").prefetch_related(_bylines())


class Article(models.Model):
    """What the newsroom published, as readers and digests show it."""

    identity = models.CharField(
        max_length=300,
        unique=True,
        editable=False,
        help_text=_("guid, address without scheme, or checksum: the same piece is never stored twice."),
    )
    slug = models.SlugField(_("slug"), max_length=120, unique=True)
    language = models.CharField(_("language"), max_length=8)
    kicker = models.CharField(_("kicker"), max_length=80, blank=True)
    title = models.CharField(_("title"), max_length=300)
    teaser = models.TextField(_("teaser"), max_length=600, blank=True)
    body_html = models.TextField(
        _("body"), blank=True, help_text=_("Cleaned HTML; headings start at level 2.")
    )
    headings = models.JSONField(_("section headings"), default=list, blank=True)
    section = models.ForeignKey(Section, models.SET_NULL, null=True, blank=True, verbose_name=_("section"))
    authors: "models.ManyToManyField[Author, Byline]" = models.ManyToManyField(
        Author, through="Byline", verbose_name=_("authors"), related_name="articles"
    )
    picture = models.ForeignKey(Picture, models.SET_NULL, null=True, blank=True, verbose_name=_("picture"))
    picture_alt = models.CharField(_("alternative text here"), max_length=300, blank=True)
    words = models.PositiveIntegerField(_("words"), default=0)
    reading_minutes = models.PositiveSmallIntegerField(_("minutes to read"), default=1)
    origin = models.CharField(_("origin"), max_length=20, choices=Origin, default=Origin.STAFF)
    review = models.CharField(_("review"), max_length=12, choices=Review, default=Review.NOT_NEEDED)
    picture_is_illustration = models.BooleanField(
        _("the picture is a machine-made illustration"),
        default=False,
        help_text=_("Says so even where the picture itself is not with us."),
    )
    rights_contact = models.CharField(_("rights contact"), max_length=254, blank=True)
    rights_notice = models.TextField(
        _("open rights notice"),
        max_length=500,
        blank=True,
        help_text=_(
            "Who objects to what. While something stands here, no digest goes out with the article; empty it once it is settled."
        ),
    )
    is_sensitive = models.BooleanField(
        _("sensitive"), default=False, help_text=_("A plan never takes it by itself; the desk may.")
    )
    canonical_url = models.URLField(_("original address"), max_length=1000, blank=True)
    feed = models.ForeignKey(Feed, models.SET_NULL, null=True, blank=True, verbose_name=_("feed"))
    cluster = models.ForeignKey(
        Cluster,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="articles",
        verbose_name=_("cluster"),
        help_text=_("Articles of one cluster tell of the same event; a digest takes one of them."),
    )
    related = models.ManyToManyField(
        "self", blank=True, symmetrical=False, verbose_name=_("related articles")
    )
    checksum = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text=_("Of the content; tells a change from a repeat."),
    )
    published_at = models.DateTimeField(_("published"))
    first_seen_at = models.DateTimeField(
        _("first seen"), help_text=_("Decides which digest's window the article falls into.")
    )
    changed_at = models.DateTimeField(_("changed"), null=True, blank=True)
    embargo_until = models.DateTimeField(_("embargo until"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_reason = models.CharField(_("why withdrawn"), max_length=300, blank=True)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        indexes = [
            # A digest's window, and the newest articles of a language.
            models.Index(fields=["language", "first_seen_at"], name="article_by_first_seen"),
            models.Index(fields=["-published_at"], name="article_newest"),
            # What an embargo held back until a digest's window; hardly any article has one.
            models.Index(
                fields=["embargo_until"], condition=Q(embargo_until__isnull=False), name="article_by_embargo"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("article", args=[self.slug])

    @property
    def byline(self) -> list[str]:
        """The authors' names in their order; prefetch with `with_byline()`."""
        return [byline.author.name for byline in self.bylines.all()]

    @property
    def is_submission(self) -> bool:
        return self.origin == Origin.USER_SUBMISSION

    @property
    def is_unreviewed(self) -> bool:
        """Whether it is a submission that nobody vouches for: whatever nobody said anything of is one, too."""
        return self.is_submission and self.review != Review.REVIEWED

    @property
    def picture_credit(self) -> str:
        """Who made its picture: what the picture says, else what is agreed with its feed. Needs `with_byline()`."""
        if self.picture is None:
            return ""
        agreed = self.feed.picture_credit if self.feed else ""
        return credit_of(self.picture.credit, is_machine_made=self.has_machine_picture, agreed=agreed)

    @property
    def has_machine_picture(self) -> bool:
        return self.picture_is_illustration or bool(self.picture and self.picture.is_machine_made)


class Byline(models.Model):
    """An author's place over an article."""

    article = models.ForeignKey(Article, models.CASCADE, related_name="bylines")
    author = models.ForeignKey(Author, models.PROTECT, related_name="bylines", verbose_name=_("author"))
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("byline")
        verbose_name_plural = _("bylines")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["article", "author"], name="byline_once")]

    def __str__(self) -> str:
        return self.author.name


def read_bylines(articles: Iterable[Article]) -> None:
    """Read these articles' authors at once, where `with_byline()` did not: 1 query whatever the number."""
    prefetch_related_objects(list(articles), _bylines())


def _bylines() -> "Prefetch[str]":
    return Prefetch("bylines", Byline.objects.select_related("author"))
