"""What staff see of the engine: everything to look at, and three acts: stop, continue, end."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from digests.delivery import held_pages, ledger, mailing_pages, reader_pages
from digests.delivery.figures import reason_name
from digests.delivery.models import Attempt, Batch, Delivery, Mailing, ProviderState, QuotaDay
from newsroom.mail.admin import Providers, ReadOnly, Uncounted


@admin.register(Mailing)
class MailingAdmin(ReadOnly):
    list_display = ("title", "newsletter", "state", "frozen", "started_at", "finished_at", "account")
    list_filter = ("state", "newsletter")
    list_select_related = ("newsletter",)
    search_fields = ("title",)
    ordering = ("-pk",)
    fields = (
        "title", "newsletter", "state", "paused_because", "account", "provider", "frozen", "accepted", "rejected",
        "skipped", "held", "cancelled", "created_at", "frozen_at", "started_at", "active_at", "finished_at",
        "copies_forgotten_at", "late_limit_seconds", "audience", "envelope",
    )  # fmt: skip

    @admin.display(description=_("every copy"))
    def account(self, mailing: Mailing) -> str:
        url = reverse("admin:delivery_mailing_arithmetic", args=[mailing.pk])
        return format_html('<a href="{}">{}</a>', url, _("arithmetic"))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.arithmetic)
        held = self.admin_site.admin_view(self.held)
        batch = self.admin_site.admin_view(self.held_batch)
        return [
            path("<int:pk>/arithmetic/", page, name="delivery_mailing_arithmetic"),
            path("<int:pk>/held/", held, name="delivery_mailing_held"),
            path("held/<int:pk>/", batch, name="delivery_batch_held"),
            *super().get_urls(),
        ]

    def arithmetic(self, request: HttpRequest, pk: int) -> HttpResponse:
        return mailing_pages.arithmetic(request, pk, model_admin=self)

    def held(self, request: HttpRequest, pk: int) -> HttpResponse:
        return held_pages.of_mailing(request, pk, model_admin=self)

    def held_batch(self, request: HttpRequest, pk: int) -> HttpResponse:
        return held_pages.of_batch(request, pk, model_admin=self)


@admin.register(Delivery)
class DeliveryAdmin(Uncounted, ReadOnly):
    """The ledger. It is searched by its keys and never counted, however large it grows."""

    list_display = ("__str__", "mailing", "subscription_id", "variant", "state", "why")
    list_select_related = ("mailing",)
    list_display_links = None
    ordering = ("-pk",)
    search_fields = ("pk",)
    search_help_text = _("A mailing (12), one of its copies (12/345), or a subscription (s678).")

    @admin.display(description=_("reason"))
    def why(self, row: Delivery) -> str:
        return reason_name(row.reason)

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(partial(view, model_admin=self))

        # Here, because a reader's copies are the highest thing that is known of her.
        return [
            path("reader/", page(reader_pages.find), name="reader_desk_find"),
            path("reader/<int:pk>/", page(reader_pages.of_reader), name="reader_desk"),
            path("reader/<slug:digest>/", page(reader_pages.of_hash), name="reader_desk_hash"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return _find_copies(queryset, search_term.strip()), False


def _find_copies(rows: QuerySet[Any], wanted: str) -> QuerySet[Any]:
    """The copies a staff member asks for, by key; nothing for what is no key."""
    if not wanted:
        return rows
    mailing, slash, number = wanted.partition("/")
    if wanted[0] in "sS" and _is_key(wanted[1:]):
        return rows.filter(subscription_id=int(wanted[1:]))
    if slash and _is_key(mailing) and _is_key(number):
        return rows.filter(pk=ledger.first_id(int(mailing)) + int(number))
    if _is_key(mailing) and not slash:
        first, behind = ledger.first_id(int(mailing)), ledger.first_id(int(mailing) + 1)
        return rows.filter(pk__gte=first, pk__lt=behind)
    return rows.none()


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


@admin.register(Batch)
class BatchAdmin(ReadOnly):
    list_display = (
        "__str__", "mailing", "kind", "size", "state", "tries", "not_before", "provider",
        "accepted", "rejected", "skipped", "held", "cancelled",
    )  # fmt: skip
    list_filter = ("state", "kind", "provider")
    list_select_related = ("mailing",)
    search_fields = ("=mailing__id",)
    search_help_text = _("The number of a mailing.")
    ordering = ("-pk",)


@admin.register(Attempt)
class AttemptAdmin(Uncounted, ReadOnly):
    list_display = (
        "id", "batch", "provider", "state", "size", "calling_at", "ended_at", "http_status", "verdict_by",
    )  # fmt: skip
    list_filter = ("state", Providers)
    list_select_related = ("batch",)
    search_fields = ("=batch__mailing__id",)
    search_help_text = _("The number of a mailing.")
    ordering = ("-calling_at",)


@admin.register(ProviderState)
class ProviderStateAdmin(ReadOnly):
    list_display = (
        "name", "circuit", "open_since", "opened_until", "not_before", "learned_batch_size", "because",
    )  # fmt: skip
    ordering = ("name",)


@admin.register(QuotaDay)
class QuotaDayAdmin(ReadOnly):
    list_display = ("provider", "day", "used")
    list_filter = ("provider",)
    ordering = ("-day", "provider")
