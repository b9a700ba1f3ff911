"""Digests in the admin: plans with their slots, and the digests, whose page is the composer."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import ManyToManyField, QuerySet
from django.forms import CheckboxSelectMultiple, ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

import digests.delivery.admin  # noqa: F401
import subscriptions.admin  # noqa: F401 — both are registered before their pages are limited
from digests import (
    access,
    after_pages,
    composer,
    limited_admin,
    loosening,
    moving,
    planning,
    recurrence,
    rendering,
    selection,
    staff_admin,
)
from digests.errors import DigestError
from digests.forms import BuildForm
from digests.limited_admin import OfOwnNewsletters
from digests.marking_page import mark_article
from digests.models import Digest, DigestQuerySet, Plan, SlotRule
from digests.plan_forms import WEIGHT_FIELDS, PlanForm, SlotRuleForm, may_not_just_rest
from digests.rehearsal_page import rehearsal
from newsroom.mail.admin import ReadOnly
from newsroom.web import clock


class SlotRuleInline(admin.StackedInline[SlotRule, Plan]):
    """Under each other: a table of them has no labels at its fields, and is wider than most screens."""

    model = SlotRule
    form = SlotRuleForm
    fields = (("position", "key"), "title", ("minimum", "maximum"), "weekdays")
    extra = 0


@admin.register(Plan)
class PlanAdmin(OfOwnNewsletters):
    """When digests are due and what may happen without a person."""

    form = PlanForm
    list_display = (
        "newsletter",
        "cadence",
        "is_active",
        "days",
        "time",
        "zone",
        "autopilot",
        "needs_four_eyes",
    )
    list_select_related = ("newsletter",)
    inlines = (SlotRuleInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "newsletter", "cadence", "is_active", "weekdays", "time", "zone", "autopilot", "needs_four_eyes",
                    "approval_by_mail", "minimum_new", "lead_minutes", "make_up_hours", "first_window_from", "last_due_at",
                ),
            },
        ),
        (
            gettext_lazy("What the plan takes by itself"),
            {
                "fields": (
                    "grace_minutes", "cap_source", "cap_author", "cap_section", "origin_order",
                    "favoured_sections", "trusted_feeds",
                ),
            },
        ),
        (
            gettext_lazy("Weights of the ranking"),
            {
                "fields": WEIGHT_FIELDS,
                "description": gettext_lazy(
                    "What an article gets for each point, or loses for “section seen often”, “taken before” and “only a note”. "
                    "An empty field is the usual weight. Try them first under “What would go out now?”."
                ),
            },
        ),
    )  # fmt: skip

    @admin.display(description=gettext_lazy("weekdays"), ordering="weekdays")
    def days(self, plan: Plan) -> str:
        try:
            return recurrence.short_days(plan.weekdays)
        except recurrence.BadWeekdays:  # the system's check names it; the list has to open all the same
            return plan.weekdays

    def get_fieldsets(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        """The last run is shown once there is a plan; what a best-of's rest means, while it has readers."""
        (name, first), *others = self.fieldsets
        fields = [field for field in first["fields"] if obj or field != "last_due_at"]
        if obj and may_not_just_rest(obj):
            fields.insert(fields.index("is_active") + 1, "lets_rest")
        return [(name, {"fields": tuple(fields)}), *others]

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Ticks: they need no script, and each has its label."""
        return super().formfield_for_manytomany(
            db_field, request, **kwargs | {"widget": CheckboxSelectMultiple}
        )

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(require_GET(rehearsal))
        return [path("<int:pk>/rehearsal/", page, name="digests_plan_rehearsal"), *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        # Digests and readers hang on what a plan is for: another one is another plan.
        return ("newsletter", "cadence", "last_due_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        """A new or moved plan begins now, and its digests ahead move with it."""
        if form.begins_now:
            obj.last_due_at = form.at
        before = Plan.objects.filter(pk=obj.pk).first()
        super().save_model(request, obj, form, change)
        self._move_digests(request, form.moves)
        loosening.tell_of_plan(obj, before=before, by=composer.user_of(request), at=clock.now())
        planning.tell_newsletter(obj.newsletter, at=clock.now())

    def _move_digests(self, request: HttpRequest, moves: list[moving.Move]) -> None:
        moving.carry_out(moves)
        for move in moves:
            if move.says:
                messages.info(request, move.says)
                self.log_change(request, move.digest, move.says)

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """A best-of that readers wait for rests first: its page says what that means for them."""
        return super().has_delete_permission(request, obj) and not (obj and may_not_just_rest(obj))

    def delete_model(self, request: HttpRequest, obj: Plan) -> None:
        super().delete_model(request, obj)
        planning.tell_newsletter(obj.newsletter, at=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Plan]) -> None:
        newsletters = [plan.newsletter for plan in queryset.select_related("newsletter")]
        super().delete_queryset(request, queryset)
        for newsletter in newsletters:
            planning.tell_newsletter(newsletter, at=clock.now())


class ForWhom(admin.ChoicesFieldListFilter):
    """The field says "for", which makes no heading."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("readers")


