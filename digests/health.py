"""How a finished mailing fared: its account, what came back since, and that in a word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from digests.delivery import complaints, figures
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState

MOST_REJECTED = 0.05
MOST_BOUNCED = 0.05


class Level(StrEnum):
    GOOD = "good"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True)
class Health:
    """Copies by what became of them; bounced and complained are of those accepted."""

    accepted: int
    rejected: int
    held: int
    cancelled: int
    bounced: int
    complained: int
    level: Level
    word: str


def of_mailings(mailings: Sequence[Mailing]) -> Mapping[int, Health]:
    """The health of each finished mailing. Queries: 1, whatever their number and size."""
    reported = figures.came_back(mailings)
    return {
        mailing.pk: _health(
            mailing,
            bounced=reported.get((mailing.pk, "bounced"), 0),
            complained=reported.get((mailing.pk, "complained"), 0),
        )
        for mailing in mailings
    }


def _health(mailing: Mailing, *, bounced: int, complained: int) -> Health:
    level, word = _verdict(mailing, bounced=bounced, complained=complained)
    return Health(
        accepted=mailing.accepted,
        rejected=mailing.rejected,
        held=mailing.held,
        cancelled=mailing.cancelled,
        bounced=bounced,
        complained=complained,
        level=level,
        word=word,
    )


def _verdict(mailing: Mailing, *, bounced: int, complained: int) -> tuple[Level, str]:
    offered, accepted = mailing.accepted + mailing.rejected, mailing.accepted
    if mailing.state == MailingState.ENDED:
        return Level.STOP, _("ended early")
    if mailing.held:
        return Level.STOP, _("some copies unclear")
    if offered and mailing.rejected > MOST_REJECTED * offered:
        return Level.STOP, _("many rejected")
    if accepted and complaints.reaches("warn", complained=complained, accepted=accepted):
        return Level.STOP, _("many complaints")
    if accepted and bounced > MOST_BOUNCED * accepted:
        return Level.WAIT, _("many came back")
    if not offered:
        return Level.WAIT, _("no readers")
    return Level.GOOD, _("well")
