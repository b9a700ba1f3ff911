"""`manage.py send_digest ID [--now] [--wait]`: sends what is approved. It never approves."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from digests import preflight, workflow
from digests.delivery.models import Mailing
from digests.errors import DigestError
from digests.models import Digest, DigestMailing
from digests.progress import wait_until_over
from digests.states import DigestState, MailingKind
from newsroom.web import clock


class Command(BaseCommand):
    help = "Send an approved digest at its due time, or at once with --now. Never approves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "digest", type=int, metavar="ID", help="the digest's id, as build_digest printed it"
        )
        parser.add_argument("--now", action="store_true", help="hand it over at once, without a grace period")
        parser.add_argument(
            "--wait", action="store_true", help="show how far it is until the last copy is accounted for"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        digest = Digest.objects.with_frame().filter(pk=options["digest"]).first()
        if digest is None:
            raise CommandError(_("There is no digest with the id %(id)d.") % {"id": options["digest"]})
        try:
            self._send(digest, at=clock.now(), is_now=options["now"], is_waiting=options["wait"])
        except DigestError as error:
            raise CommandError(str(error)) from error
        if options["wait"]:
            wait_until_over(digest, out=self.stderr)

    def _send(self, digest: Digest, *, at: datetime, is_now: bool, is_waiting: bool) -> None:
        match DigestState(digest.state):
            case DigestState.APPROVED | DigestState.SCHEDULED if is_now:
                mailing = hand_over_now(digest, at=at)
                self.stdout.write(
                    _("Handed over as mailing %(mailing)d: %(title)s")
                    % {"mailing": mailing.pk, "title": mailing.title}
                )
            case DigestState.APPROVED:
                if digest.due_at is None or digest.due_at <= at:
                    raise CommandError(
                        _("Its due time is past; send it with --now, or schedule it in the admin.")
                    )
                workflow.schedule(digest, when=digest.due_at, by=None, at=at)
                self._say_when(digest)
            case DigestState.SCHEDULED:
                self._say_when(digest)
            case DigestState.HANDED_OVER if is_waiting and not is_now:
                return
            case _:
                raise CommandError(_missing(digest, at))

    def _say_when(self, digest: Digest) -> None:
        assert digest.scheduled_at is not None  # the table holds it
        when = digest.scheduled_at.isoformat(sep=" ", timespec="minutes")
        self.stdout.write(_("Scheduled for %(time)s.") % {"time": when})


def hand_over_now(digest: Digest, *, at: datetime) -> Mailing:
    """Send it at once. What is refused before it is on the schedule for now keeps the time it had."""
    is_for_now = False
    try:
        workflow.send_now(digest, by=None, at=at, grace_seconds=0)
        is_for_now = True
        return workflow.hand_over(digest, at=at)
    except DigestError as error:
        # A worker may have been faster; then the mailing is there, and it is the only one.
        bound = (
            DigestMailing.objects.filter(digest=digest, kind=MailingKind.MAIN)
            .select_related("mailing")
            .first()
        )
        if bound is not None:
            return bound.mailing
        if is_for_now:
            workflow.put_back(digest, error, at=at)
        raise


def _missing(digest: Digest, at: datetime) -> str:
    """What keeps the digest from going out, in one sentence."""
    match DigestState(digest.state):
        case DigestState.DRAFT:
            blocking = [
                finding.message.rstrip(".") for finding in preflight.check(digest, at=at) if finding.blocks
            ]
            missing = "; ".join([_("a proof and its approval"), *blocking])
            return _("Not sent: it is a draft. Missing: %(missing)s.") % {"missing": missing}
        case DigestState.PROOFED:
            return _("Not sent: its proof waits for approval.")
        case DigestState.SKIPPED:
            return _("Not sent: it was skipped: %(because)s") % {"because": digest.skipped_because}
        case _:
            return _("Not sent: it was handed over already, and is never sent twice.")
