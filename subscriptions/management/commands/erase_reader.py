"""Forget one reader's address; its keyed hash stays on the suppression list."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsroom.mail.errors import BadAddress
from newsroom.web.clock import now
from subscriptions import privacy
from subscriptions.errors import UnknownReader


class Command(BaseCommand):
    help = "Erase the reader of an address. What stays is a keyed hash, so that nobody writes to it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reader = privacy.find_reader(options["address"])
        except (BadAddress, UnknownReader) as error:
            raise CommandError(str(error)) from error
        privacy.erase_reader(reader, actor="erase_reader", at=now())
        self.stdout.write(f"Erased. The reader stays known as number {reader.pk}, without an address.")
