"""Programs that hand articles in: their tokens, and what each gave already."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from newsroom.articles.models.articles import Article
from newsroom.articles.models.feeds import Feed


class ApiToken(models.Model):
    """What another system hands articles in with, for one source. The secret is shown once; we keep its hash."""

    feed = models.ForeignKey(
        Feed,
        models.CASCADE,
        related_name="tokens",
        verbose_name=_("source"),
        help_text=_("Articles handed in get its section, origin and rights."),
    )
    name = models.CharField(
        _("name"), max_length=80, help_text=_("Which system has it, such as: editorial system, live.")
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    beginning = models.CharField(_("begins with"), max_length=8, editable=False)
    made_at = models.DateTimeField(_("made"), editable=False)
    made_by = models.CharField(_("by"), max_length=150, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["feed", "name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"


class Receipt(models.Model):
    """What a call of the API came to, by the key of whoever made it: made again, it does nothing."""

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="receipts", verbose_name=_("API token"))
    key = models.CharField(max_length=100)
    content_hash = models.CharField(max_length=64)
    article = models.ForeignKey(Article, models.CASCADE, null=True, related_name="+")
    was_new = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="receipt_once")]

    def __str__(self) -> str:
        return self.key
