"""Digests, what the desk put into them, and what each edit made of them."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from digests.states import ApprovalPolicy, DigestState, PickLabel, PickSource
from newsroom.articles.models import Article, Author, Picture
from newsroom.articles.states import Crop
from subscriptions.models import Newsletter
from subscriptions.states import BEST_OF_THE_WEEK, Cadence

RELEASED = (DigestState.APPROVED, DigestState.SCHEDULED, DigestState.HANDED_OVER)
RELEASED_BY_PLAN = Q(
    state__in=RELEASED,
    proofs__digest_version=F("version"),
    proofs__correction__isnull=True,
    proofs__approval__policy=ApprovalPolicy.AUTOPILOT,
)


class DigestQuerySet(models.QuerySet["Digest"]):
    def public(self) -> "DigestQuerySet":
        """Shown in the archive."""
        return self.filter(state=DigestState.HANDED_OVER)

    def due(self, at: datetime) -> "DigestQuerySet":
        return self.filter(state=DigestState.SCHEDULED, scheduled_at__lte=at)

    def of_week(
        self, newsletter: Newsletter | OuterRef, *, start: datetime | OuterRef, end: datetime | OuterRef
    ) -> "DigestQuerySet":
        """What a best-of over [start, end) looks back on: what went out then to readers of every digest."""
        then = self.public().filter(handed_over_at__gte=start, handed_over_at__lt=end, cadence=Cadence.EACH)
        return then.filter(newsletter=newsletter)  # type: ignore[misc]  # the stubs know no column of an outer row here

    def with_frame(self) -> "DigestQuerySet":
        """What a mail shows around its stories: the newsletter, its sender, and who signs the note. Within the query."""
        return self.select_related("newsletter__sender", "note_author__portrait")

    def with_release(self) -> "DigestQuerySet":
        """For lists: each knows whether the plan released it. Within the query."""
        released = Exists(self.model._default_manager.filter(RELEASED_BY_PLAN, pk=OuterRef("pk")))
        return self.annotate(is_released_by_plan=released)  # type: ignore[no-redef]  # in the place of the cached property

    def alike(self, digest: "Digest") -> "DigestQuerySet":
        """Those for the same readers: of its newsletter and cadence, itself among them."""
        return self.filter(newsletter=digest.newsletter_id, cadence=digest.cadence)


class Digest(models.Model):
    """One dated issue of a newsletter."""

    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, related_name="digests", verbose_name=_("newsletter")
    )
    cadence = models.CharField(
        _("for"),
        max_length=8,
        choices=Cadence,
        default=Cadence.EACH,
        help_text=_("Whom it is for: readers of every digest, or those of the weekly best-of."),
    )
    number = models.PositiveIntegerField(
        _("number"), null=True, blank=True, help_text=_("Empty while skipped.")
    )
    state = models.CharField(_("state"), max_length=12, choices=DigestState, default=DigestState.DRAFT)
    version = models.PositiveIntegerField(
        _("version"), default=1, help_text=_("Counts edits; a save from an older version is refused.")
    )
    window_start = models.DateTimeField(_("articles from"))
    window_end = models.DateTimeField(_("articles until"), help_text=_("Not included."))
    due_at = models.DateTimeField(
        _("due"),
        null=True,
        blank=True,
        help_text=_("When the plan wants it sent; empty while the plan rests."),
    )
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    preheader = models.CharField(
        _("preheader"),
        max_length=200,
        blank=True,
        help_text=_("The preview line an inbox shows after the subject."),
    )
    note = models.TextField(_("editor's note"), blank=True, help_text=_("Markdown."))
    note_author = models.ForeignKey(
        Author,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("note signed by"),
    )
    note_by = models.CharField(_("signature in other words"), max_length=120, blank=True)
    slots = models.JSONField(
        _("slots"), default=list, help_text=_("The plan's slots as they were when the digest was built.")
    )
    is_automatic = models.BooleanField(_("put together automatically"), default=False)
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)
    wanted_at = models.DateTimeField(
        _("wanted for"),
        null=True,
        blank=True,
        help_text=_(
            "A story was exchanged shortly before: with a new approval it is scheduled for this time again."
        ),
    )
    skipped_because = models.CharField(_("why skipped"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("built"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("built by"),
    )
    handed_over_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("on duty"),
        help_text=_("Who looks after this digest."),
    )
    choices = models.JSONField(
        _("what the plan chose"),
        default=list,
        blank=True,
        help_text=_("Each article it took or left out when it last filled the slots, with the reason."),
    )
    archive_note = models.TextField(
        _("note in the archive"), blank=True, help_text=_("Shown above the web version. Markdown.")
    )
    archive_note_at = models.DateTimeField(_("noted"), null=True, blank=True)

    objects = DigestQuerySet.as_manager()

    class Meta:
        verbose_name = _("digest")
        verbose_name_plural = _("digests")
        ordering = ["-window_end", "-id"]
        permissions = [
            ("approve_digest", _("Can approve a digest")),
            ("send_digest", _("Can schedule, send and stop a digest")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["newsletter", "cadence", "window_end"], name="digest_window_once"
            ),
            models.UniqueConstraint(fields=["newsletter", "number"], name="digest_number_once"),
            models.CheckConstraint(
                condition=Q(window_end__gt=F("window_start")), name="digest_window_half_open"
            ),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(scheduled_at__isnull=False),
                name="digest_scheduled_has_time",
            ),
        ]
        # The beat's look for digests to hand over.
        indexes = [
            models.Index(fields=["scheduled_at"], condition=Q(state="scheduled"), name="digest_scheduled")
        ]

    def __str__(self) -> str:
        name = f"{self.newsletter} {self.number or '–'}"
        return f"{name} · {BEST_OF_THE_WEEK}" if self.is_best_of else name

    def get_absolute_url(self) -> str:
        return reverse("digest", args=[self.newsletter.slug, self.number])

    @property
    def is_best_of(self) -> bool:
        """Whether it takes what the newsletter's other digests of the week brought, for readers who get only this."""
        return self.cadence == Cadence.WEEKLY

    @cached_property
    def is_released_by_plan(self) -> bool:
        """Whether the plan's rule let it go, and no person. Queries: 1, and none before it is approved."""
        return self.state in RELEASED and Digest.objects.filter(RELEASED_BY_PLAN, pk=self.pk).exists()


