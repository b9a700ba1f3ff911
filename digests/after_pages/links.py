"""Where the links of a digest lead, and the act that lets one lead elsewhere, in mails already sent too."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import access
from digests import links as service
from digests.after_pages.forms import RepointForm
from digests.after_pages.requests import context, sent_digest
from digests.composer.requests import log
from digests.errors import DigestError
from digests.models import Digest, Link


def links(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: each link with the address as proofed and where it leads now."""
    digest = sent_digest(request, pk)
    return _page(request, digest, service.of_digest(digest))


def repoint(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """POST: let a link lead elsewhere, or with `reset` to the address as proofed again."""
    digest = sent_digest(request, pk, "change_link")
    link = get_object_or_404(service.of_digest(digest), pk=number)
    form = RepointForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter a whole web address that begins with https:// or http://."))
        return _back(digest)
    # What the editor was looking at: if somebody was faster, the compare-and-set says so.
    link.current_url = form.cleaned_data["seen"]
    try:
        before = service.repoint(link, url=link.url if "reset" in request.POST else form.cleaned_data["url"])
    except DigestError as error:
        messages.error(request, str(error))
        return _back(digest)
    log(
        request,
        digest,
        _("The link of “%(title)s” leads to %(after)s, before to %(before)s.")
        % {"title": service.name_of(link, digest.note), "after": link.current_url, "before": before},
    )
    messages.success(request, _("From now on it leads to %(url)s.") % {"url": link.current_url})
    return _back(digest)


def _page(request: HttpRequest, digest: Digest, found: Any) -> HttpResponse:
    order = {slot["key"]: place for place, slot in enumerate(digest.slots)}

    def place(link: Link) -> int:
        return order.get(link.pick.slot, len(order)) if link.pick else -1  # the note stands above all slots

    # Stable: within a slot they come by position.
    rows = [(link, service.name_of(link, digest.note), _form(link)) for link in sorted(found, key=place)]
    shown = {
        **context(request, digest, title=_("Where the links lead")),
        "rows": rows,
        "may_repoint": access.may(request.user, "digests.change_link", digest.newsletter),
    }
    return TemplateResponse(request, "admin/digests/digest/links.html", shown)


def _form(link: Link) -> RepointForm:
    return RepointForm(
        auto_id=f"id_{link.pk}_%s", initial={"url": link.current_url, "seen": link.current_url}
    )


def _back(digest: Digest) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:digests_digest_links", args=[digest.pk]))
