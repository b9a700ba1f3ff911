"""A correction that stands beside the article and opens the next digest."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import correcting
from digests.after_pages.forms import CorrectForm
from digests.after_pages.requests import context, sent_digest
from digests.composer.requests import log, number_in, user_of
from digests.errors import DigestError
from digests.models import Digest
from newsroom.web import clock


def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the form. POST: correct the article, and tell it in the next digest if there is a draft."""
    if not request.user.has_perm("articles.add_correction"):
        raise PermissionDenied
    digest = sent_digest(request, pk, "change_digest")
    draft = correcting.next_draft(digest)
    picks = digest.picks.select_related("article").order_by("slot", "position", "pk")
    form = CorrectForm(request.POST or None, picks=picks)
    if request.method == "POST" and form.is_valid():
        if _correct(request, digest, form, draft):
            return HttpResponseRedirect(reverse("admin:digests_digest_change", args=[digest.pk]))
        draft = correcting.next_draft(
            digest
        )  # the page names what is next now, and the next press means that
    shown = {
        **context(request, digest, title=_("Correct it in the next digest")),
        "form": form,
        "draft": draft,
    }
    return TemplateResponse(request, "admin/digests/digest/correct.html", shown)


def _correct(request: HttpRequest, digest: Digest, form: CorrectForm, draft: Digest | None) -> bool:
    pick, text = (form.cleaned_data[name] for name in ("pick", "text"))
    # Which digest the page showed as the next draft, and in which version; 0 without one.
    seen, version = (number_in(request.POST.get(name)) for name in ("draft", "version"))
    if draft is not None:
        draft.version = version
    if seen != (draft.pk if draft else 0):
        messages.error(request, _("The next digest has changed meanwhile; look again what happens with it."))
        return False
    try:
        correcting.correct(pick, text=text, draft=draft, by=user_of(request), at=clock.now())
    except DigestError as error:
        messages.error(request, str(error))
        return False
    done = _("“%(title)s” is corrected: %(text)s") % {"title": pick, "text": text}
    log(request, digest, done)
    if draft is not None:
        log(request, draft, done)
    messages.success(
        request,
        _("It stands beside the article now, and in the note of %(digest)s.") % {"digest": draft}
        if draft
        else _("It stands beside the article and in the archive now."),
    )
    return True
