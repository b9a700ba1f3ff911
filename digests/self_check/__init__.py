"""Whether all of it is well: the machine, what waits, what comes in and what goes out, line by line.

Senders' domains are looked up elsewhere, when somebody asks: that takes seconds and other people's servers.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from digests.self_check import machine, post, sources
from digests.self_check.lines import Colour, Group, Line
from newsroom.mail import heartbeats, incidents
from newsroom.mail.models import Incident

__all__ = ["Colour", "Group", "Line", "look", "watch"]

PREFIX = "machine."


def look(*, at: datetime) -> list[Group]:
    """Everything but senders' domains, at this time. Queries: at most 16. Asks Redis once, for a second or two."""
    beats = heartbeats.seen()
    return [
        Group(title=_("Scheduler, queues, workers"), lines=tuple(machine.alive(beats, at=at))),
        Group(title=_("What waits"), lines=(*machine.waiting(at=at), machine.broker())),
        Group(title=_("Mail"), lines=(*post.held(), *post.webhooks(at=at))),
        Group(title=_("Feeds"), lines=tuple(sources.feeds(at=at))),
        Group(title=_("Disk and database"), lines=(*machine.room(), machine.migrations())),
        Group(title=_("Jobs"), lines=tuple(machine.jobs(beats, at=at))),
    ]


def watch(*, at: datetime) -> list[Line]:
    """Tell staff of what is red, and take back what no longer is; returns what is red. Twice is harmless."""
    heartbeats.forget_workers(at)
    red = [line for group in look(at=at) for line in group.lines if line.colour == Colour.RED]
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
        incidents.resolve(key, at=at)
    return red