@admin.register(Digest)
class DigestAdmin(OfOwnNewsletters):
    """The list of digests; each opens in the composer."""

    list_display = ("__str__", "subject", "state", "due", "made_by")
    list_filter = ("state", "newsletter", ("cadence", ForWhom), "is_automatic")
    list_select_related = ("newsletter",)
    search_fields = ("subject", "newsletter__name")
    ordering = ("-window_end", "-pk")
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description=gettext_lazy("due"), ordering="due_at")
    def due(self, digest: Digest) -> str:
        if digest.due_at is None:
            return _("no fixed time")
        return date_format(timezone.localtime(digest.due_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("put together"), ordering="is_automatic")
    def made_by(self, digest: Digest) -> str:
        return str(rendering.maker(digest).label)

    def get_urls(self) -> list[URLPattern]:
        mark = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(mark_article))
        return [
            *composer.urls(self.admin_site),
            *after_pages.urls(self.admin_site),
            path("marks/<int:article>/", mark, name="digests_mark_article"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Build the next digest of a newsletter from its plan."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BuildForm(request.POST or None)
        newsletter = form.fields["newsletter"]
        assert isinstance(newsletter, ModelChoiceField)
        newsletter.queryset = access.newsletters_of(request.user).active()
        if request.method == "POST" and form.is_valid():
            try:
                digest = selection.build(
                    form.cleaned_data["newsletter"],
                    cadence=form.cleaned_data["cadence"],
                    at=clock.now(),
                    by=composer.user_of(request),
                )
            except DigestError as error:
                messages.error(request, str(error))
            else:
                self.log_addition(request, digest, _("Built."))
                return HttpResponseRedirect(reverse("admin:digests_digest_change", args=[digest.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Build the next digest"),
            "opts": self.opts,
            "form": form,
            "offers_weekly": newsletter.queryset.filter(has_weekly=True).exists(),
        }
        return TemplateResponse(request, "admin/digests/digest/build.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Nobody's page: Django would write state and version here, past the composer's acts and permissions.

        The composer answers for numbers, but ` 7` and `1_0` are numbers to Django, too.
        """
        raise Http404

    def has_delete_permission(self, request: HttpRequest, obj: Digest | None = None) -> bool:
        """A digest is skipped, not deleted: its number and its window are part of the record."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Digest]:
        rows = super().get_queryset(request)
        assert isinstance(rows, DigestQuerySet)
        return rows.with_release().defer("note", "slots")


@admin.register(LogEntry)
class LogAdmin(ReadOnly):
    """Who did what in the admin. Looked at by whoever runs the site, written by the machine, changed by nobody."""

    fields = ("action_time", "user", "act", "content_type", "object_id", "object_repr", "what")
    list_display = ("action_time", "user", "act", "content_type", "object_repr", "what")
    list_filter = ("action_flag", ("user", admin.RelatedOnlyFieldListFilter), "content_type")
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "change_message")
    date_hierarchy = "action_time"
    ordering = ("-action_time", "-pk")

    @admin.display(description=gettext_lazy("act"), ordering="action_flag")
    def act(self, entry: LogEntry) -> str:
        return entry.get_action_flag_display()

    @admin.display(description=gettext_lazy("what happened"))
    def what(self, entry: LogEntry) -> str:
        return str(entry.get_change_message())


limited_admin.limit(admin.site)
staff_admin.take_over(admin.site)
