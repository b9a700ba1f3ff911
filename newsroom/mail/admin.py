"""What staff see of mail: letters and events to look at, incidents to resolve; and how large tables are listed."""

from functools import cached_property
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from newsroom.mail import bounce_mailbox, events, incidents, letters, providers
from newsroom.mail.models import Incident, Letter, ProviderEvent
from newsroom.mail.states import EventOutcome
from newsroom.web import clock
from newsroom.web.masking import mask


class OneOf(admin.SimpleListFilter):
    """One of the values that we know a field to have: Django's filter looks for them, and reads the table to its end."""

    parameter_name: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class Providers(OneOf):
    """The providers as configured."""

    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(config.name, config.name) for config in providers.configs()]


class Sources(Providers):
    """Who reports: the providers, and the mailbox that bounces come back to."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*super().lookups(request, model_admin), (bounce_mailbox.SOURCE, bounce_mailbox.SOURCE)]


class Kinds(OneOf):
    """The kinds of provider events, in words."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(events.words().items())


class Outcomes(OneOf):
    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(outcome.value, str(outcome.label)) for outcome in EventOutcome]


class BoundedPaginator(Paginator[Any]):
    """Pages of a table too large to be counted: it looks no further than it shows."""

    MOST_ROWS = 2_000

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by("pk")[: self.MOST_ROWS].count()


class Uncounted(admin.ModelAdmin[Any]):
    """A list of such a table: neither its rows are counted, nor those behind each filter; no filter looks for its values."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class ReadOnly(admin.ModelAdmin[Any]):
    """Records that are written by the machine and only looked at by people."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may(self, request: HttpRequest, permission: str, row: Any) -> bool:
        """Whether an act of its own may be done to this row; a higher app asks for more than the right."""
        return request.user.has_perm(permission)


@admin.register(Letter)
class LetterAdmin(Uncounted, ReadOnly):
    # Neither address nor parts: they hold what only the reader may know, such as a confirmation link.
    fields = (
        "kind", "state", "language", "masked", "created_at", "not_before", "tries", "sent_at", "provider",
        "provider_ref", "last_error", "dedupe_key",
    )  # fmt: skip
    list_display = ("__str__", "state", "masked", "created_at", "tries", "sent_at", "last_error")
    list_filter = ("state", "kind", Providers, "created_at")
    ordering = ("-pk",)
    actions = ("send_again",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the list offers: `?text__startswith=…` would tell the parts letter by letter."""
        return lookup.partition("__")[0] in {"state", "kind", "provider", "created_at"}

    @admin.display(description=_("address"))
    def masked(self, letter: Letter) -> str:
        return mask(letter.address)

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mail.change_letter")

    # Translators: Ausgewählte fehlgeschlagene Briefe noch einmal senden
    @admin.action(description=_("Send selected failed letters again"), permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Letter]) -> None:
        at = clock.now()
        number = sum(letters.send_again(letter, at=at) for letter in queryset)
        messages.success(
            request, ngettext("%d letter waits again.", "%d letters wait again.", number) % number
        )


@admin.register(ProviderEvent)
class ProviderEventAdmin(Uncounted, ReadOnly):
    list_display = ("what", "provider", "reject_reason", "occurred_at", "became", "description")
    fields = (
        "provider", "event_id", "what", "reject_reason", "token", "address_hash", "description", "payload",
        "occurred_at", "received_at", "applied_at", "became",
    )  # fmt: skip
    list_filter = (Kinds, Sources, Outcomes, ("applied_at", admin.EmptyFieldListFilter))
    ordering = ("-pk",)

    @admin.display(description=_("kind"), ordering="kind")
    def what(self, event: ProviderEvent) -> str:
        return events.in_words(event.kind)

    @admin.display(description=_("outcome"), ordering="outcome")
    def became(self, event: ProviderEvent) -> str:
        known = event.outcome in EventOutcome.values
        return str(EventOutcome(event.outcome).label) if known else event.outcome


@admin.register(Incident)
class IncidentAdmin(ReadOnly):
    list_display = ("title", "loudness", "opened_at", "told_at", "resolved_at", "where")
    fields = (
        "key", "severity", "title", "text", "where", "facts", "opened_at", "told_at", "resolved_at",
    )  # fmt: skip
    list_filter = ("severity", ("resolved_at", admin.EmptyFieldListFilter))
    ordering = ("-pk",)
    actions = ("resolve",)

    @admin.display(description=_("severity"), ordering="severity")
    def loudness(self, incident: Incident) -> str:
        return format_html(
            '<span class="severity-{}">{}</span>', incident.severity, incident.get_severity_display()
        )

    # Translators: Wo zu handeln ist
    @admin.display(description=_("where to act"))
    def where(self, incident: Incident) -> str:
        """A link to the page that whoever reported it named: a name of the admin's and its arguments."""
        match incident.facts.get("page"):
            case [str(name), *arguments] if name.startswith("admin:"):
                try:
                    url = reverse(name, args=arguments)
                except NoReverseMatch:  # reported by an earlier version
                    return ""
                return format_html('<a href="{}">{}</a>', url, gettext("Look and decide"))
        return ""

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mail.change_incident")

    # Translators: Ausgewählte Vorfälle als erledigt kennzeichnen
    @admin.action(description=_("Mark selected incidents as resolved"), permissions=["resolve"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        at = clock.now()
        number = sum(incidents.resolve(incident.key, at=at) for incident in queryset)
        messages.success(
            request, ngettext("%d incident resolved.", "%d incidents resolved.", number) % number
        )
