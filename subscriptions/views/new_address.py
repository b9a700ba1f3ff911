"""Moving to another address: the wish in the settings, the link to the new mailbox, the way back from the former one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import override

from newsroom.mail.addresses import suggest
from newsroom.web.clock import now
from newsroom.web.proxies import client_address
from newsroom.web.tokens import may_be_secret
from subscriptions import consent
from subscriptions.errors import LinkExpired, LinkUnknown, SameAddress
from subscriptions.forms import NewAddressForm, language_code
from subscriptions.models import Subscriber
from subscriptions.views.private import broken_link, in_language_of, token_page
from subscriptions.views.reader_session import reader_page
from subscriptions.wording import ADDRESS, wording


@reader_page("GET", "HEAD", "POST")
def ask(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """The wish for another address; the answer is the same whether that address reads us, and so is the work."""
    form = NewAddressForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _form(request, reader, form)
    typed = form.cleaned_data["address"]
    network_address = client_address(request)
    try:
        if consent.may_ask_for_link(network_address):
            consent.ask_for_new_address(
                reader, typed_address=typed, network_address=network_address, at=now()
            )
    except SameAddress:
        # Translators: An diese Adresse schicken wir schon. Bitte geben Sie die neue ein.
        form.add_error("address", _("We write to this address already. Please enter the new one."))
        return _form(request, reader, form)
    context = {
        "address": typed,
        "suggestion": suggest(typed),
        "hours": int(consent.CONFIRM_ADDRESS_WITHIN.total_seconds()) // 3600,
    }
    return render(request, "subscriptions/new_address_sent.html", context)


def _form(request: HttpRequest, reader: Subscriber, form: NewAddressForm) -> HttpResponse:
    context = {"reader": reader, "form": form, "days": consent.UNDO_ADDRESS_WITHIN.days}
    return render(request, "subscriptions/new_address.html", context)


@token_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the letter to the new address. GET shows what would come there, POST moves; twice is as good as once."""
    at = now()
    try:
        if request.method == "POST":
            done = consent.confirm_new_address(token, network_address=client_address(request), at=at)
            with in_language_of(done.reader):
                return _confirmed(request, done)
        change = consent.find_address_change(token, at=at)
    except LinkUnknown:
        return _gone(request, token)
    except LinkExpired as error:
        with override(language_code(error.language)):
            return render(request, "subscriptions/new_address_expired.html")
    reader = change.subscriber
    with in_language_of(reader):
        if change.confirmed_at is not None:
            return _confirmed(request, consent.outcome(change))
        context = {
            "reader": reader,
            "address": change.typed_address,
            "subscriptions": consent.moving(reader),
            "wording": wording(ADDRESS, language_code(reader.language)),
        }
        return render(request, "subscriptions/confirm_new_address.html", context)


def _gone(request: HttpRequest, token: str) -> HttpResponse:
    """For a link that nobody knows, or knows any more: the same for all that may be ours, so that it tells nothing."""
    if not may_be_secret(token):
        return broken_link(request)
    return render(request, "subscriptions/new_address_gone.html", status=404)


def _confirmed(request: HttpRequest, moved: consent.Moved) -> HttpResponse:
    return render(request, "subscriptions/new_address_confirmed.html", {"moved": moved})


@token_page
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the letter to the former address. GET says what happened, POST takes it back."""
    at = now()
    try:
        if request.method == "POST":
            done = consent.undo_new_address(token, network_address=client_address(request), at=at)
            with in_language_of(done.reader):
                return _undone(request, done)
        change = consent.find_undo(token, at=at)
    except LinkUnknown:
        return _gone(request, token)
    except LinkExpired as error:
        with override(language_code(error.language)):
            days = {"days": consent.UNDO_ADDRESS_WITHIN.days}
            return render(request, "subscriptions/undo_new_address_expired.html", days)
    with in_language_of(change.subscriber):
        if change.undone_at is not None:
            return _undone(request, consent.outcome(change))
        return render(request, "subscriptions/undo_new_address.html", {"change": change})


def _undone(request: HttpRequest, moved: consent.Moved) -> HttpResponse:
    return render(request, "subscriptions/new_address_undone.html", {"moved": moved})
