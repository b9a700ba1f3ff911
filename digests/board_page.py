"""The admin's front page: the board in words and buttons, and the one act of its own, being on duty."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from digests import board, duty
from digests.board import Card, Step
from digests.composer.requests import digest_of, log, number_in, require, user_of
from digests.countdown import patterns, until
from digests.errors import DigestError
from digests.self_check_page import MAY_LOOK
from newsroom.web import clock
from subscriptions.states import Cadence


@dataclass(frozen=True, kw_only=True)
class Button:
    """The one thing to press: a link, or a form where it changes something."""

    label: str
    url: str
    is_post: bool = False
    fields: tuple[tuple[str, Any], ...] = ()
    is_danger: bool = False


@dataclass(frozen=True, kw_only=True)
class ShownCard:
    """A card as the page shows it."""

    card: Card
    title: str
    left: str
    is_late: bool
    button: Button | None


def front(request: HttpRequest) -> dict[str, Any]:
    """What the front page needs beside Django's own. Queries: those of `board.look`, and 1."""
    user = user_of(request)
    if not user.has_perm("digests.view_digest"):
        return {"has_board": False, "may_see_self_check": user.has_perm(MAY_LOOK)}
    at = clock.now()
    found = board.look(user, at=at)
    return {
        "has_board": True,
        "may_see_self_check": user.has_perm(MAY_LOOK),
        "at": at,
        "patterns": patterns(),
        "cards": [_shown(card, at=at) for card in found.cards],
        "past": found.past,
        "may_see_mailings": user.has_perm("delivery.view_mailing"),
    }


def urls(admin_site: admin.AdminSite) -> list[URLPattern]:
    """The board's address beside those of the composer."""
    view = admin_site.admin_view(require_POST(take_over))
    return [path("digests/digest/<int:pk>/take-over/", view, name="digests_digest_take_over")]


def take_over(request: HttpRequest, pk: int) -> HttpResponse:
    """Put whoever pressed the button on duty for the digest. The form names who was on duty when the page was made."""
    digest = digest_of(request, pk)
    require(request, "change_digest", digest)
    if "owner" not in request.POST:
        return HttpResponseBadRequest()
    seen = number_in(request.POST["owner"]) or None
    try:
        duty.take_over(digest, by=user_of(request), from_owner=seen)
    except DigestError as error:
        messages.error(request, str(error))
    else:
        log(request, digest, _("Took over the duty."))
        messages.success(request, _("You are on duty for %(digest)s.") % {"digest": digest})
    return HttpResponseRedirect(reverse("admin:index"))


def _shown(card: Card, *, at: Any) -> ShownCard:
    is_open = card.mailing is None
    return ShownCard(
        card=card,
        title=str(card.digest or card.plan or card.newsletter),
        left=until(card.moment, at=at) if card.moment else "",
        is_late=bool(is_open and card.moment and card.moment < at),
        button=_BUTTONS[card.step](card),
    )


def _composer(card: Card, *, anchor: str = "") -> str:
    assert card.digest is not None
    return reverse("admin:digests_digest_change", args=[card.digest.pk]) + anchor


def _proof(card: Card) -> str:
    assert card.digest is not None
    assert card.proof is not None
    return reverse("admin:digests_digest_proof", args=[card.digest.pk, card.proof.number])


def _build(card: Card) -> Button:
    return Button(
        label=_("Put together now"),
        url=reverse("admin:digests_digest_add"),
        is_post=True,
        fields=(
            ("newsletter", card.newsletter.pk),
            ("cadence", card.plan.cadence if card.plan else Cadence.EACH),
        ),
    )


def _stop(card: Card) -> Button:
    assert card.digest is not None
    url = reverse("admin:digests_digest_act", args=[card.digest.pk, "stop"])
    return Button(label=_("Stop sending"), url=url, is_post=True, is_danger=True)


def _decide(card: Card) -> Button:
    assert card.mailing is not None
    url = reverse("admin:delivery_mailing_arithmetic", args=[card.mailing.pk])
    return Button(label=_("Continue or end"), url=url)


def _read_proof(card: Card) -> Button:
    return Button(label=_("Look at proof %(number)d") % {"number": _number(card)}, url=_proof(card))


def _approve(card: Card) -> Button:
    label = _("Read and approve proof %(number)d") % {"number": _number(card)}
    return Button(label=label, url=_proof(card))


def _number(card: Card) -> int:
    return card.proof.number if card.proof else 0


_BUTTONS: dict[Step, Callable[[Card], Button | None]] = {
    Step.PLAN: lambda card: Button(label=_("Make a plan"), url=reverse("admin:digests_plan_add")),
    Step.BUILD: _build,
    Step.MEND: lambda card: Button(label=_("Mend what blocks"), url=_composer(card, anchor="#findings")),
    Step.FINISH: lambda card: Button(label=_("Finish and make a proof"), url=_composer(card)),
    Step.APPROVE: _approve,
    Step.READ_PROOF: _read_proof,
    Step.SCHEDULE: lambda card: Button(label=_("Schedule or send"), url=_composer(card)),
    Step.STOP: _stop,
    Step.DECIDE: _decide,
    Step.LOOK: lambda card: Button(label=pgettext("digest", "Look at it"), url=_composer(card)),
    Step.NONE: lambda card: None,
}
