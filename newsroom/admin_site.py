"""The admin site: Django's own, under our name, closed to staff until their second factor is seen."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.db.models import Count, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from newsroom import second_factor
from newsroom.mail import heartbeats
from newsroom.mail.models import Incident
from newsroom.mail.states import Severity

SHOWN_WARNINGS = 3

# Apps of others that speak no German of their own.
_APPS = {
    "axes": _("Sign-in attempts"),
}
_MODELS = {
    "AccessAttempt": _("Attempts that count towards a lock"),
    "AccessAttemptExpiration": _("Ends of locks"),
    "AccessFailureLog": _("Failed sign-ins"),
    "AccessLog": _("Sign-ins"),
}


def _standstills(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What stands still, and in a sentence what that means for the newsroom."""
    sentences = {
        heartbeats.SCHEDULER: gettext(
            "The scheduler stands still: digests are neither put together nor sent by themselves."
        ),
        "control": gettext("The queue “control” stands still: no plan runs and no digest is handed over."),
        "letters": gettext("The queue “letters” stands still: confirmations and other letters wait."),
        "mailings": gettext("The queue “mailings” stands still: copies of digests wait."),
    }
    for part in parts:
        yield part, sentences[part]


def _for_bars(rows: QuerySet[Incident]) -> tuple[list[Incident], int]:
    """Every open error and the newest few warnings, and how many warnings are left. Queries: 1."""
    place = Window(RowNumber(), partition_by="severity", order_by="-pk")
    alike = Window(Count("*"), partition_by="severity")
    found = rows.filter(resolved_at__isnull=True).annotate(place=place, alike=alike)
    wanted = found.filter(Q(severity=Severity.ERROR) | Q(place__lte=SHOWN_WARNINGS))
    newest = list(wanted.defer("text", "facts").order_by("place"))
    warnings = [incident for incident in newest if incident.severity == Severity.WARNING]
    errors = [incident for incident in newest if incident.severity == Severity.ERROR]
    return [*errors, *warnings], warnings[0].alike - len(warnings) if warnings else 0


class CodeForm(forms.Form):
    """Six digits of the app, or a recovery code; spaces and dashes are how people read them out."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].lower().replace("-", " ").split())


class NewsroomAdminSite(AdminSite):
    site_header = _("Newsroom")
    site_title = _("Newsroom")
    index_title = _("Today")
    index_template = "admin/board.html"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and second_factor.is_through(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the admin gets, open incidents and what stands still included. Queries: 2 more for those who may see them."""
        may_see = self.has_permission(request) and request.user.has_perm("mail.view_incident")
        # Asked of the incidents' own page, so that both show the same to whoever works on some newsletters only.
        rows = self.get_model_admin(Incident).get_queryset(request) if may_see else Incident.objects.none()
        shown, unshown = _for_bars(rows)
        told = {incident.key for incident in shown}
        return {
            **super().each_context(request),
            "open_incidents": shown,
            "unshown_incidents": unshown,
            # Looked at here and now: with every worker gone nobody is left to write an incident.
            "standstills": [
                sentence
                for part, sentence in _standstills(
                    heartbeats.standing_still(timezone.now()) if may_see else ()
                )
                if not {f"machine.{part}", f"machine.queue.{part}"} & told
            ],
        }

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            # Before Django's own, which turns away whoever may not enter: half-way in, one may still leave.
            path("logout/", self.logout, name="logout"),
            path("second-factor/", self.second_factor, name="second_factor"),
            *(url for pages in settings.ADMIN_PAGES for url in import_string(pages)(self)),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The desk's board, above Django's list of everything."""
        return super().index(
            request, {**import_string(settings.ADMIN_FRONT)(request), **(extra_context or {})}
        )

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Django's list, with our words for what others named in English only."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["name"] = _APPS.get(app["app_label"], app["name"])
            for model in app["models"]:
                model["name"] = _MODELS.get(model["object_name"], model["name"])
        return apps

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask for the password; staff who gave it are sent on to the second factor."""
        if request.method == "GET" and super().has_permission(request) and not self.has_permission(request):
            query = urlencode({"next": _destination(request)})
            return HttpResponseRedirect(f"{reverse('admin:second_factor')}?{query}")
        return super().login(request, extra_context)

    @method_decorator([never_cache, csrf_protect])
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """One code, of a phone that is known or of one that is enrolled here; recovery codes are shown once."""
        destination = _destination(request)
        if not super().has_permission(request):
            return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': destination})}")
        if self.has_permission(request):
            return HttpResponseRedirect(destination)
        form = CodeForm(request.POST if request.method == "POST" else None)
        device = (
            None if second_factor.is_enrolled(request.user) else second_factor.device_to_enrol(request.user)
        )
        codes: list[str] = []
        if form.is_valid():
            code = form.cleaned_data["code"]
            if device:
                codes = second_factor.enrol(request, device, code)
            elif second_factor.verify(request, code):
                return HttpResponseRedirect(destination)
            if not codes:
                # Translators: Der Code stimmt nicht. Nach jedem falschen Code dauert es etwas länger, bis der nächste gilt.
                form.add_error(
                    "code",
                    gettext("This code is not right. After each wrong code the next counts a little later."),
                )
        context = {
            **self.each_context(request),
            "is_nav_sidebar_enabled": False,
            "title": _("Second factor"),
            "form": form,
            "next": destination,
            "codes": codes,
            "is_new": device is not None,
            "secret": second_factor.secret(device) if device and not codes else "",
            "picture": second_factor.picture(device) if device and not codes else "",
        }
        return TemplateResponse(request, "admin/second_factor.html", context)


def _destination(request: HttpRequest) -> str:
    """Where `next` leads if that is on this site, else the front of the admin."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted,
        allowed_hosts={request.get_host()},
        require_https=settings.SESSION_COOKIE_SECURE and request.is_secure(),
    )
    return wanted if is_ours else reverse("admin:index")
