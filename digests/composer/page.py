"""The page itself: it shows candidates, slots, what stands in the way and what readers get; a POST saves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from digests import access, preflight, saving, selection
from digests.composer.previews import sample
from digests.composer.requests import back, digest_of, fresh, log, require
from digests.composer.standing import standing
from digests.errors import DigestError
from digests.forms import DigestForm, PickForm
from digests.models import Digest, Pick, Plan
from digests.preflight import slot_name
from digests.reasons import held_back_name, reason_name
from digests.rendering import render
from digests.states import EDITABLE
from digests.stories import labels, with_stories
from newsroom.web import clock

CANDIDATES_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """A slot with its pick forms and whether it holds enough, in words."""

    key: str
    name: str
    forms: list[PickForm]
    count: str
    is_short: bool


def compose(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the composer; a POST saves the digest's words, its picks and their order."""
    digest = digest_of(request, pk)
    at = clock.now()
    picks = list(with_stories(digest.picks.order_by("slot", "position", "pk")))
    form = DigestForm(request.POST if request.method == "POST" else None, instance=digest)
    pick_forms = _pick_forms(digest, picks, request)
    if request.method == "POST":
        require(request, "change_digest", digest)
        if form.is_valid() and all(each.is_valid() for each in pick_forms):
            if _save(request, digest, form, pick_forms, at=at):
                return back(pk)
        else:
            messages.error(request, _("Nothing is saved yet: look at the fields marked below."))
    return _page(request, fresh(digest), form, pick_forms, at=at)


def _save(
    request: HttpRequest, digest: Digest, form: DigestForm, pick_forms: list[PickForm], *, at: datetime
) -> bool:
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
    try:
        has_changed = saving.save(
            fresh(digest), expected_version=form.cleaned_data["version"], words=words, edits=edits, at=at
        )
    except DigestError as error:
        messages.error(request, str(error))
        return False
    if has_changed:
        log(request, digest, _("Saved."))
    messages.success(request, _("Saved.") if has_changed else _("Nothing was changed."))
    return True


def _page(
    request: HttpRequest, digest: Digest, form: DigestForm, pick_forms: list[PickForm], *, at: datetime
) -> HttpResponse:
    rendered = render(digest)
    is_editable = digest.state in EDITABLE and access.may(
        request.user, "digests.change_digest", digest.newsletter
    )
    plan = Plan.objects.filter(newsletter=digest.newsletter).first()
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
        "candidates": _candidates(digest, at=at) if is_editable else [],
        "slot_choices": [(slot["key"], slot["title"] or slot_name(slot["key"])) for slot in digest.slots],
        "findings": preflight.check(digest, at=at, rendered=rendered) if is_editable else [],
        "rendered": rendered,
        "preview_text": sample(digest, rendered)[1],
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


def _candidates(digest: Digest, *, at: datetime) -> list[dict[str, Any]]:
    """What the window offers and the digest does not have yet, best first."""
    picked = set(digest.picks.values_list("article_id", flat=True))
    found = selection.candidates(digest.newsletter, start=digest.window_start, end=digest.window_end, at=at)
    return [
        {
            "article": each.article,
            "reasons": [(reason_name(name), points) for name, points in each.reasons.items()],
            "held_back": held_back_name(each.held_back),
            "also": [other.title for other in each.also],
            "sent_in": each.sent_in,
            "labels": labels(each.article, shows_picture=bool(each.article.picture)),
        }
        for each in found
        if each.article.pk not in picked
    ][:CANDIDATES_SHOWN]
