"""Digests in the admin: plans with their slots, and the digests, whose page is the composer."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _

from digests import composer, recurrence, selection
from digests.errors import DigestError
from digests.forms import BuildForm
from digests.models import Digest, Plan, SlotRule
from newsroom.web import clock


class PlanForm(forms.ModelForm[Plan]):
    """A plan whose weekdays and zone exist."""

    class Meta:
        model = Plan
        fields = (
            "newsletter",
            "is_active",
            "weekdays",
            "time",
            "zone",
            "autopilot",
            "needs_four_eyes",
            "minimum_new",
            "lead_minutes",
            "make_up_hours",
            "first_window_from",
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                recurrence.next_due(values["weekdays"], values["time"], values["zone"], after=clock.now())
            except ValueError as error:
                self.add_error("zone" if "zone" in str(error) else "weekdays", str(error))
        return values


class SlotRuleInline(admin.TabularInline[SlotRule, Plan]):
    model = SlotRule
    fields = ("position", "key", "title", "minimum", "maximum")
    extra = 0


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    """When digests are due and what may happen without a person."""

    form = PlanForm
    list_display = ("newsletter", "is_active", "weekdays", "time", "zone", "autopilot", "needs_four_eyes")
    list_select_related = ("newsletter",)
    inlines = (SlotRuleInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("last_due_at",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        """A new or moved plan begins now: a due time that lies behind it is nobody's missed run."""
        if not change or {"weekdays", "time", "zone", "is_active"} & set(form.changed_data):
            obj.last_due_at = clock.now()
        super().save_model(request, obj, form, change)


@admin.register(Digest)
class DigestAdmin(admin.ModelAdmin[Digest]):
    """The list of digests; each opens in the composer."""

    list_display = ("__str__", "subject", "state", "due_at", "is_automatic")
    list_filter = ("state", "newsletter", "is_automatic")
    list_select_related = ("newsletter",)
    search_fields = ("subject", "newsletter__name")
    ordering = ("-window_end", "-pk")
    show_full_result_count = False
    list_per_page = 50

    def get_urls(self) -> list[URLPattern]:
        return [*composer.urls(self.admin_site), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Build the next digest of a newsletter from its plan."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BuildForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                digest = selection.build(
                    form.cleaned_data["newsletter"], at=clock.now(), by=composer.user_of(request)
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
        return super().get_queryset(request).defer("note", "slots")
