"""Signing up: the catalogue, the form with its help for typos and errors, and the page that says to look for mail."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from newsroom.mail import recipient_domains
from newsroom.mail.addresses import normalise
from newsroom.mail.errors import BadAddress
from newsroom.web.clock import now, reckoned
from newsroom.web.kept_pages import keep_page, own
from newsroom.web.proxies import client_address
from newsroom.web.redirects import see_other
from newsroom.web.stamps import shown_at, stamp
from subscriptions import consent, correspondence
from subscriptions import signing_up as rules
from subscriptions.errors import Misspelt, OpenTooLong, PressedTooSoon
from subscriptions.forms import SignupForm, language_code
from subscriptions.models import Newsletter
from subscriptions.other_sites import site_of
from subscriptions.views import offered
from subscriptions.views.private import keep_private
from subscriptions.wording import PICKS, Shown, wording

_COOKIE = "signup"
_COOKIE_SALT = "subscriptions.signup"
_COOKIE_SECONDS = 60 * 60


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a visitor asked for, kept in her own browser so that she can correct or repeat it.

    shown: version and language of the words she saw of a newsletter, by slug, where not those of `wording`.
    """

    address: str
    slugs: list[str]
    language: str
    path: str
    wording: str
    sent_at: float
    weekly: list[str] = field(default_factory=list)
    site: str = ""
    shown: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, response: HttpResponse) -> HttpResponse:
        value = signing.dumps(self.__dict__, salt=_COOKIE_SALT)
        response.set_cookie(
            _COOKIE,
            value,
            max_age=_COOKIE_SECONDS,
            path=reverse("subscribe"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response

    def as_posted(self) -> QueryDict:
        """What her browser had sent."""
        data = QueryDict(mutable=True)
        data.update({"address": self.address, "path": self.path, "language": self.language})
        data.update({"wording": self.wording, "started": stamp(self.sent_at), "site": self.site})
        data.setlist("newsletter", list(self.slugs))
        data.setlist("weekly", list(self.weekly))
        return data

    @classmethod
    def of(cls, request: HttpRequest) -> "Request | None":
        try:
            values = signing.loads(
                request.COOKIES.get(_COOKIE, ""), salt=_COOKIE_SALT, max_age=_COOKIE_SECONDS
            )
            return cls(**values)
        except (signing.BadSignature, TypeError):
            return None


@require_safe
@keep_page
def newsletters(request: HttpRequest) -> HttpResponse:
    """The catalogue: all newsletters by theme, several to pick at once. One query."""
    rows = list(Newsletter.objects.offered())
    themes: dict[str, list[Newsletter]] = {}
    for newsletter in rows:  # in their order, and the themes in that of their first
        themes.setdefault(newsletter.theme, []).append(newsletter)
    context = {**_form_context(request, SignupForm(offered=rows)), "themes": themes.items()}
    return render(request, "subscriptions/newsletters.html", context | {"path": request.path})


def _form_context(
    request: HttpRequest, form: SignupForm, ticked: Iterable[str] = (), *, weekly: Iterable[str] = ()
) -> dict[str, Any]:
    language = language_code()
    return {
        "form": form,
        "ticked": set(ticked),
        "weekly": set(weekly),
        "stamp": own(request, "stamp"),
        "language": language,
        "wording": wording(PICKS, language),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest) -> HttpResponse:
    """The form by itself, and where every sign-up box posts to."""
    if request.method != "POST":
        return _blank(request, offered.read())
    data: QueryDict = request.POST
    if "take" in data:  # "Did you mean …?" was answered with yes
        data = request.POST.copy()
        data["address"] = str(data["take"])
    form = SignupForm(data, offered=offered.remembered())
    if not form.is_valid():
        form = SignupForm(data, offered=offered.read())  # nobody is refused for what may have changed since
    if not form.is_valid():
        return again(request, form, "subscriptions/subscribe.html")
    wish = form.wish(network_address=client_address(request), insists="insist" in data)
    at = reckoned()
    try:
        rules.take_from_page(wish, shown_at=shown_at(form.started), at=at)
    except OpenTooLong:
        return again(request, form, "subscriptions/subscribe.html", was_open_too_long=True)
    except PressedTooSoon:
        return again(request, form, "subscriptions/subscribe.html", is_too_fast=True)
    except Misspelt as slip:
        return did_you_mean(request, form, slip.meant)
    return lead_on(form, at=at)


def _blank(request: HttpRequest, newsletters: Iterable[Newsletter]) -> HttpResponse:
    """The empty form; ticked is only what she chose before, or the newsletter whose page she comes from."""
    earlier = Request.of(request) if "change" in request.GET else None
    form = SignupForm(offered=newsletters)
    ticked = set(earlier.slugs) if earlier else {request.GET.get("newsletter", "")}
    context = _form_context(request, form, ticked, weekly=earlier.weekly if earlier else ())
    context["address"] = earlier.address if earlier else ""
    context["path"] = earlier.path if earlier else request.path
    context["site"] = earlier.site if earlier else ""
    response = render(request, "subscriptions/subscribe.html", context)
    if earlier:
        keep_private(response)
    return response


def again(request: HttpRequest, form: SignupForm, template: str, **more: Any) -> HttpResponse:
    """The form once more with all that was typed: after an error, a typo, or a press that was too quick or too late."""
    picks = form.picks
    context = _form_context(
        request, form, {each.slug for each in picks}, weekly={each.slug for each in form.weekly}
    )
    context["address"] = form.data.get("address", "")
    context["path"] = form.data.get("path", "")
    context["site"], context["return_to"] = form.site, form.return_to
    context["picks"] = picks
    # The first stamp goes on living while it is good, so that nobody waits twice.
    if shown_at(form.data.get("started", "")) is not None:
        context["stamp"] = form.data["started"]
    response = render(request, template, context | more)
    if form.return_to:  # browsers hold the redirect that answers a form against form-action, too
        allowed = {"form-action": [site_of(form.return_to)]}
        response._csp_update = allowed  # type: ignore[attr-defined]  # django-csp reads it
    keep_private(response)
    return response


def did_you_mean(request: HttpRequest, form: SignupForm, meant: str) -> HttpResponse:
    """The question after a typo. It shows no wording: what she agreed to is what the form said that she filled in."""
    seen = wording(form.wording_version, form.language)
    template = "subscriptions/did_you_mean.html"
    return again(request, form, template, meant=meant, wording=seen, language=form.language)


def lead_on(form: SignupForm, *, at: datetime) -> HttpResponse:
    """Lead back to the site whose form she filled in, if it may be; else to the page that says to look for mail.

    For that page her browser alone keeps what she asked for.
    """
    if form.return_to:
        response = see_other(form.return_to)
        response["Referrer-Policy"] = "no-referrer"
        return response
    kept = Request(
        address=form.cleaned_data["address"],
        slugs=[each.slug for each in form.picks],
        language=form.language,
        path=form.path,
        site=form.site,
        wording=form.wording_version,
        sent_at=at.timestamp(),
        weekly=[each.slug for each in form.weekly],
    )
    return kept.keep(see_other(reverse("check_inbox")))


@require_http_methods(["GET", "HEAD", "POST"])
def check_inbox(request: HttpRequest) -> HttpResponse:
    """Look for our mail: to which address, from whom, how long it is good for, and how to get it again."""
    kept = Request.of(request)
    picks = (
        list(Newsletter.objects.active().filter(slug__in=kept.slugs).select_related("sender")) if kept else []
    )
    wait_seconds = 0
    if request.method == "POST" and kept:
        at = now()
        wait_seconds = int(kept.sent_at + consent.RESEND_AFTER.total_seconds() - at.timestamp()) + 1
        if wait_seconds <= 0:
            return _send_again(request, kept, at=at)
    context = {
        "kept": kept,
        "picks": picks,
        "senders": correspondence.mailboxes(picks),
        "expires_at": datetime.fromtimestamp(kept.sent_at, tz=UTC) + consent.CONFIRM_WITHIN if kept else None,
        "wait_seconds": max(0, wait_seconds),
        "no_mail_at": _no_mail_at(kept.address) if kept else "",
        "is_sent_again": "again" in request.GET,
    }
    response = render(request, "subscriptions/check_your_inbox.html", context)
    keep_private(response)
    return response


def _no_mail_at(typed: str) -> str:
    """The domain, if a worker found that it takes no mail. It says so of everybody there, and of nobody whether she reads us."""
    try:
        domain = normalise(typed).domain
    except BadAddress:  # the rules have changed since she typed it
        return ""
    return typed.rpartition("@")[2].strip() if recipient_domains.known_why_not(domain) else ""


def _shown(kept: Request, picks: Iterable[Newsletter]) -> dict[int, Shown]:
    seen = {each.pk: kept.shown[each.slug] for each in picks if each.slug in kept.shown}
    return {pk: Shown(version=version, language=language) for pk, (version, language) in seen.items()}


def _send_again(request: HttpRequest, kept: Request, *, at: datetime) -> HttpResponse:
    """Take the same request once more; what is no longer offered since then is said on the form."""
    form = SignupForm(kept.as_posted(), offered=Newsletter.objects.offered().select_related("sender"))
    if not form.is_valid():
        return again(request, form, "subscriptions/subscribe.html")
    wish = form.wish(network_address=client_address(request), insists=True)
    # The cookie is ours, and may hold what she saw elsewhere: among her settings, on another site.
    rules.take(replace(wish, wording_version=kept.wording, shown=_shown(kept, form.picks)), at=at)
    query = QueryDict(mutable=True)
    query["again"] = "1"
    later = Request(**{**kept.__dict__, "sent_at": at.timestamp()})
    return later.keep(see_other(f"{reverse('check_inbox')}?{query.urlencode()}"))
