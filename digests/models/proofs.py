"""Proofs and who let them go out: what is approved is what is sent."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from digests.delivery.models import Rendition
from digests.models.digests import Digest
from digests.states import ApprovalPolicy


class CorrectionMail(models.Model):
    """What readers of a digest are told afterwards, because something in it was wrong."""

    digest = models.ForeignKey(
        Digest, models.CASCADE, related_name="correction_mails", verbose_name=_("digest")
    )
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"), help_text=_("Markdown."))
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        verbose_name=_("written by"),
    )
    written_at = models.DateTimeField(_("written"))

    class Meta:
        verbose_name = _("correction mail")
        verbose_name_plural = _("correction mails")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.subject


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
    correction = models.ForeignKey(
        CorrectionMail,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="proofs",
        verbose_name=_("correction mail"),
        help_text=_("Empty for a proof of the digest itself."),
    )
    web_html = models.TextField(
        _("web version"),
        blank=True,
        help_text=_("The archive's page body: the same stories without a reader's links."),
    )

    class Meta:
        verbose_name = _("proof")
        verbose_name_plural = _("proofs")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["digest", "number"], name="proof_number_once"),
            # A correction mail that was returned is written anew, so what was approved is sent once.
            models.UniqueConstraint(
                fields=["correction"],
                condition=Q(correction__isnull=False),
                name="proof_once_per_correction",
            ),
        ]

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
