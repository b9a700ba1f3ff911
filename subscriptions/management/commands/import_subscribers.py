"""Take readers from a CSV file into a newsletter, with a result for each line."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsroom.web.clock import now
from subscriptions import transfer
from subscriptions.errors import TransferError
from subscriptions.models import Newsletter


class Command(BaseCommand):
    help = (
        "Take readers from a CSV file into a newsletter; people who left or bounced are kept as suppressions."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", type=Path, help="CSV whose first line names the columns; one is “address”"
        )
        parser.add_argument("--newsletter", required=True, metavar="SLUG")
        parser.add_argument(
            "--basis", required=True, help="how these readers agreed, and where the proof lies"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = transfer.read_text(options["file"].read_bytes())
            newsletter = Newsletter.objects.get(slug=options["newsletter"])
            report = transfer.import_subscribers(
                text,
                newsletter=newsletter,
                basis=options["basis"],
                actor="import_subscribers",
                at=now(),
                is_dry_run=options["dry_run"],
            )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        except Newsletter.DoesNotExist as error:
            raise CommandError(f"There is no newsletter {options['newsletter']!r}.") from error
        except TransferError as error:
            raise CommandError(str(error)) from error
        for line in report.lines:
            if line.result != transfer.LineResult.TAKEN:
                self.stdout.write(
                    f"line {line.number}: {line.address}: {line.result} {line.because}".rstrip()
                )
        counts = ", ".join(f"{number} {result}" for result, number in report.counts().items()) or "no lines"
        self.stdout.write(f"{'Dry run, nothing changed' if report.is_dry_run else 'Done'}: {counts}.")
