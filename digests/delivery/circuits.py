"""What the engine learned about a provider: whether to call it at all, and when again.

A circuit opens when no call can succeed until somebody repairs something, or when calls keep ending without an
answer: then every further call would only make more copies unknown. After a while one batch tries it again.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from digests.delivery.models import Attempt, Batch, ProviderState
from digests.delivery.remedies import TOO_MANY, Decision, throttled_for
from digests.delivery.states import AttemptState, BatchState, Circuit
from newsroom.mail import incidents
from newsroom.mail.providers.base import HandOver
from newsroom.mail.states import Severity

MOST_UNKNOWN: Final = 3
_MOST_UNREACHED: Final = 3
_OPEN_FOR = timedelta(minutes=5)
# To knock at a closed door harms nobody.
_UNREACHABLE_FOR = timedelta(seconds=15)
# A provider that asks for so much patience was hard pressed: not by all connections at once again.
_LONG_WAIT = timedelta(minutes=10)
# A trial that never reports back does not keep the circuit half open for ever.
_TRIAL = timedelta(minutes=3)


def unusable(*, at: datetime) -> tuple[set[str], set[str]]:
    """Names not to be called now, and names that may be tried with one batch. One query."""
    troubled = ProviderState.objects.filter(~Q(circuit=Circuit.CLOSED) | Q(not_before__gt=at)).values_list(
        "name", "circuit", "opened_until", "not_before"
    )
    closed_off, on_trial = set(), set()
    for name, circuit, opened_until, not_before in troubled:
        if (not_before and not_before > at) or (opened_until and opened_until > at):
            closed_off.add(name)
        elif circuit != Circuit.CLOSED:
            on_trial.add(name)
    return closed_off, on_trial


def try_again(name: str, *, at: datetime) -> bool:
    """Win the one trial of a provider that was not used for a while."""
    due = ProviderState.objects.filter(
        name=name, circuit__in=(Circuit.OPEN, Circuit.HALF_OPEN), opened_until__lte=at
    )
    return bool(due.update(circuit=Circuit.HALF_OPEN, opened_until=at + _TRIAL, changed_at=at))


def learn(name: str, decision: Decision, answer: HandOver, *, was_trial: bool, at: datetime) -> None:
    """Draw the conclusions of a call for the next ones. No query if it simply went well."""
    if answer.is_configuration:
        open_circuit(name, because=decision.because, at=at)
    elif decision.is_throttled:
        _wait_as_told(name, throttled_for(answer), because=decision.because, at=at)
    elif decision.unknown:
        unknown = Batch.objects.filter(state=BatchState.UNKNOWN, provider=name).count()
        if was_trial or unknown >= MOST_UNKNOWN:
            open_circuit(name, because=_("No answer to %(count)d calls") % {"count": unknown}, at=at)
    elif answer.is_unreachable and not (decision.accepted or decision.rejected):
        if was_trial or _is_unreached(name):
            open_circuit(name, because=decision.because, at=at, lasting=_UNREACHABLE_FOR)
    elif was_trial and (decision.accepted or decision.rejected):
        close_circuit(name, at=at)
    offered = len(decision.not_sent)
    if answer.http_status in TOO_MANY and offered > 1:
        ProviderState.objects.update_or_create(
            name=name, defaults={"learned_batch_size": offered // 2, "changed_at": at}
        )


def _wait_as_told(name: str, wait: timedelta, *, because: str, at: datetime) -> None:
    """Do as a provider asks that wants to be left alone. After a long wait one call at a time tries how it goes.

    That is no outage: its batches stay with it, and nobody is called.
    """
    values = {"not_before": at + wait, "because": because, "changed_at": at}
    if wait >= _LONG_WAIT:
        values |= {"circuit": Circuit.HALF_OPEN, "opened_until": at + wait}
    ProviderState.objects.update_or_create(name=name, defaults=values)


def _is_unreached(name: str) -> bool:
    """Whether nothing came of the last calls, one after the other. One query."""
    calls = Attempt.objects.filter(provider=name).order_by("-calling_at")[:_MOST_UNREACHED]
    found = list(calls.values_list("state", "http_status"))
    return found == [(AttemptState.NOT_SENT, None)] * _MOST_UNREACHED


def open_circuit(name: str, *, because: str, at: datetime, lasting: timedelta | None = None) -> None:
    """Call this provider no more for a while (minutes, unless told), then by one batch, and tell staff."""
    ProviderState.objects.update_or_create(
        name=name,
        defaults={
            "circuit": Circuit.OPEN,
            "opened_until": at + (lasting or _OPEN_FOR),
            "because": because[:300],
            "changed_at": at,
        },
    )
    ProviderState.objects.filter(name=name, open_since__isnull=True).update(open_since=at)
    incidents.report(
        f"delivery.provider.{name}",
        title=_("The mail provider %(name)s is not used for now") % {"name": name},
        text=_("%(because)s. Every few minutes one batch tries it again; nothing is lost meanwhile.")
        % {"because": because},
        severity=Severity.ERROR,
        facts={"provider": name},
        at=at,
    )


def close_circuit(name: str, *, at: datetime) -> None:
    """It works again."""
    ProviderState.objects.filter(name=name).update(
        circuit=Circuit.CLOSED, opened_until=None, open_since=None, because="", changed_at=at
    )
    incidents.resolve(f"delivery.provider.{name}", at=at)
    incidents.resolve(f"delivery.failover.{name}", at=at)
