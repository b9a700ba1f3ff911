"""The buttons: pick, propose, approve, return, schedule, send, stop, skip. Each is one POST and one service call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from digests import curation, workflow
from digests.composer.pane_acts import list_of
from digests.composer.requests import back, chosen_proof, digest_of, log, number_in, require, user_of
from digests.composer.wording import local
from digests.errors import DigestError
from digests.forms import ReturnForm, ScheduleForm, SkipForm
from digests.models import Digest, Plan
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
    """Propose, approve, return, schedule, send, stop or skip."""
    if act not in ACTS:
        return HttpResponse(status=404)
    digest = digest_of(request, pk)
    known = ACTS[act]
    require(request, known.permission, digest)
    try:
        done = known.function(request, digest, clock.now())
    except (DigestError, MailError, ActRefused) as error:
        messages.error(request, str(error))
    else:
        log(request, digest, done)
        messages.success(request, done)
    return back(pk)


class ActRefused(Exception):
    """The form that came with an act was not filled in."""


def _propose(request: HttpRequest, digest: Digest, at: datetime) -> str:
    # What the desk was looking at: if somebody edits meanwhile, the compare-and-set says so.
    digest.version = number_in(request.POST.get("version"))
    made = workflow.propose(digest, by=user_of(request), at=at)
    return _("Proof %(number)d is made and waits for approval.") % {"number": made.number}


def _approve(request: HttpRequest, digest: Digest, at: datetime) -> str:
    chosen = chosen_proof(request, digest)
    workflow.approve(chosen, by=user_of(request), at=at)
    return _("Proof %(number)d is approved.") % {"number": chosen.number}


def _return(request: HttpRequest, digest: Digest, at: datetime) -> str:
    form = ReturnForm(request.POST)
    if not form.is_valid():
        raise ActRefused(_("Say in a sentence why the proof goes back."))
    chosen = chosen_proof(request, digest)
    workflow.return_proof(chosen, by=user_of(request), because=form.cleaned_data["because"], at=at)
    return _("Proof %(number)d goes back to the desk.") % {"number": chosen.number}


def _schedule(request: HttpRequest, digest: Digest, at: datetime) -> str:
    plan = Plan.of(digest.newsletter)
    zone = ZoneInfo(plan.zone) if plan else ZoneInfo(settings.TIME_ZONE)
    form = ScheduleForm(request.POST, zone=zone)
    if not form.is_valid():
        raise ActRefused(_("Give the day and the time to send on."))
    when = form.cleaned_data["when"]
    workflow.schedule(digest, when=when, by=user_of(request), at=at)
    return _("Scheduled for %(time)s.") % {"time": local(when, zone)}


def _send(request: HttpRequest, digest: Digest, at: datetime) -> str:
    workflow.send_now(digest, by=user_of(request), at=at)
    return _("It goes out in five minutes. Until then it can be stopped without a trace.")


def _stop(request: HttpRequest, digest: Digest, at: datetime) -> str:
    workflow.stop(digest, by=user_of(request), at=at)
    return _("Stopped.")


def _skip(request: HttpRequest, digest: Digest, at: datetime) -> str:
    form = SkipForm(request.POST)
    if not form.is_valid():
        raise ActRefused(_("Say why the digest is skipped."))
    workflow.skip(digest, because=form.cleaned_data["because"], by=user_of(request), at=at)
    return _("Skipped. Its articles go into the next digest.")


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a button does, and who may press it."""

    function: Callable[[HttpRequest, Digest, datetime], str]
    permission: str


ACTS = {
    "propose": Act(function=_propose, permission="change_digest"),
    "approve": Act(function=_approve, permission="approve_digest"),
    "return": Act(function=_return, permission="approve_digest"),
    "schedule": Act(function=_schedule, permission="send_digest"),
    "send": Act(function=_send, permission="send_digest"),
    "stop": Act(function=_stop, permission="send_digest"),
    "skip": Act(function=_skip, permission="change_digest"),
}
