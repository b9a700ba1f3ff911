"""The link in a letter that asks to confirm, for who did not ask for it: a page with one button, and one POST (RFC 8058)."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from newsroom.web.clock import now
from newsroom.web.errors import BadToken
from newsroom.web.proxies import client_address
from subscriptions import consent
from subscriptions.models import AddressChange
from subscriptions.views.private import broken_link, in_language_of, posted_fields, token_page


@token_page
def decline(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button; any POST says no, at once, and answers 200 itself: it stands in List-Unsubscribe."""
    try:
        question = consent.find_question(token)
    except BadToken:
        return broken_link(request)
    is_one_click = request.method == "POST" and "List-Unsubscribe" in posted_fields(request)
    at = now()
    with _in_language_of(question):
        if question is not None and request.method == "POST":
            consent.decline(question, network_address=client_address(request), at=at)
            question = consent.find_question(token)
        if is_one_click:  # a mail program asks, and shows its own words
            sentence = _("That is cancelled, and we will not ask again.")
            return HttpResponse(sentence, content_type="text/plain; charset=utf-8")
        return _show(request, question, token, at=at)


def _show(
    request: HttpRequest, question: consent.Question | None, token: str, *, at: datetime
) -> HttpResponse:
    if question is not None and question.declined_at is None:
        context: dict[str, Any] = {"reader": question.reader}
        if isinstance(question.about, AddressChange):
            context["is_of_address"] = True
        else:
            context["subscriptions"] = consent.asked_for(question.about)
        return render(request, "subscriptions/decline.html", context)
    can_undo = question is not None and question.can_undo(at=at)
    return render(
        request,
        "subscriptions/declined.html",
        {"question": question, "token": token, "can_undo": can_undo},
    )


@token_page
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """Take the no back within a day; the button in the letter confirms again."""
    if request.method != "POST":
        return redirect("decline", token)
    try:
        question = consent.find_question(token)
    except BadToken:
        return broken_link(request)
    with _in_language_of(question):
        is_done = question is not None and consent.undo_declining(
            question, network_address=client_address(request), at=now()
        )
        return render(request, "subscriptions/declining_undone.html", {"is_done": is_done})


def _in_language_of(question: consent.Question | None) -> AbstractContextManager[None]:
    return in_language_of(question.about.subscriber) if question else nullcontext()
