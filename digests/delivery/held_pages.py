"""The admin's pages of held copies: what was tried to learn what became of them, whose they are, and three acts.

Each act wants a reason and asks once more. It carries what the person had seen; a batch that changed meanwhile – by
proof, by a colleague, by the same button pressed twice – is shown anew, and nothing is done. No JavaScript.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from digests.delivery import held, tried
from digests.delivery.errors import DeliveryError
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import BatchState, MailingState
from newsroom.mail.admin import ReadOnly
from newsroom.web import clock

MAY_DECIDE: Final = "delivery.decide_held"
MAY_SEE_READERS: Final = "subscriptions.view_subscriber"
COPIES_ON_A_PAGE: Final = 100
_MOST_REASON: Final = 300


@dataclass(frozen=True, kw_only=True)
class Act:
    """A button, what it means, and the service behind it."""

    label: Any
    question: Any
    decide: Callable[..., object]
    is_risky: bool = False


ACTS: Final = {
    "accepted": Act(
        label=gettext_lazy("Mark as accepted"),
        question=gettext_lazy("The provider's own records show that it took these copies."),
        decide=held.mark_accepted,
    ),
    "again": Act(
        label=gettext_lazy("Send again"),
        question=gettext_lazy("Only if the provider's own records show that it did not take them."),
        decide=held.send_again,
        is_risky=True,
    ),
    "leave": Act(
        label=gettext_lazy("Leave as they are"),
        question=gettext_lazy("These copies stay held; readers may have got the mail, or not."),
        decide=held.leave,
    ),
}


def of_mailing(request: HttpRequest, pk: int, *, model_admin: ReadOnly) -> HttpResponse:
    """GET: the held batches of a mailing, and what was decided. Queries: about 12, whatever their number."""
    mailing = get_object_or_404(Mailing.objects.select_related("newsletter"), pk=pk)
    if not model_admin.has_view_permission(request, mailing):
        raise PermissionDenied
    batches = tried.of_mailing(mailing)
    number = Batch.objects.filter(mailing=mailing, state=BatchState.HELD).count()
    context = {
        **_context(request, mailing, model_admin),
        "title": _("Held copies"),
        "batches": [(one, _acts(mailing)) for one in batches],
        "more": max(number - len(batches), 0),
        "decisions": tried.decisions(mailing),
    }
    return TemplateResponse(request, "admin/delivery/held.html", context)


def of_batch(request: HttpRequest, pk: int, *, model_admin: ReadOnly) -> HttpResponse:
    """GET: whose copies a batch holds, page by page. POST: one of the acts, after a question with a reason."""
    batch = get_object_or_404(Batch.objects.select_related("mailing__newsletter", "parent"), pk=pk)
    if not model_admin.has_view_permission(request, batch.mailing):
        raise PermissionDenied
    if request.method == "POST":
        if not model_admin.may(request, MAY_DECIDE, batch.mailing):
            raise PermissionDenied
        return _decide(request, batch, model_admin=model_admin)
    page = Paginator(tried.copies(batch), COPIES_ON_A_PAGE).get_page(request.GET.get("page"))
    may_see_readers = request.user.has_perm(MAY_SEE_READERS)
    rows = list(page)
    known = tried.readers(rows) if may_see_readers else {}
    context = {
        **_context(request, batch.mailing, model_admin),
        "title": _("Held copies of batch %(number)d") % {"number": batch.pk},
        "batch": batch,
        "page": page,
        "copies": [(row, known.get(row.subscription_id)) for row in rows],
        "may_see_readers": may_see_readers,
    }
    return TemplateResponse(request, "admin/delivery/held_copies.html", context)


def _context(request: HttpRequest, mailing: Mailing, model_admin: ReadOnly) -> dict[str, Any]:
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "mailing": mailing,
        "may_decide": model_admin.may(request, MAY_DECIDE, mailing),
    }


def _acts(mailing: Mailing) -> list[tuple[str, Act]]:
    """An ended mailing sends nothing any more."""
    return [
        (name, act) for name, act in ACTS.items() if name != "again" or mailing.state != MailingState.ENDED
    ]


def _decide(request: HttpRequest, batch: Batch, *, model_admin: ReadOnly) -> HttpResponse:
    name = request.POST.get("act", "")
    if name not in ACTS:
        raise Http404
    act, known = ACTS[name], tried.of_batch(batch)
    if batch.state != BatchState.HELD or request.POST.get("seen") != known.seen:
        messages.error(request, _("It changed meanwhile; nothing was done."))
        return _back(batch)
    because = request.POST.get("because", "").strip()
    if "confirmed" not in request.POST or not because:
        return _ask(request, known, name, because=because, model_admin=model_admin)
    assert isinstance(request.user, User)
    try:
        act.decide(batch, by=request.user, because=because[:_MOST_REASON], at=clock.now())
    except DeliveryError:
        messages.error(request, _("It changed meanwhile; nothing was done."))
    else:
        messages.success(request, _("%(act)s: done.") % {"act": act.label})
    return _back(batch)


def _ask(
    request: HttpRequest,
    known: tried.HeldBatch,
    name: str,
    *,
    because: str,
    model_admin: ReadOnly,
) -> HttpResponse:
    number, act = known.batch.held, ACTS[name]
    warning = ngettext(
        "If the provider took it after all, %(count)d reader gets the mail twice.",
        "If the provider took them after all, up to %(count)d readers get the mail twice.",
        number,
    )
    context = {
        **_context(request, known.batch.mailing, model_admin),
        "title": act.label,
        "known": known,
        "act": name,
        "question": act.question,
        "warning": warning % {"count": number} if act.is_risky else "",
        "because": because,
        "is_without_reason": "confirmed" in request.POST and not because,
    }
    return TemplateResponse(request, "admin/delivery/held_confirm.html", context)


def _back(batch: Batch) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:delivery_mailing_held", args=[batch.mailing_id]))
