"""`poll_feeds [--all]`: check the feeds that are due, or all of them, now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from newsroom.articles import feeds
from newsroom.articles.models import Feed
from newsroom.web.clock import now


class Command(BaseCommand):
    """The same check that the worker makes each minute."""

    help = "Check the feeds that are due and take in what is new. Exit status 1 if a feed could not be read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also those that are not due yet")

    def handle(self, *args: Any, **options: Any) -> None:
        at = now()
        if options["all"]:
            Feed.objects.filter(is_active=True, gone_at__isnull=True).update(next_check_at=at)
        checked = feeds.poll(at=at, limit=1000)
        for each in checked:
            self.stdout.write(
                f"{each.feed}: {each.error}"
                if each.error
                else _("%(feed)s: %(new)d new, %(known)d known")
                % {"feed": each.feed, "new": each.new, "known": each.known}
            )
        if not checked:
            self.stdout.write(_("No feed is due."))
        if failed := sum(bool(each.error) for each in checked):
            raise CommandError(
                _("%(number)d of %(all)d feeds could not be read; the lines above say why.")
                % {"number": failed, "all": len(checked)}
            )
