"""Whom we know, and what each of them reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import address_hash, mask
from subscriptions.models.newsletters import Newsletter
from subscriptions.states import BEST_OF_THE_WEEK, Cadence, LegalBasis, SubscriptionState


class AddressHashField(models.CharField[str, str]):
    """The keyed hash of the row's address, worked out at each save, so that nobody can forget it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        address = getattr(model_instance, "address", None)
        value = address_hash(address) if address else ""
        setattr(model_instance, self.attname, value)
        return value

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """A plain text column for migrations."""
        name, _path, args, keywords = super().deconstruct()
        return name, "django.db.models.CharField", args, keywords


def sendable_form(normal: str, typed: str) -> str:
    """Where mail goes: the local part as typed, the domain as A-label."""
    local = typed.rpartition("@")[0]
    return f"{local}@{normal.rpartition('@')[2]}" if normal and local else normal


class Subscriber(models.Model):
    """One address we know. Erasure empties the address; the row keeps the ledger whole."""

    address = models.CharField(  # noqa: DJ001 — many are empty, and each address is there once
        _("address"), max_length=254, null=True, blank=True,
        help_text=_("Normal form: NFC, small letters, domain as A-label. Empty after erasure."),
    )  # fmt: skip
    typed_address = models.CharField(
        _("address as typed"),
        max_length=254,
        blank=True,
        help_text=_("Mail goes to it, with the domain as A-label."),
    )
    address_hash = AddressHashField(
        _("address hash"),
        max_length=64,
        blank=True,
        editable=False,
        help_text=_("Keyed; a suppression finds its reader by it. Empty after erasure."),
    )
    language = models.CharField(_("language"), max_length=8, default="de")
    created_at = models.DateTimeField(_("known since"))
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)

    class Meta:
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        permissions = [
            # Translators: Darf alle Leser:innen exportieren
            ("export_subscribers", _("Can export all readers")),
            # Translators: Darf Leser:innen löschen
            ("erase_subscriber", _("Can erase a reader")),
        ]
        # Here and not at the fields, where Django makes a second index on PostgreSQL, for LIKE, which nobody asks for
        # and every reader who is taken in pays for.
        constraints = [models.UniqueConstraint(fields=["address"], name="subscriber_address_once")]
        indexes = [models.Index(fields=["address_hash"], name="subscriber_by_hash")]

    def __str__(self) -> str:
        # Masked, because Django's admin log keeps it, and would keep it past an erasure.
        return mask(self.address) if self.address else f"#{self.pk}"

    @property
    def sendable(self) -> str:
        """Where mail goes: the local part as typed, the domain as A-label; nothing once erased."""
        return sendable_form(self.address or "", self.typed_address)


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def active(self) -> "SubscriptionQuerySet":
        return self.filter(state=SubscriptionState.ACTIVE)

    def pending(self) -> "SubscriptionQuerySet":
        return self.filter(state=SubscriptionState.PENDING)

    def for_newsletter(self, newsletter: Newsletter) -> "SubscriptionQuerySet":
        return self.filter(newsletter=newsletter)

    def not_paused(self, at: datetime) -> "SubscriptionQuerySet":
        return self.filter(Q(paused_until__isnull=True) | Q(paused_until__lte=at))


class Subscription(models.Model):
    """A subscriber's relation to one newsletter."""

    # Without an index of its own: two below begin with it.
    newsletter = models.ForeignKey(
        Newsletter,
        models.PROTECT,
        related_name="subscriptions",
        db_index=False,
        verbose_name=_("newsletter"),
    )
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="subscriptions", verbose_name=_("subscriber")
    )
    state = models.CharField(
        _("state"), max_length=12, choices=SubscriptionState, default=SubscriptionState.PENDING
    )
    cadence = models.CharField(_("cadence"), max_length=8, choices=Cadence, default=Cadence.EACH)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    basis = models.CharField(
        _("legal basis"), max_length=16, choices=LegalBasis, default=LegalBasis.DOUBLE_OPT_IN
    )
    source = models.CharField(_("signed up at"), max_length=200, blank=True)
    requested_at = models.DateTimeField(_("requested"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    unsubscribed_at = models.DateTimeField(_("unsubscribed"), null=True, blank=True)
    end_told_at = models.DateTimeField(
        _("told of the end of the best-of"), null=True, blank=True, editable=False
    )
    moved_to = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="+", db_index=False,
        verbose_name=_("moved to"),
        help_text=_("Goes on for another reader, who is the same person; links in old mails end that one."),
    )  # fmt: skip
    # A move leads only to what is active, and what is active leads nowhere: so no moves lead in a circle.

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(fields=["newsletter", "subscriber"], name="subscription_once"),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(confirmed_at__isnull=False),
                name="subscription_active_is_confirmed",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(moved_to__isnull=True),
                name="subscription_active_stays",
            ),
        ]
        # The freeze walks the active subscriptions of one newsletter and cadence in order of id.
        indexes = [
            models.Index(fields=["newsletter", "state", "cadence", "id"], name="subscription_by_cadence")
        ]

    def __str__(self) -> str:
        return f"{self.newsletter_id}/{self.subscriber_id}"

    @property
    def comes(self) -> str:
        """When it comes, for readers and in the newsletter's language: as the newsletter says, or once a week."""
        if self.cadence != Cadence.WEEKLY:
            return self.newsletter.cadence_text
        with translation.override(self.newsletter.language):
            return str(BEST_OF_THE_WEEK)

    def break_ends(self, *, at: datetime) -> datetime | None:
        """When the break ends that holds what comes; what waits to be confirmed begins without one."""
        until = self.paused_until if self.state == SubscriptionState.ACTIVE else None
        return until if until is not None and until > at else None

    def next_mail(self, *, at: datetime) -> datetime | None:
        """When the next mail comes, as far as it is planned: what is planned within a break is not for her."""
        return self.newsletter.next_of(self.cadence, at=self.break_ends(at=at) or at)
