"""`check_clusters FILE…`: how well grouping finds the events of a set sorted by hand; prints precision and recall."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsroom.articles import labelled


class Command(BaseCommand):
    help = (
        "Group the articles of files sorted by hand and compare pair by pair. Prints one line per file, with -v 2 also "
        "each pair that is wrong or missed. Exits 1 below the least precision or recall."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
        parser.add_argument("--precision", type=float, default=0.95, help="the least, 0 to 1 (default: 0.95)")
        parser.add_argument("--recall", type=float, default=0.8, help="the least, 0 to 1 (default: 0.8)")

    def handle(self, *args: Any, **options: Any) -> None:
        is_enough = True
        for file in options["files"]:
            try:
                pieces = labelled.read(file.read_text("utf-8"))
            except (OSError, UnicodeDecodeError, labelled.NotLabelled) as error:
                raise CommandError(f"{file}: {error}") from error
            measured = labelled.measure(pieces)
            self.stdout.write(
                f"{file.name}: articles {len(pieces)}, events {len({piece.event for piece in pieces})}, "
                f"pairs labelled {measured.labelled}, found {measured.found}, right {measured.right}, "
                f"precision {measured.precision:.3f}, recall {measured.recall:.3f}"
            )
            if options["verbosity"] > 1:
                self._tell("wrong", measured.wrong)
                self._tell("missed", measured.missed)
            is_enough &= measured.precision >= options["precision"] and measured.recall >= options["recall"]
        if not is_enough:
            raise CommandError("Below the least precision or recall.")

    def _tell(self, word: str, pairs: tuple[tuple[labelled.Piece, labelled.Piece], ...]) -> None:
        for one, other in pairs:
            self.stdout.write(f"  {word}: {one.title} | {other.title}")
