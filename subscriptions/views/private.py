"""Pages behind a token: what keeps the token between the reader and us, and her language on the page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind, read
from subscriptions.forms import language_code
from subscriptions.models import Subscriber, Subscription
from subscriptions.states import SubscriptionState

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def token_page(view: View[P]) -> View[P]:
    """A page whose address is a key: never stored, never indexed, never told to the next site.

    Exempt from CSRF: only who has the token can post here, so there is nothing to forge. And with this
    Referrer-Policy browsers send `Origin: null`, which Django's check would refuse.
    """

    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        return keep_private(response)

    limited: View[P] = require_http_methods(["GET", "HEAD", "POST"])(wrapped)
    exempt: View[P] = csrf_exempt(limited)
    return exempt


def keep_private(response: HttpResponseBase) -> HttpResponseBase:
    """No cache and no search engine keeps this answer."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response


def in_language_of(reader: Subscriber) -> AbstractContextManager[None]:
    """The page speaks the reader's language, whatever the browser says: her mail did."""
    return override(language_code(reader.language))


def subscription_of(kind: TokenKind, token: str) -> Subscription | None:
    """The subscription a token of this kind stands for; None if the row is gone. One query. Raises BadToken.

    A link that ends a subscription ends what became of it when its reader moved; nobody's settings are opened by that.
    """
    rows = Subscription.objects.select_related("subscriber", "newsletter__sender")
    row = rows.filter(pk=read(kind, token)).first()
    while (
        kind is TokenKind.LEAVE
        and row is not None
        and row.moved_to_id is not None
        and row.state == SubscriptionState.UNSUBSCRIBED
    ):
        row = rows.get(pk=row.moved_to_id)
    return row


def broken_link(request: HttpRequest) -> HttpResponse:
    """The page for a link that a mail program mutilated, or that we never made."""
    return render(request, "subscriptions/link_broken.html", status=404)


__all__ = ["BadToken", "broken_link", "in_language_of", "keep_private", "subscription_of", "token_page"]
