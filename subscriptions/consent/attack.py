"""Attack mode: while sign-ups flood in, the letters they cause leave slowly, one per address and one per network.

The open incident is the mode: a flushed cache does not end it, staff see it with its numbers, and whoever resolves it
ends it at once. It ends by itself half an hour after a limit was last passed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils.translation import gettext as _

from newsroom.mail import incidents
from newsroom.mail.models import Incident, Letter
from newsroom.mail.states import LetterKind, LetterState, Severity
from newsroom.web.masking import mask_network
from subscriptions.models import Confirmation

KEY = "sign-up-flood"
NETWORK_KEY = "sign-up-network"
LASTS = timedelta(minutes=30)
# Ten letters a minute: a reader waits a little, a flooded mailbox provider hears next to nothing from us.
BETWEEN_LETTERS = timedelta(seconds=6)
LONGEST_QUEUE = timedelta(hours=12)
_QUIET = timedelta(hours=1)

_SLOWED = (LetterKind.CONFIRMATION, LetterKind.ALREADY_SUBSCRIBED)


def since(at: datetime) -> datetime | None:
    """When the attack began that goes on now; None in peace. One query."""
    incident = Incident.objects.open().filter(key=KEY).first()
    return _began(incident) if incident and _until(incident) > at else None


@dataclass(frozen=True, kw_only=True)
class Attack:
    """When an attack began, and when a limit was passed the last time."""

    began: datetime
    passed: datetime


def last() -> Attack | None:
    """The latest attack, over or not. One query."""
    incident = Incident.objects.filter(key=KEY).order_by("-pk").first()
    return Attack(began=_began(incident), passed=_until(incident) - LASTS) if incident else None


def begin(limit: int, *, domain: str = "", at: datetime) -> datetime:
    """A limit of sign-ups an hour was passed, at a target domain or on the whole site: be careful for half an hour.

    Tells staff once; a limit passed meanwhile prolongs it. Returns when the attack began.
    """
    began = since(at) or at
    where = _("to addresses at %(domain)s") % {"domain": domain} if domain else _("on this site")
    incidents.report(
        KEY,
        title=_("Sign-ups are flooding in"),
        text=_(
            "More than %(limit)d sign-ups within an hour %(where)s. They are still taken, but letters to confirm leave "
            "one every %(seconds)d seconds, the first one for each address and each network only. This ends by itself "
            "at %(until)s (UTC); mark it as resolved to end it now."
        )
        % {
            "limit": limit,
            "where": where,
            "seconds": BETWEEN_LETTERS.total_seconds(),
            "until": f"{at + LASTS:%H:%M}",
        },
        facts={
            "began": began.isoformat(),
            "until": (at + LASTS).isoformat(),
            "limit": limit,
            "domain": domain,
        }
        | _numbers(began, at),
        at=at,
    )
    return began


def tell_of_network(network: str, *, limit: int, refused: int, at: datetime) -> None:
    """One network tries to sign up very many; beyond its limit it reaches nobody, and others are not slowed down.

    Incidents are kept and mailed: this one names the provider's network around it, not whose line it is.
    """
    incidents.report(
        NETWORK_KEY,
        title=_("One network signs up very many"),
        text=_(
            "More than %(refused)d sign-ups from a single connection in the network %(network)s were refused within an "
            "hour; %(limit)d are taken. There is nothing to do, unless it is your own proxy: then TRUSTED_PROXIES does "
            "not name it."
        )
        % {"refused": refused, "network": mask_network(network), "limit": limit},
        severity=Severity.WARNING,
        facts={"until": (at + _QUIET).isoformat(), "limit": limit, "refused": refused},
        at=at,
    )


def next_turn(at: datetime) -> datetime | None:
    """When another letter may leave, behind those that wait; None if the queue is full. One query."""
    waiting = Letter.objects.filter(
        state=LetterState.WAITING, kind__in=_SLOWED, tries=0, not_before__gt=at
    ).aggregate(last=Max("not_before"))
    turn: datetime = (waiting["last"] or at) + BETWEEN_LETTERS
    return turn if turn <= at + LONGEST_QUEUE else None


def watch(*, at: datetime) -> None:
    """Bring the attack's numbers up to date, and resolve what is over. Queries: 1 in peace, else at most 5."""
    for incident in Incident.objects.open().filter(key__in=(KEY, NETWORK_KEY)):
        if incident.key == KEY:
            facts = incident.facts | _numbers(_began(incident), at)
            Incident.objects.open().filter(pk=incident.pk).update(facts=facts)
        if _until(incident) <= at:
            incidents.resolve(incident.key, at=at)


def _numbers(began: datetime, at: datetime) -> dict[str, int]:
    waiting = Letter.objects.filter(state=LetterState.WAITING, kind__in=_SLOWED, not_before__gt=at)
    return {
        "taken_since": Confirmation.objects.filter(created_at__gte=began).count(),
        "letters_waiting": waiting.count(),
    }


def _began(incident: Incident) -> datetime:
    return datetime.fromisoformat(incident.facts["began"])


def _until(incident: Incident) -> datetime:
    return datetime.fromisoformat(incident.facts["until"])
