"""The history of a digest: who changed what, any two versions side by side, and the way back to one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from digests import access, history, saving
from digests.comparing import Piece, compare
from digests.composer.requests import back, digest_of, log, number_in, require, seen_in, user_of
from digests.errors import DigestError
from digests.merging import Sheet
from digests.models import Digest, DigestVersion
from digests.preflight import slot_name
from digests.states import EDITABLE, PickLabel
from newsroom.articles.states import Crop
from newsroom.web import clock

VERSIONS_SHOWN = 200
FEW_MINUTES = 10
"""Saves of one person that follow each other this closely are one line of the list: the page saves while one types."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry of the list: a version, and how many saves before it belong to the same stretch of work."""

    version: DigestVersion
    first: int
    by: str

    @property
    def saves(self) -> int:
        return self.version.number - self.first + 1


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What two versions say differently: of the digest or one of its articles, in which field, piece by piece."""

    about: str
    name: str
    pieces: list[Piece]


def versions(request: HttpRequest, pk: int) -> HttpResponse:
    """The versions, newest first, and what the chosen one changed against another. Queries: 2 beside the page's own."""
    digest = digest_of(request, pk)
    require(request, "view_digestversion", digest)
    kept = list(digest.versions.select_related("made_by").order_by("-number")[:VERSIONS_SHOWN])
    numbers = {version.number: version for version in kept}
    newer = numbers.get(number_in(request.GET.get("to"))) or (kept[0] if kept else None)
    older = numbers.get(number_in(request.GET.get("from"))) or _before(kept, newer)
    context = {
        **admin.site.each_context(request),
        "title": _("History of %(digest)s") % {"digest": digest},
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "opts": Digest._meta,
        "lines": _lines(kept),
        "newer": newer,
        "older": older,
        "differences": differences(digest, older, newer) if older and newer else [],
        "may_restore": digest.state in EDITABLE
        and access.may(request.user, "digests.change_digest", digest.newsletter),
    }
    return TemplateResponse(request, "admin/digests/digest/versions.html", context)


def restore(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Make the digest again what it was in a version."""
    digest = digest_of(request, pk)
    require(request, "change_digest", digest)
    version = get_object_or_404(digest.versions, number=number_in(request.POST.get("number")))
    expected, seen = number_in(request.POST.get("version")), seen_in(request)
    try:
        saving.restore(
            digest, version, expected_version=expected, seen=seen, at=clock.now(), by=user_of(request)
        )
    except DigestError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:digests_digest_versions", args=[pk]))
    done = _("Restored version %(number)d.") % {"number": version.number}
    log(request, digest, done)
    messages.success(request, done)
    return back(pk)


def differences(digest: Digest, older: DigestVersion, newer: DigestVersion) -> list[Difference]:
    """What a reader of the history wants to know: words, picks that came, went and moved, and what was set for them."""
    before, after = history.sheet_of(older), history.sheet_of(newer)
    names = {
        pick: entry.name for version in (older, newer) for pick, entry in history.entries_of(version).items()
    }
    found = [
        Difference(about="", name=_word_names()[name], pieces=compare(*values))
        for name in history.WORDS
        if before.words[name] != after.words[name]
        for values in [[_word(name, version) for version in (older, newer)]]
    ]
    for pick, title in names.items():
        found += _of_pick(digest, pick, title, before, after)
    return found


def _of_pick(digest: Digest, pick: int, title: str, before: Sheet, after: Sheet) -> list[Difference]:
    place = compare(_place(digest, pick, before), _place(digest, pick, after))
    moved = (
        [Difference(about=title, name=_("Place"), pieces=place)] if _has_moved(pick, before, after) else []
    )
    return moved + [
        Difference(about=title, name=name, pieces=compare(*values))
        for key, name in _own_names().items()
        for values in [[_told(key, sheet.picks.get(pick, {}).get(key)) for sheet in (before, after)]]
        if values[0] != values[1]
    ]


def _has_moved(pick: int, before: Sheet, after: Sheet) -> bool:
    """Came, went, changed the slot, or stands otherwise among those that stayed."""
    slot = before.slot_of(pick)
    if slot != after.slot_of(pick):
        return True
    stayed = set(before.slots.get(slot, ())) & set(after.slots.get(slot, ()))
    orders = [[each for each in sheet.slots.get(slot, ()) if each in stayed] for sheet in (before, after)]
    return pick in stayed and orders[0].index(pick) != orders[1].index(pick)


def _place(digest: Digest, pick: int, sheet: Sheet) -> str:
    slot = sheet.slot_of(pick)
    if not slot:
        return ""
    titles = {rule["key"]: rule["title"] or slot_name(rule["key"]) for rule in digest.slots}
    # Translators: „Kurz notiert, Platz 2“
    place = list(sheet.slots[slot]).index(pick) + 1
    return _("%(slot)s, place %(place)d") % {"slot": titles.get(slot, slot), "place": place}


def _word(name: str, version: DigestVersion) -> str:
    return history.signed_by(version) if name == "note_author" else history.sheet_of(version).words[name]


def _told(key: str, value: object) -> str:
    if key == "label":
        return str(dict(PickLabel.choices).get(str(value or ""), ""))
    if key == "crop":
        return str(dict(Crop.choices).get(str(value or ""), ""))
    if key == "picture":
        return _("Picture %(number)s") % {"number": value} if value else ""
    return str(value or "")


def _word_names() -> Mapping[str, str]:
    return {
        "subject": _("Subject"),
        "preheader": _("Preheader"),
        "note": _("Editor's note"),
        "note_author": _("Note signed by"),
        "note_by": _("Signature in other words"),
    }


def _own_names() -> Mapping[str, str]:
    return {
        "kicker": _("Kicker"),
        "title": _("Headline"),
        "teaser": _("Teaser"),
        "link_label": _("Link label"),
        "picture": _("Picture"),
        "crop": _("Crop"),
        "alt": _("Alternative text"),
        "label": _("Taken again as"),
    }


def _before(kept: list[DigestVersion], newer: DigestVersion | None) -> DigestVersion | None:
    return next((version for version in kept if newer and version.number < newer.number), None)


def _lines(kept: list[DigestVersion]) -> list[Line]:
    """The list, newest first, with stretches of saves by one person drawn together."""
    lines: list[Line] = []
    reached: datetime | None = None
    for version in kept:
        newest = lines[-1].version if lines else None
        if newest and reached and _goes_on(version, newest, reached):
            lines[-1] = Line(version=newest, first=version.number, by=lines[-1].by)
        else:
            by = version.made_by
            lines.append(
                Line(
                    version=version,
                    first=version.number,
                    by=(by.get_full_name() or by.get_username()) if by else _("the plan"),
                )
            )
        reached = version.made_at
    return lines


def _goes_on(version: DigestVersion, newest: DigestVersion, reached: datetime) -> bool:
    is_same = (version.made_by_id, version.act) == (newest.made_by_id, newest.act)
    is_close = (reached - version.made_at).total_seconds() <= 60 * FEW_MINUTES
    return is_same and version.made_by_id is not None and is_close
