"""The page behind the link in a request for approval: the proof as it is, and two buttons. Looking decides nothing."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from digests import access, approving
from digests.approving import Request
from digests.composer.previews import framed, frozen, sample
from digests.delivery.models import Rendition
from digests.errors import DigestError
from digests.wall_clock import spoken, zone_of
from newsroom.web import throttles
from newsroom.web.clock import now
from newsroom.web.errors import BadToken
from newsroom.web.proxies import client_address
from subscriptions import audiences
from subscriptions.views.private import broken_link, token_page

PER_MINUTE = 60
"""Requests from one address: nobody reads faster, and whoever guesses links gets nowhere."""


@token_page
def approve(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the proof for a day, to who may approve; POST with `decision` approves or returns it in the name of whoever got the letter."""
    if _is_too_often(request):
        response = render(request, "429.html", status=429)
        response["Retry-After"] = "60"
        return response
    at = now()
    try:
        asked = approving.find(token, at=at)
        if request.method != "POST" or asked.closed:
            return _page(request, asked, token, status=409 if request.method == "POST" else 200)
        return _decide(request, asked, token)
    except BadToken:
        return broken_link(request)


@token_page
def mail(request: HttpRequest, token: str) -> HttpResponse:
    """The frozen mail alone, for the page's sandboxed frame."""
    if _is_too_often(request):
        return HttpResponse(status=429, headers={"Retry-After": "60"})
    try:
        asked = approving.find(token, at=now())
    except BadToken as error:
        raise Http404 from error
    if not asked.is_shown:
        raise Http404
    html, _text = sample(asked.proof.digest, frozen(_rendition(asked)))
    return framed(html, without_images=False)


def _is_too_often(request: HttpRequest) -> bool:
    return not throttles.allow("approve", client_address(request) or "", limit=PER_MINUTE, seconds=60)


def _decide(request: HttpRequest, asked: Request, token: str) -> HttpResponse:
    at = now()
    because = request.POST.get("because", "")
    try:
        match request.POST.get("decision"):
            case "approve":
                approving.approve(token, at=at)
            case "return" if because.strip():
                approving.return_proof(token, because=because, at=at)
            case "return":
                return _page(request, asked, token, is_without_reason=True, status=400)
            case _:
                return _page(request, asked, token, status=400)
    except DigestError as error:
        return _page(request, asked, token, refusal=str(error), status=409)
    return _page(request, approving.find(token, at=at), token, is_done=True)


def _page(
    request: HttpRequest,
    asked: Request,
    token: str,
    *,
    status: int = 200,
    refusal: str = "",
    is_without_reason: bool = False,
    is_done: bool = False,
) -> HttpResponse:
    digest = asked.proof.digest
    digest.refresh_from_db()
    rendition = _rendition(asked)
    when = digest.scheduled_at or digest.wanted_at or digest.due_at
    context = {
        "asked": asked,
        "proof": asked.proof,
        "digest": digest,
        "rendition": rendition,
        "text": sample(digest, frozen(rendition))[1],
        "when": spoken(when, zone_of(digest.newsletter)) if when else "",
        "recipients": audiences.count(
            audiences.for_newsletter(digest.newsletter, cadence=digest.cadence), at=now()
        ),
        "mail_url": reverse("approve_mail", args=[token]),
        # Approved is not yet on its way: whoever may do it is led there.
        "schedule_url": reverse("admin:digests_digest_change", args=[digest.pk])
        if access.may(asked.user, "digests.send_digest", digest.newsletter)
        else "",
        # What the link shows no more, the admin does, to who signs in.
        "proof_url": reverse("admin:digests_digest_proof", args=[digest.pk, asked.proof.number])
        if asked.may and asked.is_old
        else "",
        "refusal": refusal or ("" if is_done else asked.closed),
        "is_open": not asked.closed and not is_done and not refusal,
        "is_done": is_done,
        "is_without_reason": is_without_reason,
    }
    return render(request, "digests/approve.html", context, status=status)


def _rendition(asked: Request) -> Rendition:
    return asked.proof.renditions.select_related("rendition").order_by("variant")[0].rendition
