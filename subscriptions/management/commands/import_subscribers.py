"""Take readers from a file into a newsletter, with a result for each line; killed, it goes on where it stopped."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from django.core.management.base import BaseCommand, CommandError

from newsroom.web.clock import now
from subscriptions.errors import ImportChanged, TransferError
from subscriptions.models import Newsletter, SubscriberImport
from subscriptions.states import ImportState
from subscriptions.transfer import LineResult, journal, reading
from subscriptions.transfer.formats import check_all_confirmed, understand

WIDTH = 30


class Command(BaseCommand):
    help = (
        "Take readers from a CSV file into a newsletter, or the list of whom not to mail; people who left or bounced are "
        "kept as suppressions, and lines of other newsletters are left. "
        "Files of Mailchimp, Substack, Ghost, listmonk, Buttondown, beehiiv, Keila and Curated are recognised, and our own. "
        "Killed half-way, the same command goes on where it stopped; with --end it stays ended there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", type=Path, help="CSV whose first line names the columns; one is “address” or “email”"
        )
        parser.add_argument("--newsletter", required=True, metavar="SLUG")
        parser.add_argument(
            "--basis", default="", help="how these readers agreed, and where the proof lies; demanded"
        )
        parser.add_argument(
            "--all-confirmed",
            action="store_true",
            help="of a file of listmonk, demanded: it was exported with subscription_status=confirmed",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="what a column holds, where we would not guess it; FIELD empty: nothing",
        )
        parser.add_argument(
            "--end",
            action="store_true",
            help="end the running import of this file; what was taken in stays, and nothing else is done",
        )
        parser.add_argument(
            "--errors", type=Path, metavar="FILE", help="write the lines that were not taken there, as CSV"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            newsletter = Newsletter.objects.get(slug=options["newsletter"])
            with options["file"].open("rb") as file:
                imported = (self._ended if options["end"] else self._staged)(file, newsletter, options)
            if not options["end"]:
                self._run(imported, options)
            self._report(imported, options)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be opened: {error.strerror}.") from error
        except Newsletter.DoesNotExist as error:
            raise CommandError(f"There is no newsletter {options['newsletter']!r}.") from error
        except TransferError as error:
            raise CommandError(str(error)) from error
        except ImportChanged as error:
            raise CommandError("The import changed meanwhile; nothing was done.") from error

    def _ended(self, file: BinaryIO, newsletter: Newsletter, options: dict[str, Any]) -> SubscriberImport:
        begun = journal.unfinished(journal.checksum_of(file)[0], newsletter)
        if begun is None:
            raise CommandError(f"No import of this file into {newsletter.slug} is running.")
        journal.end(begun, at=now())
        return begun

    def _staged(self, file: BinaryIO, newsletter: Newsletter, options: dict[str, Any]) -> SubscriberImport:
        mapped = dict(_pair(text) for text in options["map"])
        product = understand(reading.look(file).heading, mapped=mapped).product
        check_all_confirmed(product, is_said=options["all_confirmed"])
        checksum, _size = journal.checksum_of(file)
        begun = None if options["dry_run"] else journal.unfinished(checksum, newsletter)
        if begun is not None:
            if other := journal.begun_otherwise(begun, basis=options["basis"], mapped=mapped):
                raise CommandError(_otherwise(begun, other))
            self.stdout.write(
                f"Going on with the import of this file that was begun at {begun.started_at:%c}."
            )
            return begun
        staged = journal.stage(
            file,
            newsletter=newsletter,
            basis=options["basis"],
            actor="import_subscribers",
            filename=options["file"].name,
            at=now(),
            mapped=mapped,
        )
        if staged.product:
            self.stdout.write(f"Read as a file of {staged.product}.")
        if earlier := journal.finished_before(staged):
            self.stdout.write(f"The same file was taken in before, at {earlier.finished_at:%c}.")
        return staged

    def _run(self, imported: SubscriberImport, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            journal.try_out(imported)
        elif imported.state != ImportState.RUNNING:
            journal.start(imported, at=now(), are_all_confirmed=options["all_confirmed"])
        bar = _Bar(sys.stderr, imported.rows)
        remembered = None
        while (remembered := journal.work(imported, at=now(), remembered=remembered)) is not None:
            bar.show(sum((imported.tried if options["dry_run"] else imported.counts).values()))
        bar.end()
        imported.refresh_from_db()

    def _report(self, imported: SubscriberImport, options: dict[str, Any]) -> None:
        self._left_over(imported, options["errors"])
        is_trial = options["dry_run"] and not options["end"]
        counts = imported.tried if is_trial else imported.counts
        said = ", ".join(f"{counts[each]} {each}" for each in LineResult if each in counts) or "no lines"
        if is_trial:
            self.stdout.write(f"Dry run, nothing changed: {said}.")
            journal.discard(imported)
        elif imported.state == ImportState.DISCARDED:
            done = f"Ended after {sum(counts.values())} of {imported.rows} lines"
            self.stdout.write(f"{done}; what was taken in stays: {said}.")
        else:
            self.stdout.write(f"Done: {said}.")

    def _left_over(self, imported: SubscriberImport, path: Path | None) -> None:
        """To a file whole; else the first hundred lines on the terminal."""
        if path is not None:
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(journal.left_over(imported))
            return
        for number, result, because, address in journal.left_over_lines(imported, most=100):
            self.stdout.write(f"line {number}: {address}: {result} {because}".rstrip())


class _Bar:
    """One line on a terminal, drawn again and again; nothing elsewhere."""

    def __init__(self, out: TextIO, whole: int) -> None:
        self.out, self.whole = out, whole

    def show(self, done: int) -> None:
        if self.out.isatty():
            filled = WIDTH * done // self.whole if self.whole else WIDTH
            self.out.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {done:,}/{self.whole:,}")
            self.out.flush()

    def end(self) -> None:
        if self.out.isatty():
            self.out.write("\n")


def _otherwise(begun: SubscriberImport, other: str) -> str:
    if other == "basis":
        option, then = "--basis", f"“{begun.basis}”"
    else:
        option = "--map"
        then = " ".join(f"--map '{column}={field}'" for column, field in begun.mapped.items()) or "none"
    return (
        f"With another {option} than the import of this file began with ({then}) it does not go on: "
        "repeat the command with that one, or end the import with --end, which leaves who was taken in."
    )


def _pair(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals:
        raise CommandError(f"--map wants COLUMN=FIELD, and {text!r} has no “=”.")
    return column, field
