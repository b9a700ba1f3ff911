"""The admin's pages below this app, closed to staff who work on other newsletters.

Newsletters, subscriptions and mailings belong to apps that know nothing of a desk's access; here their pages learn of
it. What concerns a reader as a whole is closed by `limits_backend`.
"""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

from digests import access
from digests.delivery.models import Attempt, Batch, Delivery, Mailing
from newsroom.mail.models import Incident, IncidentQuerySet, Letter
from subscriptions.models import ConsentEvent, Newsletter, Sender, Subscription


class OwnNewsletters(admin.RelatedFieldListFilter):
    """The user's newsletters, with rows in the list or not: to look which have some would read a large table."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(newsletter.pk), str(newsletter)) for newsletter in access.newsletters_of(request.user)]


class OfOwnNewsletters(admin.ModelAdmin[Any]):
    """Rows of the user's newsletters alone, in lists, on their pages and where they are chosen from.

    A row of another newsletter answers as one that does not exist.
    """

    newsletter_path = "newsletter"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return access.among(request.user, rows, path=self.newsletter_path)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who works on named newsletters makes no new one: it would not be among them."""
        is_closed = self.newsletter_path == "pk" and access.is_limited(request.user)
        return super().has_add_permission(request) and not is_closed

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and self._is_own(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_own(request, obj)

    def may(self, request: HttpRequest, permission: str, row: Any) -> bool:
        """Whether the user's groups allow this act and the row belongs to one of the user's newsletters."""
        return request.user.has_perm(permission) and self._is_own(request, row)

    def _is_own(self, request: HttpRequest, obj: Any) -> bool:
        """Queries: as many as the row is joins away from its newsletter, and only for users with limits."""
        if obj is None or not access.is_limited(request.user):
            return True
        return access.works_on(request.user, newsletter_of(obj, self.newsletter_path))

    def get_list_filter(self, request: HttpRequest) -> Any:
        """The filter by newsletter offers those that the list may hold."""
        return [
            ("newsletter", OwnNewsletters) if each == "newsletter" else each
            for each in super().get_list_filter(request)
        ]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.related_model is Newsletter:
            kwargs["queryset"] = access.newsletters_of(request.user)
        if db_field.related_model is Sender:
            kwargs["queryset"] = senders_of(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class OfOwnIncidents(admin.ModelAdmin[Incident]):
    """Incidents of the user's newsletters, and those that are about none: the machine is everybody's."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        rows = super().get_queryset(request)
        assert isinstance(rows, IncidentQuerySet)
        return access.incidents_for(request.user, rows)


class OfOwnSenders(admin.ModelAdmin[Sender]):
    """The senders of the user's newsletters; one that others send by, too, is only looked at: it speaks for them all."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sender]:
        rows = super().get_queryset(request)
        return rows.filter(pk__in=senders_of(request)) if access.is_limited(request.user) else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who works on named newsletters makes no new one: nothing would be sent by it yet."""
        return super().has_add_permission(request) and not access.is_limited(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and self._is_own(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_own_alone(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_own_alone(request, obj)

    def _is_own(self, request: HttpRequest, obj: Any) -> bool:
        """Queries: 1, and only for users with limits."""
        if obj is None or not access.is_limited(request.user):
            return True
        return senders_of(request).filter(pk=obj.pk).exists()

    def _is_own_alone(self, request: HttpRequest, obj: Any) -> bool:
        """Queries: 2, and only for users with limits."""
        if obj is None or not access.is_limited(request.user):
            return True
        others = Newsletter.objects.filter(sender=obj).exclude(pk__in=access.newsletters_of(request.user))
        return self._is_own(request, obj) and not others.exists()


def senders_of(request: HttpRequest) -> QuerySet[Sender]:
    """By whom the user's newsletters are sent; all senders for who works on all. One query."""
    if not access.is_limited(request.user):
        return Sender.objects.all()
    return Sender.objects.filter(pk__in=access.newsletters_of(request.user).values("sender"))


def newsletter_of(row: Model, path: str) -> int | None:
    """The number of the newsletter that a row belongs to."""
    value: Any = row
    *steps, last = path.split("__")
    for step in steps:
        value = getattr(value, step)
    is_number = last == "pk" or last.endswith("_id")
    number: int | None = getattr(value, last if is_number else f"{last}_id")
    return number


PATHS: dict[type[Model], str] = {
    Newsletter: "pk",
    Subscription: "newsletter",
    ConsentEvent: "newsletter",
    Mailing: "newsletter",
    Batch: "mailing__newsletter",
    Attempt: "batch__mailing__newsletter",
    Delivery: "mailing__newsletter",
    # A plain number. Letters about no newsletter are notices to staff, for those who see all.
    Letter: "newsletter_id",
}
"""Models of lower apps, and how a row of theirs names its newsletter."""


def limit(site: admin.AdminSite) -> None:
    """Let the pages of lower apps ask for access. Called once, when they are all registered."""
    for model, path in PATHS.items():
        known = type(site.get_model_admin(model))
        site.unregister(model)
        site.register(model, type(known.__name__, (OfOwnNewsletters, known), {"newsletter_path": path}))
    others: dict[type[Model], type[admin.ModelAdmin[Any]]] = {Incident: OfOwnIncidents, Sender: OfOwnSenders}
    for model, limits in others.items():
        known = type(site.get_model_admin(model))
        site.unregister(model)
        site.register(model, type(known.__name__, (limits, known), {}))
