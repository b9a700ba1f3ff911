"""Notices to staff: who is told of an incident, and from which address."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.module_loading import import_string

from newsroom.mail import addresses, letters, providers
from newsroom.mail.errors import BadAddress
from newsroom.mail.models import Incident
from newsroom.mail.states import LetterKind
from newsroom.mail.wire import Envelope

logger = logging.getLogger(__name__)

PERMISSION = "mail.view_incident"


def tell_staff(at: datetime) -> int:
    """Write each untold incident to the staff who may see it; returns how many letters. Twice is harmless."""
    untold = list(Incident.objects.open().filter(told_at__isnull=True).order_by("pk")[:50])
    staff = _staff() if untold else []
    may_know: Callable[[Any, Incident], bool] = import_string(settings.INCIDENT_ACCESS)
    written = 0
    for incident in untold:
        sender = staff_sender()
        if sender:
            written += sum(_tell(user, incident, sender, at) for user in staff if may_know(user, incident))
        else:
            logger.warning(
                "No notice to staff: no address to send it from; give the first provider a from=.",
                extra={"incident_id": incident.pk},
            )
        Incident.objects.filter(pk=incident.pk).update(told_at=at)
    return written


def staff_sender() -> str:
    """The From of notices: the default provider's `from`, else newsroom@ the site's host; nothing if neither is one."""
    configured = providers.config(providers.default_name()).sender
    try:
        return addresses.normalise(configured or f"newsroom@{urlsplit(settings.SITE_URL).hostname}").sendable
    except BadAddress:
        return ""


def _staff() -> list[Any]:
    users = get_user_model().objects.filter(is_active=True, is_staff=True).exclude(email="").order_by("pk")
    return [user for user in users if user.has_perm(PERMISSION)]


def _tell(user: Any, incident: Incident, sender: str, at: datetime) -> int:
    language = settings.LANGUAGE_CODE
    envelope = Envelope(
        kind="letter",
        from_name=settings.SITE_NAME,
        from_address=sender,
        language=language,
        auto_submitted=True,
    )
    try:
        letters.write(
            LetterKind.STAFF_NOTICE,
            address=user.email,
            language=language,
            context={
                "incident": incident,
                "admin_url": settings.SITE_URL + reverse("admin:mail_incident_change", args=[incident.pk]),
            },
            envelope=envelope,
            dedupe_key=f"incident:{incident.pk}:{user.pk}",
            at=at,
        )
    except BadAddress:
        logger.warning("A staff user's address cannot be written to.", extra={"user_id": user.pk})
        return 0
    return 1