class Pick(models.Model):
    """An article in a slot of a digest, with the desk's own words where it wants them."""

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="picks", verbose_name=_("digest"))
    article = models.ForeignKey(Article, models.PROTECT, related_name="picks", verbose_name=_("article"))
    slot = models.CharField(_("slot"), max_length=20)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    kicker = models.CharField(_("own kicker"), max_length=80, blank=True)
    title = models.CharField(_("own headline"), max_length=300, blank=True)
    teaser = models.TextField(_("own teaser"), max_length=600, blank=True)
    picture = models.ForeignKey(
        Picture, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("own picture")
    )
    crop = models.CharField(
        _("own crop of the picture"),
        max_length=8,
        choices=Crop,
        blank=True,
        default="",
        help_text=_("Empty for the whole picture."),
    )
    alt = models.CharField(_("own alternative text"), max_length=300, blank=True)
    link_label = models.CharField(_("own link label"), max_length=80, blank=True)
    label = models.CharField(
        _("taken again as"),
        max_length=8,
        choices=PickLabel,
        blank=True,
        help_text=_("For an article that an earlier digest had."),
    )
    original = models.JSONField(
        _("the article when it was picked"),
        default=dict,
        blank=True,
        help_text=_("Kicker, title and teaser; what differs today was changed since."),
    )
    let_stand = models.JSONField(
        _("let stand"),
        default=list,
        blank=True,
        help_text=_("Warnings that the desk has seen and let stand."),
    )
    source = models.CharField(_("picked by"), max_length=12, choices=PickSource, default=PickSource.DESK)
    reasons = models.JSONField(
        _("reasons"),
        default=dict,
        blank=True,
        help_text=_("The terms of the score when it was picked."),
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("added by"),
    )

    class Meta:
        verbose_name = _("pick")
        verbose_name_plural = _("picks")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["digest", "article"], name="pick_once_per_digest")]

    def __str__(self) -> str:
        return self.title or self.article.title


class Mark(models.Model):
    """Somebody on staff wants an article in a newsletter."""

    newsletter = models.ForeignKey(Newsletter, models.CASCADE, verbose_name=_("newsletter"))
    article = models.ForeignKey(Article, models.CASCADE, related_name="marks", verbose_name=_("article"))
    note = models.CharField(_("note"), max_length=300, blank=True)
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("marked by")
    )
    marked_at = models.DateTimeField(_("marked"))
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)

    class Meta:
        verbose_name = _("mark")
        verbose_name_plural = _("marks")
        constraints = [models.UniqueConstraint(fields=["newsletter", "article"], name="mark_once")]

    def __str__(self) -> str:
        return str(self.article)


class DigestVersion(models.Model):
    """What a digest held after an edit; append-only. The number is the digest's version."""

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="versions", verbose_name=_("digest"))
    number = models.PositiveIntegerField(_("version"))
    content = models.JSONField(_("content"), help_text=_("Its words and its picks with their overrides."))
    act = models.CharField(_("what happened"), max_length=200, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("version of a digest")
        verbose_name_plural = _("versions of digests")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["digest", "number"], name="digest_version_once")]

    def __str__(self) -> str:
        return f"{self.digest_id} · {self.number}"
