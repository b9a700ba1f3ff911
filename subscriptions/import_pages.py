"""The admin's pages of imports: a file is uploaded, shown as understood, tried out, and only then taken in.

Each act is one POST and is written to the admin's log; the work itself is a worker's, and the page follows it. No
JavaScript is needed: without it, a link looks again.
"""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import slugify
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from newsroom.mail.admin import ReadOnly
from newsroom.web import clock
from subscriptions.errors import ImportChanged, TransferError
from subscriptions.models import Newsletter, SubscriberImport
from subscriptions.states import ImportState
from subscriptions.transfer import LineResult, journal
from subscriptions.transfer.formats import FIELDS, WHOSE, tells_no_consent

MOST_BYTES: Final = 50_000_000
MAY_IMPORT: Final = "subscriptions.add_subscriberimport"
_UNDECIDED: Final = (ImportState.WAITING, ImportState.TRIED)
_AT_WORK: Final = (ImportState.TRYING, ImportState.RUNNING)

WORDS: Final = {
    # Translators: Aufgenommen
    LineResult.TAKEN: _("taken in"),
    # Translators: Schon dabei
    LineResult.ALREADY: _("read it already"),
    # Translators: Hier abgemeldet, und dabei bleibt es
    LineResult.LEFT: _("had unsubscribed here, and stay so"),
    # Translators: Hier gesperrt, also nicht aufgenommen
    LineResult.SUPPRESSED: _("are suppressed here, and get nothing"),
    # Translators: Dort abgemeldet oder unzustellbar, jetzt hier gesperrt
    LineResult.STOPPED: _("had left or bounced there, and are suppressed now"),
    # Translators: Dort abgemeldet oder unzustellbar, aber seither hier bestätigt, und lesen weiter
    LineResult.ANSWERED: _("had left or bounced there, have confirmed here since, and go on reading"),
    # Translators: Doppelt in der Datei
    LineResult.TWICE: _("stand in the file twice"),
    # Translators: Von einem anderen Newsletter, hier nicht aufgenommen
    LineResult.ELSEWHERE: _("are of another newsletter, and are not taken in here"),
    # Translators: Dort nie bestätigt, also nicht aufgenommen
    LineResult.UNCONFIRMED: _("never confirmed there, and are not taken in"),
    # Translators: Möchten das Beste der Woche, das es hier nicht gibt: bitte zuerst den Wochenplan anlegen
    LineResult.NO_WEEKLY: _("want a weekly best-of, which this newsletter has not: make its plan first"),
    # Translators: Nicht lesbar; siehe die Datei der übrigen Zeilen
    LineResult.REFUSED: _("cannot be read; see the file of lines left over"),
}


