"""What somebody asked for and has not yet confirmed: a subscription, a link, another address."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from subscriptions.models.readers import Subscriber, Subscription
from subscriptions.wording import letter_version


class Confirmation(models.Model):
    """One confirmation mail's secret, hashed, and what it confirms; several newsletters share one mail."""

    token_hash = models.CharField(max_length=64, unique=True)
    counting_hash = models.CharField(
        max_length=64, help_text=_("Keyed and folded: tags and dots do not make another mailbox.")
    )
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="confirmations")
    subscriptions = models.ManyToManyField(Subscription)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    lifts_stops = models.BooleanField(
        default=False, help_text=_("Asked for in her settings after a bounce or complaint had stopped mail.")
    )
    letter_version = models.CharField(
        max_length=20, blank=True, default=letter_version, help_text=_("Which words its letter has.")
    )
    letter_noted_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the record got what became of its letter.")
    )

    class Meta:
        verbose_name = _("confirmation")
        verbose_name_plural = _("confirmations")
        # Limits per address: how many confirmations since when.
        indexes = [
            models.Index(fields=["counting_hash", "created_at"], name="confirmation_by_address"),
            # The job's look for letters that the record does not know of yet.
            models.Index(
                fields=["id"], condition=Q(letter_noted_at__isnull=True), name="confirmation_unnoted"
            ),
        ]

    def __str__(self) -> str:
        return f"confirmation {self.pk}"


class SignUpRequest(models.Model):
    """Somebody signed up; a worker decides within seconds what that comes to, and drops the row.

    The web only writes it down, for new, waiting, reading and stopped addresses alike, so that no answer takes longer
    for one of them.
    """

    typed_address = models.CharField(max_length=320)
    address_hash = models.CharField(max_length=64, help_text=_("Keyed; who is erased takes it along."))
    newsletters = models.JSONField(help_text=_("Numbers, in the order they were asked for."))
    weekly = models.JSONField(
        null=True, help_text=_("Of which only the best-of is wanted; without it what came before stays.")
    )
    language = models.CharField(max_length=8)
    form = models.CharField(max_length=300)
    network_address = models.GenericIPAddressField(null=True)
    wording_version = models.CharField(max_length=20)
    # Version and language by a newsletter's number, where she saw other words than those of the version in the language
    # of her letters.
    shown = models.JSONField(null=True)
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name = _("sign-up to be decided")
        verbose_name_plural = _("sign-ups to be decided")

    def __str__(self) -> str:
        return f"sign-up {self.pk}"


class LinkRequest(models.Model):
    """Somebody asked for the link to an address's settings; a worker decides within seconds and drops the row.

    The web only writes it down, for readers and strangers alike, so that no answer takes longer for one of them.
    """

    address_hash = models.CharField(max_length=64, help_text=_("Keyed; a stranger's address is not kept."))
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name = _("request for a settings link")
        verbose_name_plural = _("requests for a settings link")

    def __str__(self) -> str:
        return f"request {self.pk}"


class AddressChange(models.Model):
    """A reader wants her mail at another address: asked, decided by a worker, confirmed there, undone within a week.

    The web only writes the wish down, so that no answer tells whether the other address reads us. Both addresses are
    emptied as soon as they are of no more use.
    """

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="address_changes")
    typed_address = models.CharField(max_length=254, blank=True)
    address_hash = models.CharField(max_length=64)
    counting_hash = models.CharField(max_length=64)
    former_address = models.CharField(max_length=254, blank=True)
    former_hash = models.CharField(max_length=64, blank=True)
    network_address = models.GenericIPAddressField(null=True, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    undo_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    united_with = models.ForeignKey(Subscriber, models.PROTECT, null=True, blank=True, related_name="+")
    moved = models.JSONField(
        default=list, help_text=_("Which subscriptions moved, and what they were before.")
    )
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("change of address")
        verbose_name_plural = _("changes of address")
        indexes = [
            # Limits per address: how many letters since when.
            models.Index(fields=["counting_hash", "asked_at"], name="change_by_address"),
            # The worker's look for what is new.
            models.Index(fields=["id"], condition=Q(decided_at__isnull=True), name="change_undecided"),
            # Retention's look for addresses that are of no more use.
            models.Index(
                fields=["asked_at"],
                condition=~(Q(typed_address="") & Q(former_address="")),
                name="change_with_address",
            ),
        ]

    def __str__(self) -> str:
        return f"change of address {self.pk}"
