"""Write readers and their subscriptions as CSV."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscriptions import transfer
from subscriptions.models import Newsletter


class Command(BaseCommand):
    help = (
        "Write all subscriptions as CSV to standard output; cells that look like formulas are made harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--newsletter", metavar="SLUG", help="only this one")

    def handle(self, *args: Any, **options: Any) -> None:
        newsletters = None
        if slug := options["newsletter"]:
            newsletters = list(Newsletter.objects.filter(slug=slug))
            if not newsletters:
                raise CommandError(f"There is no newsletter {slug!r}.")
        written = transfer.export_subscribers(self.stdout, newsletters=newsletters)
        print(f"{written} subscriptions.", file=sys.stderr)
