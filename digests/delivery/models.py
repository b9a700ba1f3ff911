"""Records of the engine: renditions, mailings, the ledger, batches, attempts, what we know of providers."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from digests.delivery.states import AttemptState, BatchKind, BatchState, Circuit, DeliveryState, MailingState
from subscriptions.models import Newsletter, Subscription

SEQ_BITS = 32


class Rendition(models.Model):
    """Immutable subject, preheader, HTML and text, known by their hash; slots stand where a reader's values go."""

    content_hash = models.CharField(_("checksum"), max_length=64, unique=True)
    language = models.CharField(_("language"), max_length=8)
    subject = models.CharField(_("subject"), max_length=300)
    preheader = models.CharField(_("preheader"), max_length=300, blank=True)
    html = models.TextField(_("HTML part"))
    text = models.TextField(_("text part"))
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")

    def __str__(self) -> str:
        return self.subject


class Mailing(models.Model):
    """One hand-over of a proof to one frozen audience."""

    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, related_name="mailings", verbose_name=_("newsletter")
    )
    title = models.CharField(_("title"), max_length=300)
    state = models.CharField(_("state"), max_length=20, choices=MailingState, default=MailingState.FREEZING)
    audience = models.JSONField(_("audience"), help_text=_("What subscriptions.audiences turns into rows."))
    envelope = models.JSONField(_("envelope"), help_text=_("Sender and list headers, frozen."))
    provider = models.CharField(_("provider"), max_length=40)
    cursor = models.BigIntegerField(_("frozen up to subscription"), default=0)
    frozen = models.PositiveIntegerField(
        _("readers"), default=0, help_text=_("Deliveries in the ledger; numbers 0 to this less one.")
    )
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    held = models.PositiveIntegerField(_("held"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    late_limit_seconds = models.PositiveIntegerField(
        _("late limit in seconds"), help_text=_("Idle longer than this, it waits for a person.")
    )
    created_at = models.DateTimeField(_("created"))
    frozen_at = models.DateTimeField(_("frozen"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    active_at = models.DateTimeField(_("last active"), help_text=_("The late limit counts from here."))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    paused_because = models.CharField(_("why stopped"), max_length=300, blank=True)
    account = models.JSONField(
        _("closed account"),
        null=True,
        blank=True,
        help_text=_("What the arithmetic shows once the copies are forgotten."),
    )
    copies_forgotten_at = models.DateTimeField(_("copies forgotten"), null=True, blank=True)

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        # The nudge's and the sweep's look for work.
        indexes = [
            models.Index(
                fields=["state"],
                condition=Q(state__in=["freezing", "ready", "sending", "paused"]),
                name="mailing_open",
            )
        ]

    def __str__(self) -> str:
        return self.title


class MailingRendition(models.Model):
    """Which rendition a variant of the mailing gets."""

    mailing = models.ForeignKey(Mailing, models.CASCADE, related_name="renditions")
    variant = models.PositiveSmallIntegerField(_("variant"), default=0)
    rendition = models.ForeignKey(Rendition, models.PROTECT)

    class Meta:
        verbose_name = _("rendition of a mailing")
        verbose_name_plural = _("renditions of a mailing")
        constraints = [models.UniqueConstraint(fields=["mailing", "variant"], name="mailing_variant_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.variant}"


class Delivery(models.Model):
    """One copy to one reader; all of them are the ledger. It holds no address: that is joined at hand-over."""

    id = models.BigIntegerField(
        primary_key=True, help_text=_("mailing · 2³² + number in the mailing, from 0")
    )
    mailing = models.ForeignKey(
        Mailing,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("mailing"),
    )
    subscription = models.ForeignKey(
        Subscription,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("subscription"),
    )
    variant = models.PositiveSmallIntegerField(_("variant"), default=0)
    state = models.CharField(_("state"), max_length=9, choices=DeliveryState, default=DeliveryState.WAITING)
    reason = models.CharField(_("reason"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        # A reader's copies; nothing indexes the state, so that settling stays cheap.
        indexes = [models.Index(fields=["subscription", "id"], name="delivery_by_subscription")]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.seq}"

    @property
    def seq(self) -> int:
        return int(self.id) & ((1 << SEQ_BITS) - 1)


class Batch(models.Model):
    """A range (or list) of the ledger handed over in one call. The queue of the engine."""

    mailing = models.ForeignKey(Mailing, models.CASCADE, related_name="batches", verbose_name=_("mailing"))
    kind = models.CharField(_("kind"), max_length=5, choices=BatchKind, default=BatchKind.RANGE)
    lo = models.PositiveBigIntegerField(_("from number"))
    hi = models.PositiveBigIntegerField(_("up to number"), help_text=_("Not included."))
    seqs = models.JSONField(
        _("numbers"), null=True, blank=True, help_text=_("For a list; else all of the range.")
    )
    size = models.PositiveIntegerField(_("copies"))
    state = models.CharField(_("state"), max_length=9, choices=BatchState, default=BatchState.READY)
    fence = models.PositiveIntegerField(_("fence"), default=0)
    owner = models.CharField(_("worker"), max_length=120, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    not_before = models.DateTimeField(_("not before"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    idle_claims = models.PositiveSmallIntegerField(_("claims without a call"), default=0)
    provider = models.CharField(_("provider"), max_length=40)
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    held = models.PositiveIntegerField(_("held"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("taken out of batch"),
    )

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        # Translators: Darf über zurückgehaltene Exemplare entscheiden
        permissions = [("decide_held", _("Can decide about held copies"))]
        constraints = [models.CheckConstraint(condition=Q(hi__gt=F("lo")), name="batch_not_empty")]
        # The claim's look for the next ready batch; the sweep's for expired leases and calls.
        indexes = [models.Index(fields=["state", "not_before", "id"], name="batch_queue")]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.lo}–{self.hi - 1}"


class Attempt(models.Model):
    """One call to a provider, recorded before it is made."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="attempts", verbose_name=_("batch"))
    fence = models.PositiveIntegerField(_("fence"))
    provider = models.CharField(_("provider"), max_length=40)
    state = models.CharField(_("state"), max_length=8, choices=AttemptState, default=AttemptState.CALLING)
    payload_digest = models.CharField(_("checksum of what was handed over"), max_length=64, blank=True)
    seqs = models.JSONField(
        _("numbers offered"), default=list, help_text=_("As [from, up to] pairs, without those skipped.")
    )
    size = models.PositiveIntegerField(_("copies"))
    calling_at = models.DateTimeField(_("begun"))
    deadline_at = models.DateTimeField(_("deadline"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    provider_ref = models.CharField(_("provider's id"), max_length=250, blank=True)
    response = models.TextField(_("answer"), blank=True, help_text=_("The first 2,000 characters."))
    evidence = models.JSONField(_("evidence"), default=dict, blank=True)
    verdict_by = models.CharField(_("decided by"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [models.UniqueConstraint(fields=["batch", "fence"], name="attempt_once_per_fence")]
        # The sweep's look for calls past their deadline; a provider's last calls, where its rate was forgotten.
        indexes = [
            models.Index(fields=["deadline_at"], condition=Q(state="calling"), name="attempt_calling"),
            models.Index(fields=["provider", "calling_at"], name="attempt_of_provider"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ProviderState(models.Model):
    """What the engine learned about a provider name: whether to use it, and how."""

    name = models.CharField(_("provider"), max_length=40, unique=True)
    circuit = models.CharField(_("state"), max_length=9, choices=Circuit, default=Circuit.CLOSED)
    opened_until = models.DateTimeField(_("not used until"), null=True, blank=True)
    open_since = models.DateTimeField(
        _("not used since"),
        null=True,
        blank=True,
        help_text=_("Until it works again, trials in between or not."),
    )
    not_before = models.DateTimeField(_("told to wait until"), null=True, blank=True)
    learned_batch_size = models.PositiveIntegerField(_("learned batch size"), null=True, blank=True)
    because = models.CharField(_("because"), max_length=300, blank=True)
    changed_at = models.DateTimeField(_("changed"), null=True, blank=True)

    class Meta:
        verbose_name = _("provider state")
        verbose_name_plural = _("provider states")

    def __str__(self) -> str:
        return self.name


class QuotaDay(models.Model):
    """How many copies a provider with a daily quota was given on one day of the site's zone."""

    provider = models.CharField(_("provider"), max_length=40)
    day = models.DateField(_("day"))
    used = models.PositiveIntegerField(_("copies"), default=0)

    class Meta:
        verbose_name = _("daily quota")
        verbose_name_plural = _("daily quotas")
        constraints = [models.UniqueConstraint(fields=["provider", "day"], name="quota_once_a_day")]

    def __str__(self) -> str:
        return f"{self.provider} {self.day}"
