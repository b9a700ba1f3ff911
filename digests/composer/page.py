"""The page itself: it shows candidates, slots, what stands in the way and what readers get; a POST saves."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests import access, after_panel, preflight, presence, saving
from digests.composer import cards, pane, rows, saves, spoken
from digests.composer.pane_acts import arrived_text, is_open_to, present_text
from digests.composer.previews import sample, views
from digests.composer.requests import back, digest_of, fresh, require, user_of
from digests.composer.standing import standing
from digests.doubles import Double, Sent, doubles, sent_lately
from digests.errors import DigestError, EditClash, EditConflict, WentOn
from digests.forms import Clash
from digests.models import Digest, Pick, Plan, SavedFilter
from digests.preflight import slot_name
from digests.rendering import render
from digests.stories import picks_of, with_stories
from newsroom.articles.models import read_bylines
from newsroom.web import clock


@dataclass(frozen=True, kw_only=True)
class SlotHead:
    """A slot's name and the count that the desk sees."""

    key: str
    name: str
    count: str
    missing: int
    over: int

    @property
    def has_room(self) -> bool:
        return self.over < 0

    @property
    def wish(self) -> str:
        """What the slot wants; nothing if it is content."""
        return _wish(self.name, missing=self.missing, over=self.over)


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """A slot with its picks, each written as HTML."""

    head: SlotHead
    cards: list[SafeString]
    clash: Clash | None


