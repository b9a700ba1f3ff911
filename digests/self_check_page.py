"""The self-check in the admin: a look by GET, senders' domains by a button, because that takes seconds."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from digests import access, self_check
from digests.self_check import Colour, Group, Line
from newsroom.mail import notices, sender_domains
from newsroom.mail.sender_domains import DomainRecord
from newsroom.web import clock
from subscriptions.models import Sender
from subscriptions.states import NewsletterState

MAY_LOOK: Final = "mail.view_heartbeat"
_KEPT: Final = "self-check.domains"
_KEPT_SECONDS: Final = 7 * 24 * 60 * 60
_COLOURS: Final = {
    "good": Colour.GREEN,
    "doubtful": Colour.YELLOW,
    "unknown": Colour.YELLOW,
    "bad": Colour.RED,
}


def urls(admin_site: admin.AdminSite) -> list[URLPattern]:
    """The page and its button."""
    return [
        path("self-check/", admin_site.admin_view(require_GET(page)), name="self_check"),
        path("self-check/domains/", admin_site.admin_view(require_POST(look_up)), name="self_check_domains"),
    ]


def page(request: HttpRequest) -> HttpResponse:
    """All lines, and what was last found of senders' domains. Queries: those of `self_check.look` and a few."""
    _require(request)
    at = clock.now()
    own = access.newsletters_of(request.user) if access.is_limited(request.user) else None
    groups = self_check.look(at=at, newsletters=own)
    kept = cache.get(_KEPT) or {}
    domains = [_line(DomainRecord(**record)) for record in kept.get("records", [])]
    lines = [*(line for group in groups for line in group.lines), *domains]
    context = {
        **admin.site.each_context(request),
        "title": _("Self-check"),
        "is_nav_sidebar_enabled": False,
        "at": at,
        "groups": [(group, _places(group)) for group in groups],
        "domains": [(line, "") for line in domains],
        "looked_up_at": datetime.fromisoformat(kept["at"]) if kept else None,
        "red": sum(line.colour == Colour.RED for line in lines),
        "yellow": sum(line.colour == Colour.YELLOW for line in lines),
    }
    return TemplateResponse(request, "admin/self_check.html", context)


def look_up(request: HttpRequest) -> HttpResponse:
    """Ask name servers about the domains we send from, and keep the answer for a week. Changes no record."""
    _require(request)
    addresses = Sender.objects.filter(newsletter__state=NewsletterState.ACTIVE).values_list(
        "address", flat=True
    )
    domains = {
        address.rpartition("@")[2].lower() for address in [*addresses, notices.staff_sender()] if address
    }
    records = sender_domains.look_up(domains, selectors=settings.DKIM_SELECTORS)
    kept = {"at": clock.now().isoformat(), "records": [asdict(record) for record in records]}
    cache.set(_KEPT, kept, _KEPT_SECONDS)
    messages.success(request, _("Looked up."))
    return HttpResponseRedirect(reverse("admin:self_check"))


def _require(request: HttpRequest) -> None:
    if not request.user.has_perm(MAY_LOOK):
        raise PermissionDenied


def _line(record: DomainRecord) -> Line:
    return Line(
        key=f"domain.{record.domain}.{record.name}",
        colour=_COLOURS[record.verdict],
        title=f"{record.domain}: {record.name}",
        says=record.says,
        remedy=record.remedy,
    )


def _places(group: Group) -> list[tuple[Line, Any]]:
    """Each line with the address where to act, if it names one."""
    return [
        (line, reverse(str(line.page[0]), args=list(line.page[1:])) if line.page else "")
        for line in group.lines
    ]
