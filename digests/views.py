"""Public pages of digests: a newsletter's archive, the web version of a digest, feeds, and where links lead."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import http_date
from django.views.decorators.http import conditional_page, require_safe

from digests import archive, clicks, links, syndication
from digests.models import Digest, Link, Proof
from newsroom.web.errors import BadToken
from newsroom.web.kept_pages import keep_page
from newsroom.web.proxies import client_address, network_of

PER_PAGE = 20
IN_FEED = 20


@require_safe
@keep_page
def newsletter(request: HttpRequest, slug: str) -> HttpResponse:
    """The archive of a newsletter, twenty digests a page."""
    found = get_object_or_404(archive.newsletters(), slug=slug)
    page = Paginator(archive.digests_of(found), PER_PAGE).get_page(request.GET.get("page"))
    context = {"newsletter": found, "page": page, "best_of": archive.best_of_name(found)}
    return render(request, "digests/archive.html", context)


@require_safe
@keep_page
def digest(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The web version of a digest that went out. It knows no reader."""
    known = Digest.objects.public().filter(
        newsletter__slug=slug, newsletter__state__in=archive.SHOWN, number=number
    )
    try:
        proof = archive.published(known)
    except Proof.DoesNotExist as error:
        raise Http404 from error
    newsletter = proof.digest.newsletter
    context = {
        "newsletter": newsletter,
        "version": archive.web_version(proof),
        "best_of": archive.best_of_name(newsletter),
    }
    return render(request, "digests/digest.html", context)


@require_safe
@conditional_page
def atom(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest digests as Atom (RFC 4287)."""
    found = get_object_or_404(archive.newsletters(), slug=slug)
    digests = list(archive.digests_of(found)[:IN_FEED])
    body = syndication.atom(found, digests)
    return _feed(HttpResponse(body, content_type="application/atom+xml; charset=utf-8"), digests)


@require_safe
@conditional_page
def json_feed(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest digests as JSON Feed 1.1."""
    found = get_object_or_404(archive.newsletters(), slug=slug)
    digests = list(archive.digests_of(found)[:IN_FEED])
    body = syndication.json_feed(found, digests)
    return _feed(HttpResponse(body, content_type="application/feed+json; charset=utf-8"), digests)


def _feed(response: HttpResponse, digests: list[Digest]) -> HttpResponse:
    if changed := archive.last_change(digests):
        response["Last-Modified"] = http_date(changed.timestamp())
    response["Cache-Control"] = "public, max-age=300"
    return response


@require_safe
def redirect(request: HttpRequest, token: str) -> HttpResponse:
    """Lead on to where a link of ours leads now; that it was followed is counted, by whom is not known. Queries: 2."""
    try:
        link = links.find(token)
    except (BadToken, Link.DoesNotExist) as error:
        raise Http404 from error
    response = HttpResponseRedirect(link.current_url)
    response["Referrer-Policy"] = "no-referrer"
    # The target may be mended tomorrow.
    response["Cache-Control"] = "no-store"
    clicks.count(
        link,
        method=request.method or "",
        headers=request.headers,
        network=network_of(client_address(request)),
        # This process's own clock: for an hour it is good enough, and the database is asked once less.
        at=timezone.now(),
    )
    return response
