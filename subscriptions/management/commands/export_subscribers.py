"""Write readers, their consent or the suppressions as CSV."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from subscriptions.management.export_command import ExportCommand
from subscriptions.models import Newsletter
from subscriptions.transfer import exporting


class Command(ExportCommand):
    help = (
        "Write all subscriptions as CSV to standard output, or the record of consent, or whom not to mail; "
        "cells that look like formulas are made harmless."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--what", choices=list(exporting.EXPORTS), default="readers")

    def lines(self, newsletters: Sequence[Newsletter] | None, options: Mapping[str, Any]) -> Iterator[str]:
        return exporting.lines(options["what"], newsletters=newsletters)
