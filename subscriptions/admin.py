"""The desk's view of readers: look up, end with a reason, stop and lift. Nothing here can make somebody a reader."""

from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import address_hash, normalise
from newsroom.mail.admin import OneOf, Uncounted
from newsroom.mail.errors import BadAddress
from newsroom.web.clock import now
from newsroom.web.masking import mask_text
from subscriptions import consent, evidence, export_pages, import_pages, reader_acts, suppression
from subscriptions.models import (
    ConsentEvent,
    Subscriber,
    SubscriberImport,
    Subscription,
    Suppression,
)
from subscriptions.newsletter_admin import NewsletterAdmin as NewsletterAdmin
from subscriptions.newsletter_admin import SenderAdmin as SenderAdmin
from subscriptions.reader_acts import ReasonForm
from subscriptions.states import OPEN, SuppressionReason

LEAST_REASON = 15  # characters


class ReadOnly(admin.options.BaseModelAdmin[Any]):
    """Rows that only services write: looked at, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WithDates(admin.options.BaseModelAdmin[Any]):
    """Subscriptions with the days that can be shown: an import of lines without any has only its own."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return evidence.with_last(super().get_queryset(request))

    # Translators: angefordert
    @admin.display(description=_("requested"), ordering="requested_at")
    def requested(self, row: Subscription) -> str | None:
        dates = evidence.dates_of_shown(row)
        return _shown(dates.requested_at, dates)

    # Translators: bestätigt
    @admin.display(description=_("confirmed"), ordering="confirmed_at")
    def confirmed(self, row: Subscription) -> str | None:
        dates = evidence.dates_of_shown(row)
        return _shown(dates.confirmed_at, dates)


def _shown(time: datetime | None, dates: evidence.Dates) -> str | None:
    """In words, because a page of one row would write a time of ours as programs do."""
    if time is not None:
        return date_format(localtime(time), "DATETIME_FORMAT")
    # Translators: unbekannt (übernommen)
    return gettext("unknown (taken in)") if dates.imported_at else None


class SubscriptionInline(WithDates, ReadOnly, admin.TabularInline[Subscription, Subscriber]):
    model = Subscription
    fields = [
        "newsletter",
        "state",
        "paused_until",
        "source",
        "requested",
        "confirmed",
        "unsubscribed_at",
    ]
    readonly_fields = ["requested", "confirmed"]
    show_change_link = True
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        return super().get_queryset(request).select_related("newsletter")


class ConsentEventInline(ReadOnly, admin.TabularInline[ConsentEvent, Subscriber]):
    model = ConsentEvent
    fields = ["at", "kind", "newsletter", "form", "actor", "wording_version"]
    show_change_link = True
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        return super().get_queryset(request).select_related("newsletter")


def _by_address(rows: QuerySet[Any], typed: str, field: str) -> QuerySet[Any]:
    """Rows of exactly this address; staff find a reader who wrote to them, and do not browse."""
    if not typed.strip():
        return rows
    try:
        return rows.filter(**{field: normalise(typed).normal})
    except BadAddress:
        return rows.none()


