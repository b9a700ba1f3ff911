"""The desk itself: who may work on which newsletter, who is at a digest, who reads tests, which lists somebody keeps."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from digests.models.digests import Digest
from subscriptions.models import Newsletter


class NewsletterAccess(models.Model):
    """Limits a staff user to the newsletters named; whoever has no row works on all of them.

    What may be done there is the groups' business.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="newsletter_access", verbose_name=_("user")
    )
    newsletter = models.ForeignKey(Newsletter, models.CASCADE, related_name="+", verbose_name=_("newsletter"))

    class Meta:
        verbose_name = _("access to a newsletter")
        verbose_name_plural = _("access to newsletters")
        constraints = [models.UniqueConstraint(fields=["user", "newsletter"], name="access_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.newsletter}"


class Colleague(models.Model):
    """A colleague who gets the newsletter's tests."""

    newsletter = models.ForeignKey(Newsletter, models.CASCADE, related_name="+", verbose_name=_("newsletter"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("colleague")
    )

    class Meta:
        verbose_name = _("colleague for tests")
        verbose_name_plural = _("colleagues for tests")
        constraints = [models.UniqueConstraint(fields=["newsletter", "user"], name="colleague_once")]

    def __str__(self) -> str:
        return f"{self.newsletter} · {self.user}"


class SavedFilter(models.Model):
    """A filter of the candidates that somebody keeps under a name."""

    newsletter = models.ForeignKey(Newsletter, models.CASCADE, related_name="+", verbose_name=_("newsletter"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(
        _("filter"), max_length=500, blank=True, help_text=_("As it stands in the address.")
    )

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["newsletter", "user", "name"], name="saved_filter_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Presence(models.Model):
    """Somebody has a digest open in the composer. It is nobody's time sheet: old rows go."""

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="+", verbose_name=_("digest"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user")
    )
    since = models.DateTimeField(_("here since"))
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("presence at a digest")
        verbose_name_plural = _("presences at digests")
        constraints = [models.UniqueConstraint(fields=["digest", "user"], name="presence_once")]

    def __str__(self) -> str:
        return f"{self.digest_id} · {self.user_id}"
