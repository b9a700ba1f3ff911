"""`manage.py build_digest NEWSLETTER [--weekly] [--at TIME] [--dry-run]`: a draft for the next window; prints its id."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from digests import recurrence, selection
from digests.errors import DigestError
from digests.models import Plan
from digests.preflight import slot_name
from digests.reasons import reason_name
from newsroom.web import clock
from subscriptions.models import Newsletter
from subscriptions.states import Cadence


class Command(BaseCommand):
    help = "Build the next digest of a newsletter as a draft and print its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("newsletter", help="the newsletter's slug")
        parser.add_argument(
            "--at",
            metavar="TIME",
            help="the cut-off, such as 2026-11-23T06:00, in the plan's zone unless it names one;"
            " without it the plan's next due time",
        )
        parser.add_argument("--weekly", action="store_true", help="the weekly best-of, by its own plan")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="write nothing: print what would go out now and, of everything else, why not",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        newsletter = _newsletter(options["newsletter"])
        cadence = Cadence.WEEKLY if options["weekly"] else Cadence.EACH
        if options["dry_run"]:
            if options["at"]:
                raise CommandError(_("A dry run says what would go out now; leave --at out."))
            self._rehearse(newsletter, cadence, now)
            return
        window_end = _cut_off(options["at"], newsletter, now) if options["at"] else None
        try:
            digest = selection.build(newsletter, cadence=cadence, at=now, window_end=window_end)
        except DigestError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(digest.pk))
        minimum = Plan.objects.get(newsletter=newsletter, cadence=cadence).least
        if (found := selection.count_new(digest, at=now)) < minimum:
            self.stderr.write(
                _("So far %(found)d new articles; the plan wants at least %(minimum)d.")
                % {"found": found, "minimum": minimum}
            )

    def _rehearse(self, newsletter: Newsletter, cadence: Cadence, now: datetime) -> None:
        try:
            found = selection.rehearse(newsletter, cadence=cadence, at=now)
        except DigestError as error:
            raise CommandError(str(error)) from error
        for line in found.taken:
            self.stdout.write(f"+ {slot_name(line.slot)}: {line.article.title} ({_terms(line)})")
        for line in found.left:
            self.stdout.write(f"- {line.article.title}: {line.because}")


def _terms(line: selection.Line) -> str:
    return ", ".join(f"{reason_name(name)} {points:+.2f}" for name, points in line.reasons.items())


def _newsletter(slug: str) -> Newsletter:
    try:
        return Newsletter.objects.get(slug=slug)
    except Newsletter.DoesNotExist as error:
        known = ", ".join(Newsletter.objects.order_by("slug").values_list("slug", flat=True))
        raise CommandError(
            _("There is no newsletter “%(slug)s”; known are: %(known)s.")
            % {"slug": slug, "known": known or "–"}
        ) from error


def _cut_off(text: str, newsletter: Newsletter, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(_("“%(text)s” is no time such as 2026-11-23T06:00.") % {"text": text}) from error
    if moment.tzinfo is None:
        plan = Plan.objects.filter(newsletter=newsletter).order_by("cadence").first()
        moment = moment.replace(tzinfo=recurrence.zone(plan.zone) if plan else now.tzinfo)
    if moment <= now:
        raise CommandError(
            _("%(time)s is in the past; a cut-off must lie ahead.")
            % {"time": moment.isoformat(sep=" ", timespec="minutes")}
        )
    return moment
