"""Looks at complaints while a mailing is sent and for two days after: warns staff, and stops the rest before it gets worse.

Gmail and Yahoo want fewer than 0.1 % of what was delivered reported as spam, and never 0.3 %. Past that, the copies that
still wait may land where nobody looks.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from digests.delivery import control, figures
from digests.delivery.errors import MailingInWrongState
from digests.delivery.models import Batch, Mailing
from digests.delivery.states import MailingState
from newsroom.mail import incidents
from newsroom.mail.models import Incident, ProviderEvent
from newsroom.mail.states import EventOutcome, Severity

WATCHED_FOR: Final = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class _Count:
    complained: int
    accepted: int

    def reaches(self, rate: str) -> bool:
        return reaches(rate, complained=self.complained, accepted=self.accepted)

    def __str__(self) -> str:
        # Translators: %(complained)s von %(accepted)s angenommenen Exemplaren wurden als Spam gemeldet (%(percent)s %%)
        return _("%(complained)s of %(accepted)s accepted copies were reported as spam (%(percent)s %%)") % {
            "complained": number_format(self.complained, force_grouping=True),
            "accepted": number_format(self.accepted, force_grouping=True),
            # Cut off, not rounded: no limit is named that was not reached.
            "percent": number_format(self.complained * 100 / self.accepted, decimal_pos=2),
        }


def reaches(rate: str, *, complained: int, accepted: int) -> bool:
    """Whether enough readers complained to count, and so many of them. rate: which limit in `settings.COMPLAINTS`."""
    return _are_enough(complained) and complained * 100 >= settings.COMPLAINTS[rate] * accepted


def _are_enough(complained: int) -> bool:
    """Whether one more or less would not decide."""
    return complained >= settings.COMPLAINTS["least"]


def watch(*, at: datetime) -> int:
    """Judge each mailing once per threshold; how many were stopped.

    Whoever lets a stopped mailing go on has decided: it is not stopped for this again. Queries: 1 where nothing is
    watched, 2 where nobody complained, else 4 whatever the number of mailings; some more for each that is judged.
    """
    mailings = _watched(at)
    counts = _counts(mailings)
    reached = [mailing for mailing in mailings if mailing.pk in counts and counts[mailing.pk].reaches("warn")]
    keys = {key for mailing in reached for key in (_stop_key(mailing), _warn_key(mailing))}
    # Resolved or open, the incident is what remembers that this was said.
    said = set(Incident.objects.filter(key__in=keys).values_list("key", flat=True)) if keys else set()
    stopped = 0
    for mailing in reached:
        if _stop_key(mailing) in said:
            continue
        count = counts[mailing.pk]
        if mailing.state == MailingState.SENDING and count.reaches("stop"):
            stopped += _stop(mailing, count, at=at)
        elif _warn_key(mailing) not in said:
            _warn(mailing, count, at=at)
    return stopped


def _watched(at: datetime) -> list[Mailing]:
    since = at - WATCHED_FOR
    lately = Q(state=MailingState.PAUSED, active_at__gt=since) | Q(finished_at__gt=since)
    watched = Mailing.objects.filter(Q(state=MailingState.SENDING) | lately, started_at__isnull=False)
    return list(watched.filter(account__isnull=True).order_by("pk"))


def _counts(mailings: Sequence[Mailing]) -> Mapping[int, _Count]:
    """By mailing, where enough readers complained to count. Queries: 2, or fewer."""
    # A forged token names no copy of ours: whoever can write to the bounce mailbox stops nothing by making some up.
    true = ProviderEvent.objects.filter(kind="complained", applied_at__isnull=False)
    reported = figures.copies_of(mailings, true.exclude(outcome=EventOutcome.FOREIGN))
    many = {mailing: number for (mailing, _kind), number in reported.items() if _are_enough(number)}
    if not many:
        return {}
    # A mailing's own totals are written when it is over.
    sums = Batch.objects.filter(mailing__in=many).values_list("mailing").annotate(Sum("accepted")).order_by()
    return {
        mailing: _Count(complained=many[mailing], accepted=accepted) for mailing, accepted in sums if accepted
    }


def _stop(mailing: Mailing, count: _Count, *, at: datetime) -> bool:
    because = str(count)
    with suppress(MailingInWrongState), transaction.atomic():  # it may be over by now
        control.pause(mailing, because=because, at=at)
        if mailing.paused_because != because:
            return False  # somebody else was quicker, for another reason
        incidents.report(
            _stop_key(mailing),
            # Translators: Versand angehalten, zu viele Spam-Meldungen: %(title)s
            title=_("Mailing stopped, too many reports of spam: %(title)s") % {"title": mailing.title[:120]},
            # Translators: %(because)s. Ab %(stop)s %% leiten Gmail und Yahoo womöglich auch weitere Mails in den Spam-Ordner. Der Rest wartet. Suchen Sie den Grund (woher diese Leserinnen und Leser kommen, was anders war als sonst), dann auf der Seite dieses Versands „Fortsetzen“ oder „Endgültig beenden“. Einmal fortgesetzt, hält er aus diesem Grund nicht noch einmal an.
            text=_(
                "%(because)s. From %(stop)s %% on, Gmail and Yahoo may put further mail into the spam folder, too. "
                "The rest waits. Look for the reason (where these readers come from, what was different this "
                "time), then “Continue” or “End for good” on the page of this mailing. Once continued, it is not "
                "stopped for this again."
            )
            % {"because": because, "stop": number_format(settings.COMPLAINTS["stop"])},
            severity=Severity.ERROR,
            facts=_facts(mailing, count),
            newsletter_id=mailing.newsletter_id,
            at=at,
        )
        return True
    return False


def _warn(mailing: Mailing, count: _Count, *, at: datetime) -> None:
    incidents.report(
        _warn_key(mailing),
        # Translators: Viele Spam-Meldungen: %(title)s
        title=_("Many reports of spam: %(title)s") % {"title": mailing.title[:120]},
        # Translators: %(count)s. Gmail und Yahoo verlangen weniger als %(warn)s %%. Suchen Sie den Grund, bevor die nächste Ausgabe hinausgeht. Bei %(stop)s %% hält ein Versand von selbst an.
        text=_(
            "%(count)s. Gmail and Yahoo want less than %(warn)s %%. Look for the reason before the next digest goes "
            "out. At %(stop)s %% a mailing stops by itself."
        )
        % {
            "count": count,
            "warn": number_format(settings.COMPLAINTS["warn"]),
            "stop": number_format(settings.COMPLAINTS["stop"]),
        },
        severity=Severity.WARNING,
        facts=_facts(mailing, count),
        newsletter_id=mailing.newsletter_id,
        at=at,
    )


def _facts(mailing: Mailing, count: _Count) -> dict[str, object]:
    return {
        "mailing": mailing.pk,
        "complained": count.complained,
        "accepted": count.accepted,
        "page": ["admin:delivery_mailing_arithmetic", mailing.pk],
    }


def _warn_key(mailing: Mailing) -> str:
    return f"delivery.complaints.{mailing.pk}"


def _stop_key(mailing: Mailing) -> str:
    # Resolved by `control` when a person continues or ends the mailing.
    return f"delivery.spam.{mailing.pk}"
