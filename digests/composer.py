"""The composer: one page per digest in the admin, where the desk picks, words, proofs, approves, sends and stops.

It works without JavaScript: every act is a form. Each act calls the service that commands and tasks call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from digests import curation, preflight, saving, selection, workflow
from digests.errors import DigestError
from digests.forms import DigestForm, PickForm, ReturnForm, ScheduleForm, SkipForm
from digests.models import Digest, Pick, Plan, Proof
from digests.preflight import slot_name
from digests.rendering import Rendered, render
from digests.states import EDITABLE, DigestState
from digests.stories import labels, with_stories
from newsroom.articles.models import Article
from newsroom.mail.errors import MailError
from newsroom.web import clock
from newsroom.web.masking import mask
from newsroom.web.tags import long_date
from subscriptions import audiences

CANDIDATES_SHOWN = 40
SAMPLE_ADDRESS = "mia@example.org"
"""In previews only; its links lead to the site's front page and nowhere else."""
PREVIEW_POLICY = (
    "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


def urls(admin_site: admin.AdminSite) -> list[URLPattern]:
    """The composer's addresses below the digests of the admin."""

    def staff(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        return admin_site.admin_view(view)

    return [
        path("<int:pk>/change/", staff(compose), name="digests_digest_change"),
        path("<int:pk>/pick/", staff(require_POST(add_pick)), name="digests_digest_pick"),
        path("<int:pk>/act/<slug:act>/", staff(require_POST(act)), name="digests_digest_act"),
        path("<int:pk>/preview/", staff(require_GET(preview)), name="digests_digest_preview"),
        path("<int:pk>/proofs/<int:number>/", staff(require_GET(proof)), name="digests_digest_proof"),
        path(
            "<int:pk>/proofs/<int:number>/mail/",
            staff(require_GET(proof_mail)),
            name="digests_digest_proof_mail",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class SlotRow:
    """A slot with its pick forms and whether it holds enough, in words."""

    key: str
    name: str
    forms: list[PickForm]
    count: str
    is_short: bool


# --- The page ------------------------------------------------------------------------------------------------


def compose(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the composer; a POST saves the digest's words, its picks and their order."""
    digest = _digest(request, pk)
    at = clock.now()
    picks = list(with_stories(digest.picks.order_by("slot", "position", "pk")))
    form = DigestForm(request.POST if request.method == "POST" else None, instance=digest)
    pick_forms = _pick_forms(digest, picks, request)
    if request.method == "POST":
        _require(request, "change_digest")
        if form.is_valid() and all(each.is_valid() for each in pick_forms):
            if _save(request, digest, form, pick_forms, at=at):
                return _back(pk)
        else:
            messages.error(request, _("Nothing is saved yet: look at the fields marked below."))
    return _page(request, _fresh(digest), form, pick_forms, at=at)


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
            _fresh(digest), expected_version=form.cleaned_data["version"], words=words, edits=edits, at=at
        )
    except DigestError as error:
        messages.error(request, str(error))
        return False
    if has_changed:
        _log(request, digest, _("Saved."))
    messages.success(request, _("Saved.") if has_changed else _("Nothing was changed."))
    return True


def _page(
    request: HttpRequest, digest: Digest, form: DigestForm, pick_forms: list[PickForm], *, at: datetime
) -> HttpResponse:
    rendered = render(digest)
    is_editable = digest.state in EDITABLE and request.user.has_perm("digests.change_digest")
    plan = Plan.objects.filter(newsletter=digest.newsletter).first()
    zone = ZoneInfo(plan.zone) if plan else ZoneInfo(settings.TIME_ZONE)
    context = {
        **admin.site.each_context(request),
        "title": str(digest),
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "opts": Digest._meta,
        "has_view_permission": True,
        "status": _status(digest, at=at, zone=zone),
        "form": form,
        "is_editable": is_editable,
        "slots": _slot_rows(digest, pick_forms),
        "candidates": _candidates(digest, at=at) if is_editable else [],
        "slot_choices": [(slot["key"], slot["title"] or slot_name(slot["key"])) for slot in digest.slots],
        "findings": preflight.check(digest, at=at, rendered=rendered) if is_editable else [],
        "rendered": rendered,
        "preview_text": _sample(digest, rendered)[1],
        "proofs": digest.proofs.select_related("proposed_by", "approval__approver", "returned_by"),
        "mailing": digest.mailings.select_related("mailing").filter(kind="main").first(),
        "recipients": audiences.count(audiences.for_newsletter(digest.newsletter), at=at),
        "zone": zone,
        "schedule_form": ScheduleForm(zone=zone, initial={"when": _suggested_time(digest, at=at, zone=zone)}),
        "return_form": ReturnForm(),
        "skip_form": SkipForm(),
        "may_approve": request.user.has_perm("digests.approve_digest"),
        "may_send": request.user.has_perm("digests.send_digest"),
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
            "labels": labels(each.article, shows_picture=bool(each.article.picture)),
        }
        for each in found
        if each.article.pk not in picked
    ][:CANDIDATES_SHOWN]


def reason_name(name: str) -> str:
    """What the desk calls a term of the score."""
    names = {
        "fresh": _("fresh"),
        "marked": _("marked by the desk"),
        "picture": _("has a picture"),
        "staff": _("our own"),
        "length": _("good length"),
        "variety": _("section seen often"),
    }
    return names.get(name, name)


def held_back_name(name: str) -> str:
    """Why nothing takes the article by itself."""
    names = {
        "embargo": _("under embargo"),
        "unreviewed": _("not reviewed yet"),
        "grace": _("came in a moment ago"),
    }
    return names.get(name, name)


def _status(digest: Digest, *, at: datetime, zone: ZoneInfo) -> str:
    """One sentence: what happens next, when, and who can act."""
    match DigestState(digest.state):
        case DigestState.DRAFT if digest.due_at and digest.due_at > at:
            return _("Draft. Due %(time)s; it needs a proof and an approval before.") % {
                "time": _local(digest.due_at, zone)
            }
        case DigestState.DRAFT:
            return _("Draft. It goes nowhere before a proof of it is approved.")
        case DigestState.PROOFED:
            return _("Proof %(number)s waits for a second person to approve it.") % {
                "number": _newest_number(digest)
            }
        case DigestState.APPROVED:
            return _("Approved. It waits to be scheduled or sent.")
        case DigestState.SCHEDULED:
            assert digest.scheduled_at is not None
            return _("Goes out %(time)s, in %(left)s. It can be stopped until then and after.") % {
                "time": _local(digest.scheduled_at, zone),
                "left": _left(digest.scheduled_at, at),
            }
        case DigestState.HANDED_OVER:
            return _("Handed over %(time)s.") % {"time": _local(digest.handed_over_at or at, zone)}
        case DigestState.SKIPPED:
            return _("Skipped: %(because)s") % {"because": digest.skipped_because}


def _newest_number(digest: Digest) -> int:
    newest = digest.proofs.first()
    return newest.number if newest else 0


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{long_date(moment.astimezone(zone).date())}, {moment.astimezone(zone):%H:%M}"


def _left(moment: datetime, at: datetime) -> str:
    minutes, seconds = divmod(max(0, round((moment - at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _suggested_time(digest: Digest, *, at: datetime, zone: ZoneInfo) -> datetime | None:
    return (
        digest.due_at.astimezone(zone).replace(tzinfo=None) if digest.due_at and digest.due_at > at else None
    )


# --- Acts ----------------------------------------------------------------------------------------------------


def add_pick(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Put a candidate into a slot."""
    digest = _digest(request, pk)
    _require(request, "change_digest")
    article = get_object_or_404(Article, pk=_number(request.POST.get("article")))
    slot = request.POST.get("slot", "")
    try:
        curation.add_pick(
            digest,
            article,
            slot=slot,
            expected_version=_number(request.POST.get("version")),
            by=user_of(request),
            at=clock.now(),
        )
    except DigestError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("“%(title)s” is in.") % {"title": article.title})
        _log(request, digest, _("Picked “%(title)s”.") % {"title": article.title})
    return _back(pk)


def act(request: HttpRequest, pk: int, act: str) -> HttpResponseBase:
    """Propose, approve, return, schedule, send, stop or skip."""
    if act not in ACTS:
        return HttpResponse(status=404)
    digest = _digest(request, pk)
    known = ACTS[act]
    _require(request, known.permission)
    try:
        done = known.function(request, digest, clock.now())
    except (DigestError, MailError, ActRefused) as error:
        messages.error(request, str(error))
    else:
        _log(request, digest, done)
        messages.success(request, done)
    return _back(pk)


class ActRefused(Exception):
    """The form that came with an act was not filled in."""


def _propose(request: HttpRequest, digest: Digest, at: datetime) -> str:
    made = workflow.propose(digest, by=user_of(request), at=at)
    return _("Proof %(number)d is made and waits for approval.") % {"number": made.number}


def _approve(request: HttpRequest, digest: Digest, at: datetime) -> str:
    chosen = _chosen_proof(request, digest)
    workflow.approve(chosen, by=user_of(request), at=at)
    return _("Proof %(number)d is approved.") % {"number": chosen.number}


def _return(request: HttpRequest, digest: Digest, at: datetime) -> str:
    form = ReturnForm(request.POST)
    if not form.is_valid():
        raise ActRefused(_("Say in a sentence why the proof goes back."))
    chosen = _chosen_proof(request, digest)
    workflow.return_proof(chosen, by=user_of(request), because=form.cleaned_data["because"], at=at)
    return _("Proof %(number)d goes back to the desk.") % {"number": chosen.number}


def _schedule(request: HttpRequest, digest: Digest, at: datetime) -> str:
    plan = Plan.objects.filter(newsletter=digest.newsletter).first()
    zone = ZoneInfo(plan.zone) if plan else ZoneInfo(settings.TIME_ZONE)
    form = ScheduleForm(request.POST, zone=zone)
    if not form.is_valid():
        raise ActRefused(_("Give the day and the time to send on."))
    when = form.cleaned_data["when"]
    workflow.schedule(digest, when=when, by=user_of(request), at=at)
    return _("Scheduled for %(time)s.") % {"time": _local(when, zone)}


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


# --- What readers will get -----------------------------------------------------------------------------------


def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail as it would be now, for a sandboxed frame."""
    digest = _digest(request, pk)
    return _framed(_sample(digest, render(digest))[0], without_images="images" in request.GET)


def proof(request: HttpRequest, pk: int, number: int) -> HttpResponseBase:
    """A proof as it was frozen, with the buttons to approve or return it."""
    digest = _digest(request, pk)
    found = get_object_or_404(
        digest.proofs.select_related("proposed_by", "approval__approver", "returned_by"), number=number
    )
    rendition = found.renditions.select_related("rendition").order_by("variant")[0].rendition
    is_open = digest.state == DigestState.PROOFED and found == digest.proofs.first() and not found.returned_at
    context = {
        **admin.site.each_context(request),
        "title": _("Proof %(number)d of %(digest)s") % {"number": number, "digest": digest},
        "is_nav_sidebar_enabled": False,
        "digest": digest,
        "proof": found,
        "rendition": rendition,
        "opts": Digest._meta,
        "is_open": is_open,
        "is_own": found.proposed_by_id == user_of(request).pk,
        "may_approve": request.user.has_perm("digests.approve_digest"),
        "return_form": ReturnForm(),
        "recipients": audiences.count(audiences.for_newsletter(digest.newsletter), at=clock.now()),
    }
    return TemplateResponse(request, "admin/digests/digest/proof.html", context)


def proof_mail(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The frozen mail of a proof, for a sandboxed frame."""
    digest = _digest(request, pk)
    found = get_object_or_404(digest.proofs, number=number)
    rendition = found.renditions.select_related("rendition").order_by("variant")[0].rendition
    frozen = Rendered(
        subject=rendition.subject, preheader=rendition.preheader, html=rendition.html,
        text=rendition.text, web_html="", language=rendition.language,
    )  # fmt: skip
    return _framed(_sample(digest, frozen)[0], without_images=False)


def _sample(digest: Digest, rendered: Rendered) -> tuple[str, str]:
    """HTML and text with a made-up reader's values; the links lead to the newsletter's own page."""
    inert = digest.newsletter.get_absolute_url()
    return rendered.filled(
        {
            "leave_url": inert,
            "manage_url": inert,
            "masked_address": mask(SAMPLE_ADDRESS),
            "since": long_date(digest.created_at, digest.newsletter.language),
        }
    )


def _framed(html: str, *, without_images: bool) -> HttpResponse:
    response = HttpResponse(html)
    policy = PREVIEW_POLICY.replace("img-src 'self'", "img-src 'none'") if without_images else PREVIEW_POLICY
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


# --- Small things --------------------------------------------------------------------------------------------


def _digest(request: HttpRequest, pk: int) -> Digest:
    if not request.user.has_perm("digests.view_digest"):
        raise PermissionDenied
    return get_object_or_404(Digest.objects.select_related("newsletter__sender"), pk=pk)


def _fresh(digest: Digest) -> Digest:
    """The digest as the database has it: a form that was validated leaves its values on the instance."""
    return Digest.objects.select_related("newsletter__sender").get(pk=digest.pk)


def _chosen_proof(request: HttpRequest, digest: Digest) -> Proof:
    return get_object_or_404(
        digest.proofs.select_related("digest"), number=_number(request.POST.get("proof"))
    )


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(f"digests.{permission}"):
        raise PermissionDenied


def user_of(request: HttpRequest) -> User:
    """Who acts; behind admin_view that is always a user."""
    assert isinstance(request.user, User)
    return request.user


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else 0


def _log(request: HttpRequest, digest: Digest, sentence: str) -> None:
    LogEntry.objects.log_actions(
        user_of(request).pk, [digest], CHANGE, change_message=sentence, single_object=True
    )


def _back(pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:digests_digest_change", args=[pk]))
