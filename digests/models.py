"""Records of digests: the plan, the digest with its picks, what was proofed and approved, and where links lead."""

from datetime import datetime

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from digests.delivery.models import Mailing, Rendition
from digests.states import ApprovalPolicy, Autopilot, DigestState, MailingKind, PickSource
from newsroom.articles.models import Article, Feed, Picture, Section
from subscriptions.models import Newsletter


class Plan(models.Model):
    """When a newsletter's digests are due and what may happen without a person."""

    newsletter = models.OneToOneField(
        Newsletter, models.CASCADE, related_name="plan", verbose_name=_("newsletter")
    )
    is_active = models.BooleanField(_("active"), default=True)
    weekdays = models.CharField(
        _("weekdays"), max_length=20, default="mo,tu,we,th,fr", help_text=_("mo,tu,we,th,fr,sa,su")
    )
    time = models.TimeField(_("time"))
    zone = models.CharField(_("time zone"), max_length=50, default="Europe/Berlin")
    autopilot = models.CharField(
        _("if nobody curated"), max_length=16, choices=Autopilot, default=Autopilot.HOLD
    )
    needs_four_eyes = models.BooleanField(_("a second person approves"), default=True)
    minimum_new = models.PositiveSmallIntegerField(
        _("fewest new articles"),
        default=3,
        help_text=_("With fewer the digest is skipped and its articles go into the next."),
    )
    lead_minutes = models.PositiveIntegerField(_("minutes before, when the draft is built"), default=0)
    make_up_hours = models.PositiveIntegerField(
        _("hours within which a missed run is made up"), default=36, validators=[MinValueValidator(1)]
    )
    last_due_at = models.DateTimeField(
        _("last run"),
        null=True,
        blank=True,
        help_text=_("The due time last taken care of; a run is never doubled."),
    )
    weights = models.JSONField(
        _("weights"),
        default=dict,
        blank=True,
        help_text=_("What counts how much in the ranking, where it differs from the usual."),
    )
    favoured_sections = models.ManyToManyField(
        Section, blank=True, related_name="+", verbose_name=_("favoured sections")
    )
    trusted_feeds = models.ManyToManyField(
        Feed, blank=True, related_name="+", verbose_name=_("trusted sources")
    )
    cap_source = models.PositiveSmallIntegerField(
        _("most of one source"), default=4, help_text=_("That the plan takes by itself; 0 is no limit.")
    )
    cap_author = models.PositiveSmallIntegerField(
        _("most of one author"), default=3, help_text=_("That the plan takes by itself; 0 is no limit.")
    )
    cap_section = models.PositiveSmallIntegerField(
        _("most of one section"), default=0, help_text=_("That the plan takes by itself; 0 is no limit.")
    )
    grace_minutes = models.PositiveSmallIntegerField(
        _("minutes of grace"),
        default=10,
        help_text=_("An article younger than this is still being corrected: the plan does not take it."),
    )
    origin_order = models.CharField(
        _("which version leads"),
        max_length=80,
        default="staff,contributor,agency,user_submission",
        help_text=_(
            "Of several articles on one event: staff,contributor,agency,user_submission, best first."
        ),
    )
    first_window_from = models.DateTimeField(
        _("articles from"), help_text=_("The first digest takes articles first seen from here on.")
    )

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return str(self.newsletter)


