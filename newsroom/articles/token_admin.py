"""Tokens of the API in the admin: made, shown once, revoked."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from newsroom.articles import handing_in
from newsroom.articles.models import ApiToken
from newsroom.web.clock import now


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """Tokens of the API: made here, shown once, revoked and never changed."""

    list_display = ["name", "feed", "beginning", "made_at", "made_by", "last_used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "feed"]
    list_select_related = ["feed"]
    fields = ["feed", "name"]
    autocomplete_fields = ["feed"]
    actions = ["revoke"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return (
            ["feed", "name", "beginning", "made_at", "made_by", "last_used_at", "revoked_at"] if obj else []
        )

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.get_readonly_fields(request, obj) or self.fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoked, not deleted: whoever looks into an accident finds it

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if change:
            return  # nothing in the form can be changed
        by = request.user.get_username()
        made, obj.secret = handing_in.make_token(obj.feed, name=obj.name, by=by, at=now())  # type: ignore[attr-defined]
        obj.pk = made.pk
        obj.beginning = made.beginning

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret in this one answer: no message, no session and no cache ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("New API token"),
            "opts": self.model._meta,
            "token": obj,
            "secret": obj.secret,  # type: ignore[attr-defined]
            "api_url": f"{settings.SITE_URL}{reverse('api_docs')}",
            "list_url": reverse("admin:articles_apitoken_changelist"),
        }
        response = TemplateResponse(request, "admin/articles/apitoken/made.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=_("Revoke the selected tokens"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """From this moment they open nothing."""
        at = now()
        revoked = [token for token in queryset if handing_in.revoke(token, at=at)]
        for token in revoked:
            # Translators: Widerrufen.
            self.log_change(request, token, gettext("Revoked."))
        message = ngettext("%d token revoked.", "%d tokens revoked.", len(revoked)) % len(revoked)
        self.message_user(request, message, messages.SUCCESS if revoked else messages.WARNING)
