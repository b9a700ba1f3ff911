"""The buttons from the first pick to the end of a mailing. Each is one POST and one service call."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from digests import access, colleagues, curation, swapping, workflow
from digests.composer.pane_acts import list_of
from digests.composer.requests import (
    back,
    chosen_proof,
    digest_of,
    log,
    number_in,
    require,
    seen_in,
    user_of,
)
from digests.delivery.control import STOPPING
from digests.delivery.errors import DeliveryError
from digests.errors import DigestError, TimePast
from digests.forms import ReturnForm, ScheduleForm, SkipForm
from digests.models import Digest
from digests.states import DigestState
from digests.wall_clock import spoken, zone_of
from newsroom.articles.models import Article
from newsroom.mail.errors import MailError
from newsroom.web import clock


def add_pick(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Put a candidate into a slot."""
    digest = digest_of(request, pk)
    require(request, "change_digest", digest)
    article = get_object_or_404(Article, pk=number_in(request.POST.get("article")))
    slot = request.POST.get("slot", "")
    try:
        curation.add_pick(
            digest,
            article,
            slot=slot,
            position=_place(request),
            expected_version=number_in(request.POST.get("version")),
            seen=seen_in(request),
            by=user_of(request),
            at=clock.now(),
        )
    except DigestError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("“%(title)s” is in.") % {"title": article.title})
        log(request, digest, _("Picked “%(title)s”.") % {"title": article.title})
    return back(pk, list_of(request))


def _place(request: HttpRequest) -> int | None:
    """Before which pick of the slot, counted from 1; at its end if the form does not say."""
    place = number_in(request.POST.get("place"))
    return place - 1 if place else None


def act(request: HttpRequest, pk: int, act: str) -> HttpResponseBase:
    """What the table `ACTS` holds: propose, approve, schedule, stop …"""
    if act not in ACTS:
        return HttpResponse(status=404)
    digest = digest_of(request, pk)
    known = ACTS[act]
    if not any(access.may(request.user, f"digests.{each}", digest.newsletter) for each in known.permissions):
        raise PermissionDenied
    try:
        done = known.function(request, digest, clock.now())
    except DeliveryError:
        messages.error(request, _("It changed meanwhile; nothing was done."))
    except (DigestError, MailError, ActRefused) as error:
        messages.error(request, str(error))
    else:
        log(request, digest, done)
        messages.success(request, done)
    return back(pk)


class ActRefused(Exception):
    """The form that came with an act was not filled in."""


def _propose(request: HttpRequest, digest: Digest, at: datetime) -> str:
    made = workflow.propose(_as_shown(request, digest), by=user_of(request), at=at)
    return _("Proof %(number)d is made and waits for approval.") % {"number": made.number}


def _as_shown(request: HttpRequest, digest: Digest) -> Digest:
    """The digest in the version that the page showed: if somebody edited it meanwhile, the compare-and-set says so."""
    digest.version = number_in(request.POST.get("version"))
    return digest


def _approve(request: HttpRequest, digest: Digest, at: datetime) -> str:
    chosen = chosen_proof(request, digest)
    workflow.approve(chosen, by=user_of(request), at=at)
    approved = chosen.digest
    if approved.state == DigestState.SCHEDULED and approved.scheduled_at:
        return _("Proof %(number)d is approved and on the schedule again: %(time)s.") % {
            "number": chosen.number,
            "time": spoken(approved.scheduled_at, zone_of(digest.newsletter)),
        }
    return _("Proof %(number)d is approved.") % {"number": chosen.number}


def _return(request: HttpRequest, digest: Digest, at: datetime) -> str:
    form = ReturnForm(request.POST)
    if not form.is_valid():
        raise ActRefused(_("Say in a sentence why the proof goes back."))
    chosen = chosen_proof(request, digest)
    workflow.return_proof(chosen, by=user_of(request), because=form.cleaned_data["because"], at=at)
    return _("Proof %(number)d goes back to the desk.") % {"number": chosen.number}


