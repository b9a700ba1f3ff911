"""The page itself: it shows candidates, slots, what stands in the way and what readers get; a POST saves."""

from collections.abc import Mapping
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
from django.utils.translation import ngettext

from digests import access, after_panel, history, preflight, presence, saving
from digests.comparing import Piece, compare
from digests.composer import pane, saves, spoken
from digests.composer.pane_acts import arrived_text, is_open_to, present_text
from digests.composer.previews import sample, views
from digests.composer.requests import back, digest_of, fresh, require, user_of
from digests.composer.standing import standing
from digests.doubles import Double, doubles, sent_lately
from digests.errors import DigestError, EditClash, EditConflict
from digests.forms import Clash, PickForm
from digests.models import Digest, Pick, Plan, SavedFilter
from digests.preflight import slot_name
from digests.rendering import render
from digests.stories import picks_of, with_stories
from newsroom.web import clock


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a source made of words that were picked: before and after, piece by piece."""

    name: str
    pieces: list[Piece]


@dataclass(frozen=True, kw_only=True)
class PickRow:
    """A pick with what speaks against it, and how its article was changed since it was picked."""

    form: PickForm
    doubles: list[Double]
    changes: list[Change]

    @property
    def pick(self) -> Pick:
        return self.form.pick

    @property
    def asks_why(self) -> bool:
        """Whether it must be said why the article comes again."""
        return bool(self.pick.label) or any(double.kind == "sent" for double in self.doubles)


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """A slot with its picks and the count that the desk sees."""

    key: str
    name: str
    rows: list[PickRow]
    count: str
    wish: str
    has_room: bool
    clash: Clash | None

    @property
    def is_short(self) -> bool:
        return bool(self.wish)


def compose(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the composer; a POST saves the digest's words, its picks and their order.

    A script that asks for JSON is told whether it was saved, and why not; 409 if a person must look at the whole page.
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
                return _refused(error)
            messages.error(request, str(error))
            digest = fresh(digest)
            if isinstance(error, EditClash):
                picks = _picks(digest)
                desk = saves.clashed(digest, picks, error)
        else:
            if wants_json:
                return _saved(pk, at)
            messages.success(request, _said(saved))
            return back(pk, pane.address(request.GET))
    return _page(request, digest, desk, picks, at=at)


def _picks(digest: Digest) -> list[Pick]:
    """Read once, for forms, rendering and preflight alike."""
    prefetch_related_objects([digest], Prefetch("picks", with_stories(Pick.objects.all())))
    return sorted(picks_of(digest), key=lambda pick: (pick.slot, pick.position, pick.pk))


def _refused(error: Exception) -> JsonResponse:
    needs_the_page = isinstance(error, (EditConflict, saves.NotChosen))
    return JsonResponse({"saved": False, "message": str(error)}, status=409 if needs_the_page else 400)


def _saved(pk: int, at: datetime) -> JsonResponse:
    version = Digest.objects.values_list("version", flat=True).get(pk=pk)
    return JsonResponse(
        {"saved": True, "version": version, "at": date_format(timezone.localtime(at), "H:i:s")}
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
    rendered = render(digest)
    lately = sent_lately(digest, picks, at=at)
    is_editable = is_open_to(request, digest)
    plan = Plan.of(digest.newsletter, digest.cadence)
    zone = ZoneInfo(plan.zone) if plan else ZoneInfo(settings.TIME_ZONE)
    context = {
        **admin.site.each_context(request),
        "title": str(digest),
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "at": at,
        "opts": Digest._meta,
        "has_view_permission": True,
        **standing(request, digest, at=at, zone=zone),
        "form": desk.form,
        "gone": desk.gone,
        "clashes": desk.clashes,
        "is_editable": is_editable,
        "after": after_panel.panel(request.user, digest),
        "slots": (rows := _slot_rows(digest, desk, doubles(digest, picks, at=at, sent=lately))),
        **(_beside(request, digest, picks, at=at) if is_editable else {}),
        "slot_choices": [(row.key, row.name) for row in rows],
        "open_slot": next((row.key for row in rows if row.has_room), ""),
        "findings": preflight.check(digest, at=at, rendered=rendered, lately=lately) if is_editable else [],
        "rendered": rendered,
        "preview_text": sample(digest, rendered)[1],
        "views": (ways := views(request)),
        "view": next(way for way in ways if way.is_shown),
    }
    return TemplateResponse(request, "admin/digests/digest/composer.html", context)


def _slot_rows(digest: Digest, desk: saves.Desk, found: Mapping[int, list[Double]]) -> list[SlotRow]:
    rows = []
    for slot in digest.slots:
        forms = [form for form in desk.picks if form.initial["slot"] == slot["key"]]
        size, minimum, maximum = len(forms), slot["minimum"], slot["maximum"]
        name = slot["title"] or slot_name(slot["key"])
        wanted = (
            str(maximum)
            if minimum == maximum
            else _("%(least)d to %(most)d") % {"least": minimum, "most": maximum}
        )
        rows.append(
            SlotRow(
                key=slot["key"],
                name=name,
                rows=[
                    PickRow(form=form, doubles=found.get(form.pick.pk, []), changes=_changes(form.pick))
                    for form in forms
                ],
                # Translators: „2 von 3 bis 5“
                count=_("%(size)d of %(wanted)s") % {"size": size, "wanted": wanted},
                wish=_wish(name, missing=minimum - size, over=size - maximum),
                has_room=size < maximum,
                clash=desk.clashes.get(f"slot-{slot['key']}"),
            )
        )
    return rows


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


def _changes(pick: Pick) -> list[Change]:
    """Where the article's words are other than when it was picked."""
    names = {"kicker": _("Kicker"), "title": _("Headline"), "teaser": _("Teaser")}
    return [
        Change(name=names[name], pieces=compare(before, now))
        for name, (before, now) in history.changed_since(pick).items()
    ]


def _beside(request: HttpRequest, digest: Digest, picks: list[Pick], *, at: datetime) -> dict[str, Any]:
    """The list of candidates and what belongs to it."""
    found = pane.pane(digest, request.GET, picks=picks, at=at)
    return {
        "pane": found,
        "arrived_text": arrived_text(found.arrived),
        "present_text": present_text(presence.others(digest, user_of(request), at=at)),
        "kept_filters": SavedFilter.objects.filter(newsletter=digest.newsletter, user=user_of(request)),
        "texts": spoken.texts(),
        "keys": spoken.keys(),
        "may_mark": access.may(request.user, "digests.add_mark", digest.newsletter),
    }
