"""Pages behind a token: what keeps the token between the reader and us, and her language on the page."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsroom.web.errors import BadToken
from newsroom.web.tokens import TokenKind, address_mark, read, read_manage
from subscriptions import consent
from subscriptions.errors import LinkOutdated
from subscriptions.forms import language_code
from subscriptions.models import Subscriber, Subscription

# Three tables with all their columns take Django longer to ask for than all else that leaving takes.
_TO_LEAVE = (
    *("newsletter_id", "state", "cadence", "source", "moved_to_id"),
    *("paused_until", "requested_at", "confirmed_at", "unsubscribed_at"),
    *("subscriber__address", "subscriber__address_hash", "subscriber__language"),
)

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


def subscription_of(token: str) -> int:
    """The number of the subscription that a link in a mail ends. No query. Raises BadToken."""
    return read(TokenKind.LEAVE, token)


def to_leave(token: str) -> Subscription | None:
    """The subscription a link in a mail ends; None if the row is gone. One query. Raises BadToken.

    It ends what became of that subscription when its reader moved, whoever asks for it at the former address since;
    nobody's settings are opened by it. With just what a press of one-click needs; the newsletter, which a page names, is
    another query, and so is each move.
    """
    rows = Subscription.objects.select_related("subscriber").only(*_TO_LEAVE)
    row = rows.filter(pk=subscription_of(token)).first()
    passed = set[int]()
    while row is not None and row.moved_to_id is not None and row.pk not in passed:
        passed.add(row.pk)  # no move leads in a circle; should one ever, no worker walks it for ever
        row = rows.filter(pk=row.moved_to_id).first()
    return row


def settings_of(token: str) -> Subscription | None:
    """The subscription whose reader's settings a mailed link opens; None if the row, or her address, is gone.

    A link opens them for the mailbox it was sent to, and no longer once she has moved: it may be another's by now.
    One query, two for a link from before links knew addresses. Raises BadToken, LinkOutdated.
    """
    number, mark = read_manage(token)
    row = Subscription.objects.select_related("subscriber", "newsletter__sender").filter(pk=number).first()
    if row is None or not row.subscriber.address:
        return None
    reader = row.subscriber
    is_outdated = mark != address_mark(reader.address_hash) if mark else consent.has_moved(reader)
    if is_outdated:
        raise LinkOutdated(reader.language)
    return row


def posted_fields(request: HttpRequest) -> dict[str, object]:
    """What was posted, if it can be read; a mutilated body is a press of the button all the same."""
    try:
        return dict(request.POST.items())
    except (MultiPartParserError, BadRequest, SuspiciousOperation, UnreadablePostError):
        return {"List-Unsubscribe": "unreadable"}


def broken_link(request: HttpRequest) -> HttpResponse:
    """The page for a link that a mail program mutilated, or that we never made."""
    return render(request, "subscriptions/link_broken.html", status=404)


__all__ = [
    "BadToken",
    "broken_link",
    "in_language_of",
    "keep_private",
    "posted_fields",
    "settings_of",
    "subscription_of",
    "to_leave",
    "token_page",
]
