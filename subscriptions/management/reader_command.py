"""What commands share that are about the reader of one address."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsroom.mail.errors import BadAddress
from subscriptions import privacy
from subscriptions.errors import ReaderMoved, UnknownReader
from subscriptions.models import Subscriber


class ReaderCommand(BaseCommand):
    """Finds the reader by her address; by one that she has left only if that is said."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address")
        parser.add_argument(
            "--former",
            action="store_true",
            help="the address may be one that the reader has left; make sure that it is she who asks",
        )

    def reader(self, options: Mapping[str, Any]) -> Subscriber:
        """Whom the address leads to. Raises CommandError, which says where she gets her mail if she has moved."""
        try:
            return privacy.find_reader(options["address"])
        except ReaderMoved as error:
            if options["former"]:
                return Subscriber.objects.get(pk=error.subscriber_id)
            raise CommandError(
                f"{error} Whoever has it by now may be somebody else; if it is she who asks, add --former."
            ) from error
        except (BadAddress, UnknownReader) as error:
            raise CommandError(str(error)) from error
