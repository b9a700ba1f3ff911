"""Records of mail: letters, what providers reported, and what staff must know."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsroom.mail.states import LetterKind, LetterState, Severity


class LetterQuerySet(models.QuerySet["Letter"]):
    def due(self, at: datetime) -> "LetterQuerySet":
        """Letters that wait and may go now."""
        return self.filter(state=LetterState.WAITING, not_before__lte=at)

    def abandoned(self, at: datetime) -> "LetterQuerySet":
        """Letters whose sender took them and never came back."""
        return self.filter(state=LetterState.CALLING, lease_until__lt=at)

    def for_address_hash(self, address_hash: str) -> "LetterQuerySet":
        return self.filter(address_hash=address_hash)

    def about(self, subscriber_id: int, *, address_hash: str) -> "LetterQuerySet":
        """What was written to a reader, or to her address; two indexes, however many letters there are."""
        return self.filter(Q(address_hash=address_hash) | Q(subscriber_id=subscriber_id))


class Letter(models.Model):
    """One transactional mail. At least once: its address and parts are kept until it is sent, then emptied."""

    kind = models.CharField(_("kind"), max_length=32, choices=LetterKind)
    dedupe_key = models.CharField(
        _("key"), max_length=120, unique=True, help_text=_("The same key never makes a second letter.")
    )
    state = models.CharField(_("state"), max_length=12, choices=LetterState, default=LetterState.WAITING)
    language = models.CharField(_("language"), max_length=8)
    address = models.EmailField(
        _("address"), max_length=254, blank=True, help_text=_("Emptied once the letter is sent.")
    )
    address_hash = models.CharField(
        _("address hash"), max_length=64, help_text=_("Keyed; limits per address are counted by it.")
    )
    # Plain numbers: subscribers and newsletters live on a higher floor.
    subscriber_id = models.BigIntegerField(_("subscriber"), null=True, blank=True)
    newsletter_id = models.BigIntegerField(_("newsletter"), null=True, blank=True)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    text = models.TextField(_("text part"), blank=True)
    html = models.TextField(_("HTML part"), blank=True)
    envelope = models.JSONField(
        _("envelope"),
        default=dict,
        help_text=_("Sender and list headers as frozen when the letter was written."),
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    fence = models.PositiveIntegerField(_("fence"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    not_before = models.DateTimeField(_("not before"))
    provider = models.CharField(_("provider"), max_length=40, blank=True)
    provider_ref = models.CharField(_("provider's id"), max_length=250, blank=True)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("written"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        indexes = [
            # The letter task's look for due and for abandoned letters.
            models.Index(
                fields=["not_before"],
                condition=Q(state__in=["waiting", "calling"]),
                name="letter_open_by_time",
            ),
            # Limits per address: how many letters of a kind since when.
            models.Index(fields=["address_hash", "kind", "created_at"], name="letter_by_address"),
            # A reader's letters, when she is forgotten or asks what we hold: most letters are a reader's, some of staff.
            models.Index(
                fields=["subscriber_id"],
                condition=Q(subscriber_id__isnull=False),
                name="letter_by_subscriber",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class ProviderEvent(models.Model):
    """What a provider reported, raw and append-only; applied later, once."""

    provider = models.CharField(_("provider"), max_length=40)
    event_id = models.CharField(
        _("event id"), max_length=128, help_text=_("The provider's own, or a hash of the payload.")
    )
    kind = models.CharField(
        _("kind"), max_length=24, help_text=_("In Anymail's words: delivered, bounced, complained …")
    )
    reject_reason = models.CharField(_("reject reason"), max_length=24, blank=True)
    token = models.CharField(_("our token"), max_length=40, blank=True)
    address_hash = models.CharField(_("address hash"), max_length=64, blank=True)
    description = models.CharField(_("description"), max_length=500, blank=True)
    payload = models.JSONField(
        _("payload"), default=dict, help_text=_("As received, without the reader's address.")
    )
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"))
    applied_at = models.DateTimeField(_("applied"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("provider event")
        verbose_name_plural = _("provider events")
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="event_once")]
        indexes = [
            # The applying task's look for what is new.
            models.Index(fields=["id"], condition=Q(applied_at__isnull=True), name="event_unapplied"),
            models.Index(fields=["token", "id"], name="event_by_token"),
            # What came back since a mailing began: the board's count, from the index alone.
            models.Index(
                fields=["received_at", "kind", "token"],
                condition=Q(kind__in=["bounced", "complained"]),
                name="event_come_back",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> "IncidentQuerySet":
        return self.filter(resolved_at__isnull=True)

    def concerning(self, newsletters: Collection[int]) -> "IncidentQuerySet":
        """Those about one of these newsletters, and those about none."""
        about_none = Q(facts__newsletter_id__isnull=True)
        return self.filter(about_none | Q(facts__newsletter_id__in=[*newsletters]))


class Incident(models.Model):
    """Something staff must know: told in the admin and by letter until somebody or something resolves it."""

    key = models.CharField(_("key"), max_length=120, help_text=_("One open incident per key."))
    severity = models.CharField(_("severity"), max_length=8, choices=Severity, default=Severity.ERROR)
    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("what happened and what to do"), blank=True)
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    told_at = models.DateTimeField(_("staff told"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(resolved_at__isnull=True), name="incident_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.title


class Heartbeat(models.Model):
    """When a part of the machine was last seen alive: the beat, a worker, a job."""

    name = models.CharField(_("name"), max_length=120, primary_key=True)
    beat_at = models.DateTimeField(_("last seen"))
    facts = models.JSONField(_("facts"), default=dict, blank=True)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
