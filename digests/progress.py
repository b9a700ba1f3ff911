"""A mailing watched from a terminal: one bar, until every copy is accounted for."""

import time
from typing import Protocol

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from digests.delivery import figures
from digests.delivery.models import Mailing
from digests.delivery.states import TERMINAL_MAILINGS, MailingState
from digests.models import Digest, DigestMailing
from digests.states import DigestState, MailingKind

LOOK_SECONDS = 0.5
WIDTH = 30


class Out(Protocol):
    def write(self, msg: str = "", style_func: None = None, ending: str | None = None) -> None: ...

    def isatty(self) -> bool: ...


def wait_until_over(digest: Digest, *, out: Out) -> None:
    """Show the main mailing's bar until it is over. Raises CommandError if it was stopped or ended early.

    On a terminal one line is drawn again and again; elsewhere each change is a line.
    """
    shown = ""
    while True:
        mailing = _mailing(digest)
        line = bar(mailing) if mailing else _("Waiting for its time.")
        if line != shown:
            out.write(f"\r{line}" if out.isatty() else line, ending="" if out.isatty() else "\n")
            shown = line
        if mailing is not None and mailing.state in TERMINAL_MAILINGS:
            break
        if mailing is not None and mailing.state == MailingState.PAUSED:
            raise CommandError(
                _("The mailing was stopped: %(because)s") % {"because": mailing.paused_because}
            )
        if mailing is None and Digest.objects.get(pk=digest.pk).state != DigestState.SCHEDULED:
            raise CommandError(_("The digest was taken off the schedule."))
        time.sleep(LOOK_SECONDS)
    if out.isatty():
        out.write("")
    if mailing.state == MailingState.ENDED:
        raise CommandError(_("The mailing was ended early."))


def bar(mailing: Mailing) -> str:
    """`[#####.....] 150/300 accepted 148, rejected 2` from the batches settled so far. Queries: 1."""
    sums = figures.decided(mailing)
    done, whole = sum(sums.values()), mailing.frozen
    filled = WIDTH * done // whole if whole else 0
    counts = ", ".join(f"{name} {sums[name]}" for name in sums if sums[name])
    return f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done}/{whole} {counts}".rstrip()


def _mailing(digest: Digest) -> Mailing | None:
    bound = (
        DigestMailing.objects.filter(digest=digest, kind=MailingKind.MAIN).select_related("mailing").first()
    )
    return bound.mailing if bound else None
