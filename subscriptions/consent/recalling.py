"""What the database knows of the last hour's sign-ups: for counters that were emptied in the midst of an attack.

Letters to confirm are rows with the network that asked for them. Requests that led to no letter are written nowhere, so a
job notes each minute how many there were on the whole site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from newsroom.mail import heartbeats
from newsroom.mail.addresses import normalise
from newsroom.mail.models import Heartbeat
from subscriptions.models import Confirmation, SignUpRequest
from subscriptions.states import ConsentKind

_NOTE = "sign-ups: counted"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """A request that led to a letter, or still may: from where, to which domain, when."""

    network_address: str
    domain: str
    at: datetime


def latest(*, most: int, at: datetime) -> Sequence[SignUp]:
    """The last hour's sign-ups with a letter, the newest `most` of them. One query, which grows with `most` alone."""
    # By number and not by time: the table has no index by time and keeps more than a year.
    newest = Confirmation.objects.order_by("-pk").values("pk")[:most]
    rows = Confirmation.objects.filter(
        pk__in=newest,
        created_at__gt=at - _HOUR,
        subscriber__consent_events__kind=ConsentKind.REQUESTED,
        subscriber__consent_events__at=F("created_at"),
    ).values_list(
        "pk",
        "subscriber__consent_events__network_address",
        "subscriber__consent_events__address",
        "created_at",
    )
    # One event for each newsletter; a confirmation is one sign-up.
    found = {pk: (network, address, when) for pk, network, address, when in rows}
    return [
        SignUp(network_address=network or "", domain=address.rpartition("@")[2], at=when)
        for network, address, when in found.values()
    ]


def waiting(*, most: int, at: datetime) -> Sequence[SignUp]:
    """The last hour's sign-ups that no worker has decided yet, the newest `most` of them. One query."""
    rows = SignUpRequest.objects.filter(asked_at__gt=at - _HOUR).order_by("-pk")
    return [
        SignUp(network_address=network or "", domain=normalise(typed).domain, at=when)
        for network, typed, when in rows.values_list("network_address", "typed_address", "asked_at")[:most]
    ]


def note(number: int, *, at: datetime) -> None:
    """Keep how many asked within the last hour, with a letter or without. One query."""
    heartbeats.beat(_NOTE, at=at, facts={"number": number})


def noted(*, since: datetime) -> int:
    """What was noted last, if that was after `since`. One query."""
    kept = Heartbeat.objects.filter(name=_NOTE, beat_at__gt=since).first()
    return int(kept.facts["number"]) if kept else 0
