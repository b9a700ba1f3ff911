"""The note above a digest's web version."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import access, archive
from digests.after_pages.forms import NoteForm
from digests.after_pages.requests import context, sent_digest, shown_as_of
from digests.composer.requests import log
from digests.errors import WordsChanged
from newsroom.web import clock


def note(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the note as it is. POST: write it, change it, or take it away; 409 if somebody else did meanwhile."""
    digest = sent_digest(request, pk, to_post="change_digest")
    form = NoteForm(request.POST or None, initial={"text": digest.archive_note})
    status = 200
    if request.method == "POST" and form.is_valid():
        digest.archive_note_at = shown_as_of(request)
        try:
            archive.annotate(digest, text=form.cleaned_data["text"], at=clock.now())
        except WordsChanged as error:
            messages.error(request, str(error))
            digest, status = sent_digest(request, pk), 409
        else:
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
    return TemplateResponse(request, "admin/digests/digest/archive_note.html", shown, status=status)
