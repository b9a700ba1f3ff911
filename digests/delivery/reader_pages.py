"""The reader desk: somebody wrote or called; find her, see everything on one page, and act for her.

An address is typed into a form that is posted, so that it stands in no log and no history of a browser.
"""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from digests.delivery import reader_history
from digests.delivery.reader_history import Known
from newsroom.mail.errors import BadAddress
from newsroom.web.moments import moment_in
from subscriptions.models import Subscriber
from subscriptions.states import SubscriptionState

MAY_SEE: Final = "subscriptions.view_subscriber"


class FindForm(forms.Form):
    # Translators: E-Mail-Adresse, in jeder Schreibweise | Auch gelöschte und gesperrte Adressen werden gefunden: …
    address = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        help_text=_(
            "In whatever spelling. Erased and suppressed addresses are found too, by their hash; "
            "a hash of 64 characters will do."
        ),
        widget=forms.TextInput(
            attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false", "inputmode": "email"}
        ),
    )


def find(request: HttpRequest, *, model_admin: admin.ModelAdmin[Any]) -> HttpResponse:
    """GET: the form. POST: leads to the reader's page, or to that of a suppressed address; else says nobody is known."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    form = FindForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            someone = reader_history.find(form.cleaned_data["address"])
        except BadAddress as error:
            form.add_error("address", str(error))
        else:
            if someone.reader is not None:
                if someone.is_former:
                    _say_that_she_moved(request, someone)
                return HttpResponseRedirect(reverse("admin:reader_desk", args=[someone.reader.pk]))
            if reader_history.suppressions_of(someone) or reader_history.is_unreachable(someone):
                return HttpResponseRedirect(reverse("admin:reader_desk_hash", args=[someone.address_hash]))
            form.add_error(
                "address", gettext("We know nobody of this address, and nothing stops mail to it.")
            )
    context = {**_context(request, model_admin), "title": gettext("Find a reader"), "form": form}
    return TemplateResponse(request, "admin/delivery/find_reader.html", context)


def _say_that_she_moved(request: HttpRequest, someone: Known) -> None:
    # Translators: Das ist eine frühere Adresse dieser Leserin oder dieses Lesers. Wer heute von dort schreibt, kann jemand anders sein.
    said = gettext("This is a former address of this reader. Who writes from it today may be somebody else.")
    if reader_history.suppressions_of(someone):
        messages.warning(
            request,
            format_html(
                '{} <a href="{}">{}</a>',
                said,
                reverse("admin:reader_desk_hash", args=[someone.address_hash]),
                # Translators: Was E-Mails an diese frühere Adresse sperrt
                gettext("What stops mail to that former address"),
            ),
        )
    else:
        messages.warning(request, said)


def of_reader(request: HttpRequest, pk: int, *, model_admin: admin.ModelAdmin[Any]) -> HttpResponse:
    """GET: everything about one reader. Queries: about 14, whatever the length of her story."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    return _show(request, reader_history.known(get_object_or_404(Subscriber, pk=pk)), model_admin)


def of_hash(request: HttpRequest, digest: str, *, model_admin: admin.ModelAdmin[Any]) -> HttpResponse:
    """GET: what is known of an address that is no reader's."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    return _show(request, Known(address_hash=digest, reader=None), model_admin)


def _show(request: HttpRequest, someone: Known, model_admin: admin.ModelAdmin[Any]) -> HttpResponse:
    subscriptions = reader_history.subscriptions_of(someone)
    dates_of_each = reader_history.dates_of(someone, subscriptions)
    suppressions = reader_history.suppressions_of(someone)
    before = moment_in(request.GET.get("before", ""))
    page = reader_history.page(someone, subscriptions=subscriptions, suppressions=suppressions, before=before)
    may = request.user.has_perm
    reader = someone.reader
    is_here = reader is not None and bool(reader.address)
    context = {
        **_context(request, model_admin),
        "title": (reader.typed_address or reader.address)
        if reader and is_here
        else gettext("A forgotten address"),
        "reader": reader,
        "address_hash": someone.address_hash,
        "subscriptions": [
            (row, dates, reader_history.can_unsubscribe(row))
            for row, dates in zip(subscriptions, dates_of_each, strict=True)
        ],
        "suppressions": suppressions,
        "page": page,
        "next": page.before.isoformat() if page.before else "",
        "is_later_page": before is not None,
        "may_end": may("subscriptions.change_subscription"),
        "may_lift": may("subscriptions.delete_suppression"),
        "may_resend": is_here
        and may("subscriptions.change_subscription")
        and any(row.state == SubscriptionState.PENDING for row in subscriptions),
        "may_export": reader is not None and may("subscriptions.change_subscription"),
        "may_erase": is_here and may("subscriptions.erase_subscriber"),
        "may_see_imports": may("subscriptions.view_subscriberimport"),
    }
    return TemplateResponse(request, "admin/delivery/reader.html", context)


def _context(request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> dict[str, Any]:
    return {**model_admin.admin_site.each_context(request), "opts": Subscriber._meta}
