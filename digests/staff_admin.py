"""Staff in the admin: users with the newsletters they work on, and groups. Each change of rights is told."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db.models import ManyToManyField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from digests import loosening, staff
from digests.composer import user_of
from digests.models import NewsletterAccess
from newsroom.web import clock

# Django keeps these names in English, in the database.
_VERBS = {
    "add": pgettext_lazy("permission", "add"),
    "change": pgettext_lazy("permission", "change"),
    "delete": pgettext_lazy("permission", "delete"),
    "view": pgettext_lazy("permission", "view"),
}


def _in_words(permission: Permission) -> str:
    """A permission in the language of whoever gives it. Queries: 0, if it comes with its content type."""
    verb, _sign, model = permission.codename.partition("_")
    is_usual = model == permission.content_type.model and verb in _VERBS
    return f"{permission.content_type} | {_VERBS[verb] if is_usual else gettext(permission.name)}"


def _say_in_words(field: Any) -> Any:
    if field.queryset.model is Permission:
        field.label_from_instance = _in_words
    return field


class NewsletterAccessInline(admin.TabularInline[NewsletterAccess, User]):
    """Whoever may change a user may also say which newsletters the user works on."""

    model = NewsletterAccess
    extra = 0
    # Translators: Ohne Zeile: alle Newsletter
    verbose_name_plural = _("Works on these newsletters alone; without a line on all")

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("auth.change_user")

    has_view_permission = has_change_permission = has_delete_permission = has_add_permission = _may


class StaffAdmin(UserAdmin[User]):
    """Users. Only superusers make superusers, give single permissions, and change what superusers may do."""

    inlines = (NewsletterAccessInline,)

    def get_urls(self) -> list[URLPattern]:
        reset = self.admin_site.admin_view(self.reset_second_factor)
        return [path("<int:pk>/second-factor/", reset, name="auth_user_second_factor"), *super().get_urls()]

    def reset_second_factor(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, and by POST forget the user's phone and recovery codes; for superusers: with it an account can be taken."""
        if not request.user.is_superuser:
            raise PermissionDenied
        user = get_object_or_404(User, pk=pk)
        if request.method == "POST":
            staff.reset_second_factor(user, by=user_of(request), at=clock.now())
            messages.success(
                request, _("The next time %(name)s signs in, a phone is enrolled anew.") % {"name": user}
            )
            return HttpResponseRedirect(reverse("admin:auth_user_change", args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Reset the second factor of %(name)s") % {"name": user},
            "is_nav_sidebar_enabled": False,
            "opts": User._meta,
            "staff": user,
        }
        return TemplateResponse(request, "admin/auth/user/second_factor.html", context)

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        return _say_in_words(super().formfield_for_manytomany(db_field, request, **kwargs))

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        own = super().get_readonly_fields(request, obj)
        return own if request.user.is_superuser else (*own, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_above

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_delete_permission(request, obj) and not is_above

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        form.rights_before = loosening.rights_of(obj)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change:  # a new user can do nothing yet
            loosening.tell_of_user(
                form.instance, before=form.rights_before, by=user_of(request), at=clock.now()
            )


class RolesAdmin(GroupAdmin):
    """Groups of staff and what they may do."""

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        return _say_in_words(super().formfield_for_manytomany(db_field, request, **kwargs))

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        form.permissions_before = loosening.permissions_of(obj)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        loosening.tell_of_group(
            form.instance, before=form.permissions_before, by=user_of(request), at=clock.now()
        )


def take_over(site: admin.AdminSite) -> None:
    """Put these pages in the place of Django's own, and devices of the second factor out of the admin.

    On their pages a superuser could give somebody a phone of the superuser's own.
    """
    for model, page in ((User, StaffAdmin), (Group, RolesAdmin)):
        site.unregister(model)
        site.register(model, page)
    for device in (TOTPDevice, StaticDevice):
        site.unregister(device)
