"""What readers will get, before and after it was frozen, each in a sandboxed frame."""

import re
from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from digests import access, workflow
from digests.composer.requests import digest_of, user_of
from digests.delivery import footers
from digests.delivery.models import Rendition
from digests.forms import ReturnForm
from digests.models import Digest
from digests.rendering import Rendered, render
from digests.states import DigestState
from newsroom.web import clock
from newsroom.web.masking import mask
from subscriptions import audiences

SAMPLE_ADDRESS = "mia@example.org"
"""In previews only; its links lead to the newsletter's own page and nowhere else."""
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
"""Where the mail's own rules for the dark begin. A frame cannot be told to be dark; so in the preview they hold always."""
PREVIEW_POLICY = (
    "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to look at a mail; its name is in the language of the moment."""

    key: str
    name: str
    is_shown: bool = False


def views(request: HttpRequest) -> list[View]:
    """The ways to look at a mail, the one that the address wants marked; a phone if it wants none of them."""
    names = {
        "phone": _("Phone"),
        "desktop": _("Desktop"),
        "dark": _("Dark"),
        "bare": _("Without pictures"),
        "text": _("Text"),
    }
    wanted = request.GET.get("view", "")
    shown = wanted if wanted in names else "phone"
    return [View(key=key, name=name, is_shown=key == shown) for key, name in names.items()]


def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail as it would be now, for a sandboxed frame: as `views` has it, and exactly what a proof would freeze."""
    digest = digest_of(request, pk)
    html = sample(digest, render(digest))[0]
    wanted = request.GET.get("view", "")
    if wanted == "dark":
        html = _DARK.sub("@media all", html)
    return framed(html, without_images=wanted == "bare")


def proof(request: HttpRequest, pk: int, number: int) -> HttpResponseBase:
    """A proof as it was frozen, with the buttons to approve or return it."""
    digest = digest_of(request, pk)
    own = workflow.proofs_of(digest)
    found = get_object_or_404(
        own.select_related("proposed_by", "approval__approver", "returned_by"), number=number
    )
    rendition = found.renditions.select_related("rendition").order_by("variant")[0].rendition
    is_open = digest.state == DigestState.PROOFED and found == own.first() and not found.returned_at
    context = {
        **admin.site.each_context(request),
        "title": _("Proof %(number)d of %(digest)s") % {"number": number, "digest": digest},
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "proof": found,
        "rendition": rendition,
        "opts": Digest._meta,
        "is_open": is_open,
        "needs_another": is_open and workflow.needs_another(found, than=user_of(request)),
        "may_approve": access.may(request.user, "digests.approve_digest", digest.newsletter),
        "return_form": ReturnForm(),
        "recipients": audiences.count(
            audiences.for_newsletter(digest.newsletter, cadence=digest.cadence), at=clock.now()
        ),
    }
    return TemplateResponse(request, "admin/digests/digest/proof.html", context)


def proof_mail(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The frozen mail of a proof, for a sandboxed frame."""
    digest = digest_of(request, pk)
    found = get_object_or_404(workflow.proofs_of(digest), number=number)
    rendition = found.renditions.select_related("rendition").order_by("variant")[0].rendition
    return framed(sample(digest, frozen(rendition))[0], without_images=False)


def frozen(rendition: Rendition) -> Rendered:
    """A proof's rendition as `sample` takes it."""
    return Rendered(
        subject=rendition.subject, preheader=rendition.preheader, html=rendition.html,
        text=rendition.text, web_html="", language=rendition.language,
    )  # fmt: skip


def sample(digest: Digest, rendered: Rendered) -> tuple[str, str]:
    """HTML and text with a made-up reader's values; the links lead to the newsletter's own page."""
    inert = digest.newsletter.get_absolute_url()
    return rendered.filled(
        {
            "leave_url": inert,
            "manage_url": inert,
            "masked_address": mask(SAMPLE_ADDRESS),
            **footers.sample_words(
                digest.created_at, newsletter=digest.newsletter.name, language=digest.newsletter.language
            ),
        }
    )


def framed(html: str, *, without_images: bool) -> HttpResponse:
    """A page for a sandboxed frame: it may show our own pictures and do nothing."""
    response = HttpResponse(html)
    policy = PREVIEW_POLICY.replace("img-src 'self'", "img-src 'none'") if without_images else PREVIEW_POLICY
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response
