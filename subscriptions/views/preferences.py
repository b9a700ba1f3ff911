"""A reader's settings without a password: a mailed link opens them for half an hour, at an address without a token."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from newsroom.web.clock import now
from newsroom.web.proxies import client_address
from newsroom.web.redirects import see_other
from subscriptions import consent, settings_links, suppression
from subscriptions.errors import LinkOutdated, NothingToPause, NoWeekly, UndoExpired
from subscriptions.forms import PAUSES, LinkForm, language_code
from subscriptions.models import Subscriber, Subscription, Suppression
from subscriptions.settings_form import SettingsForm, last_day, rows_of
from subscriptions.states import Cadence
from subscriptions.views.private import (
    BadToken,
    broken_link,
    in_language_of,
    keep_private,
    settings_of,
    token_page,
)
from subscriptions.views.reader_session import SESSION_SECONDS, close_session, open_session, reader_page
from subscriptions.wording import SETTINGS, Shown, wording

# In the record: where a setting was changed.
PAGE: Final = "/preferences/"


@token_page
def preferences_link(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link. GET shows whose settings they are, shortened; the button opens them."""
    try:
        subscription = settings_of(token)
    except BadToken:
        return broken_link(request)
    except LinkOutdated as error:
        with override(language_code(error.language)):
            return render(request, "subscriptions/link_outdated.html")
    if subscription is None:
        return render(request, "subscriptions/reader_gone.html")
    reader = subscription.subscriber
    if request.method != "POST":
        with in_language_of(reader):
            return render(request, "subscriptions/open_preferences.html", {"reader": reader})
    response = see_other(reverse("preferences"))
    open_session(response, reader)
    return response


@reader_page("GET", "HEAD", "POST")
def preferences(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """The settings: newsletters on and off, pauses, language. One form, one save."""
    at = now()
    posted = request.POST if request.method == "POST" else None
    stops = suppression.of_reader(reader)

    def read() -> SettingsForm:
        return SettingsForm(rows_of(reader, stops, at=at), language=reader.language, at=at, data=posted)

    form = read()
    if posted is None or form.errors or form.asked_in_vain:
        return _show(request, reader, form, stops)
    try:
        return _save(request, reader, form, at=at)
    except NoWeekly:  # it ended after the form was read; nothing is saved
        return _show(request, reader, read(), stops)
    except NothingToPause as error:  # and so did this; it may have been a stop that ended it
        stops = suppression.of_reader(reader)
        later = read()
        later.leave_ended(form, ended=error.subscription_id)
        return _show(request, reader, later, stops)


def _show(
    request: HttpRequest, reader: Subscriber, form: SettingsForm, stops: Mapping[int | None, Suppression]
) -> HttpResponse:
    context = {
        "reader": reader,
        "form": form,
        "stop": stops.get(None),
        "stopped": consent.ended_by_stops(reader) if stops else [],
        "pauses": PAUSES,
        "cadences": Cadence,
        "wording": wording(SETTINGS, language_code(reader.language)),
        "languages": settings.LANGUAGES,
        "minutes": SESSION_SECONDS // 60,
    }
    return render(request, "subscriptions/preferences.html", context)


def _save(request: HttpRequest, reader: Subscriber, form: SettingsForm, *, at: datetime) -> HttpResponse:
    changes = consent.change_settings(
        reader,
        newsletters=form.newsletters,
        wanted=form.wanted,
        pauses=form.pauses,
        cadences=form.cadences,
        language=form.language,
        shown={each.pk: Shown(version=SETTINGS, language=form.shown_in) for each in form.newsletters},
        how=PAGE,
        network_address=client_address(request),
        at=at,
    )
    left = [change.newsletter for change in changes if change.after == "off"]
    now_has = {row.newsletter_id: row for row in reader.subscriptions.select_related("newsletter")}
    told = [_in_words(change, now_has, at=at) for change in changes]
    context = {"reader": reader, "changes": told, "left": left}
    with override(form.language):
        return render(request, "subscriptions/preferences_saved.html", context)


def _in_words(change: consent.Change, now_has: Mapping[int, Subscription], *, at: datetime) -> dict[str, Any]:
    """A change for the template: breaks by their last day, languages by their names. now_has: by newsletter, after all."""
    names = dict(settings.LANGUAGES)
    words: dict[str, Any] = {"newsletter": change.newsletter, "what": change.what}
    for side in ("before", "after"):
        value: Any = getattr(change, side)
        if change.what == "paused_until":
            value = last_day(datetime.fromisoformat(value)) if value else None
        elif change.what == "cadence":
            value = Cadence(value).label
        elif change.what == "language":
            value = names.get(value, value)
        words[side] = value
    words["first_at"] = _first_at(change, now_has, at=at)
    return words


def _first_at(
    change: consent.Change, now_has: Mapping[int, Subscription], *, at: datetime
) -> datetime | None:
    """When the first digest comes that a change touches, as far as any comes, and it is planned; after a break, its end."""
    if change.newsletter is None or change.after in ("", "off", "not asked"):
        return None
    row = now_has.get(change.newsletter.pk)
    return (row.next_mail(at=at) or row.break_ends(at=at)) if row else None


@reader_page("POST")
def undo_leaving(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """Take back what was switched off just now: one newsletter, or all of them, exactly as they were."""
    at = now()
    named = reader.subscriptions.filter(newsletter__slug__in=request.POST.getlist("newsletter"))
    restored = []
    for row in named.select_related("newsletter__sender", "subscriber"):
        with suppress(UndoExpired):
            if consent.restore(row, how=PAGE, network_address=client_address(request), at=at):
                restored.append(row.newsletter)
    return render(request, "subscriptions/undone.html", {"newsletters": restored})


@reader_page("POST")
def deliver_again(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """Ask by letter whether what a bounce or a complaint ended shall come again."""
    ended = [row.newsletter for row in consent.ended_by_stops(reader)]
    asked = consent.ask_to_return(reader, ended, how=PAGE, network_address=client_address(request), at=now())
    return render(request, "subscriptions/deliver_again.html", {"reader": reader, "newsletters": asked})


@require_POST
def close(request: HttpRequest) -> HttpResponse:
    """End the half hour now: for shared computers."""
    return close_session(see_other(reverse("preferences")))


@require_http_methods(["GET", "HEAD", "POST"])
def request_link(request: HttpRequest) -> HttpResponse:
    """Ask for the link by mail. Answer and work are the same whether the address reads us or not; a worker decides."""
    if request.method != "POST":  # reloaded
        return redirect("preferences")
    form = LinkForm(request.POST)
    if not form.is_valid():
        form.fields["address"].widget.attrs.update(
            {"aria-invalid": "true", "aria-describedby": "address-error"}
        )
        response = render(request, "subscriptions/ask_for_link.html", {"form": form})
    else:
        is_allowed = consent.may_ask_for_link(client_address(request))
        if is_allowed and not form.cleaned_data["website"]:
            settings_links.ask(form.cleaned_data["address"], at=now())
        context = {"address": form.cleaned_data["address"]}
        response = render(request, "subscriptions/link_sent.html", context)
    keep_private(response)
    return response
