"""Readers from and to a file: CSV in, with a result for each line, and CSV out that no spreadsheet executes.

An import is not a way round consent: it wants to be told on what basis these people may be written to, keeps the
dates of the file, and takes who left or bounced elsewhere as somebody not to be mailed here. Our own export comes back
as it was, one newsletter at a time.
"""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from subscriptions.errors import TransferError
from subscriptions.models import Newsletter
from subscriptions.transfer import reading
from subscriptions.transfer.cells import neutralise, restore
from subscriptions.transfer.exporting import export_consent, export_subscribers, export_suppressions, lines
from subscriptions.transfer.formats import by_field, check_all_confirmed, understand
from subscriptions.transfer.intake import Intake
from subscriptions.transfer.judging import Line, LineResult
from subscriptions.transfer.reading import read_text

PAGE = 10_000
_Item = TypeVar("_Item")

__all__ = [
    "PAGE",
    "Line",
    "LineResult",
    "Report",
    "check_basis",
    "export_consent",
    "export_subscribers",
    "export_suppressions",
    "import_subscribers",
    "lines",
    "neutralise",
    "pages",
    "read_text",
    "restore",
]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All lines of an import."""

    lines: list[Line] = field(default_factory=list)
    is_dry_run: bool

    def counts(self) -> Counter[LineResult]:
        return Counter(line.result for line in self.lines)


def import_subscribers(
    text: str,
    *,
    newsletter: Newsletter,
    basis: str,
    actor: str,
    at: datetime,
    is_dry_run: bool = False,
    mapped: Mapping[str, str] | None = None,
    are_all_confirmed: bool = False,
) -> Report:
    """Take the readers of a CSV text into a newsletter: all lines that can be, or with is_dry_run none.

    Where the file says which newsletter a line is of, only those of this one are taken. basis: the words by which these
    people agreed and where the proof lies; demanded. mapped: what columns hold, where we would not guess it.
    are_all_confirmed: somebody says so of a file that cannot; demanded of those. Raises TransferError for a file or a
    basis that cannot be used at all; a bad line is only refused. All in one transaction: for large files there is `journal`.
    """
    check_basis(basis)
    file = io.BytesIO(text.encode())
    layout = reading.look(file)
    understood = understand(layout.heading, mapped=mapped)
    check_all_confirmed(understood.product, is_said=are_all_confirmed)
    report = Report(is_dry_run=is_dry_run)
    intake = Intake(newsletter=newsletter, basis=basis.strip(), actor=actor, at=at, is_dry_run=is_dry_run)
    rows = ((number, by_field(understood.fields, cells)) for number, cells in reading.rows(file, layout))
    with transaction.atomic():
        for page in pages(rows):
            report.lines.extend(intake.take(page))
    return report


def check_basis(basis: str) -> None:
    """Raises TransferError where nobody said why these people may be written to."""
    if not basis.strip():
        raise TransferError(_("Please say on what legal basis these readers may be written to."))


def pages(rows: Iterator[_Item], size: int = PAGE) -> Iterator[list[_Item]]:
    """The rows in lists of a page each."""
    while page := list(islice(rows, size)):
        yield page
