"""Write what readers got as CSV: each digest that went out, with its stories and links."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from digests import exporting
from subscriptions.management.export_command import ExportCommand
from subscriptions.models import Newsletter


class Command(ExportCommand):
    help = (
        "Write all digests that went out as CSV to standard output, a line for each story: number, time, subject, "
        "title and link."
    )

    def lines(self, newsletters: Sequence[Newsletter] | None, options: Mapping[str, Any]) -> Iterator[str]:
        return exporting.lines(newsletters)
