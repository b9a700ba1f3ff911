"""Who publishes, and what happens to readers' data: written from the senders' own records."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from subscriptions import consent, retention
from subscriptions.models import Sender
from subscriptions.privacy import UNCONFIRMED_FOR

_NOT_PRINTED = frozenset({"id", "address", "reply_to", "imprint_url", "privacy_url"})


def _senders() -> list[Sender]:
    """Each publisher once, however many From addresses it has: those that differ in what is printed."""
    printed = [field.attname for field in Sender._meta.concrete_fields if field.attname not in _NOT_PRINTED]
    rows = Sender.objects.order_by("-pk")
    by_facts = {tuple(getattr(row, name) for name in printed): row for row in rows}
    return sorted(by_facts.values(), key=lambda row: row.pk)


@require_safe
def imprint(request: HttpRequest) -> HttpResponse:
    """The legal notice (§ 5 DDG, § 18 MStV). One query."""
    return render(request, "subscriptions/imprint.html", {"senders": _senders()})


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What GDPR art. 13 wants readers to be told. One query."""
    context = {
        "senders": _senders(),
        "days": consent.CONFIRM_WITHIN.days,
        "unconfirmed_days": UNCONFIRMED_FOR.days,
        "kept": retention.kept(),
        "reports_errors": bool(settings.SENTRY_DSN),
    }
    return render(request, "subscriptions/privacy.html", context)
