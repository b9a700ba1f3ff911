"""Files of readers, and how far each of them got."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from subscriptions.models.newsletters import Newsletter
from subscriptions.states import ImportState


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
