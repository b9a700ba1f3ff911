"""The link in a confirmation mail: a page with one button, and the button."""

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override

from newsroom.web.clock import now
from newsroom.web.proxies import client_address
from newsroom.web.redirects import see_other
from newsroom.web.tokens import manage_url, may_be_secret
from subscriptions import consent, correspondence, suppression
from subscriptions.errors import LinkExpired, LinkUnknown
from subscriptions.forms import language_code
from subscriptions.models import Subscriber, Subscription
from subscriptions.states import Cadence, NewsletterState, SubscriptionState
from subscriptions.views.private import broken_link, in_language_of, token_page
from subscriptions.views.signing_up import Request
from subscriptions.wording import PICKS


@token_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks, POST confirms; twice is as good as once, and too late offers a new letter."""
    at = now()
    try:
        if request.method == "POST" and "again" in request.POST:
            return _ask_again(request, token, at=at)
        if request.method == "POST":
            done = consent.confirm(token, network_address=client_address(request), at=at)
            return _confirmed(request, done.subscriber, done.subscriptions, at=at)
        confirmation = consent.find_confirmation(token, at=at)
    except LinkUnknown:
        if not may_be_secret(token):
            return broken_link(request)
        return render(request, "subscriptions/link_gone.html", status=404)
    except LinkExpired as error:
        with override(language_code(error.language)):
            return render(request, "subscriptions/link_expired.html", {"days": consent.CONFIRM_WITHIN.days})
    rows, reader = consent.asked_for(confirmation), confirmation.subscriber
    due = consent.due_of(confirmation, rows)
    if confirmation.used_at is not None or not due:
        return _confirmed(request, reader, rows, at=at)
    with in_language_of(reader):
        return render(request, "subscriptions/confirm.html", {"reader": reader, "subscriptions": due})


def _confirmed(
    request: HttpRequest, reader: Subscriber, rows: Sequence[Subscription], *, at: datetime
) -> HttpResponse:
    ended = [row.newsletter for row in rows if row.newsletter.state == NewsletterState.RETIRED]
    active = [row for row in rows if row.state == SubscriptionState.ACTIVE and row.newsletter not in ended]
    senders = correspondence.mailboxes(row.newsletter for row in active)
    with in_language_of(reader):
        return render(
            request,
            "subscriptions/confirmed.html",
            {
                "subscriptions": [(row, row.next_mail(at=at)) for row in active],
                "addresses": ", ".join(address for _name, address in senders),
                "manage_url": manage_url(active[0].pk, reader.address_hash) if active else "",
                "ended": ended,
                "was_confirmed": any(row.confirmed_at for row in rows),
                "is_declined": not active and suppression.wants_no_questions(reader.address_hash),
                "is_stopped": not active and not _can_be_asked(reader, rows),
            },
        )


def _can_be_asked(reader: Subscriber, rows: Sequence[Subscription]) -> bool:
    """Whether signing up anew would lead to a letter. One query."""
    return suppression.can_be_asked(reader.address_hash, [row.newsletter for row in rows])


def _ask_again(request: HttpRequest, token: str, *, at: datetime) -> HttpResponse:
    """A fresh letter for an expired link, then the page that says to look for it."""
    asked = consent.ask_again(token, network_address=client_address(request), at=at)
    rows = asked.subscriptions
    if all(row.newsletter.state == NewsletterState.RETIRED for row in rows):
        return _confirmed(request, asked.subscriber, rows, at=at)
    if not asked.is_written:
        with in_language_of(asked.subscriber):
            is_stopped = not _can_be_asked(asked.subscriber, rows)
            return render(request, "subscriptions/not_asked_again.html", {"is_stopped": is_stopped})
    kept = Request(
        address=asked.subscriber.typed_address,
        slugs=[row.newsletter.slug for row in rows],
        language=asked.language,
        path=reverse("subscribe"),
        wording=PICKS,
        shown={
            row.newsletter.slug: [shown.version, shown.language]
            for row in rows
            if (shown := asked.shown.get(row.newsletter_id))
        },
        sent_at=at.timestamp(),
        weekly=[row.newsletter.slug for row in rows if row.cadence == Cadence.WEEKLY],
    )
    return kept.keep(see_other(reverse("check_inbox")))
