"""What staff may do for one reader who wrote or called: each act asks once more, wants a reason, and is written down.

None of them makes anybody a reader: that takes the reader's own confirmation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsroom.web import clock
from newsroom.web.masking import mask_text
from subscriptions import consent, privacy
from subscriptions.errors import NothingToConfirm, TooManyLetters
from subscriptions.models import Subscriber

MAY_SEE: Final = "subscriptions.view_subscriber"


def desk_url(reader_id: int) -> str:
    """The reader's page; the highest app that knows something of readers has it."""
    return reverse("admin:reader_desk", args=[reader_id])


class ReasonField(forms.CharField):
    """What staff write down about a reader. Addresses in it are masked: records that nobody can change outlive her."""

    def clean(self, value: Any) -> str:
        return mask_text(super().clean(value))


class ReasonForm(forms.Form):
    """Why staff did it; kept with the record."""

    because = ReasonField(
        label=_("Reason"),
        max_length=300,
        help_text=_("Such as: asked for it by mail on 3 May. No address here, please."),
        widget=forms.TextInput(attrs={"class": "vLargeTextField", "autofocus": True}),
    )


@dataclass(frozen=True, kw_only=True)
class Act:
    """A page that asks, the permission it wants, and what its button does."""

    permission: str
    label: Any
    question: Any
    do: Callable[[HttpRequest, Subscriber, str], HttpResponse | None]
    is_final: bool = False


def _resend(request: HttpRequest, reader: Subscriber, because: str) -> None:
    try:
        consent.resend_confirmation(
            reader, actor=request.user.get_username(), because=because, at=clock.now()
        )
    except NothingToConfirm:
        messages.error(
            request, gettext("Nothing of this reader waits for a confirmation; no letter was sent.")
        )
    except TooManyLetters:
        # Translators: Diese Adresse hat schon so viele Bestätigungsmails bekommen, wie erlaubt sind. …
        messages.error(
            request,
            gettext(
                "This address has had as many confirmation letters as are allowed. Please try again later."
            ),
        )
    else:
        messages.success(request, gettext("The confirmation letter is on its way."))


def _export(request: HttpRequest, reader: Subscriber, because: str) -> HttpResponse:
    answer = JsonResponse(
        privacy.export_reader(reader), json_dumps_params={"ensure_ascii": False, "indent": 2}
    )
    answer["Content-Disposition"] = f'attachment; filename="reader-{reader.pk}.json"'
    answer["Cache-Control"] = "no-store"
    return answer


def _erase(request: HttpRequest, reader: Subscriber, because: str) -> None:
    privacy.erase_reader(reader, actor=request.user.get_username(), at=clock.now())
    messages.success(request, gettext("Erased. What stays is a hash, so that nobody writes there again."))


ACTS: Final[Mapping[str, Act]] = {
    "resend": Act(
        permission="subscriptions.change_subscription",
        # Translators: Bestätigungsmail noch einmal senden
        label=_("Send the confirmation again"),
        question=_(
            "The reader gets the letter once more, within the limits of a request of her own. It confirms nothing: only its button does."
        ),
        do=_resend,
    ),
    "data": Act(
        permission="subscriptions.change_subscription",
        # Translators: Auskunft: alle Daten als Datei
        label=_("Export all data of this reader"),
        question=_("Everything we hold about this reader as a JSON file (GDPR art. 15 and 20)."),
        do=_export,
    ),
    "erase": Act(
        permission="subscriptions.erase_subscriber",
        label=_("Erase this reader"),
        question=_(
            "The address is forgotten everywhere and all subscriptions end. This cannot be undone. "
            "A keyed hash stays, so that no import brings the reader back (GDPR art. 17)."
        ),
        do=_erase,
        is_final=True,
    ),
}


def _view(name: str) -> Callable[..., HttpResponse]:
    def view(request: HttpRequest, pk: int, *, model_admin: admin.ModelAdmin[Any]) -> HttpResponse:
        """GET: the question. POST: the act, once, with its reason."""
        act = ACTS[name]
        if not request.user.has_perms([MAY_SEE, act.permission]):
            raise PermissionDenied
        reader = get_object_or_404(Subscriber, pk=pk)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            because = form.cleaned_data["because"]
            answer = act.do(request, reader, because)
            reader.refresh_from_db()
            _log(request, reader, f"{act.label}: {because}")
            return answer or redirect(desk_url(pk))
        context = {
            **model_admin.admin_site.each_context(request),
            "title": act.label,
            "opts": model_admin.opts,
            "subject": str(reader),
            "question": act.question,
            "form": form,
            "label": act.label,
            "is_final": act.is_final,
            "back": desk_url(pk),
        }
        return TemplateResponse(request, "admin/subscriptions/act.html", context)

    return view


VIEWS: Final[Mapping[str, Callable[..., HttpResponse]]] = {name: _view(name) for name in ACTS}


def _log(request: HttpRequest, reader: Subscriber, text: str) -> None:
    assert request.user.pk is not None
    LogEntry.objects.log_actions(request.user.pk, [reader], CHANGE, text, single_object=True)
