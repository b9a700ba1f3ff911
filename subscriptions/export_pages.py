"""The admin's page that gives readers, their consent and the suppressions out as a file, and writes down who took it."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subscriptions.import_pages import as_csv
from subscriptions.models import Newsletter, Subscriber
from subscriptions.reader_acts import ReasonField
from subscriptions.transfer import exporting

MAY_EXPORT: Final = "subscriptions.export_subscribers"


class ExportForm(forms.Form):
    """What, of which newsletter, and what for."""

    what = forms.ChoiceField(
        label=_("What"),
        choices=[
            ("readers", _("Readers with their subscriptions and what they agreed to")),
            ("consent", _("The whole record of consent")),
            # Translators: Die Sperrliste (als Prüfsummen; mit Adresse nur, wen wir noch kennen)
            ("suppressions", _("Suppressions (as hashes; with the address where we still know the reader)")),
        ],
        widget=forms.RadioSelect,
        initial="readers",
    )
    newsletter = forms.ModelChoiceField(
        Newsletter.objects.all(), label=_("Newsletter"), required=False, empty_label=_("All newsletters")
    )
    because = ReasonField(
        label=_("Reason"), max_length=300, help_text=_("Kept with your name. No address here, please.")
    )


def export(request: HttpRequest, *, model_admin: admin.ModelAdmin[Any]) -> HttpResponseBase:
    """GET: the form. POST: the file, sent while it is read. The memory it takes does not grow with the readers."""
    if not request.user.has_perm(MAY_EXPORT):
        raise PermissionDenied
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        what, newsletter = form.cleaned_data["what"], form.cleaned_data["newsletter"]
        _log(request, what, newsletter, form.cleaned_data["because"])
        lines = exporting.lines(what, newsletters=[newsletter] if newsletter else None)
        return as_csv(lines, f"{newsletter.slug if newsletter else 'all'}-{what}.csv")
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": gettext("Export readers"),
        "form": form,
    }
    return TemplateResponse(request, "admin/subscriptions/export.html", context)


def _log(request: HttpRequest, what: str, newsletter: Newsletter | None, because: str) -> None:
    assert request.user.pk is not None
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(Subscriber),
        object_id=None,
        object_repr=str(newsletter) if newsletter else gettext("All newsletters"),
        action_flag=CHANGE,
        change_message=f"{gettext('Exported')}: {what}. {because}",
    )
