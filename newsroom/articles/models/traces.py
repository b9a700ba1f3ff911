"""What is kept about an article beside itself: what it said before, corrections, and what it resembles."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from newsroom.articles.models.articles import Article
from newsroom.articles.states import Verdict


class ArticleFingerprint(models.Model):
    """What an article is compared by. Its absence says that nobody has looked at the article yet."""

    article = models.OneToOneField(
        Article, models.CASCADE, primary_key=True, related_name="fingerprint", verbose_name=_("article")
    )
    place = models.CharField(max_length=1000, blank=True)
    rubric = models.CharField(max_length=40, blank=True)
    title = models.BinaryField()
    grams = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("fingerprint of an article")
        verbose_name_plural = _("fingerprints of articles")

    def __str__(self) -> str:
        return str(self.article_id)


class ClusterDecision(models.Model):
    """An editor's word on two articles: one event, or two. It outlives every grouping."""

    first = models.ForeignKey(Article, models.CASCADE, related_name="+", verbose_name=_("article"))
    second = models.ForeignKey(Article, models.CASCADE, related_name="+", verbose_name=_("article"))
    verdict = models.CharField(_("decision"), max_length=8, choices=Verdict)
    made_at = models.DateTimeField(_("made"))
    made_by = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("decision on a cluster")
        verbose_name_plural = _("decisions on clusters")
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="cluster_decision_once"),
            models.CheckConstraint(
                condition=Q(second__gt=F("first")), name="cluster_decision_smaller_id_first"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} {self.verdict} {self.second_id}"


class FormerVersion(models.Model):
    """What an article said before its source changed it; append-only."""

    article = models.ForeignKey(
        Article, models.CASCADE, related_name="former_versions", verbose_name=_("article")
    )
    title = models.CharField(_("title"), max_length=300)
    teaser = models.TextField(_("teaser"), blank=True)
    body_html = models.TextField(_("body"), blank=True)
    checksum = models.CharField(_("checksum"), max_length=64, blank=True)
    replaced_at = models.DateTimeField(_("replaced"))

    class Meta:
        verbose_name = _("former version")
        verbose_name_plural = _("former versions")
        ordering = ["-replaced_at", "-id"]

    def __str__(self) -> str:
        return self.title


class Correction(models.Model):
    """What was wrong in an article, and what is right."""

    article = models.ForeignKey(
        Article, models.CASCADE, related_name="corrections", verbose_name=_("article")
    )
    text = models.TextField(_("correction"))
    made_at = models.DateTimeField(_("made"))
    made_by = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return self.text[:80]
