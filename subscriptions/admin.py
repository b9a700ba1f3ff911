"""The desk's view of readers: look up, end with a reason, stop and lift. Nothing here can make somebody a reader."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsroom.mail.addresses import address_hash, normalise
from newsroom.mail.errors import BadAddress
from newsroom.web.clock import now
from subscriptions import consent, export_pages, import_pages, reader_acts, suppression
from subscriptions.models import (
    ConsentEvent,
    Newsletter,
    Sender,
    Subscriber,
    SubscriberImport,
    Subscription,
    Suppression,
)
from subscriptions.publishing import is_own_domain, missing, unsaid
from subscriptions.states import NewsletterState, SubscriptionState, SuppressionReason
from subscriptions.views.embedding import link_to_code

LEAST_REASON = 15  # characters


class ReadOnly(admin.options.BaseModelAdmin[Any]):
    """Rows that only services write: looked at, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SenderForm(forms.ModelForm[Sender]):
    class Meta:
        model = Sender
        fields = "__all__"  # noqa: DJ007 - the admin shows every field of the record

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        if not is_own_domain(address):
            # Translators: Bitte eine Adresse unter eigener Domain: Freemail-Anbieter lassen solche Mails zurückweisen (DMARC).
            sentence = _(
                "Please use an address at your own domain: freemail providers have such mail refused (DMARC)."
            )
            raise forms.ValidationError(sentence)
        return address

    def _clean_link(self, name: str) -> str:
        url = str(self.cleaned_data[name]).strip()
        if not url.startswith(("https://", "http://")) and not (url.startswith("/") and url[1:2] != "/"):
            raise forms.ValidationError(_("A full address, or a path on this site that begins with “/”."))
        return url

    def clean_imprint_url(self) -> str:
        return self._clean_link("imprint_url")

    def clean_privacy_url(self) -> str:
        return self._clean_link("privacy_url")


@admin.register(Sender)
class SenderAdmin(admin.ModelAdmin[Sender]):
    form = SenderForm
    list_display = ["name", "address", "legal_name"]


class NewsletterForm(forms.ModelForm[Newsletter]):
    class Meta:
        model = Newsletter
        fields = "__all__"  # noqa: DJ007 - the admin shows every editable field of the record

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        sender = cleaned.get("sender")
        if cleaned.get("state") == NewsletterState.ACTIVE and sender and (lacking := missing(sender)):
            # Translators: Der Newsletter kann nicht aktiv werden, weil beim Absender fehlt: %(lacking)s.
            sentence = _("The newsletter cannot become active: its sender lacks %(lacking)s.")
            self.add_error("state", sentence % {"lacking": ", ".join(lacking)})
        return dict(cleaned)


@admin.register(Newsletter)
class NewsletterAdmin(admin.ModelAdmin[Newsletter]):
    form = NewsletterForm
    list_display = ["name", "state", "language", "cadence_text", "sender", "position"]
    list_filter = ["state", "language"]
    list_select_related = ["sender"]
    prepopulated_fields = {"slug": ["name"], "list_id_label": ["name"]}

    def save_model(self, request: HttpRequest, obj: Newsletter, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.state == NewsletterState.ACTIVE and (silent := unsaid(obj.sender)):
            # Translators: Die Datenschutzerklärung lässt noch offen: %(silent)s. Bitte ergänzen Sie den Absender.
            sentence = _("The privacy notice still leaves open: %(silent)s. Please complete the sender.")
            messages.warning(request, sentence % {"silent": ", ".join(silent)})

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # Mail programs sort by it, and links lead to it: once readers have mail, both stay.
        return ["slug", "list_id_label", "embedded"] if obj else []

    @admin.display(description=_("sign-up form for other sites"))
    def embedded(self, obj: Newsletter) -> str:
        return link_to_code(obj)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # retired, not deleted: consent and old links refer to it


class SubscriptionInline(ReadOnly, admin.TabularInline[Subscription, Subscriber]):
    model = Subscription
    fields = [
        "newsletter",
        "state",
        "paused_until",
        "source",
        "requested_at",
        "confirmed_at",
        "unsubscribed_at",
    ]
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


@admin.register(Subscriber)
class SubscriberAdmin(ReadOnly, admin.ModelAdmin[Subscriber]):
    list_display = ["masked", "language", "created_at", "erased_at"]
    list_filter = ["language"]
    search_fields = ["address"]
    # Translators: Die ganze Adresse
    search_help_text = _("The whole address")
    fields = ["typed_address", "address", "language", "created_at", "erased_at"]
    inlines = [SubscriptionInline, ConsentEventInline]
    show_full_result_count = False
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


class ReasonForm(forms.Form):
    """Why staff did it; kept with the record."""

    # Translators: Grund | Zum Beispiel: schriftlich gebeten am 3. Mai.
    because = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("Such as: asked for it by mail on 3 May. No address here, please."),
        widget=forms.TextInput(attrs={"class": "vLargeTextField", "autofocus": True}),
    )


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
class SubscriptionAdmin(ReadOnly, admin.ModelAdmin[Subscription]):
    list_display = ["subscriber", "newsletter", "state", "requested_at", "confirmed_at", "unsubscribed_at"]
    list_filter = ["newsletter", "state", "basis"]
    list_select_related = ["subscriber", "newsletter"]
    search_fields = ["subscriber__address"]
    search_help_text = _("The whole address")
    readonly_fields = ["act"]
    show_full_result_count = False
    ordering = ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return _by_address(queryset, search_term, "subscriber__address"), False

    # Translators: Was Sie tun können
    @admin.display(description=_("what you can do"))
    def act(self, subscription: Subscription) -> str | SafeString:
        if subscription.state not in (SubscriptionState.ACTIVE, SubscriptionState.PENDING):
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
class ConsentEventAdmin(ReadOnly, admin.ModelAdmin[ConsentEvent]):
    list_display = ["at", "kind", "newsletter", "subscriber", "form", "actor"]
    list_filter = ["kind", "newsletter"]
    list_select_related = ["subscriber", "newsletter"]
    search_fields = ["address"]
    search_help_text = _("The whole address")
    show_full_result_count = False
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
