"""The page itself: it shows candidates, slots, what stands in the way and what readers get; a POST saves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from digests import access, preflight, saving
from digests.composer import pane, spoken
from digests.composer.pane_acts import arrived_text
from digests.composer.previews import sample, views
from digests.composer.requests import back, digest_of, fresh, log, require, user_of
from digests.composer.standing import standing
from digests.errors import DigestError, EditConflict
from digests.forms import DigestForm, PickForm
from digests.models import Digest, Pick, Plan, SavedFilter
from digests.preflight import slot_name
from digests.rendering import render
from digests.states import EDITABLE
from digests.stories import picks_of, with_stories
from newsroom.web import clock


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """A slot with its pick forms and whether it holds enough, in words."""

    key: str
    name: str
    forms: list[PickForm]
    count: str
    is_short: bool


def compose(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the composer; a POST saves the digest's words, its picks and their order.

    A script that asks for JSON is told whether it was saved, and why not.
    """
    digest = digest_of(request, pk)
    at = clock.now()
    # Read once, for forms, rendering and preflight alike.
    prefetch_related_objects([digest], Prefetch("picks", with_stories(Pick.objects.all())))
    picks = sorted(picks_of(digest), key=lambda pick: (pick.slot, pick.position, pick.pk))
    form = DigestForm(request.POST if request.method == "POST" else None, instance=digest)
    pick_forms = _pick_forms(digest, picks, request)
    if request.method == "POST":
        require(request, "change_digest", digest)
        try:
            has_changed = _save(request, digest, form, pick_forms, at=at)
        except (DigestError, _NotFilledIn) as error:
            if _asks_for_json(request):
                status = 409 if isinstance(error, EditConflict) else 400
                return JsonResponse({"saved": False, "message": str(error)}, status=status)
            messages.error(request, str(error))
        else:
            if _asks_for_json(request):
                version = Digest.objects.values_list("version", flat=True).get(pk=pk)
                clock_time = date_format(timezone.localtime(at), "H:i:s")
                return JsonResponse({"saved": True, "version": version, "at": clock_time})
            messages.success(request, _("Saved.") if has_changed else _("Nothing was changed."))
            return back(pk, pane.address(request.GET))
        digest = fresh(digest)
    return _page(request, digest, form, pick_forms, at=at)


class _NotFilledIn(Exception):
    """A field holds what cannot be saved."""


def _asks_for_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _save(
    request: HttpRequest, digest: Digest, form: DigestForm, pick_forms: list[PickForm], *, at: datetime
) -> bool:
    """Whether anything changed. Raises DigestError and _NotFilledIn, having written nothing."""
    if not (form.is_valid() and all(each.is_valid() for each in pick_forms)):
        raise _NotFilledIn(_("Nothing is saved yet: look at the fields marked below."))
    words = {name: form.cleaned_data[name] for name in form.Meta.fields}
    edits = [
        saving.PickEdit(
            pick_id=each.pick.pk,
            slot=each.cleaned_data["slot"],
            place=each.cleaned_data["position"],
            kicker=each.cleaned_data["kicker"],
            title=each.cleaned_data["title"],
            teaser=each.cleaned_data["teaser"],
            is_removed=each.cleaned_data["remove"],
        )
        for each in pick_forms
    ]
    has_changed = saving.save(
        fresh(digest), expected_version=form.cleaned_data["version"], words=words, edits=edits, at=at
    )
    if has_changed:
        log(request, digest, _("Saved."))
    return has_changed


def _page(
    request: HttpRequest, digest: Digest, form: DigestForm, pick_forms: list[PickForm], *, at: datetime
) -> HttpResponse:
    rendered = render(digest)
    is_editable = digest.state in EDITABLE and access.may(
        request.user, "digests.change_digest", digest.newsletter
    )
    plan = Plan.of(digest.newsletter)
    zone = ZoneInfo(plan.zone) if plan else ZoneInfo(settings.TIME_ZONE)
    context = {
        **admin.site.each_context(request),
        "title": str(digest),
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "opts": Digest._meta,
        "has_view_permission": True,
        **standing(request, digest, at=at, zone=zone),
        "form": form,
        "is_editable": is_editable,
        "slots": _slot_rows(digest, pick_forms),
        **(_beside(request, digest, pick_forms, at=at) if is_editable else {}),
        "slot_choices": [(slot["key"], slot["title"] or slot_name(slot["key"])) for slot in digest.slots],
        "findings": preflight.check(digest, at=at, rendered=rendered) if is_editable else [],
        "rendered": rendered,
        "preview_text": sample(digest, rendered)[1],
        "views": (ways := views(request)),
        "view": next(way for way in ways if way.is_shown),
    }
    return TemplateResponse(request, "admin/digests/digest/composer.html", context)


def _pick_forms(digest: Digest, picks: list[Pick], request: HttpRequest) -> list[PickForm]:
    places: dict[str, int] = {}
    forms = []
    for pick in picks:
        places[pick.slot] = places.get(pick.slot, 0) + 1
        data = request.POST if request.method == "POST" else None
        forms.append(PickForm(data, pick=pick, slots=digest.slots, place=places[pick.slot]))
    return forms


def _slot_rows(digest: Digest, pick_forms: list[PickForm]) -> list[SlotRow]:
    rows = []
    for slot in digest.slots:
        forms = [form for form in pick_forms if form.pick.slot == slot["key"]]
        size, minimum, maximum = len(forms), slot["minimum"], slot["maximum"]
        wanted = (
            str(maximum)
            if minimum == maximum
            else _("%(least)d to %(most)d") % {"least": minimum, "most": maximum}
        )
        rows.append(
            SlotRow(
                key=slot["key"],
                name=slot["title"] or slot_name(slot["key"]),
                forms=forms,
                # Translators: „2 von 3 bis 5“
                count=_("%(size)d of %(wanted)s") % {"size": size, "wanted": wanted},
                is_short=not minimum <= size <= maximum,
            )
        )
    return rows


def _beside(
    request: HttpRequest, digest: Digest, pick_forms: list[PickForm], *, at: datetime
) -> dict[str, Any]:
    """The list of candidates and what belongs to it."""
    found = pane.pane(digest, request.GET, picks=[form.pick for form in pick_forms], at=at)
    return {
        "pane": found,
        "arrived_text": arrived_text(found.arrived),
        "kept_filters": SavedFilter.objects.filter(newsletter=digest.newsletter, user=user_of(request)),
        "texts": spoken.texts(),
        "keys": spoken.keys(),
        "may_mark": access.may(request.user, "digests.add_mark", digest.newsletter),
    }
