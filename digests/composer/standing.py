"""How a digest stands, and what may be done next: the upper part of the composer."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from digests import access, workflow
from digests.composer.wording import excluded, put_together, status
from digests.forms import ReturnForm, ScheduleForm, SkipForm
from digests.models import Digest, DigestMailing, Plan
from digests.states import DigestState, MailingKind
from subscriptions import audiences


def standing(request: HttpRequest, digest: Digest, *, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What the buttons that propose, approve, schedule, send, stop and skip need to know."""
    return {
        "status": status(digest, at=at, zone=zone),
        "put_together": put_together(digest, Plan.of(digest.newsletter, digest.cadence)),
        "zone": zone,
        "proofs": workflow.proofs_of(digest).select_related(
            "proposed_by", "approval__approver", "returned_by"
        ),
        "mailing": _mailing(digest),
        "recipients": audiences.count(
            audiences.for_newsletter(digest.newsletter, cadence=digest.cadence), at=at
        ),
        "schedule_form": ScheduleForm(zone=zone, initial={"when": _suggested_time(digest, at=at, zone=zone)}),
        "return_form": ReturnForm(),
        "skip_form": SkipForm(),
        "excluded": _excluded(digest, at=at),
        "may_edit": access.may(request.user, "digests.change_digest", digest.newsletter),
        "may_test": access.may(request.user, "digests.change_colleague", digest.newsletter),
        "may_approve": access.may(request.user, "digests.approve_digest", digest.newsletter),
        "may_send": access.may(request.user, "digests.send_digest", digest.newsletter),
    }


def _excluded(digest: Digest, *, at: datetime) -> list[str]:
    """Who signed up and gets nothing, once there is a time to send on: two queries over the whole list of readers."""
    if digest.state not in (DigestState.APPROVED, DigestState.SCHEDULED):
        return []
    return excluded(
        audiences.exclusions(audiences.for_newsletter(digest.newsletter, cadence=digest.cadence), at=at)
    )


def _suggested_time(digest: Digest, *, at: datetime, zone: ZoneInfo) -> datetime | None:
    return (
        digest.due_at.astimezone(zone).replace(tzinfo=None) if digest.due_at and digest.due_at > at else None
    )


def _mailing(digest: Digest) -> DigestMailing | None:
    """Where it went; nothing is asked before it went anywhere."""
    if digest.state != DigestState.HANDED_OVER:
        return None
    return digest.mailings.select_related("mailing").filter(kind=MailingKind.MAIN).first()
