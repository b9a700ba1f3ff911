"""The composer's sentences: what happens next and when."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from digests.models import Digest
from digests.states import DigestState
from newsroom.web.tags import long_date


def status(digest: Digest, *, at: datetime, zone: ZoneInfo) -> str:
    """One sentence: what happens next, when, and who can act."""
    match DigestState(digest.state):
        case DigestState.DRAFT if digest.due_at and digest.due_at > at:
            return _("Draft. Due %(time)s; it needs a proof and an approval before.") % {
                "time": local(digest.due_at, zone)
            }
        case DigestState.DRAFT:
            return _("Draft. It goes nowhere before a proof of it is approved.")
        case DigestState.PROOFED:
            return _("Proof %(number)s waits for a second person to approve it.") % {
                "number": _newest_number(digest)
            }
        case DigestState.APPROVED:
            return _("Approved. It waits to be scheduled or sent.")
        case DigestState.SCHEDULED:
            assert digest.scheduled_at is not None
            return _("Goes out %(time)s, in %(left)s. It can be stopped until then and after.") % {
                "time": local(digest.scheduled_at, zone),
                "left": left(digest.scheduled_at, at),
            }
        case DigestState.HANDED_OVER:
            return _("Handed over %(time)s.") % {"time": local(digest.handed_over_at or at, zone)}
        case DigestState.SKIPPED:
            return _("Skipped: %(because)s") % {"because": digest.skipped_because}


def _newest_number(digest: Digest) -> int:
    newest = digest.proofs.first()
    return newest.number if newest else 0


def local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{long_date(moment.astimezone(zone).date())}, {moment.astimezone(zone):%H:%M}"


def left(moment: datetime, at: datetime) -> str:
    minutes, seconds = divmod(max(0, round((moment - at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
