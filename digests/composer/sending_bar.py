"""The bar on every admin page of a digest that is about to go out or on its way: how far it is, and a button to stop it.

It needs no script: the text says how things stood when the page was made. A script, where there is one, lets the
countdown run and asks again every two seconds.
"""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests import access, preflight, underway
from digests.composer.requests import digest_of
from digests.countdown import is_far, span
from digests.delivery.models import Batch
from digests.models import Digest, DigestMailing
from digests.states import DigestState
from digests.underway import Stage, Underway
from digests.wall_clock import left, spoken, zone_of
from newsroom.web import clock

TEMPLATE = "admin/digests/digest/sending_bar.html"


def bar(request: HttpRequest, pk: int) -> HttpResponse:
    """The bar alone, as a script asks for it; nothing to show is an empty answer."""
    context = bar_of(request, digest_of(request, pk), at=clock.now())
    response = render(request, TEMPLATE, context) if context else HttpResponse(status=204)
    response["Cache-Control"] = "no-store"
    return response


def bar_of(request: HttpRequest, digest: Digest, *, at: datetime) -> dict[str, Any]:
    """What the bar shows; empty if no sending is planned or under way. Queries: at most 5."""
    found = underway.look(digest, at=at)
    if found is None:
        return {}
    return {
        "bar": found,
        "digest": digest,
        "headline": _named(found, _headline(found)),
        "detail": _detail(found),
        "says": _named(found, _says(found)),
        "left": left(found.sends_at, at) if found.sends_at else "",
        "may_stop": access.may_stop(request.user, digest.newsletter),
        "may_send": access.may(request.user, "digests.send_digest", digest.newsletter),
        # A page that was asked for by POST has no address to come back to.
        "here": request.get_full_path() if request.method == "GET" else "",
    }


def digest_of_page(request: HttpRequest) -> Digest | None:
    """The digest that the admin's page at hand is about: its own pages, those of its mailing and of a batch of it.

    Only for who may look at it. Queries: at most 2.
    """
    match = request.resolver_match
    if match is None or match.app_name != "admin" or not match.url_name:
        return None
    key = str(match.kwargs.get("pk") or match.kwargs.get("object_id") or "")
    if not key.isdecimal() or len(key) > 18:
        return None
    digests = Digest.objects.select_related("newsletter__sender")
    if match.url_name.startswith("digests_digest_"):
        digest = digests.filter(pk=key).first()
    elif match.url_name.startswith("delivery_mailing_"):
        digest = _of_mailing(int(key))
    elif match.url_name.startswith("delivery_batch_"):
        batch = Batch.objects.filter(pk=key).only("mailing_id").first()
        digest = _of_mailing(batch.mailing_id) if batch else None
    else:
        return None
    may_look = digest and access.may(request.user, "digests.view_digest", digest.newsletter)
    return digest if may_look else None


def _of_mailing(mailing_id: int) -> Digest | None:
    bound = DigestMailing.objects.filter(mailing=mailing_id).select_related("digest__newsletter__sender")
    found = bound.first()
    return found.digest if found else None


def _named(found: Underway, told: str) -> str:
    # Translators: „Korrektur-Mail – Versand läuft: 62 %“
    return _("Correction mail – %(told)s") % {"told": told} if found.is_correction else told


def _headline(found: Underway) -> str:
    match found.stage:
        case Stage.WAITS if found.digest.state == DigestState.DRAFT:
            return _("Waits for a new proof – wanted for %(time)s") % {"time": _sends_at(found)}
        case Stage.WAITS:
            # Translators: „Wartet auf Freigabe – gewünscht für Di., 1. Dezember 2026, 06:00 Uhr (UTC+1)“
            return _("Waits for approval – wanted for %(time)s") % {"time": _sends_at(found)}
        case Stage.COUNTS:
            # Translators: „Versand in 04:31“; the number is put in by the template.
            return _("Goes out in")
        case Stage.STARTS:
            return _("Goes out now")
        case Stage.RESTS:
            return _("Does not go out")
        case Stage.SENDS:
            return _("Being sent: %(percent)d %%") % {"percent": found.percent}
        case Stage.STOPPED:
            # Translators: „Angehalten: 120 von 300 sind hinausgegangen“
            return _("Stopped: %(accepted)d of %(frozen)d went out") % {
                "accepted": found.accepted,
                "frozen": found.frozen,
            }
        case Stage.OVER:
            return _("Sent: %(accepted)d of %(frozen)d accepted") % {
                "accepted": found.accepted,
                "frozen": found.frozen,
            }


def _detail(found: Underway) -> str:
    match found.stage:
        case Stage.WAITS if found.digest.state == DigestState.DRAFT:
            return _("Once it is proofed and approved anew, it is on the schedule again.")
        case Stage.WAITS:
            return _("A story was exchanged. With the approval of the new proof it is on the schedule again.")
        case Stage.STARTS if found.mailing:
            return _("The readers are being counted.")
        case Stage.RESTS:
            return preflight.resting(found.digest.newsletter)
        case Stage.COUNTS | Stage.STARTS:
            return _sends_at(found)
        case _:
            return " · ".join(_counts(found))


def _counts(found: Underway) -> list[str]:
    """The copies in words; those that are nought are left out, but for the accepted and the waiting."""
    counts = [
        _("%(number)d accepted") % {"number": found.accepted},
        _("%(number)d waiting") % {"number": found.waiting},
    ]
    if found.rejected:
        counts.append(_("%(number)d rejected") % {"number": found.rejected})
    if found.skipped:
        counts.append(_("%(number)d skipped") % {"number": found.skipped})
    if found.held:
        counts.append(_("%(number)d held") % {"number": found.held})
    if found.cancelled:
        counts.append(_("%(number)d cancelled") % {"number": found.cancelled})
    if found.seconds_to_go is not None:
        counts.append(_("about %(time)s to go") % {"time": _roughly(found.seconds_to_go)})
    if found.stage is Stage.STOPPED and found.mailing and found.mailing.paused_because:
        counts.append(found.mailing.paused_because)
    return counts


def _says(found: Underway) -> str:
    """What a screen reader is told: coarse, so that it changes by the minute or by ten percent and not each second."""
    match found.stage:
        case Stage.COUNTS:
            return f"{_('Goes out in')} {_roughly(found.seconds_left)}"
        case Stage.SENDS:
            return _("Being sent: %(percent)d %%") % {"percent": found.percent // 10 * 10}
        case _:
            return _headline(found)


def _roughly(seconds: int) -> str:
    if is_far(time := timedelta(seconds=seconds)):
        return span(time)
    if seconds < 60:
        tens = max(10, ceil(seconds / 10) * 10)
        return ngettext("%(number)d second", "%(number)d seconds", tens) % {"number": tens}
    minutes = ceil(seconds / 60)
    if minutes < 120:
        return ngettext("%(number)d minute", "%(number)d minutes", minutes) % {"number": minutes}
    hours = ceil(minutes / 60)
    return ngettext("%(number)d hour", "%(number)d hours", hours) % {"number": hours}


def _sends_at(found: Underway) -> str:
    assert found.sends_at is not None
    return spoken(found.sends_at, zone_of(found.digest.newsletter))
