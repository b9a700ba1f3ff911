"""Records of what the newsroom published and where it came from."""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import F, Prefetch, Q, prefetch_related_objects
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsroom.articles.states import MACHINE_MADE, DigitalSource, FeedRights, Origin, Review, Verdict


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


class Author(models.Model):
    """Somebody whose name stands over an article."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("slug"), max_length=140, unique=True)
    role_de = models.CharField(_("role in German"), max_length=120, blank=True)
    role_en = models.CharField(_("role in English"), max_length=120, blank=True)
    bio_de = models.TextField(_("about, in German"), blank=True)
    bio_en = models.TextField(_("about, in English"), blank=True)
    contact = models.EmailField(_("contact"), blank=True)

    class Meta:
        verbose_name = _("author")
        verbose_name_plural = _("authors")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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


class FeedQuerySet(models.QuerySet["Feed"]):
    def due(self, at: datetime) -> "FeedQuerySet":
        return self.filter(is_active=True, gone_at__isnull=True).filter(
            Q(next_check_at__lte=at) | Q(next_check_at__isnull=True)
        )


class Feed(models.Model):
    """A source we poll, politely."""

    url = models.URLField(_("address"), max_length=1000, unique=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    language = models.CharField(_("language if the feed does not say"), max_length=8, default="de")
    section = models.ForeignKey(Section, models.SET_NULL, null=True, blank=True, verbose_name=_("section"))
    origin = models.CharField(_("origin"), max_length=20, choices=Origin, default=Origin.AGENCY)
    rights = models.CharField(
        _("what may be shown"), max_length=12, choices=FeedRights, default=FeedRights.TEASER
    )
    rights_contact = models.EmailField(_("rights contact"), blank=True)
    picture_credit = models.CharField(
        _("credit of its pictures"),
        max_length=200,
        blank=True,
        help_text=_(
            "Stands under a picture that comes without a credit of its own. With neither, the picture cannot open a mail."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)
    interval_minutes = models.PositiveIntegerField(_("minutes between checks"), default=60)
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=200, blank=True, editable=False)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    last_checked_at = models.DateTimeField(_("last check"), null=True, blank=True)
    last_good_at = models.DateTimeField(_("last good check"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)
    gone_at = models.DateTimeField(_("gone"), null=True, blank=True)

    objects = FeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
        ordering = ["title", "url"]

    def __str__(self) -> str:
        return self.title or self.url


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
    def picture_credit(self) -> str:
        """Who made its picture: what the picture says, else what is agreed with its feed. Needs `with_byline()`."""
        if self.picture is None:
            return ""
        own = self.picture.credit.strip()
        # A program is nobody to credit, and the feed least of all.
        is_open = not own and not self.has_machine_picture
        return self.feed.picture_credit.strip() if is_open and self.feed else own

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


class ArticleFingerprint(models.Model):
    """What an article is compared by. Its absence says that nobody has looked at the article yet."""

    article = models.OneToOneField(
        Article, models.CASCADE, primary_key=True, related_name="fingerprint", verbose_name=_("article")
    )
    place = models.CharField(max_length=1000, blank=True)
    rubric = models.CharField(max_length=40, blank=True)
    title = models.BinaryField()
    grams = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("fingerprint of an article")
        verbose_name_plural = _("fingerprints of articles")

    def __str__(self) -> str:
        return str(self.article_id)


class ClusterDecision(models.Model):
    """An editor's word on two articles: one event, or two. It outlives every grouping."""

    first = models.ForeignKey(Article, models.CASCADE, related_name="+", verbose_name=_("article"))
    second = models.ForeignKey(Article, models.CASCADE, related_name="+", verbose_name=_("article"))
    verdict = models.CharField(_("decision"), max_length=8, choices=Verdict)
    made_at = models.DateTimeField(_("made"))
    made_by = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("decision on a cluster")
        verbose_name_plural = _("decisions on clusters")
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="cluster_decision_once"),
            models.CheckConstraint(
                condition=Q(second__gt=F("first")), name="cluster_decision_smaller_id_first"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} {self.verdict} {self.second_id}"


class FormerVersion(models.Model):
    """What an article said before its source changed it; append-only."""

    article = models.ForeignKey(
        Article, models.CASCADE, related_name="former_versions", verbose_name=_("article")
    )
    title = models.CharField(_("title"), max_length=300)
    teaser = models.TextField(_("teaser"), blank=True)
    body_html = models.TextField(_("body"), blank=True)
    checksum = models.CharField(_("checksum"), max_length=64, blank=True)
    replaced_at = models.DateTimeField(_("replaced"))

    class Meta:
        verbose_name = _("former version")
        verbose_name_plural = _("former versions")
        ordering = ["-replaced_at", "-id"]

    def __str__(self) -> str:
        return self.title


class Correction(models.Model):
    """What was wrong in an article, and what is right."""

    article = models.ForeignKey(
        Article, models.CASCADE, related_name="corrections", verbose_name=_("article")
    )
    text = models.TextField(_("correction"))
    made_at = models.DateTimeField(_("made"))
    made_by = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return self.text[:80]


class ApiToken(models.Model):
    """What another system hands articles in with, for one source. The secret is shown once; we keep its hash."""

    feed = models.ForeignKey(
        Feed,
        models.CASCADE,
        related_name="tokens",
        verbose_name=_("source"),
        help_text=_("Articles handed in get its section, origin and rights."),
    )
    name = models.CharField(
        _("name"), max_length=80, help_text=_("Which system has it, such as: editorial system, live.")
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    beginning = models.CharField(_("begins with"), max_length=8, editable=False)
    made_at = models.DateTimeField(_("made"), editable=False)
    made_by = models.CharField(_("by"), max_length=150, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["feed", "name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"


class Receipt(models.Model):
    """What a call of the API came to, by the key of whoever made it: made again, it does nothing."""

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="receipts", verbose_name=_("API token"))
    key = models.CharField(max_length=100)
    content_hash = models.CharField(max_length=64)
    article = models.ForeignKey(Article, models.CASCADE, null=True, related_name="+")
    was_new = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="receipt_once")]

    def __str__(self) -> str:
        return self.key
