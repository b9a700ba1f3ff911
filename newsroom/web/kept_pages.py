"""Public pages that are made once for all visitors and kept for some seconds.

A digest goes out, and within minutes its readers open the same few pages. Most of a page is alike for everybody; what
is a visitor's own stands in the kept page as a mark, and each visitor gets hers in its place.
"""

import time
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.core.cache import cache as store
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language

from newsroom.web import stamps

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

_COOKIE_OF_MESSAGES = "messages"
_OWN: dict[str, Callable[[HttpRequest], str]] = {
    "csrf_token": get_token,
    "csp_nonce": lambda request: str(request.csp_nonce),  # type: ignore[attr-defined]  # django-csp sets it
    "stamp": lambda request: stamps.stamp(time.time()),
}


def keep_page(view: View[P]) -> View[P]:
    """Keep the page for PAGE_SECONDS, in each language, for visitors of whom nothing is known.

    Who is signed in, has a message waiting or asks with a query gets the page made anew, and so does everybody while
    the cache is away. Anything but an HTML page that was found is never kept. No query to the database where the page
    is kept.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not _is_for_all(request):
            return view(request, *args, **kwargs)
        key = f"page:{get_language()}:{request.path}"
        page = store.get(key)
        if page is None:
            response = _made(view, request, *args, **kwargs)
            if response.status_code == 200 and not response.cookies:
                store.set(key, (response.content, dict(response.items())), settings.PAGE_SECONDS)
        else:
            content, headers = page
            response = HttpResponse(content, headers=headers)
        response.content = _for_visitor(request, response.content)
        return response

    return wrapped


def own(request: HttpRequest, name: str) -> str:
    """A value that is each visitor's own, or the mark for it while a page is made for all.

    name: csrf_token, csp_nonce, or stamp, which tells since when a form is open.
    """
    return _mark(name) if is_made_for_all(request) else _OWN[name](request)


def is_made_for_all(request: HttpRequest) -> bool:
    """Whether the page that is being made will be kept."""
    return getattr(request, "is_made_for_all", False)


def _is_for_all(request: HttpRequest) -> bool:
    return (
        settings.PAGE_SECONDS > 0
        and not request.GET
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
        and _COOKIE_OF_MESSAGES not in request.COOKIES
    )


def _made(view: Callable[..., HttpResponse], request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    nonce = request.csp_nonce  # not made before it is asked for, and then it stands in the header
    request.is_made_for_all, request.csp_nonce = True, _mark("csp_nonce")
    try:
        return view(request, *args, **kwargs)
    finally:
        request.is_made_for_all, request.csp_nonce = False, nonce


def _for_visitor(request: HttpRequest, content: bytes) -> bytes:
    for name, value in _OWN.items():
        mark = _mark(name).encode()
        if mark in content:
            content = content.replace(mark, value(request).encode())
    return content


@cache
def _mark(name: str) -> str:
    """Nobody who writes an article can know it, and so nothing that is written can ask for a visitor's token."""
    return salted_hmac("newsroom.kept_pages", name, algorithm="sha256").hexdigest()
