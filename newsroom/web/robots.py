"""What robots and browsers ask every site for without having seen a link to it."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

# Pages of one reader, which an address with a token opens, and the desk: nothing there is for a search engine (RFC 9309).
_KEEP_OUT = (
    "/address/",
    "/admin/",
    "/confirm/",
    "/preferences/",
    "/not-me/",
    "/r/",
    "/subscribe/sent/",
    "/u/",
    "/webhooks/",
)


@require_safe
@cache_control(public=True, max_age=24 * 60 * 60)
def robots_txt(request: HttpRequest) -> HttpResponse:
    """All but what is private or the desk's may be read. It asks politely; what guards these pages are their tokens."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _KEEP_OUT)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
@cache_control(public=True, max_age=24 * 60 * 60)
def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """To the site's one mark, for programs that look for it here."""
    return HttpResponseRedirect(static("img/favicon.svg"))
