"""What would go out now: a page of a plan, with weights to try out in its address. It writes nothing."""

from dataclasses import asdict

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from digests import access, selection, weights
from digests.models import Plan
from digests.plan_forms import PREFIX, WEIGHT_FIELDS, WeightsForm, weights_in
from digests.preflight import slot_name
from digests.reasons import reason_name
from digests.selection import Line
from newsroom.web import clock


def rehearsal(request: HttpRequest, pk: int) -> HttpResponse:
    """GET only, with `weight_…` in the query for what is to be tried."""
    if not request.user.has_perm("digests.view_plan"):
        raise PermissionDenied
    plan = get_object_or_404(Plan.objects.select_related("newsletter"), pk=pk)
    if not access.works_on(request.user, plan.newsletter_id):
        raise PermissionDenied
    own = {
        f"{PREFIX}{name}": value
        for name, value in asdict(weights.read(plan.weights, cadence=plan.cadence)).items()
    }
    is_trying = any(name in request.GET for name in WEIGHT_FIELDS)
    data = {**own, **request.GET.dict()} if is_trying else None
    form = WeightsForm(data, initial=own, cadence=plan.cadence)
    tried = weights_in(form.cleaned_data, cadence=plan.cadence) if is_trying and form.is_valid() else None
    found = selection.rehearse(plan.newsletter, cadence=plan.cadence, at=clock.now(), tried=tried)
    titles = {slot["key"]: slot["title"] for slot in (found.draft.slots if found.draft else ())}
    context = {
        **admin.site.each_context(request),
        "title": _("What would go out now?"),
        "opts": Plan._meta,
        "plan": plan,
        "found": found,
        "taken": [_row(line, titles.get(line.slot, "")) for line in found.taken],
        "left": [_row(line) for line in found.left],
        "form": form,
        "is_trying": tried is not None,
    }
    return TemplateResponse(request, "admin/digests/plan/rehearsal.html", context)


def _row(line: Line, slot_title: str = "") -> dict[str, object]:
    return {
        "line": line,
        "slot": slot_title or slot_name(line.slot) if line.slot else "",
        "chips": [(reason_name(name), points) for name, points in line.reasons.items()],
    }
