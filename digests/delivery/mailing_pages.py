"""The admin's arithmetic page of a mailing, and its acts.

Every act asks once more before it happens: the first POST shows what it means, the second does it. No JavaScript.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from digests.delivery import control, figures
from digests.delivery.errors import DeliveryError
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from newsroom.mail.admin import ReadOnly
from newsroom.web import clock

MAY_ACT = "digests.send_digest"
_ON_THE_WAY = (MailingState.FREEZING, MailingState.READY, MailingState.SENDING)

# act: its button, the question before it, the states it fits.
_ACTS: dict[str, tuple[Any, Any, tuple[MailingState, ...]]] = {
    "stop": (
        # Translators: Anhalten
        gettext_lazy("Stop"),
        gettext_lazy(
            "Nothing more is sent until somebody continues it. Copies already being handed over still go."
        ),
        _ON_THE_WAY,
    ),
    "continue": (
        # Translators: Fortsetzen
        gettext_lazy("Continue"),
        gettext_lazy("It goes on where it stopped."),
        (MailingState.PAUSED,),
    ),
    "end": (
        # Translators: Beenden
        gettext_lazy("End for good"),
        gettext_lazy("Copies that still wait are cancelled. This cannot be taken back."),
        (*_ON_THE_WAY, MailingState.PAUSED),
    ),
}


def arithmetic(request: HttpRequest, pk: int, *, model_admin: ReadOnly) -> HttpResponse:
    """GET: the account of a mailing. POST: one of its acts, after a question. Queries: about 8."""
    mailing = get_object_or_404(Mailing.objects.select_related("newsletter"), pk=pk)
    if not model_admin.has_view_permission(request, mailing):
        raise PermissionDenied
    may_act = model_admin.may(request, MAY_ACT, mailing)
    if request.method == "POST":
        if not may_act:
            raise PermissionDenied
        return _act(request, mailing, model_admin=model_admin)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": mailing.title,
        "opts": model_admin.opts,
        "mailing": mailing,
        "figures": figures.of_mailing(mailing),
        "acts": [(name, act[0], name == "end") for name, act in _ACTS.items() if mailing.state in act[2]],
        "may_act": may_act,
    }
    return TemplateResponse(request, "admin/delivery/arithmetic.html", context)


def _act(request: HttpRequest, mailing: Mailing, *, model_admin: ReadOnly) -> HttpResponse:
    name = request.POST.get("act", "")
    if name not in _ACTS:
        raise Http404
    label, question, _states = _ACTS[name]
    if "confirmed" not in request.POST:
        return _ask(request, mailing, name, label=label, question=question, model_admin=model_admin)
    assert isinstance(request.user, User)
    at = clock.now()
    try:
        match name:
            case "stop":
                because = request.POST.get("because", "").strip() or _("stopped by %(who)s") % {
                    "who": request.user.get_username()
                }
                control.pause(mailing, because=because, at=at, by=request.user)
            case "continue":
                control.resume(mailing, at=at, by=request.user)
            case _:
                control.end(mailing, at=at, by=request.user)
    except DeliveryError:
        messages.error(request, _("It changed meanwhile; nothing was done."))
    else:
        messages.success(request, _("%(act)s: done.") % {"act": label})
    return _back(mailing.pk)


def _ask(
    request: HttpRequest,
    mailing: Mailing,
    name: str,
    *,
    label: Any,
    question: Any,
    model_admin: ReadOnly,
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": label,
        "opts": model_admin.opts,
        "mailing": mailing,
        "act": name,
        "question": question,
        "asks_why": name == "stop",
    }
    return TemplateResponse(request, "admin/delivery/confirm.html", context)


def _back(pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:delivery_mailing_arithmetic", args=[pk]))
