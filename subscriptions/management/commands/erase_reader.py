"""Forget one reader's address; its keyed hash stays on the suppression list."""

from typing import Any

from newsroom.mail.addresses import mask
from newsroom.web.clock import now
from subscriptions import privacy
from subscriptions.management.reader_command import ReaderCommand


class Command(ReaderCommand):
    help = "Erase the reader of an address. What stays is a keyed hash, so that nobody writes to it again."

    def handle(self, *args: Any, **options: Any) -> None:
        reader = self.reader(options)
        read_at = mask(reader.address or "")
        privacy.erase_reader(reader, actor="erase_reader", at=now())
        self.stdout.write(
            f"Erased, who read at {read_at}. The reader stays known as number {reader.pk}, without an address."
        )
