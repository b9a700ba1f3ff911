"""The composer's sentences: what happens next and when."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from digests import planning, preflight, underway
from digests.models import Digest, Plan
from digests.states import Autopilot, DigestState
from digests.wall_clock import spoken


def status(digest: Digest, plan: Plan | None, *, at: datetime, zone: ZoneInfo, newest: int) -> str:
    """One sentence: what happens next, when, and who can act. newest: the number of the last proof, 0 without one."""
    match DigestState(digest.state):
        case DigestState.DRAFT if digest.wanted_at and underway.is_wanted(digest, at=at):
            return _("Draft. Proofed and approved anew, it goes out %(time)s.") % {
                "time": spoken(digest.wanted_at, zone)
            }
        case DigestState.PROOFED if digest.wanted_at and underway.is_wanted(digest, at=at):
            return _("A story was exchanged. Approved, proof %(number)s goes out %(time)s.") % {
                "number": newest,
                "time": spoken(digest.wanted_at, zone),
            }
        case DigestState.DRAFT if digest.due_at and digest.due_at > at and _sends(digest, plan, newest):
            return _(
                "Draft. If nobody does anything, the plan fills the empty places and sends it %(time)s."
            ) % {"time": spoken(digest.due_at, zone)}
        case DigestState.DRAFT if digest.due_at and digest.due_at > at:
            return _("Draft. Due %(time)s; it needs a proof and an approval before.") % {
                "time": spoken(digest.due_at, zone)
            }
        case DigestState.DRAFT:
            return _("Draft. It goes nowhere before a proof of it is approved.")
        case DigestState.PROOFED if plan and not plan.needs_four_eyes:
            return _("Proof %(number)d waits for approval.") % {"number": newest}
        case DigestState.PROOFED:
            return _("Proof %(number)s waits for a second person to approve it.") % {"number": newest}
        case DigestState.APPROVED:
            return _("Approved. It waits to be scheduled or sent.")
        case DigestState.SCHEDULED if sentence := preflight.resting(digest.newsletter):
            return sentence
        case DigestState.SCHEDULED:
            assert digest.scheduled_at is not None
            # Translators: „… Stoppen kann sie bis dahin und danach, wer Ausgaben bearbeitet, freigibt oder versendet.“
            return _(
                "Goes out %(time)s. Whoever edits, approves or sends digests can stop it until then and after."
            ) % {"time": spoken(digest.scheduled_at, zone)}
        case DigestState.HANDED_OVER:
            return _("Handed over %(time)s.") % {"time": spoken(digest.handed_over_at or at, zone)}
        case DigestState.SKIPPED:
            return _("Skipped: %(because)s") % {"because": digest.skipped_because}


def put_together(digest: Digest, plan: Plan | None, *, newest: int) -> str:
    """Who put it together, where that is not the desk alone, and what readers are told of it; nothing else.

    newest: as with `status`. Queries: 1, and none before it is approved.
    """
    if digest.is_released_by_plan:
        return (
            _("automatically; the mail says so")
            if digest.is_automatic
            else _("partly automatically; the mail says so")
        )
    sends = digest.state == DigestState.DRAFT and _sends(digest, plan, newest)
    if digest.is_automatic and sends:
        return _(
            "automatically; the mail says so, and “partly automatically” once the desk changes something but the plan sends it"
        )
    if digest.is_automatic:
        return _("automatically; the mail says so unless the desk changes something")
    if sends:
        return _("by the desk; if the plan fills and sends it, the mail says “partly automatically”")
    return ""


def _sends(draft: Digest, plan: Plan | None, newest: int) -> bool:
    return planning.at_due(plan, draft, was_proofed=newest > 0) == Autopilot.FILL_AND_SEND


def excluded(reasons: Mapping[str, int]) -> list[str]:
    """Who signed up and gets nothing this time, in words, most first."""
    names = {
        "pending": _("%(number)d not confirmed yet"),
        "paused": _("%(number)d paused"),
        # Translators: „12 mit dem Besten der Woche“ | „340 mit jeder Ausgabe“
        "weekly": _("%(number)d who chose the weekly best-of"),
        "each": _("%(number)d who get every digest"),
        "suppressed": _("%(number)d suppressed"),
    }
    ordered = sorted(reasons.items(), key=lambda each: -each[1])
    return [names[reason] % {"number": number} for reason, number in ordered]
