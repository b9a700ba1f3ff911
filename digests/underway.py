"""How far a digest's sending is: the countdown, the copies that went, what was stopped."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Min, Sum

from digests.delivery import figures
from digests.delivery.models import Attempt, Mailing
from digests.delivery.states import TERMINAL_MAILINGS, MailingState
from digests.models import Digest, DigestMailing
from digests.states import DigestState, MailingKind
from subscriptions.states import NewsletterState

_RATE_OVER = timedelta(seconds=60)
_CHANGED = (DigestState.DRAFT, DigestState.PROOFED)
_TO_READERS = (MailingKind.MAIN, MailingKind.CORRECTION)


class Stage(StrEnum):
    """waits → counts ⇄ rests → starts → sends ⇄ stopped → over."""

    WAITS = "waits"  # something was changed, and a new proof and its approval put it on the schedule again
    RESTS = "rests"  # it is on the schedule, and its newsletter is not active
    COUNTS = "counts"
    STARTS = "starts"
    SENDS = "sends"
    STOPPED = "stopped"
    OVER = "over"


_PLACES = {Stage.STOPPED: 1, Stage.OVER: 2}


@dataclass(frozen=True, kw_only=True)
class Underway:
    """The sending of one digest at one moment; the counts and `waiting` add up to `frozen`."""

    digest: Digest
    stage: Stage
    at: datetime
    sends_at: datetime | None = None
    mailing: Mailing | None = None
    is_correction: bool = False
    frozen: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    held: int = 0
    cancelled: int = 0
    seconds_to_go: int | None = None

    @property
    def waiting(self) -> int:
        return self.frozen - self.decided

    @property
    def decided(self) -> int:
        return self.accepted + self.rejected + self.skipped + self.held + self.cancelled

    @property
    def percent(self) -> int:
        """Rounded down, so that a hundred means all."""
        return 100 * self.decided // self.frozen if self.frozen else 0

    @property
    def seconds_left(self) -> int:
        """Until it goes out; 0 once the time is there."""
        return max(0, round((self.sends_at - self.at).total_seconds())) if self.sends_at else 0


def look(digest: Digest, *, at: datetime) -> Underway | None:
    """Where the digest's sending is; None if none is planned. Queries: none before the hand-over, then at most 3."""
    if digest.state == DigestState.SCHEDULED and digest.scheduled_at:
        stage = Stage.COUNTS if digest.scheduled_at > at else Stage.STARTS
        if digest.newsletter.state != NewsletterState.ACTIVE:
            stage = Stage.RESTS
        return Underway(digest=digest, stage=stage, at=at, sends_at=digest.scheduled_at)
    if digest.state == DigestState.HANDED_OVER:
        return _of_mailing(digest, at=at)
    if digest.state in _CHANGED and is_wanted(digest, at=at):
        return Underway(digest=digest, stage=Stage.WAITS, at=at, sends_at=digest.wanted_at)
    return None


def is_wanted(digest: Digest, *, at: datetime) -> bool:
    """Whether an approval puts it on the schedule again at the time it had, or sends it at once if that is over.

    Past the late limit a person must say so.
    """
    limit = timedelta(seconds=settings.DELIVERY_LATE_LIMIT_SECONDS)
    return digest.wanted_at is not None and at - digest.wanted_at <= limit


def mailings_of(digest: Digest) -> list[DigestMailing]:
    """The digest's own and those that correct it: what is on its way first, then what was stopped, then the newest.

    Queries: 1.
    """
    rows = DigestMailing.objects.filter(digest=digest, kind__in=_TO_READERS).select_related("mailing")
    return sorted(rows.order_by("-pk"), key=lambda bound: _PLACES.get(_stage(bound.mailing), 0))


def _of_mailing(digest: Digest, *, at: datetime) -> Underway | None:
    bound = next(iter(mailings_of(digest)), None)
    if bound is None:
        return None
    mailing = bound.mailing
    counts = figures.decided(mailing)
    stage = _stage(mailing)
    waiting = mailing.frozen - sum(counts.values())
    return Underway(
        digest=digest,
        stage=stage,
        at=at,
        mailing=mailing,
        is_correction=bound.kind == MailingKind.CORRECTION,
        frozen=mailing.frozen,
        seconds_to_go=_seconds_to_go(mailing, waiting, at=at) if stage is Stage.SENDS else None,
        accepted=counts["accepted"],
        rejected=counts["rejected"],
        skipped=counts["skipped"],
        held=counts["held"],
        cancelled=counts["cancelled"],
    )


def _stage(mailing: Mailing) -> Stage:
    if mailing.state in TERMINAL_MAILINGS:
        return Stage.OVER
    if mailing.state == MailingState.PAUSED:
        return Stage.STOPPED
    return Stage.SENDS if mailing.state == MailingState.SENDING else Stage.STARTS


def _seconds_to_go(mailing: Mailing, waiting: int, *, at: datetime) -> int | None:
    """At the speed of the last minute; None while nobody can tell."""
    last = Attempt.objects.filter(batch__mailing=mailing, ended_at__gt=at - _RATE_OVER)
    found = last.aggregate(copies=Sum("size"), first=Min("calling_at"))
    if not found["copies"] or not waiting:
        return None
    seconds = (at - max(found["first"], at - _RATE_OVER)).total_seconds()
    return round(waiting * seconds / found["copies"]) if seconds >= 1 else None