def _schedule(request: HttpRequest, digest: Digest, at: datetime) -> str:
    zone = zone_of(digest.newsletter)
    form = ScheduleForm(request.POST, zone=zone)
    if not form.is_valid():
        typed = request.POST.get("when", "").strip()
        told = " ".join(map(str, form["when"].errors)) if typed else ""
        raise ActRefused(told or _("Give the day and the time to send on."))
    when = form.cleaned_data["when"]
    try:
        workflow.schedule(_as_shown(request, digest), when=when, by=user_of(request), at=at)
    except TimePast as error:
        raise ActRefused(
            _("%(time)s is in the past. Choose a later time, or send it now.") % {"time": spoken(when, zone)}
        ) from error
    return _("Scheduled for %(time)s.") % {"time": spoken(when, zone)}


def _send(request: HttpRequest, digest: Digest, at: datetime) -> str:
    workflow.send_now(_as_shown(request, digest), by=user_of(request), at=at)
    return _("It goes out in five minutes. Until then it can be stopped without a trace.")


def _stop(request: HttpRequest, digest: Digest, at: datetime) -> str:
    workflow.stop(digest, by=user_of(request), at=at)
    if digest.state == DigestState.HANDED_OVER:
        # Within seconds: copies of calls already begun still go.
        return _("Stopped. Copies already being handed over still go; then nothing more does.")
    return _("Stopped. Nothing went out.")


def _go_on(request: HttpRequest, digest: Digest, at: datetime) -> str:
    workflow.go_on(digest, mailing=_mailing(request), by=user_of(request), at=at)
    return _("It goes on where it stopped. Nobody gets a second copy.")


def _end(request: HttpRequest, digest: Digest, at: datetime) -> str:
    because = request.POST.get("because", "").strip()
    if not because:
        raise ActRefused(_("Say why the sending ends: it is kept with your name."))
    workflow.end(digest, mailing=_mailing(request), because=because, by=user_of(request), at=at)
    return _("Ended early: %(because)s") % {"because": because}


def _mailing(request: HttpRequest) -> int:
    """The number of the mailing that the page showed."""
    return number_in(request.POST.get("mailing"))


def _swap(request: HttpRequest, digest: Digest, at: datetime) -> str:
    pick = digest.picks.select_related("article").filter(pk=number_in(request.POST.get("pick"))).first()
    article = Article.objects.filter(pk=number_in(request.POST.get("article"))).first()
    if pick is None or article is None:
        raise ActRefused(_("Choose the story that goes and the one that comes."))
    made = swapping.swap(
        pick,
        article,
        expected_version=number_in(request.POST.get("version")),
        by=user_of(request),
        at=at,
    )
    return _("“%(old)s” is exchanged for “%(new)s”. Proof %(number)d waits for a fast approval.") % {
        "old": pick.title or pick.article.title,
        "new": article.title,
        "number": made.number,
    }


def _test(request: HttpRequest, digest: Digest, at: datetime) -> str:
    chosen = [number_in(key) for key in request.POST.getlist("to")]
    told = colleagues.send_test(digest, to=chosen, at=at)
    return _("A test goes to %(names)s.") % {
        "names": ", ".join(user.get_full_name() or user.get_username() for user in told)
    }


def _skip(request: HttpRequest, digest: Digest, at: datetime) -> str:
    form = SkipForm(request.POST)
    if not form.is_valid():
        raise ActRefused(_("Say why the digest is skipped."))
    because = form.cleaned_data["because"]
    workflow.skip(digest, because=because, seen=seen_in(request), by=user_of(request), at=at)
    return _("Skipped. Its articles go into the next digest.")


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a button does, and who may press it: whoever holds one of the permissions."""

    function: Callable[[HttpRequest, Digest, datetime], str]
    permissions: Collection[str]


ACTS = {
    "propose": Act(function=_propose, permissions=["change_digest"]),
    "approve": Act(function=_approve, permissions=["approve_digest"]),
    "return": Act(function=_return, permissions=["approve_digest"]),
    "schedule": Act(function=_schedule, permissions=["send_digest"]),
    "send": Act(function=_send, permissions=["send_digest"]),
    "stop": Act(function=_stop, permissions=STOPPING),
    "continue": Act(function=_go_on, permissions=["send_digest"]),
    "end": Act(function=_end, permissions=["send_digest"]),
    "swap": Act(function=_swap, permissions=["change_digest"]),
    "test": Act(function=_test, permissions=["change_colleague"]),
    "skip": Act(function=_skip, permissions=["change_digest"]),
}
