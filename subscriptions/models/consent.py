"""What readers agreed to and took back, and whom not to mail."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from subscriptions.models.newsletters import Newsletter
from subscriptions.models.readers import Subscriber
from subscriptions.states import STOPS_MAIL, ConsentKind, SuppressionReason


class ConsentEvent(models.Model):
    """Append-only record of what was agreed or withdrawn. On erasure the address becomes its keyed hash."""

    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="consent_events", verbose_name=_("subscriber")
    )
    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, null=True, blank=True, verbose_name=_("newsletter")
    )
    kind = models.CharField(_("what happened"), max_length=16, choices=ConsentKind)
    address = models.CharField(_("address, or its keyed hash once erased"), max_length=254)
    wording = models.TextField(_("wording shown"), blank=True)
    wording_version = models.CharField(_("version of the wording"), max_length=20, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    form = models.CharField(
        _("where"), max_length=300, blank=True, help_text=_("The page, letter or file it came from.")
    )
    network_address = models.GenericIPAddressField(_("network address"), null=True, blank=True)
    actor = models.CharField(
        _("by"), max_length=150, blank=True, help_text=_("Empty if the reader; else the staff user or job.")
    )
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("consent event")
        verbose_name_plural = _("consent events")
        ordering = ["id"]
        indexes = [
            # The desk's look for an erased reader by the hash of her address.
            models.Index(fields=["address"], condition=Q(kind="erased"), name="consent_of_erased"),
            # The desk's and an import's look for a reader by an address that she has left.
            models.Index(
                fields=["address"],
                condition=Q(kind="changed", newsletter__isnull=True),
                name="consent_of_moved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def of_mail(self) -> "SuppressionQuerySet":
        """Those that stop mail, and not only letters that ask to confirm."""
        return self.filter(reason__in=STOPS_MAIL)

    def of_asking(self) -> "SuppressionQuerySet":
        """Those that stop letters that ask to confirm, and nothing else."""
        return self.filter(reason=SuppressionReason.NEVER_ASK)


class Suppression(models.Model):
    """An address not to be mailed, or not to be asked, known by its keyed hash alone; it outlives erasure and import."""

    address_hash = models.CharField(_("address hash"), max_length=64)
    reason = models.CharField(_("reason"), max_length=16, choices=SuppressionReason)
    newsletter = models.ForeignKey(
        Newsletter,
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("only for"),
        help_text=_("Empty: for all mail."),
    )
    note = models.CharField(
        _("note"), max_length=300, blank=True, help_text=_("Readers find it among their own data.")
    )
    created_at = models.DateTimeField(_("since"))

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        # Most looks ask for all that is stopped for an address; the constraints' indexes each hold a part.
        indexes = [models.Index(fields=["address_hash"], name="suppression_by_address")]
        constraints = [
            # Several, because NULL is never equal to NULL: one for all mail, one per newsletter. Who wants no questions
            # may get mail, and who gets none may want no questions: each is there, and lifted, without the other.
            models.UniqueConstraint(
                fields=["address_hash"],
                condition=Q(newsletter__isnull=True) & Q(reason__in=STOPS_MAIL),
                name="suppression_once_for_mail",
            ),
            models.UniqueConstraint(
                fields=["address_hash"],
                condition=Q(reason=SuppressionReason.NEVER_ASK),
                name="suppression_once_for_asking",
            ),
            models.UniqueConstraint(
                fields=["address_hash", "newsletter"],
                condition=Q(newsletter__isnull=False),
                name="suppression_once_per_newsletter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.address_hash[:8]}"

    @property
    def is_of_asking(self) -> bool:
        """Stops letters that ask to confirm, and nothing else."""
        return self.reason == SuppressionReason.NEVER_ASK


class SoftBounces(models.Model):
    """On which days mail to an address bounced for a passing reason; deleted as soon as mail arrives."""

    address_hash = models.CharField(_("address hash"), max_length=64, unique=True)
    days = models.JSONField(_("days"), default=list, help_text=_("Dates, in UTC."))

    class Meta:
        verbose_name = _("soft bounces")
        verbose_name_plural = _("soft bounces")

    def __str__(self) -> str:
        return f"{self.address_hash[:8]}: {len(self.days)}"
