"""The admin's arithmetic page of a mailing, and its acts.

Every act asks once more before it happens: the first POST shows what it means, the second does it. No JavaScript.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

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

_ON_THE_WAY = (MailingState.FREEZING, MailingState.READY, MailingState.SENDING)


class _Act(NamedTuple):
    """A button, the question before it, the states it fits, and who may press it: whoever holds one of the permissions."""

    label: Any
    question: Any
    fits: Collection[MailingState]
    permissions: Collection[str]


_ACTS = {
    "stop": _Act(
        # Translators: Anhalten
        gettext_lazy("Stop"),
        gettext_lazy(
            "Nothing more is sent until somebody continues it. Copies already being handed over still go."
        ),
        _ON_THE_WAY,
        control.STOPPING,
    ),
    "continue": _Act(
        # Translators: Fortsetzen
        gettext_lazy("Continue"),
        gettext_lazy("It goes on where it stopped."),
        (MailingState.PAUSED,),
        ("send_digest",),
    ),
    "end": _Act(
        # Translators: Beenden
        gettext_lazy("End for good"),
        gettext_lazy("Copies that still wait are cancelled. This cannot be taken back."),
        (*_ON_THE_WAY, MailingState.PAUSED),
        ("send_digest",),
    ),
}


def arithmetic(request: HttpRequest, pk: int, *, model_admin: ReadOnly) -> HttpResponse:
    """GET: the account of a mailing. POST: one of its acts, after a question. Queries: about 8."""
    mailing = get_object_or_404(Mailing.objects.select_related("newsletter"), pk=pk)
    if not model_admin.has_view_permission(request, mailing):
        raise PermissionDenied
    allowed = [
        name
        for name, act in _ACTS.items()
        if any(model_admin.may(request, f"digests.{each}", mailing) for each in act.permissions)
    ]
    if request.method == "POST":
        if not allowed:
            raise PermissionDenied
        return _act(request, mailing, allowed=allowed, model_admin=model_admin)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": mailing.title,
        "opts": model_admin.opts,
        "mailing": mailing,
        "figures": figures.of_mailing(mailing),
        "acts": [
            (name, _ACTS[name].label, name == "end") for name in allowed if mailing.state in _ACTS[name].fits
        ],
    }
    return TemplateResponse(request, "admin/delivery/arithmetic.html", context)


def _act(
    request: HttpRequest, mailing: Mailing, *, allowed: Collection[str], model_admin: ReadOnly
) -> HttpResponse:
    name = request.POST.get("act", "")
    if name not in _ACTS:
        raise Http404
    if name not in allowed:
        raise PermissionDenied
    label, question = _ACTS[name].label, _ACTS[name].question
    because = request.POST.get("because", "").strip()[:300]
    is_confirmed = "confirmed" in request.POST
    if is_confirmed and name == "end" and not because:
        messages.error(request, _("Say why the sending ends: it is kept with your name."))
        is_confirmed = False
    if not is_confirmed:
        return _ask(request, mailing, name, label=label, question=question, model_admin=model_admin)
    assert isinstance(request.user, User)
    at = clock.now()
    try:
        match name:
            case "stop":
                by_whom = _("stopped by %(who)s") % {"who": request.user.get_username()}
                control.pause(mailing, because=because or by_whom, at=at, by=request.user)
            case "continue":
                control.resume(mailing, at=at, by=request.user)
            case _:
                control.end(mailing, at=at, by=request.user, because=because)
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
        "asks_why": name in ("stop", "end"),
        "needs_why": name == "end",
    }
    return TemplateResponse(request, "admin/delivery/confirm.html", context)


def _back(pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:delivery_mailing_arithmetic", args=[pk]))