class UploadForm(forms.Form):
    """A file, where it goes, and why these people may be written to."""

    file = forms.FileField(
        label=_("File"),
        # Translators: CSV, bis 50 MB. …
        help_text=_(
            "CSV, up to 50 MB: an export of Mailchimp, Substack, Ghost, listmonk, Buttondown, beehiiv, Keila, Curated or your own table."
        ),
    )
    newsletter = forms.ModelChoiceField(Newsletter.objects.all(), label=_("Newsletter"))
    basis = forms.CharField(
        label=_("Legal basis"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        # Translators: Wie und wann haben diese Menschen zugestimmt, und wo liegt der Nachweis? …
        help_text=_(
            "How did these people agree, and where does the proof lie? The text is kept with each reader's consent."
        ),
    )


class SubscriberImportAdmin(ReadOnly):
    """The journal as a list; its own pages for what is done with a file."""

    list_display = ("filename", "newsletter", "state", "rows", "actor", "created_at", "finished_at")
    list_filter = ("state", "newsletter")
    list_select_related = ("newsletter",)
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_IMPORT)

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("<int:pk>/act/", page(self.act), name="subscriptions_subscriberimport_act"),
            path("<int:pk>/progress/", page(self.progress), name="subscriptions_subscriberimport_progress"),
            path(
                "<int:pk>/left-over/", page(self.left_over), name="subscriptions_subscriberimport_left_over"
            ),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """GET: the form. POST: the file is read and waits; nobody is taken in yet."""
        if not request.user.has_perm(MAY_IMPORT):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            upload = form.cleaned_data["file"]
            try:
                staged = journal.stage(
                    upload.file,
                    newsletter=form.cleaned_data["newsletter"],
                    basis=form.cleaned_data["basis"],
                    actor=request.user.get_username(),
                    filename=upload.name,
                    at=clock.now(),
                    most_bytes=MOST_BYTES,
                    is_mapped_later=True,
                )
            except TransferError as error:
                form.add_error("file", str(error))
            else:
                _log(request, staged, gettext("Uploaded."), flag=ADDITION)
                return _to(staged)
        context = {**self._context(request), "title": gettext("Take in readers from a file"), "form": form}
        return TemplateResponse(request, "admin/subscriptions/import_new.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """GET: one import, whatever its state. Queries: about 8, whatever its size."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not (object_id.isdecimal() and len(object_id) < 10):
            raise Http404
        imported = _get(int(object_id))
        at = clock.now()
        is_undecided = imported.state in _UNDECIDED
        may_import = request.user.has_perm(MAY_IMPORT)
        wants_all_confirmed = False
        try:
            understood = journal.fields_of(imported)
            fields: tuple[str, ...] = understood.fields
            wants_all_confirmed = tells_no_consent(understood.product)
        except TransferError:
            fields = ("",) * len(imported.heading)
        shown = (
            journal.preview(imported, at=at)
            if is_undecided and may_import and WHOSE.intersection(fields)
            else []
        )
        context = {
            **self._context(request),
            "title": imported.filename,
            "imported": imported,
            "may_import": may_import,
            "is_undecided": is_undecided,
            "is_at_work": imported.state in _AT_WORK,
            "can_end": may_import and imported.state == ImportState.RUNNING,
            "wants_all_confirmed": wants_all_confirmed,
            "can_start": bool(WHOSE.intersection(fields)),
            "columns": list(zip(imported.heading, fields, strict=True)),
            "fields": FIELDS.items(),
            "preview": shown,
            "earlier": journal.finished_before(imported),
            "progress": progress_of(imported),
            "tried": _in_words(imported.tried),
            "counts": _in_words(imported.counts),
            "has_left_over": imported.parts.filter(left_over__isnull=False).exists(),
            "result": ImportState(imported.state).label,
        }
        return TemplateResponse(request, "admin/subscriptions/import.html", context)

    def act(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: say what columns hold, try out, start, discard or end."""
        if not request.user.has_perm(MAY_IMPORT):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        imported = _get(pk)
        try:
            said = _decide(request, imported)
        except ImportChanged:
            messages.error(request, gettext("It changed meanwhile; nothing was done."))
        except TransferError as error:
            messages.error(request, str(error))
        else:
            _log(request, imported, said)
            messages.success(request, said)
        return _to(imported)

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: how far it is, for the page that follows it. Queries: 1 beside the session's."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        imported = _get(pk)
        return JsonResponse({"state": imported.state, **progress_of(imported)})

    def left_over(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """POST: the lines that were not taken in, as a file to correct."""
        if not request.user.has_perm(MAY_IMPORT):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        imported = _get(pk)
        _log(request, imported, gettext("Downloaded the lines left over."))
        name = f"{slugify(imported.filename.rpartition('.')[0]) or 'import'}-left-over.csv"
        return as_csv(journal.left_over(imported), name)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}


def as_csv(lines: Any, name: str) -> StreamingHttpResponse:
    """A file that is sent while it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def progress_of(imported: SubscriberImport) -> dict[str, Any]:
    """Lines done and in all, and the same as a sentence."""
    counts = imported.tried if imported.state == ImportState.TRYING else imported.counts
    done = sum(counts.values())
    # Translators: %(done)s von %(whole)s Zeilen
    said = gettext("%(done)s of %(whole)s lines") % {"done": f"{done:,}", "whole": f"{imported.rows:,}"}
    return {"done": done, "whole": imported.rows, "said": said}


def _in_words(counts: dict[str, int]) -> list[tuple[int, Any]]:
    return [(counts[result], words) for result, words in WORDS.items() if counts.get(result)]


def _decide(request: HttpRequest, imported: SubscriberImport) -> str:
    match request.POST.get("act"):
        case "map":
            mapped = {
                name: request.POST.get(f"column{place}", "") for place, name in enumerate(imported.heading)
            }
            journal.remap(imported, mapped)
            return gettext("Columns set.")
        case "try":
            journal.try_out(imported)
            return gettext("Being tried out; nothing is changed by it.")
        case "start":
            if request.POST.get("confirmed") != "yes":
                raise TransferError(
                    gettext("Please confirm that these people agreed, as the legal basis says.")
                )
            journal.start(
                imported, at=clock.now(), are_all_confirmed=request.POST.get("all_confirmed") == "yes"
            )
            return ngettext("Taking in %(count)d line.", "Taking in %(count)d lines.", imported.rows) % {
                "count": imported.rows
            }
        case "discard":
            journal.discard(imported)
            return gettext("Discarded; its lines are gone.")
        case "end":
            journal.end(imported, at=clock.now())
            taken = imported.counts.get(LineResult.TAKEN, 0)
            return ngettext(
                "Ended; the %(count)d reader who was taken in stays.",
                "Ended; the %(count)d readers who were taken in stay.",
                taken,
            ) % {"count": taken}
    raise Http404


def _get(pk: int) -> SubscriberImport:
    return get_object_or_404(SubscriberImport.objects.select_related("newsletter"), pk=pk)


def _to(imported: SubscriberImport) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:subscriptions_subscriberimport_change", args=[imported.pk]))


def _log(request: HttpRequest, row: Model, text: str, *, flag: int = CHANGE) -> None:
    assert request.user.pk is not None
    LogEntry.objects.log_actions(request.user.pk, [row], flag, text, single_object=True)
