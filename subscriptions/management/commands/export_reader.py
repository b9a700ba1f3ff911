"""Everything we hold about one reader, as JSON."""

import json
from typing import Any

from subscriptions import privacy
from subscriptions.management.reader_command import ReaderCommand


class Command(ReaderCommand):
    help = "Print everything we hold about the reader of an address, as JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        told = privacy.export_reader(self.reader(options))
        self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
