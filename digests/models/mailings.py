"""Where a digest went: the links in its mails, how often each was followed, and its mailings."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from digests.delivery.models import Mailing
from digests.models.digests import Digest, Pick
from digests.models.proofs import Proof
from digests.states import MailingKind


class Link(models.Model):
    """Where a link in a mail leads: a pick's, or one of the editor's note. Repointing it mends mails already sent.

    It knows no person.
    """

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="links", verbose_name=_("digest"))
    pick = models.ForeignKey(
        Pick,
        models.CASCADE,
        related_name="links",
        verbose_name=_("pick"),
        null=True,
        blank=True,
        help_text=_("None for a link of the editor's note."),
    )
    url = models.URLField(_("address as proofed"), max_length=1000)
    current_url = models.URLField(_("leads to"), max_length=1000)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [
            models.UniqueConstraint(fields=["pick", "url"], name="link_once_per_pick"),
            models.UniqueConstraint(
                fields=["digest", "url"], condition=Q(pick__isnull=True), name="link_once_per_note"
            ),
        ]

    def __str__(self) -> str:
        return self.current_url


class LinkCount(models.Model):
    """How often a link was followed within an hour: numbers only, by people and by machines."""

    link = models.ForeignKey(Link, models.CASCADE, related_name="counts", verbose_name=_("link"))
    hour = models.DateTimeField(_("hour"), help_text=_("Its beginning."))
    people = models.PositiveIntegerField(_("people"), default=0)
    machines = models.PositiveIntegerField(_("machines"), default=0)

    class Meta:
        verbose_name = _("count of a link")
        verbose_name_plural = _("counts of links")
        constraints = [models.UniqueConstraint(fields=["link", "hour"], name="link_count_once_per_hour")]

    def __str__(self) -> str:
        return f"{self.link_id}: {self.people}"


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
            models.UniqueConstraint(fields=["digest"], condition=Q(kind="main"), name="digest_sent_once"),
            models.UniqueConstraint(
                fields=["proof"], condition=Q(kind="correction"), name="correction_sent_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.digest_id} → {self.mailing_id}"
