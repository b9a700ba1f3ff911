"""The link that ends a subscription: a page for people, one POST for mail programs (RFC 8058), and the way back."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import override

from newsroom.web.clock import now, reckoned
from newsroom.web.proxies import client_address
from subscriptions import consent, suppression
from subscriptions.errors import NothingToPause, UndoExpired
from subscriptions.forms import PAUSES, language_code
from subscriptions.models import Subscription
from subscriptions.settings_form import end_of_pause, last_day
from subscriptions.states import OPEN, Cadence
from subscriptions.views.private import (
    BadToken,
    broken_link,
    in_language_of,
    posted_fields,
    subscription_of,
    to_leave,
    token_page,
)

# In the record: where somebody left, came back, or chose less mail instead.
PAGE: Final = "/u/"


@token_page
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button; any POST leaves, at once, without cookie, login or second page, and answers 200 itself.

    No limit stands before it: mailbox providers press for thousands of readers from a few addresses. One query then.
    """
    posted = posted_fields(request) if request.method == "POST" else {}
    try:
        if "List-Unsubscribe" in posted and (language := _press(request, token)) is not None:
            return _answer(language)
        subscription = to_leave(token)
    except BadToken:
        return broken_link(request)
    if subscription is None:  # from a mail older than our records
        return render(request, "subscriptions/left.html", {})
    with in_language_of(subscription.subscriber):
        if request.method != "POST":
            at = now()
            # Somebody may have asked for her since she left: the way back stays open all the same.
            if subscription.state in OPEN and not consent.can_restore(subscription, at=at):
                return render(request, "subscriptions/leave.html", {"subscription": subscription})
            return _left(request, subscription, token, at=at, asks_for_others=True)
        return _end(request, subscription, token, posted)


def _press(request: HttpRequest, token: str) -> str | None:
    """Her language, if this press ended it. Raises BadToken."""
    return consent.press(subscription_of(token), network_address=client_address(request), at=reckoned())


def _answer(language: str) -> HttpResponse:
    """A mail program asks, and shows its own words."""
    with override(language_code(language)):
        return HttpResponse(_("You are unsubscribed."), content_type="text/plain; charset=utf-8")


def _end(
    request: HttpRequest, subscription: Subscription, token: str, posted: Mapping[str, object]
) -> HttpResponse:
    at = reckoned()
    is_one_click = "List-Unsubscribe" in posted
    how = consent.ONE_CLICK if is_one_click else PAGE
    network_address = client_address(request)
    consent.unsubscribe(subscription, how=how, network_address=network_address, at=at)
    if is_one_click:
        return _answer(subscription.subscriber.language)
    if "everything" in posted:
        for other in _others(subscription):
            consent.unsubscribe(
                other, how=how, network_address=network_address, at=at, together_with=subscription
            )
        return _left(request, subscription, token, at=at, is_everything=True)
    return _left(request, subscription, token, at=at, asks_for_others="from_page" in posted)


def _others(subscription: Subscription) -> list[Subscription]:
    rows = Subscription.objects.active().filter(subscriber_id=subscription.subscriber_id)
    return list(rows.exclude(pk=subscription.pk).select_related("subscriber", "newsletter"))


def _left(
    request: HttpRequest,
    subscription: Subscription,
    token: str,
    *,
    at: datetime,
    is_everything: bool = False,
    asks_for_others: bool = False,
) -> HttpResponse:
    context = {
        "subscription": subscription,
        "token": token,
        "can_undo": consent.can_restore(subscription, at=at),
        "pauses": PAUSES,
        "is_everything": is_everything,
        "has_others": asks_for_others and bool(_others(subscription)),
    }
    return render(request, "subscriptions/left.html", context)


def _restore_others(request: HttpRequest, subscription: Subscription, *, at: datetime) -> list[Subscription]:
    """What she left with "all others": taken back as it was done. What she left by itself stays left.

    Returns those that come again, also if an earlier press did it.
    """
    if left_at := subscription.unsubscribed_at:
        for other in consent.left_together_with(subscription, since=left_at):
            with suppress(UndoExpired):
                consent.restore(other, how=PAGE, network_address=client_address(request), at=at)
    return consent.back_together_with(subscription, at=at)


def _less_mail(request: HttpRequest, subscription: Subscription, *, at: datetime) -> None:
    """What was offered instead of leaving. Raises NothingToPause."""
    network_address = client_address(request)
    weeks = request.POST.get("weeks", "")
    if weeks in {str(number) for number in PAUSES}:
        until = end_of_pause(int(weeks), first_day=localdate(at))
        consent.pause(subscription, until=until, how=PAGE, network_address=network_address, at=at)
    if request.POST.get("cadence") == Cadence.WEEKLY and subscription.newsletter.has_weekly:
        consent.set_cadence(
            subscription, cadence=Cadence.WEEKLY, how=PAGE, network_address=network_address, at=at
        )


def _paused_through(row: Subscription, *, at: datetime) -> date | None:
    """The last day of a pause that goes on."""
    until = row.paused_until
    return last_day(until) if until and until > at else None


@token_page
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """Take leaving back within a day, or come back with a pause."""
    if request.method != "POST":
        return redirect("leave", token)
    try:
        subscription = to_leave(token)
    except BadToken:
        return broken_link(request)
    if subscription is None:
        return broken_link(request)
    at = now()
    with in_language_of(subscription.subscriber):
        try:
            is_back = consent.restore(subscription, how=PAGE, network_address=client_address(request), at=at)
            if is_back or consent.has_come_back(subscription, at=at):
                _less_mail(request, subscription, at=at)
            others = _restore_others(request, subscription, at=at) if "everything" in request.POST else []
        except (UndoExpired, NothingToPause):
            known = subscription.subscriber.address_hash
            context = {
                "subscription": subscription,
                "is_stopped": not suppression.can_be_asked(known, [subscription.newsletter]),
            }
            return render(request, "subscriptions/undo_expired.html", context)
        subscription.refresh_from_db(fields=["state", "paused_until", "cadence"])
        restored = [
            {"subscription": row, "paused_through": _paused_through(row, at=at)}
            for row in (subscription, *others)
        ]
        return render(request, "subscriptions/restored.html", {"restored": restored})
