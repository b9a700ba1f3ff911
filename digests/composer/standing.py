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
from digests.wall_clock import spoken
from subscriptions import audiences


def standing(request: HttpRequest, digest: Digest, *, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What the buttons that propose, approve, schedule, send, stop and skip need to know. Queries: 3 at most."""
    proofs = list(
        workflow.proofs_of(digest).select_related("proposed_by", "approval__approver", "returned_by")
    )
    newest = proofs[0].number if proofs else 0
    plan = Plan.of(digest.newsletter, digest.cadence)
    recipients, left_out = _reach(digest, at=at)
    due = digest.due_at if digest.due_at and digest.due_at > at else None
    return {
        "status": status(digest, plan, at=at, zone=zone, newest=newest),
        "put_together": put_together(digest, plan, newest=newest),
        "zone": zone,
        "proofs": proofs,
        "mailing": _mailing(digest),
        "recipients": recipients,
        "schedule_form": ScheduleForm(
            zone=zone, initial={"when": due.astimezone(zone).replace(tzinfo=None) if due else None}
        ),
        "due": spoken(due, zone) if due else "",
        "return_form": ReturnForm(),
        "skip_form": SkipForm(),
        "excluded": left_out,
        "may_edit": access.may(request.user, "digests.change_digest", digest.newsletter),
        "may_test": access.may(request.user, "digests.change_colleague", digest.newsletter),
        "may_approve": access.may(request.user, "digests.approve_digest", digest.newsletter),
        "may_send": access.may(request.user, "digests.send_digest", digest.newsletter),
    }


def _reach(digest: Digest, *, at: datetime) -> tuple[int, list[str]]:
    """How many get it; and who signed up and gets nothing, once there is a time to send on. Queries: 1."""
    audience = audiences.for_newsletter(digest.newsletter, cadence=digest.cadence)
    if digest.state not in (DigestState.APPROVED, DigestState.SCHEDULED):
        return audiences.count(audience, at=at), []
    number, reasons = audiences.reach(audience, at=at)
    return number, excluded(reasons)


def _mailing(digest: Digest) -> DigestMailing | None:
    """Where it went; nothing is asked before it went anywhere."""
    if digest.state != DigestState.HANDED_OVER:
        return None
    return digest.mailings.select_related("mailing").filter(kind=MailingKind.MAIN).first()