def compose(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the composer; a POST saves the digest's words, its picks and their order.

    A script that asks for JSON is told whether it was saved, with the parts of the page that follow from what was
    typed, or why not; 409 if a person must look at the whole page. `?only=outcome` shows those parts alone.
    """
    digest = digest_of(request, pk)
    at = clock.now()
    picks = _picks(digest)
    desk = saves.read(request, digest, picks)
    if request.method == "POST":
        require(request, "change_digest", digest)
        presence.note(digest, user_of(request), at=at)
        wants_json = request.headers.get("Accept") == "application/json"
        try:
            saved = saves.save(request, digest, desk, at=at, may_merge=not wants_json)
        except (DigestError, saves.NotFilledIn) as error:
            if wants_json:
                return _refused(error, desk)
            messages.error(request, str(error))
            digest = fresh(digest)
            if isinstance(error, EditClash):
                picks = _picks(digest)
                desk = saves.clashed(digest, picks, error)
        else:
            if wants_json:
                return _saved(request, fresh(digest), at=at)
            messages.success(request, _said(saved))
            return back(pk, pane.address(request.GET))
    elif request.GET.get("only") == "outcome":
        return HttpResponse(_outcome_alone(request, digest, picks, at=at))
    return _page(request, digest, desk, picks, at=at)


def _picks(digest: Digest) -> list[Pick]:
    """Read once, for forms, rendering and preflight alike; their authors later, at once with the candidates'."""
    rows = with_stories(Pick.objects.all()).prefetch_related(None)
    prefetch_related_objects([digest], Prefetch("picks", rows))
    return sorted(picks_of(digest), key=lambda pick: (pick.slot, pick.position, pick.pk))


def _refused(error: Exception, desk: saves.Desk) -> JsonResponse:
    needs_the_page = isinstance(error, (EditConflict, WentOn, saves.NotChosen))
    forms = [form for form in (desk.form, *desk.sent, *desk.gone) if form.is_bound]
    fields = [field.id_for_label for form in forms for field in form if field.errors]
    return JsonResponse(
        {"saved": False, "message": str(error), "fields": fields}, status=409 if needs_the_page else 400
    )


def _saved(request: HttpRequest, digest: Digest, *, at: datetime) -> JsonResponse:
    return JsonResponse(
        {
            "saved": True,
            "version": digest.version,
            "at": date_format(timezone.localtime(at), "H:i:s"),
            "outcome": _outcome_alone(request, digest, _picks(digest), at=at),
        }
    )


def _said(saved: saving.Saved) -> str:
    if not saved.has_changed:
        return _("Nothing was changed.")
    if saved.is_merged:
        return _("Saved, together with what others changed meanwhile.")
    return _("Saved.")


def _page(
    request: HttpRequest, digest: Digest, desk: saves.Desk, picks: list[Pick], *, at: datetime
) -> HttpResponse:
    is_editable = is_open_to(request, digest)
    beside = pane.pane(digest, request.GET, picks=picks, at=at) if is_editable else None
    if beside is None:
        read_bylines(pick.article for pick in picks)
    lately = sent_lately(digest, picks, at=at, told=beside.told if beside else None)
    outcome = _outcome(request, digest, at=at, lately=lately)
    slots = _slot_rows(digest, desk, doubles(digest, picks, at=at, sent=lately), is_editable=is_editable)
    context = {
        **admin.site.each_context(request),
        "title": str(digest),
        "is_nav_sidebar_enabled": False,
        "opts": Digest._meta,
        "has_view_permission": True,
        **outcome,
        "form": desk.form,
        "gone": desk.gone,
        "clashes": desk.clashes,
        "after": after_panel.panel(request.user, digest),
        "slots": slots,
        **(_beside(request, digest, beside, _options([row.head for row in slots]), at=at) if beside else {}),
    }
    return TemplateResponse(request, "admin/digests/digest/composer.html", context)


def _outcome(request: HttpRequest, digest: Digest, *, at: datetime, lately: Sent) -> dict[str, Any]:
    """What a digest comes to as it is now: how it stands, what is in its way and what readers get."""
    rendered = render(digest)
    is_editable = is_open_to(request, digest)
    plan = Plan.of(digest.newsletter, digest.cadence)
    zone = ZoneInfo(plan.zone) if plan else ZoneInfo(settings.TIME_ZONE)
    return {
        "digest": digest,
        "at": at,
        **standing(request, digest, at=at, zone=zone),
        "is_editable": is_editable,
        "findings": preflight.check(digest, at=at, rendered=rendered, lately=lately) if is_editable else [],
        "list_address": pane.address(request.GET, until=pane.until_of(request.GET, digest, at))
        if is_editable
        else "",
        "rendered": rendered,
        "preview_text": sample(digest, rendered)[1],
        "views": (ways := views(request)),
        "view": next(way for way in ways if way.is_shown),
    }


def _outcome_alone(request: HttpRequest, digest: Digest, picks: list[Pick], *, at: datetime) -> str:
    """The parts of the page that follow from what is saved, and how full each slot is; for a script to put in place."""
    sizes = Counter(pick.slot for pick in picks)
    read_bylines(pick.article for pick in picks)
    context = {
        **_outcome(request, digest, at=at, lately=sent_lately(digest, picks, at=at)),
        "heads": [_head(slot, sizes[slot["key"]]) for slot in digest.slots],
    }
    return render_to_string("admin/digests/digest/outcome.html", context, request)


def _head(slot: dict[str, Any], size: int) -> SlotHead:
    minimum, maximum = slot["minimum"], slot["maximum"]
    wanted = (
        str(maximum)
        if minimum == maximum
        else _("%(least)d to %(most)d") % {"least": minimum, "most": maximum}
    )
    return SlotHead(
        key=slot["key"],
        name=slot["title"] or slot_name(slot["key"]),
        # Translators: „2 von 3 bis 5“
        count=_("%(size)d of %(wanted)s") % {"size": size, "wanted": wanted},
        missing=minimum - size,
        over=size - maximum,
    )


def _slot_rows(
    digest: Digest, desk: saves.Desk, found: Mapping[int, list[Double]], *, is_editable: bool
) -> list[SlotRow]:
    slots = []
    for slot in digest.slots:
        parts = [part for part in desk.picks if part.slot == slot["key"]]
        slots.append(
            SlotRow(
                head=_head(slot, len(parts)),
                cards=[
                    cards.write(part, found.get(part.pick.pk, []), is_editable=is_editable) for part in parts
                ],
                clash=desk.clashes.get(f"slot-{slot['key']}"),
            )
        )
    return slots


def _options(heads: list[SlotHead]) -> SafeString:
    """The slots to choose from, the first with room chosen: written once, shown beside each candidate."""
    chosen = next((head.key for head in heads if head.has_room), "")
    choices = ((head.key, " selected" if head.key == chosen else "", head.name) for head in heads)
    return format_html_join("", '<option value="{}"{}>{}</option>', choices)


def _each_form(request: HttpRequest, digest: Digest, address: str) -> str:
    """What each of the list's forms carries along."""
    fields = {
        "csrfmiddlewaretoken": get_token(request),
        "list": address,
        "version": digest.version,
        "state": digest.state,
    }
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', fields.items())


def _wish(name: str, *, missing: int, over: int) -> str:
    """What the slot wants; nothing if it is content."""
    if missing > 0:
        # Translators: „Noch 1 Artikel für „Kurz notiert““
        sentence = ngettext(
            "%(number)d more article for “%(slot)s”", "%(number)d more articles for “%(slot)s”", missing
        )
        return sentence % {"number": missing, "slot": name}
    if over > 0:
        # Translators: „2 zu viel“
        return ngettext("%(number)d too many", "%(number)d too many", over) % {"number": over}
    return ""


def _beside(
    request: HttpRequest, digest: Digest, found: pane.Pane, slot_options: SafeString, *, at: datetime
) -> dict[str, Any]:
    """The list of candidates and what belongs to it."""
    each_form = _each_form(request, digest, found.address)
    may_mark = access.may(request.user, "digests.add_mark", digest.newsletter)
    around = rows.around(digest, may_mark=may_mark, slot_options=slot_options)
    return {
        "pane": found,
        "candidate_rows": rows.write(found.rows, around, each_form=each_form),
        "slot_options": slot_options,
        "each_form": each_form,
        "arrived_text": arrived_text(found.arrived),
        "present_text": present_text(presence.others(digest, user_of(request), at=at)),
        "kept_filters": SavedFilter.objects.filter(newsletter=digest.newsletter, user=user_of(request)),
        "texts": spoken.texts(),
        "keys": spoken.keys(),
    }
