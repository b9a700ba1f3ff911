"""Feeds that are asked for articles."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsroom.articles.models.about import Section
from newsroom.articles.states import FeedRights, Origin


class FeedQuerySet(models.QuerySet["Feed"]):
    def due(self, at: datetime) -> "FeedQuerySet":
        return self.filter(is_active=True, gone_at__isnull=True).filter(
            Q(next_check_at__lte=at) | Q(next_check_at__isnull=True)
        )


class Feed(models.Model):
    """A source we poll, politely."""

    url = models.URLField(_("address"), max_length=1000, unique=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    language = models.CharField(_("language if the feed does not say"), max_length=8, default="de")
    section = models.ForeignKey(Section, models.SET_NULL, null=True, blank=True, verbose_name=_("section"))
    origin = models.CharField(_("origin"), max_length=20, choices=Origin, default=Origin.AGENCY)
    rights = models.CharField(
        _("what may be shown"), max_length=12, choices=FeedRights, default=FeedRights.TEASER
    )
    rights_contact = models.EmailField(_("rights contact"), blank=True)
    picture_credit = models.CharField(
        _("credit of its pictures"),
        max_length=200,
        blank=True,
        help_text=_(
            "Stands under a picture that comes without a credit of its own. With neither, the picture cannot open a mail."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)
    interval_minutes = models.PositiveIntegerField(_("minutes between checks"), default=60)
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=200, blank=True, editable=False)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    last_checked_at = models.DateTimeField(_("last check"), null=True, blank=True)
    last_good_at = models.DateTimeField(_("last good check"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)
    gone_at = models.DateTimeField(_("gone"), null=True, blank=True)

    objects = FeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
        ordering = ["title", "url"]

    def __str__(self) -> str:
        return self.title or self.url
