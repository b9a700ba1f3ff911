"""Plans: when a newsletter's digests are due, what places they have, and what may happen without a person.

A newsletter has one plan for its digests and, if it has a weekly best-of, a second one for that.
"""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q, prefetch_related_objects
from django.utils.translation import gettext_lazy as _

from digests.states import Autopilot
from newsroom.articles.models import Feed, Section
from subscriptions.models import Newsletter
from subscriptions.states import BEST_OF_THE_WEEK, Cadence


class Plan(models.Model):
    """When a newsletter's digests are due and what may happen without a person."""

    newsletter = models.ForeignKey(
        Newsletter, models.CASCADE, related_name="plans", verbose_name=_("newsletter")
    )
    cadence = models.CharField(
        _("for"),
        max_length=8,
        choices=Cadence,
        default=Cadence.EACH,
        help_text=_("Every digest, or the weekly best-of. Readers get one or the other."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    # Codes with commas, as `recurrence.read_weekdays` reads them.
    weekdays = models.CharField(_("weekdays"), max_length=20, default="mo,tu,we,th,fr")
    time = models.TimeField(_("time"))
    zone = models.CharField(_("time zone"), max_length=50, default="Europe/Berlin")
    autopilot = models.CharField(
        _("if nobody curated"), max_length=16, choices=Autopilot, default=Autopilot.HOLD
    )
    needs_four_eyes = models.BooleanField(_("a second person approves"), default=True)
    approval_by_mail = models.BooleanField(
        _("approvers get a link by mail"),
        default=True,
        help_text=_("The link shows the proof; a button on that page decides."),
    )
    minimum_new = models.PositiveSmallIntegerField(
        _("fewest new articles"),
        default=3,
        help_text=_("With fewer the digest is skipped and its articles go into the next."),
    )
    lead_minutes = models.PositiveIntegerField(_("minutes before, when the draft is built"), default=0)
    make_up_hours = models.PositiveIntegerField(
        _("hours within which a missed run is made up"), default=36, validators=[MinValueValidator(1)]
    )
    last_due_at = models.DateTimeField(
        _("last run"),
        null=True,
        blank=True,
        help_text=_("The due time last taken care of; a run is never doubled."),
    )
    weights = models.JSONField(
        _("weights"),
        default=dict,
        blank=True,
        help_text=_("What counts how much in the ranking, where it differs from the usual."),
    )
    favoured_sections = models.ManyToManyField(
        Section, blank=True, related_name="+", verbose_name=_("favoured sections")
    )
    trusted_feeds = models.ManyToManyField(
        Feed, blank=True, related_name="+", verbose_name=_("trusted sources")
    )
    cap_source = models.PositiveSmallIntegerField(
        _("most of one source"), default=4, help_text=_("That the plan takes by itself; 0 is no limit.")
    )
    cap_author = models.PositiveSmallIntegerField(
        _("most of one author"), default=3, help_text=_("That the plan takes by itself; 0 is no limit.")
    )
    cap_section = models.PositiveSmallIntegerField(
        _("most of one section"), default=0, help_text=_("That the plan takes by itself; 0 is no limit.")
    )
    grace_minutes = models.PositiveSmallIntegerField(
        _("minutes of grace"),
        default=10,
        help_text=_("An article younger than this is still being corrected: the plan does not take it."),
    )
    origin_order = models.CharField(
        _("which version leads"),
        max_length=80,
        default="staff,contributor,agency,user_submission",
        help_text=_("Of several articles on one event the one from the first of these origins leads."),
    )
    first_window_from = models.DateTimeField(
        _("articles from"), help_text=_("The first digest takes articles first seen from here on.")
    )

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        constraints = [
            models.UniqueConstraint(
                fields=["newsletter", "cadence"],
                name="plan_once_per_cadence",
                violation_error_message=_("The newsletter has such a plan already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.newsletter} · {BEST_OF_THE_WEEK}" if self.is_best_of else str(self.newsletter)

    @property
    def is_best_of(self) -> bool:
        return self.cadence == Cadence.WEEKLY

    @property
    def least(self) -> int:
        """With fewer articles a digest is skipped; a best-of of nothing is none."""
        return max(self.minimum_new, 1) if self.is_best_of else self.minimum_new

    @classmethod
    def of(cls, newsletter: Newsletter, cadence: str = Cadence.EACH) -> "Plan | None":
        """The newsletter's plan for this cadence, if it has one. Queries: 1, and none if its plans were read with it."""
        prefetch_related_objects([newsletter], "plans")
        return next((plan for plan in newsletter.plans.all() if plan.cadence == cadence), None)


class SlotRule(models.Model):
    """A kind of place in a plan's digests."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="slots", verbose_name=_("plan"))
    key = models.SlugField(
        _("kind"), max_length=20, help_text=_("lead, briefs, more or community: decides how it looks.")
    )
    title = models.CharField(_("heading"), max_length=80, blank=True)
    minimum = models.PositiveSmallIntegerField(_("at least"), default=0)
    maximum = models.PositiveSmallIntegerField(_("at most"), default=1)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    weekdays = models.CharField(
        _("only on"),
        max_length=20,
        blank=True,
        help_text=_("No day ticked: in each digest, unless a slot of the same kind has the day."),
    )

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "key", "weekdays"], name="slot_once_per_plan_and_days"),
            models.CheckConstraint(
                condition=Q(maximum__gte=F("minimum")), name="slot_maximum_not_below_minimum"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.key
