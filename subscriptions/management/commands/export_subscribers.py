"""Write readers, their consent or the suppressions as CSV."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscriptions.models import Newsletter
from subscriptions.transfer import exporting


class Command(BaseCommand):
    help = (
        "Write all subscriptions as CSV to standard output, or the record of consent, or whom not to mail; "
        "cells that look like formulas are made harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--newsletter", metavar="SLUG", help="only this one")
        parser.add_argument("--what", choices=list(exporting.EXPORTS), default="readers")

    def handle(self, *args: Any, **options: Any) -> None:
        newsletters = None
        if slug := options["newsletter"]:
            newsletters = list(Newsletter.objects.filter(slug=slug))
            if not newsletters:
                raise CommandError(f"There is no newsletter {slug!r}.")
        written = -1
        for line in exporting.lines(options["what"], newsletters=newsletters):
            self.stdout.write(line, ending="")
            written += 1
        print(f"{written} lines below the heading.", file=sys.stderr)
