"""Records of readers: who publishes, what they may read, what they agreed to, and whom not to mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import address_hash, mask
from subscriptions.states import (
    Cadence,
    ConsentKind,
    ImportState,
    LegalBasis,
    NewsletterState,
    SubscriptionState,
    SuppressionReason,
)


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
        help_text=_(
            "Counted from unsubscribing. Printed in the privacy notice; nothing is deleted by itself."
        ),
    )
    deliveries_kept_months = models.PositiveSmallIntegerField(
        _("months records of deliveries are kept"),
        null=True,
        blank=True,
        help_text=_(
            "Counted from the delivery. Printed in the privacy notice; nothing is deleted by itself."
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


class Newsletter(models.Model):
    """The standing publication a reader subscribes to."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    sender = models.ForeignKey(Sender, models.PROTECT, verbose_name=_("sender"))
    language = models.CharField(_("language"), max_length=8, default="de")
    state = models.CharField(_("state"), max_length=8, choices=NewsletterState, default=NewsletterState.DRAFT)
    promise = models.CharField(_("promise"), max_length=160, help_text=_("One sentence: what readers get."))
    pitch = models.TextField(_("pitch"), blank=True)
    cadence_text = models.CharField(
        _("when it comes"), max_length=120, help_text=_("For readers, such as: Monday to Friday at 6.")
    )
    has_weekly = models.BooleanField(
        _("has a weekly best-of"),
        default=False,
        help_text=_(
            "Readers may choose one digest a week instead of each. Only with a plan that makes it: "
            "who chooses it gets nothing else."
        ),
    )
    reading_minutes = models.PositiveSmallIntegerField(_("usual minutes to read"), default=5)
    list_id_label = models.CharField(
        _("list label"),
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")],
        help_text=_("In the List-Id header; mail programs sort by it, so it must never change."),
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

    objects = NewsletterQuerySet.as_manager()

    class Meta:
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("newsletter", args=[self.slug])


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

    address = models.CharField(
        _("address"), max_length=254, unique=True, null=True, blank=True,
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
        db_index=True,
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

    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, related_name="subscriptions", verbose_name=_("newsletter")
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
    moved_to = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="+", db_index=False,
        verbose_name=_("moved to"),
        help_text=_("Goes on for another reader, who is the same person; links in old mails end that one."),
    )  # fmt: skip

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
        ]
        # The freeze walks a newsletter's active subscriptions in order of id.
        indexes = [models.Index(fields=["newsletter", "state", "id"], name="subscription_audience")]

    def __str__(self) -> str:
        return f"{self.newsletter_id}/{self.subscriber_id}"


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

    class Meta:
        verbose_name = _("confirmation")
        verbose_name_plural = _("confirmations")
        # Limits per address: how many confirmations since when.
        indexes = [models.Index(fields=["counting_hash", "created_at"], name="confirmation_by_address")]

    def __str__(self) -> str:
        return f"confirmation {self.pk}"


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
    """A reader wants her mail at another address: asked, decided by a worker, confirmed there, undone within a week."""

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="address_changes")
    # The web only writes the wish down. Both addresses are emptied as soon as they are of no more use.
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
        # The desk's look for an erased reader by the hash of her address.
        indexes = [models.Index(fields=["address"], condition=Q(kind="erased"), name="consent_of_erased")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"


class Suppression(models.Model):
    """An address not to be mailed, known by its keyed hash alone; it outlives erasure and import."""

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
    note = models.CharField(_("note"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            # Two, because NULL is never equal to NULL: one for all mail, one per newsletter.
            models.UniqueConstraint(
                fields=["address_hash"], condition=Q(newsletter__isnull=True), name="suppression_once_for_all"
            ),
            models.UniqueConstraint(
                fields=["address_hash", "newsletter"],
                condition=Q(newsletter__isnull=False),
                name="suppression_once_per_newsletter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.address_hash[:8]}"


class SoftBounces(models.Model):
    """On which days mail to an address bounced for a passing reason; deleted as soon as mail arrives."""

    address_hash = models.CharField(_("address hash"), max_length=64, unique=True)
    days = models.JSONField(_("days"), default=list, help_text=_("Dates, in UTC."))

    class Meta:
        verbose_name = _("soft bounces")
        verbose_name_plural = _("soft bounces")

    def __str__(self) -> str:
        return f"{self.address_hash[:8]}: {len(self.days)}"


class SubscriberImport(models.Model):
    """The journal of one file of readers: what it is, on what basis, how far it got, and what became of its lines."""

    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, related_name="imports", verbose_name=_("newsletter")
    )
    state = models.CharField(_("state"), max_length=10, choices=ImportState, default=ImportState.READING)
    basis = models.TextField(
        _("legal basis"), help_text=_("How these readers agreed, and where the proof lies.")
    )
    actor = models.CharField(_("by"), max_length=150)
    filename = models.CharField(_("file"), max_length=200)
    checksum = models.CharField(_("checksum"), max_length=64)
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"))
    product = models.CharField(_("looks like a file of"), max_length=40, blank=True)
    heading = models.JSONField(_("columns"), default=list)
    mapped = models.JSONField(_("what columns hold"), default=dict, blank=True)
    rows = models.PositiveIntegerField(_("lines"), default=0)
    parts_done = models.PositiveIntegerField(_("parts done"), default=0)
    tried = models.JSONField(_("what the trial said"), default=dict, blank=True)
    counts = models.JSONField(_("what became of the lines"), default=dict, blank=True)
    created_at = models.DateTimeField(_("uploaded"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("import of readers")
        verbose_name_plural = _("imports of readers")
        # The worker's look for what is to be done.
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=["trying", "running"]), name="import_under_way")
        ]

    def __str__(self) -> str:
        return self.filename


class SubscriberImportPart(models.Model):
    """Some thousand lines of an import, compressed, until they are done; then those that were not taken."""

    of = models.ForeignKey(SubscriberImport, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    content = models.BinaryField(null=True)
    left_over = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("part of an import")
        verbose_name_plural = _("parts of an import")
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="import_part_once")]

    def __str__(self) -> str:
        return f"{self.of_id}/{self.number}"
