"""`check_mail FILE.eml`: look at a received mail; exit 1 if something in it would keep readers from it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsroom.mail.inspection import inspect

_MARKS = {True: "ok  ", False: "BAD ", None: "note"}


class Command(BaseCommand):
    help = "Look at a mail as it arrived: headers, one-click unsubscribe, parts, what DKIM covers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the mail as saved by a mail program (.eml)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            raw = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        findings = inspect(raw)
        for finding in findings:
            self.stdout.write(f"{_MARKS[finding.is_good]} {finding.text}")
        if any(finding.is_good is False for finding in findings):
            raise CommandError("Something is wrong with this mail.")