class SlotRule(models.Model):
    """A kind of place in a plan's digests."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="slots", verbose_name=_("plan"))
    key = models.SlugField(
        _("kind"), max_length=20, help_text=_("lead, briefs, more or community: decides how it looks.")
    )
    title = models.CharField(_("heading"), max_length=80, blank=True)
    minimum = models.PositiveSmallIntegerField(_("at least"), default=0)
    maximum = models.PositiveSmallIntegerField(_("at most"), default=1)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "key"], name="slot_once_per_plan"),
            models.CheckConstraint(
                condition=Q(maximum__gte=F("minimum")), name="slot_maximum_not_below_minimum"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.key


class DigestQuerySet(models.QuerySet["Digest"]):
    def public(self) -> "DigestQuerySet":
        """Shown in the archive."""
        return self.filter(state=DigestState.HANDED_OVER)

    def due(self, at: datetime) -> "DigestQuerySet":
        return self.filter(state=DigestState.SCHEDULED, scheduled_at__lte=at)


class Digest(models.Model):
    """One dated issue of a newsletter."""

    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, related_name="digests", verbose_name=_("newsletter")
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
    note_by = models.CharField(_("note signed by"), max_length=120, blank=True)
    slots = models.JSONField(
        _("slots"), default=list, help_text=_("The plan's slots as they were when the digest was built.")
    )
    is_automatic = models.BooleanField(_("put together automatically"), default=False)
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)
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
            models.UniqueConstraint(fields=["newsletter", "window_end"], name="digest_window_once"),
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
        return f"{self.newsletter} {self.number or '–'}"

    def get_absolute_url(self) -> str:
        return reverse("digest", args=[self.newsletter.slug, self.number])


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


class Proof(models.Model):
    """A numbered, frozen set of renditions: what is approved is what is sent."""

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="proofs", verbose_name=_("digest"))
    number = models.PositiveIntegerField(_("number"))
    content_hash = models.CharField(_("checksum"), max_length=64)
    digest_version = models.PositiveIntegerField(_("version of the digest"))
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("proposed by"),
    )
    proposed_at = models.DateTimeField(_("proposed"))
    returned_at = models.DateTimeField(_("returned"), null=True, blank=True)
    returned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("returned by"),
    )
    returned_because = models.CharField(_("why returned"), max_length=500, blank=True)
    web_html = models.TextField(
        _("web version"),
        blank=True,
        help_text=_("The archive's page body: the same stories without a reader's links."),
    )

    class Meta:
        verbose_name = _("proof")
        verbose_name_plural = _("proofs")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["digest", "number"], name="proof_number_once")]

    def __str__(self) -> str:
        return f"{self.digest} · {self.number}"


class ProofRendition(models.Model):
    """One variant of a proof; at most eight."""

    proof = models.ForeignKey(Proof, models.CASCADE, related_name="renditions")
    variant = models.PositiveSmallIntegerField(_("variant"), default=0)
    rendition = models.ForeignKey(Rendition, models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("rendition of a proof")
        verbose_name_plural = _("renditions of a proof")
        constraints = [
            models.UniqueConstraint(fields=["proof", "variant"], name="proof_variant_once"),
            models.CheckConstraint(condition=Q(variant__lt=8), name="proof_at_most_eight_variants"),
        ]

    def __str__(self) -> str:
        return f"{self.proof_id}/{self.variant}"


class Approval(models.Model):
    """Who let a proof go out."""

    proof = models.OneToOneField(Proof, models.CASCADE, related_name="approval", verbose_name=_("proof"))
    policy = models.CharField(_("how"), max_length=12, choices=ApprovalPolicy)
    proposer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("proposed by"),
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"))

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(
                name="approval_by_a_second_person",
                condition=Q(policy="autopilot", approver__isnull=True)
                | Q(policy="one_pair", approver__isnull=False)
                | (
                    Q(policy="four_eyes", approver__isnull=False, proposer__isnull=False)
                    & ~Q(proposer=F("approver"))
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.proof_id}: {self.get_policy_display()}"


class Link(models.Model):
    """Where a link in a mail leads. It knows the pick, not the person; repointing it mends mails already sent."""

    pick = models.ForeignKey(Pick, models.CASCADE, related_name="links", verbose_name=_("pick"))
    url = models.URLField(_("address as proofed"), max_length=1000)
    current_url = models.URLField(_("leads to"), max_length=1000)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [models.UniqueConstraint(fields=["pick", "url"], name="link_once_per_pick")]

    def __str__(self) -> str:
        return self.current_url


class DigestMailing(models.Model):
    """Binds a digest to its mailings; one main mailing per digest is what "never sent twice" rests on."""

    digest = models.ForeignKey(Digest, models.PROTECT, related_name="mailings", verbose_name=_("digest"))
    mailing = models.OneToOneField(
        Mailing, models.PROTECT, related_name="digest_mailing", verbose_name=_("mailing")
    )
    proof = models.ForeignKey(Proof, models.PROTECT, related_name="+", verbose_name=_("proof"))
    kind = models.CharField(_("kind"), max_length=10, choices=MailingKind, default=MailingKind.MAIN)

    class Meta:
        verbose_name = _("mailing of a digest")
        verbose_name_plural = _("mailings of digests")
        constraints = [
            models.UniqueConstraint(fields=["digest"], condition=Q(kind="main"), name="digest_sent_once")
        ]

    def __str__(self) -> str:
        return f"{self.digest_id} → {self.mailing_id}"
