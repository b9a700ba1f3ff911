"""Whether all of it is well: the machine, what waits, what comes in and what goes out, line by line.

Senders' domains are looked up elsewhere, when somebody asks: that takes seconds and other people's servers.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from digests.self_check import machine, post, sources
from digests.self_check.lines import Colour, Group, Line
from newsroom.mail import heartbeats, incidents
from newsroom.mail.models import Incident
from subscriptions.models import NewsletterQuerySet

__all__ = ["Colour", "Group", "Line", "look", "watch"]

PREFIX = "machine."
LOOK: Final = "digests.watch_queues"
"""The job that looks at the queues, by its name."""
LOOKED_LATELY: Final = timedelta(seconds=80)
"""It runs each 20 s, and a good run is written down no more often than each 30 s."""


def look(*, at: datetime, newsletters: NewsletterQuerySet | None = None) -> list[Group]:
    """Everything but senders' domains, at this time. Queries: at most 16. Asks Redis once, for a second or two.

    newsletters: mailings of these alone.
    """
    beats = heartbeats.seen()
    return [
        Group(title=_("Scheduler, queues, workers"), lines=tuple(machine.alive(beats, at=at))),
        Group(title=_("What waits"), lines=(*machine.waiting(at=at), machine.broker())),
        Group(title=_("Mail"), lines=(*post.held(newsletters), *post.webhooks(at=at))),
        Group(title=_("Feeds"), lines=tuple(sources.feeds(at=at))),
        Group(title=_("Disk and database"), lines=(*machine.room(), machine.migrations())),
        Group(title=_("Jobs"), lines=tuple(machine.jobs(beats, at=at))),
    ]


def watch(*, at: datetime) -> list[Line]:
    """Tell staff of what is red, and take back what no longer is; returns what is red. Twice is harmless."""
    heartbeats.forget_workers(at)
    return _tell([line for group in look(at=at) for line in group.lines], at=at)


def watch_queues(*, at: datetime) -> list[Line]:
    """As `watch`, of the queues that stood still since: whoever waits for a mail learns of it within two minutes.

    A queue that was never seen is left to `watch`; and after a rest of the whole machine everything gets the time to
    come back until this runs again. Queries: 2 if all is well.
    """
    beats = heartbeats.seen()
    last = beats.get(heartbeats.JOB + LOOK)
    if last is None or at - last.beat_at > LOOKED_LATELY:
        return []
    known = {f"queue.{queue}" for queue in settings.QUEUES if heartbeats.QUEUE + queue in beats}
    queues = [line for line in machine.alive(beats, at=at) if line.key in known]
    return _tell(queues, fine={PREFIX + key for key in known}, at=at)


def _tell(lines: Iterable[Line], *, fine: Collection[str] | None = None, at: datetime) -> list[Line]:
    """Incidents for what is red of these lines; those of what is not are taken back. fine: of these keys alone."""
    red = [line for line in lines if line.colour == Colour.RED]
    for line in red:
        incidents.report(
            PREFIX + line.key,
            title=f"{line.title}: {line.says}",
            text=line.remedy,
            facts={"page": line.page or ["admin:self_check"]},
            at=at,
        )
    still = {(PREFIX + line.key)[:120] for line in red}
    opened = Incident.objects.open().filter(key__startswith=PREFIX).values_list("key", flat=True)
    for key in set(opened) - still:
        if fine is None or key in fine:
            incidents.resolve(key, at=at)
    return red