class Languages(OneOf):
    title = _("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, str(name)) for code, name in settings.LANGUAGES]


@admin.register(Subscriber)
class SubscriberAdmin(Uncounted, ReadOnly, admin.ModelAdmin[Subscriber]):
    list_display = ["masked", "language", "created_at", "erased_at"]
    list_filter = [Languages]
    search_fields = ["address"]
    # Translators: Die ganze Adresse
    search_help_text = _("The whole address")
    fields = ["typed_address", "address", "language", "created_at", "erased_at"]
    inlines = [SubscriptionInline, ConsentEventInline]
    ordering = ["-id"]
    change_list_template = "admin/subscriptions/subscriber_list.html"
    change_form_template = "admin/subscriptions/subscriber_form.html"

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(partial(view, model_admin=self))

        return [
            path("export/", page(export_pages.export), name="subscriptions_export"),
            *(
                path(f"<int:pk>/{name}/", page(view), name=f"subscriptions_reader_{name}")
                for name, view in reader_acts.VIEWS.items()
            ),
            *super().get_urls(),
        ]

    @admin.display(description=_("address"), ordering="address")
    def masked(self, reader: Subscriber) -> str:
        return str(reader)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return _by_address(queryset, search_term, "address"), False


class ComplaintForm(ReasonForm):
    """Whoever reported us as spam is written to again only for a reason that one can read later."""

    def clean_because(self) -> str:
        because = str(self.cleaned_data["because"]).strip()
        if len(because) < LEAST_REASON:
            # Translators: Bitte schreiben Sie in einem Satz auf, wer wann darum gebeten hat.
            sentence = _("Please write down in a sentence who asked for it, and when.")
            raise forms.ValidationError(sentence)
        return because


def _form_to_lift(row: Suppression) -> type[ReasonForm]:
    return ComplaintForm if row.reason == SuppressionReason.COMPLAINT else ReasonForm


def _warning(row: Suppression) -> str:
    if row.is_of_asking:
        # Translators: Diese Adresse will nicht mehr um eine Bestätigung gebeten werden. Heben Sie das nur auf, wenn sie selbst darum bittet: Danach kann wieder jeder sie eintragen.
        return gettext(
            "This address does not want to be asked to confirm again. Lift this only if its reader asks you to: after that anybody can enter the address again."
        )
    if row.reason != SuppressionReason.COMPLAINT:
        return ""
    # Translators: Diese Adresse hat uns als Spam gemeldet. …
    return gettext(
        "This address reported us as spam. Lifting it sends nothing: only a new sign-up that is confirmed by its reader does."
    )


def _log(request: HttpRequest, obj: Model, text: str) -> None:
    assert request.user.pk is not None
    LogEntry.objects.log_actions(request.user.pk, [obj], CHANGE, text, single_object=True)


@admin.register(Subscription)
class SubscriptionAdmin(WithDates, Uncounted, ReadOnly, admin.ModelAdmin[Subscription]):
    list_display = ["subscriber", "newsletter", "state", "confirmed", "unsubscribed_at"]
    list_filter = ["newsletter", "state", "basis"]
    list_select_related = ["subscriber", "newsletter"]
    search_fields = ["subscriber__address"]
    search_help_text = _("The whole address")
    exclude = ["requested_at", "confirmed_at"]
    readonly_fields = ["requested", "confirmed", "act"]
    ordering = ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return _by_address(queryset, search_term, "subscriber__address"), False

    # Translators: Was Sie tun können
    @admin.display(description=_("what you can do"))
    def act(self, subscription: Subscription) -> str | SafeString:
        if subscription.state not in OPEN:
            return "–"
        url = reverse("admin:subscriptions_subscription_unsubscribe", args=[subscription.pk])
        # Translators: Abbestellen …
        return format_html('<a href="{}">{}</a>', url, gettext("Unsubscribe …"))

    def get_urls(self) -> list[URLPattern]:
        act = path(
            "<int:pk>/unsubscribe/",
            self.admin_site.admin_view(self.unsubscribe_view),
            name="subscriptions_subscription_unsubscribe",
        )
        return [act, *super().get_urls()]

    def unsubscribe_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End a subscription for a reader who asked staff to; the reason is kept with the event."""
        if not request.user.has_perm("subscriptions.change_subscription"):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("subscriber", "newsletter")
        subscription = get_object_or_404(rows, pk=pk)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            because = form.cleaned_data["because"]
            consent.unsubscribe(
                subscription,
                how="admin",
                network_address=None,
                at=now(),
                actor=request.user.get_username(),
                because=because,
            )
            _log(request, subscription, because)
            # Translators: Abbestellt.
            messages.success(request, gettext("Unsubscribed."))
            if request.user.has_perm(reader_acts.MAY_SEE):
                return redirect(reader_acts.desk_url(subscription.subscriber_id))
            return redirect("admin:subscriptions_subscription_change", pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Unsubscribe a reader"),
            "opts": self.opts,
            "subject": f"{subscription.subscriber} – {subscription.newsletter}",
            "form": form,
            "label": gettext("Unsubscribe"),
            "back": reader_acts.desk_url(subscription.subscriber_id),
        }
        return TemplateResponse(request, "subscriptions/admin_reason.html", context)


@admin.register(ConsentEvent)
class ConsentEventAdmin(Uncounted, ReadOnly, admin.ModelAdmin[ConsentEvent]):
    list_display = ["at", "kind", "newsletter", "subscriber", "form", "actor"]
    list_filter = ["kind", "newsletter"]
    list_select_related = ["subscriber", "newsletter"]
    search_fields = ["address"]
    search_help_text = _("The whole address")
    ordering = ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return _by_address(queryset, search_term, "address"), False


class SuppressionForm(forms.ModelForm[Suppression]):
    """An address is typed and only its hash is kept."""

    typed_address = forms.CharField(
        label=_("address"), max_length=320, help_text=_("Kept as a keyed hash only.")
    )

    class Meta:
        model = Suppression
        fields = ["typed_address", "newsletter", "note"]

    def clean_typed_address(self) -> str:
        try:
            return normalise(str(self.cleaned_data["typed_address"])).normal
        except BadAddress as error:
            raise forms.ValidationError(str(error)) from error

    def clean_note(self) -> str:
        return mask_text(str(self.cleaned_data["note"]))


@admin.register(Suppression)
class SuppressionAdmin(ReadOnly, admin.ModelAdmin[Suppression]):
    list_display = ["short", "reason", "newsletter", "created_at", "note"]
    list_filter = ["reason", "newsletter"]
    list_select_related = ["newsletter"]
    search_fields = ["address_hash"]
    search_help_text = _("The whole address")
    readonly_fields = ["act"]
    ordering = ["-id"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("subscriptions.add_suppression"))

    @admin.display(description=_("address hash"))
    def short(self, row: Suppression) -> str:
        return row.address_hash[:12]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(address_hash=address_hash(normalise(search_term).normal)), False
        except BadAddress:
            return queryset.none(), False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = SuppressionForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["typed_address", "newsletter", "note"]
        return ["address_hash", "reason", "newsletter", "note", "created_at", "act"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["act"] if obj else []

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        row = suppression.suppress(
            address_hash(form.cleaned_data["typed_address"]),
            reason=SuppressionReason.MANUAL,
            newsletter=form.cleaned_data["newsletter"],
            note=form.cleaned_data["note"],
            at=now(),
        )
        obj.pk, obj.address_hash, obj.reason, obj.created_at = (
            row.pk,
            row.address_hash,
            row.reason,
            row.created_at,
        )

    # Translators: Was Sie tun können
    @admin.display(description=_("what you can do"))
    def act(self, row: Suppression) -> SafeString:
        url = reverse("admin:subscriptions_suppression_lift", args=[row.pk])
        # Translators: Aufheben …
        return format_html('<a href="{}">{}</a>', url, gettext("Lift …"))

    def get_urls(self) -> list[URLPattern]:
        act = path(
            "<int:pk>/lift/",
            self.admin_site.admin_view(self.lift_view),
            name="subscriptions_suppression_lift",
        )
        return [act, *super().get_urls()]

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a suppression back, with a note. Nobody becomes a reader by it."""
        if not request.user.has_perm("subscriptions.delete_suppression"):
            raise PermissionDenied
        row = get_object_or_404(Suppression, pk=pk)
        form = _form_to_lift(row)(request.POST or None)
        if request.method == "POST" and form.is_valid():
            _log(request, row, form.cleaned_data["because"])
            suppression.lift(
                row, note=form.cleaned_data["because"], actor=request.user.get_username(), at=now()
            )
            # Translators: Aufgehoben. Wer wieder lesen möchte, meldet sich neu an.
            messages.success(request, gettext("Lifted. Whoever wants to read again signs up anew."))
            return redirect("admin:subscriptions_suppression_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Lift a suppression"),
            "opts": self.opts,
            "subject": str(row),
            "warning": _warning(row),
            "form": form,
            "label": gettext("Lift"),
            "back": reverse("admin:subscriptions_suppression_change", args=[pk]),
        }
        return TemplateResponse(request, "subscriptions/admin_reason.html", context)


admin.site.register(SubscriberImport, import_pages.SubscriberImportAdmin)
