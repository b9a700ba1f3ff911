"""The half hour in which a reader's settings are open: a signed cookie in her browser, nothing on our side."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from subscriptions.forms import LinkForm
from subscriptions.models import Subscriber
from subscriptions.views.private import in_language_of, keep_private

SESSION_SECONDS = 30 * 60
# However often she turns a page: then a cookie that somebody copied is of no use any more either.
_LONGEST = timedelta(hours=4)
_COOKIE = "reader"
_COOKIE_SALT = "subscriptions.preferences"

View = Callable[[HttpRequest], HttpResponse]
ReaderView = Callable[[HttpRequest, Subscriber], HttpResponse]


def open_session(response: HttpResponse, reader: Subscriber, *, since: float | None = None) -> None:
    """Half an hour, in her browser alone; nothing about her is written down on our side for it.

    It ends with the address it was opened for: who lost a mailbox, or got one back, shares it with nobody.
    since: when the link opened it, in seconds of the epoch, if it is open already.
    """
    opened = time.time() if since is None else since
    response.set_cookie(
        _COOKIE,
        signing.dumps([reader.pk, _part(reader.address_hash), opened], salt=_COOKIE_SALT),
        max_age=SESSION_SECONDS,
        path=reverse("preferences"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def close_session(response: HttpResponse) -> HttpResponse:
    """End it now."""
    response.delete_cookie(_COOKIE, path=reverse("preferences"))
    return response


def reader_page(*methods: str) -> Callable[[ReaderView], View]:
    """A page of the reader whose settings are open, in her language, kept by nobody; for others, a way to a link.

    Each page opens them for half an hour anew, so long she has to fill it in, for four hours from the link on.
    """

    def decorate(view: ReaderView) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest) -> HttpResponse:
            reader, since = _reader(request)
            if reader is None:
                # What she sent came too late, or without the cookie: she must not take it for saved.
                context = {"form": LinkForm(), "is_unsaved": request.method == "POST"}
                response = render(request, "subscriptions/ask_for_link.html", context)
            else:
                with in_language_of(reader):
                    response = view(request, reader)
                if _COOKIE not in response.cookies:
                    open_session(response, reader, since=since)
            keep_private(response)
            return response

        limited: View = require_http_methods(list(methods))(wrapped)
        return limited

    return decorate


def _reader(request: HttpRequest) -> tuple[Subscriber | None, float]:
    """Whose settings are open, and since when. One query, none without a session."""
    try:
        number, part, since = signing.loads(
            request.COOKIES.get(_COOKIE, ""), salt=_COOKIE_SALT, max_age=SESSION_SECONDS
        )
    except (signing.BadSignature, TypeError, ValueError):  # an older shape has fewer values
        return None, 0.0
    if time.time() - since > _LONGEST.total_seconds():
        return None, 0.0
    reader = Subscriber.objects.filter(pk=number, address__isnull=False).first()
    return reader if reader is not None and _part(reader.address_hash) == part else None, since


def _part(address_hash: str) -> str:
    """As much of an address's hash as tells addresses apart in a signed cookie."""
    return address_hash[:16]
