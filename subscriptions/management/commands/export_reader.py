"""Everything we hold about one reader, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsroom.mail.errors import BadAddress
from subscriptions import privacy
from subscriptions.errors import UnknownReader


class Command(BaseCommand):
    help = "Print everything we hold about the reader of an address, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reader = privacy.find_reader(options["address"])
        except (BadAddress, UnknownReader) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(privacy.export_reader(reader), ensure_ascii=False, indent=2))
