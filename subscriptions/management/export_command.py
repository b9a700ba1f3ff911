"""What commands share that write a CSV of all newsletters, or of one."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscriptions.models import Newsletter


class ExportCommand(BaseCommand):
    """Lines to standard output, their number to standard error."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--newsletter", metavar="SLUG", help="only this one")

    def lines(self, newsletters: Sequence[Newsletter] | None, options: Mapping[str, Any]) -> Iterator[str]:
        """The heading and what stands below it; of all newsletters if none are named."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        newsletters = None
        if slug := options["newsletter"]:
            newsletters = list(Newsletter.objects.filter(slug=slug))
            if not newsletters:
                raise CommandError(f"There is no newsletter {slug!r}.")
        written = -1
        for line in self.lines(newsletters, options):
            self.stdout.write(line, ending="")
            written += 1
        self.stderr.write(f"{written} lines below the heading.", style_func=str)  # no error, so not red
