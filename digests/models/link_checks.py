"""What was found when somebody last looked where a link leads."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from digests.states import LinkState


class LinkCheck(models.Model):
    """The last look at an address that a draft links to; written by a job, read by the preflight."""

    url = models.URLField(_("address"), max_length=1000, unique=True)
    state = models.CharField(_("state"), max_length=10, choices=LinkState)
    answer = models.CharField(_("answer"), max_length=200, help_text=_("A status, or why there is none."))
    looked_at = models.DateTimeField(_("looked at"))

    class Meta:
        verbose_name = _("look at a link")
        verbose_name_plural = _("looks at links")

    def __str__(self) -> str:
        return self.url
