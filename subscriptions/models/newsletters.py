"""Who publishes, and what there is to read."""

from datetime import datetime

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from subscriptions.states import Cadence, NewsletterState


class Sender(models.Model):
    """Who publishes: the legal identity in the footer and the From of every mail."""

    name = models.CharField(_("sender name"), max_length=80, help_text=_("Readers see it in their inbox."))
    address = models.EmailField(_("sender address"))
    reply_to = models.EmailField(_("replies go to"), blank=True)
    legal_name = models.CharField(_("publisher"), max_length=160)
    postal_address = models.CharField(_("postal address"), max_length=300)
    email = models.EmailField(_("contact by mail"))
    phone = models.CharField(
        _("phone"), max_length=120, blank=True, help_text=_("A second way to reach you quickly.")
    )
    responsible_person = models.CharField(_("responsible for the content"), max_length=160)
    imprint_url = models.CharField(
        _("legal notice"), max_length=300, help_text=_("A full address, or a path on this site.")
    )
    privacy_url = models.CharField(
        _("privacy notice"), max_length=300, help_text=_("A full address, or a path on this site.")
    )
    rights_contact = models.EmailField(_("rights contact"), blank=True)
    imprint_details = models.TextField(
        _("further mandatory details"),
        blank=True,
        help_text=_(
            "For the legal notice, one per line: managing directors, register court and number, VAT number (§ 5 DDG)."
        ),
    )
    processor_name = models.CharField(
        _("e-mail service"),
        max_length=160,
        blank=True,
        help_text=_("The company that delivers your e-mails, as the privacy notice names it (GDPR art. 13)."),
    )
    processor_country = models.CharField(
        _("country of the e-mail service"),
        max_length=80,
        blank=True,
        help_text=_("Where it processes the addresses."),
    )
    processor_safeguard = models.CharField(
        _("safeguard outside the EU"),
        max_length=300,
        blank=True,
        help_text=_(
            "Only for a country outside the EU and the EEA: an adequacy decision or standard contractual clauses "
            "(GDPR art. 45 and 46)."
        ),
    )
    proof_kept_years = models.PositiveSmallIntegerField(
        _("years the proof of consent is kept"),
        null=True,
        blank=True,
        default=3,
        help_text=_(
            "Counted from the end of the year in which a reader's last subscription ended. Then address and proof are "
            "deleted by themselves. Printed in the privacy notice. Empty: nothing is deleted."
        ),
    )
    deliveries_kept_months = models.PositiveSmallIntegerField(
        _("months records of deliveries are kept"),
        null=True,
        blank=True,
        default=12,
        help_text=_(
            "Counted from the day on which a mailing was over. Then who got which copy is deleted by itself; the "
            "account of the mailing stays. Printed in the privacy notice. Empty: nothing is deleted."
        ),
    )

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")

    def __str__(self) -> str:
        return self.name


class NewsletterQuerySet(models.QuerySet["Newsletter"]):
    def active(self) -> "NewsletterQuerySet":
        return self.filter(state=NewsletterState.ACTIVE)

    def offered(self) -> "NewsletterQuerySet":
        """Those that strangers can sign up for."""
        return self.active().filter(takes_sign_ups=True)


class Newsletter(models.Model):
    """The standing publication a reader subscribes to."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    sender = models.ForeignKey(Sender, models.PROTECT, verbose_name=_("sender"))
    language = models.CharField(_("language"), max_length=8, default="de")
    state = models.CharField(_("state"), max_length=8, choices=NewsletterState, default=NewsletterState.DRAFT)
    takes_sign_ups = models.BooleanField(
        _("takes sign-ups"),
        default=True,
        help_text=_(
            "Switch it off while robots sign up strangers: readers get their mail, and every form says that it rests."
        ),
    )
    promise = models.CharField(_("promise"), max_length=160, help_text=_("One sentence: what readers get."))
    pitch = models.TextField(_("pitch"), blank=True)
    cadence_text = models.CharField(
        _("when it comes"), max_length=120, help_text=_("For readers, such as: Monday to Friday at 6.")
    )
    reading_minutes = models.PositiveSmallIntegerField(_("usual minutes to read"), default=5)
    list_id_label = models.CharField(
        _("list label"),
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")],
        help_text=_("In the List-Id header; mail programs sort by it, so it must never change."),
    )
    # Translators: List-Id, im Ganzen
    list_id = models.CharField(
        _("whole List-Id"),
        max_length=255,
        editable=False,
        # Translators: Die Kennung der Liste in jeder Mail. Sie wurde geschrieben, als der Newsletter angelegt wurde, und bleibt bei jeder anderen Absenderadresse dieselbe.
        help_text=_(
            "What every mail calls the list. Written when the newsletter was made; it stays with any other sender address."
        ),
    )
    theme = models.CharField(
        _("theme"), max_length=80, blank=True, help_text=_("Groups newsletters in the catalogue.")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    most_copies_per_hour = models.PositiveIntegerField(
        _("copies per hour at most"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Leave empty for no limit. For a new sending domain: start low, and raise it week by week."
        ),
    )
    # Written by digests, so that lower floors can show them.
    latest_url = models.CharField(_("latest digest"), max_length=300, blank=True, editable=False)
    latest_title = models.CharField(_("latest digest's title"), max_length=300, blank=True, editable=False)
    next_at = models.DateTimeField(_("next digest"), null=True, blank=True, editable=False)
    has_weekly = models.BooleanField(
        _("has a weekly best-of"),
        default=False,
        editable=False,
        help_text=_("Readers may choose one digest a week instead of each: a plan makes it."),
    )
    next_weekly_at = models.DateTimeField(_("next weekly best-of"), null=True, blank=True, editable=False)
    weekly_ended_at = models.DateTimeField(
        _("weekly best-of ended"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Since then its readers get nothing, and are told so."),
    )

    objects = NewsletterQuerySet.as_manager()

    class Meta:
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")
        ordering = ["position", "name"]
        constraints = [
            # RFC 2919 §6: two that differ in nothing but case are the same.
            models.UniqueConstraint(Lower("list_id"), name="newsletter_list_id_once"),
            models.CheckConstraint(condition=Q(list_id__gt=""), name="newsletter_has_list_id"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("newsletter", args=[self.slug])

    @property
    def is_offered(self) -> bool:
        """Whether strangers can sign up for it."""
        return self.state == NewsletterState.ACTIVE and self.takes_sign_ups

    def next_of(self, cadence: str, *, at: datetime) -> datetime | None:
        """When the next mail of this kind comes, as far as it is planned.

        A plan that rests, or a digest that is late, leaves a time behind that has passed: nobody is promised that.
        """
        planned = self.next_weekly_at if cadence == Cadence.WEEKLY else self.next_at
        return planned if planned is not None and planned > at else None
