"""What staff must know: one open incident per key, shown in the admin and told by letter once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from newsroom.mail import queue
from newsroom.mail.models import Incident
from newsroom.mail.states import Severity


def report(
    key: str,
    *,
    title: str,
    text: str = "",
    severity: Severity = Severity.ERROR,
    facts: Mapping[str, Any] | None = None,
    newsletter_id: int | None = None,
    at: datetime,
) -> Incident:
    """Open an incident, or bring the one that is open up to date. Staff hear of it once, after commit.

    newsletter_id: the one it is about, so that the admin and the letters tell it to those who work there; without it to all.
    """
    known = dict(facts or {}) | ({"newsletter_id": newsletter_id} if newsletter_id else {})
    news = {"title": title[:200], "text": text, "severity": severity, "facts": known}
    key = key[:120]
    if _renew(key, news):
        return Incident.objects.open().get(key=key)
    try:
        with transaction.atomic():
            incident = Incident.objects.create(key=key, opened_at=at, **news)
    except IntegrityError:  # reported by two at the same moment
        _renew(key, news)
        return Incident.objects.open().get(key=key)
    queue.wake_tell_staff()
    return incident


def resolve(key: str, *, at: datetime) -> bool:
    """Close the open incident of that key, if there is one."""
    return bool(Incident.objects.open().filter(key=key[:120]).update(resolved_at=at))


def _renew(key: str, news: Mapping[str, Any]) -> int:
    return Incident.objects.open().filter(key=key).update(**news)
