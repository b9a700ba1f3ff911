"""Correction mails: written, proofed, approved by a second person, sent to those who got the digest."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import access, correcting
from digests.after_pages.forms import CorrectionMailForm
from digests.after_pages.requests import context, sent_digest, shown_as_of
from digests.composer.previews import PREVIEW_POLICY, sample
from digests.composer.requests import log, number_in, user_of
from digests.errors import DigestError
from digests.forms import ReturnForm
from digests.models import CorrectionMail, Digest, DigestMailing, Proof
from digests.rendering import Rendered
from newsroom.mail.errors import MailError
from newsroom.web import clock


def write(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the correction mails of a digest, and a form; `?from=` fills it with an earlier one. POST: write one."""
    digest = sent_digest(request, pk, "view_correctionmail", to_post="add_correctionmail")
    form = CorrectionMailForm(request.POST or None, initial=_initial(request, digest))
    if request.method == "POST" and form.is_valid():
        made = correcting.write(digest, **form.cleaned_data, by=user_of(request), at=clock.now())
        log(request, digest, _("Correction mail “%(subject)s” written.") % {"subject": made.subject})
        return _to(digest, made.pk)
    shown = {
        **context(request, digest, title=_("Correction mails")),
        "form": form,
        "written": digest.correction_mails.select_related("written_by"),
        "may_change": access.may(request.user, "digests.add_correctionmail", digest.newsletter),
    }
    return TemplateResponse(request, "admin/digests/digest/corrections.html", shown)


def one(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """GET: a correction mail, how far it is, and the next step. POST: change it, as long as it is not proofed.

    What cannot be saved comes back with the page as it is now, and 409.
    """
    digest = sent_digest(request, pk, "view_correctionmail", to_post="change_correctionmail")
    found = _correction(digest, number)
    form = CorrectionMailForm(request.POST or None, initial={"subject": found.subject, "text": found.text})
    status = 200
    if request.method == "POST" and form.is_valid():
        seen, at, by = _as_shown(request, digest, number), clock.now(), user_of(request)
        if _do(
            request,
            digest,
            lambda: correcting.rewrite(seen, **form.cleaned_data, by=by, at=at),
            _("Correction mail “%(subject)s” changed.") % {"subject": form.cleaned_data["subject"]},
        ):
            return _to(digest, number)
        found, status = _correction(digest, number), 409
    shown = _shown(request, digest, found, form)
    return TemplateResponse(request, "admin/digests/digest/correction.html", shown, status=status)


def mail(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """GET: the mail for a sandboxed frame, as it was proofed or as it would be."""
    digest = sent_digest(request, pk, "view_correctionmail")
    html, _text = sample(digest, _rendered(_correction(digest, number)))
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


def propose(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """POST: freeze it; from now on it is not changed any more."""
    digest = sent_digest(request, pk, "change_correctionmail")
    found, at = _as_shown(request, digest, number), clock.now()
    return _act(
        request,
        digest,
        number,
        lambda: correcting.propose(found, by=user_of(request), at=at),
        _("Correction mail “%(subject)s” proofed; it waits for a second person.") % {"subject": found},
    )


def approve(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """POST: a second person lets it go out."""
    digest = sent_digest(request, pk, "approve_digest")
    proof, at = _proof(request, digest, number), clock.now()
    return _act(
        request,
        digest,
        number,
        lambda: correcting.approve(proof, by=user_of(request), at=at),
        _("Correction mail “%(subject)s” approved.") % {"subject": proof.correction},
    )


def send_back(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """POST: return it with a reason; it is written anew."""
    digest = sent_digest(request, pk, "approve_digest")
    proof, at = _proof(request, digest, number), clock.now()
    form = ReturnForm(request.POST)
    because = form.cleaned_data["because"] if form.is_valid() else ""
    return _act(
        request,
        digest,
        number,
        lambda: correcting.return_proof(proof, by=user_of(request), because=because, at=at),
        _("Correction mail “%(subject)s” returned: %(because)s")
        % {"subject": proof.correction, "because": because},
    )


def send(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """POST: hand it over to the engine, once."""
    digest = sent_digest(request, pk, "send_digest")
    found, at = _correction(digest, number), clock.now()
    return _act(
        request,
        digest,
        number,
        lambda: correcting.hand_over(found, at=at),
        _("Correction mail “%(subject)s” handed over.") % {"subject": found},
    )


def _act(
    request: HttpRequest, digest: Digest, number: int, service: Callable[[], object], done: str
) -> HttpResponse:
    _do(request, digest, service, done)
    return _to(digest, number)


def _do(request: HttpRequest, digest: Digest, service: Callable[[], object], done: str) -> bool:
    try:
        service()
    except (DigestError, MailError) as error:
        messages.error(request, str(error))
        return False
    log(request, digest, done)
    messages.success(request, done)
    return True


def _shown(
    request: HttpRequest, digest: Digest, found: CorrectionMail, form: CorrectionMailForm
) -> dict[str, Any]:
    proof = found.proofs.select_related("proposed_by", "approval__approver", "returned_by").first()
    bound = DigestMailing.objects.filter(proof=proof).select_related("mailing").first() if proof else None
    rendered = _rendered(found)

    def may(permission: str) -> bool:
        return access.may(request.user, f"digests.{permission}", digest.newsletter)

    return {
        **context(request, digest, title=_("Correction mail")),
        "correction": found,
        "form": form,
        "proof": proof,
        "mailing": bound.mailing if bound else None,
        "rendered": rendered,
        "text": sample(digest, rendered)[1],
        "is_own": proof is not None and proof.proposed_by_id == user_of(request).pk,
        "recipients": correcting.recipients_of(digest, at=clock.now()),
        "undecided": None if bound else correcting.undecided(digest),
        "held_sentence": correcting.held_sentence(),
        "return_form": ReturnForm(),
        "may_change": may("change_correctionmail"),
        "may_approve": may("approve_digest"),
        "may_send": may("send_digest"),
    }


def _rendered(correction: CorrectionMail) -> Rendered:
    """What was proofed, else what would be."""
    proof = correction.proofs.first()
    if proof is None:
        return correcting.render(correction)
    kept = proof.renditions.select_related("rendition").get().rendition
    return Rendered(
        subject=kept.subject, preheader=kept.preheader, html=kept.html,
        text=kept.text, web_html="", language=kept.language,
    )  # fmt: skip


def _initial(request: HttpRequest, digest: Digest) -> dict[str, str]:
    earlier = digest.correction_mails.filter(pk=number_in(request.GET.get("from"))).first()
    return {"subject": earlier.subject, "text": earlier.text} if earlier else {}


def _correction(digest: Digest, number: int) -> CorrectionMail:
    known = CorrectionMail.objects.select_related("digest__newsletter__sender", "written_by")
    return get_object_or_404(known, digest=digest, pk=number)


def _as_shown(request: HttpRequest, digest: Digest, number: int) -> CorrectionMail:
    """The correction mail with the moment of the words that the page showed. A page that does not say is asked again."""
    found = _correction(digest, number)
    found.written_at = shown_as_of(request) or datetime.min.replace(tzinfo=UTC)
    return found


def _proof(request: HttpRequest, digest: Digest, number: int) -> Proof:
    return get_object_or_404(Proof.objects.select_related("correction"), digest=digest, correction=number)


def _to(digest: Digest, number: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:digests_digest_correction", args=[digest.pk, number]))
