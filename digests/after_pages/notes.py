"""The note above a digest's web version."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import access, archive
from digests.after_pages.forms import NoteForm
from digests.after_pages.requests import context, sent_digest
from digests.composer.requests import log
from newsroom.web import clock


def note(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the note as it is. POST: write it, change it, or take it away."""
    digest = sent_digest(request, pk, to_post="change_digest")
    form = NoteForm(request.POST or None, initial={"text": digest.archive_note})
    if request.method == "POST" and form.is_valid():
        archive.annotate(digest, text=form.cleaned_data["text"], at=clock.now())
        done = _("The note is in the archive.") if digest.archive_note else _("The note is taken away.")
        log(request, digest, f"{done} {digest.archive_note}"[:1_000].strip())
        messages.success(request, done)
        return HttpResponseRedirect(reverse("admin:digests_digest_note", args=[digest.pk]))
    shown = {
        **context(request, digest, title=_("Note in the archive")),
        "form": form,
        "shown": archive.note_html(digest),
        "may_change": access.may(request.user, "digests.change_digest", digest.newsletter),
    }
    return TemplateResponse(request, "admin/digests/digest/archive_note.html", shown)
