"""The link that ends a subscription: a page for people, one POST for mail programs (RFC 8058), and the way back."""

from contextlib import suppress
from datetime import datetime

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render
from django.utils.timezone import localdate

from newsroom.web.clock import now
from newsroom.web.proxies import client_address
from subscriptions import consent
from subscriptions.errors import NothingToPause, UndoExpired
from subscriptions.forms import PAUSES
from subscriptions.models import Subscription
from subscriptions.settings_form import end_of_pause, last_day
from subscriptions.states import Cadence, SubscriptionState
from subscriptions.views.private import BadToken, broken_link, in_language_of, to_leave, token_page

_OPEN = (SubscriptionState.ACTIVE, SubscriptionState.PENDING)


@token_page
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button; any POST leaves, at once, without cookie, login or second page, and answers 200 itself.

    No limit stands before it: mailbox providers press for thousands of readers from a few addresses.
    """
    try:
        subscription = to_leave(token)
    except BadToken:
        return broken_link(request)
    if subscription is None:  # from a mail older than our records
        return render(request, "subscriptions/left.html", {})
    with in_language_of(subscription.subscriber):
        if request.method != "POST":
            if subscription.state in _OPEN:
                return render(request, "subscriptions/leave.html", {"subscription": subscription})
            return _left(request, subscription, token, at=now())
        return _end(request, subscription, token)


def _end(request: HttpRequest, subscription: Subscription, token: str) -> HttpResponse:
    at = now()
    posted = _posted(request)
    how = "one-click" if "List-Unsubscribe" in posted else "/u/"
    network_address = client_address(request)
    consent.unsubscribe(subscription, how=how, network_address=network_address, at=at)
    if "everything" in posted:
        for other in _others(subscription):
            consent.unsubscribe(other, how=how, network_address=network_address, at=at)
        return _left(request, subscription, token, at=at, is_everything=True)
    return _left(request, subscription, token, at=at, asks_for_others="from_page" in posted)


def _posted(request: HttpRequest) -> dict[str, object]:
    """What was posted, if it can be read; a mutilated body is a wish to leave all the same."""
    try:
        return dict(request.POST.items())
    except (MultiPartParserError, BadRequest, SuspiciousOperation, UnreadablePostError):
        return {"List-Unsubscribe": "unreadable"}


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


def _restore_others(request: HttpRequest, subscription: Subscription, *, at: datetime) -> None:
    """What she left together with this one, or after it: "all" is taken back as it was done."""
    left_at = subscription.unsubscribed_at
    if left_at is None:
        return
    left = subscription.subscriber.subscriptions.filter(
        state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at__gte=left_at
    )
    for other in left.exclude(pk=subscription.pk).select_related("subscriber", "newsletter"):
        with suppress(UndoExpired):
            consent.restore(other, network_address=client_address(request), at=at)


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
            consent.restore(subscription, network_address=client_address(request), at=at)
            weeks = request.POST.get("weeks", "")
            if weeks in {str(number) for number in PAUSES}:
                consent.pause(
                    subscription,
                    until=end_of_pause(int(weeks), first_day=localdate(at)),
                    network_address=client_address(request),
                    at=at,
                )
            if request.POST.get("cadence") == Cadence.WEEKLY and subscription.newsletter.has_weekly:
                consent.set_cadence(
                    subscription,
                    cadence=Cadence.WEEKLY,
                    network_address=client_address(request),
                    at=at,
                )
            if "everything" in request.POST:
                _restore_others(request, subscription, at=at)
        except (UndoExpired, NothingToPause):
            return render(request, "subscriptions/undo_expired.html", {"subscription": subscription})
        subscription.refresh_from_db(fields=["state", "paused_until", "cadence"])
        until = subscription.paused_until
        context = {"subscription": subscription, "paused_through": last_day(until) if until else None}
        return render(request, "subscriptions/restored.html", context)
