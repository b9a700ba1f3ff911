"""Large files, part by part: a part and the count of what became of it are one transaction, so that no kill doubles it.

The lines wait in the database, where web and worker both reach them, and are emptied as soon as they are done; what
was not taken stays for two weeks as a file to correct.
"""

import csv
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, BinaryIO, Final

from django.db import transaction
from django.utils.translation import gettext as _

from newsroom.mail.addresses import mask, mask_text
from subscriptions import queue
from subscriptions.errors import ImportChanged, TransferError
from subscriptions.models import Newsletter, SubscriberImport, SubscriberImportPart
from subscriptions.states import ImportState
from subscriptions.transfer import reading
from subscriptions.transfer.cells import neutralise, restore
from subscriptions.transfer.formats import (
    Understood,
    by_field,
    check_all_confirmed,
    tells_no_consent,
    understand,
)
from subscriptions.transfer.intake import Intake
from subscriptions.transfer.judging import Line, LineResult, judge
from subscriptions.transfer.parts import Judged, as_csv, judge_ahead, judge_part, pack, unpack

PART_ROWS: Final = 10_000
KEPT_FOR: Final = timedelta(days=14)
_OPEN: Final = (ImportState.WAITING, ImportState.TRYING, ImportState.TRIED, ImportState.RUNNING)
# Of these the file to correct repeats the whole line; of the others, who wants no mail, only a masked address.
_TO_CORRECT: Final = frozenset({LineResult.REFUSED, LineResult.UNCONFIRMED, LineResult.NO_WEEKLY})
_SILENT: Final = frozenset({LineResult.TAKEN})


def checksum_of(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size of a file, which is left rewound."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    file.seek(0)
    return digest.hexdigest(), size


def stage(
    file: BinaryIO,
    *,
    newsletter: Newsletter,
    basis: str,
    actor: str,
    filename: str,
    at: datetime,
    mapped: Mapping[str, str] | None = None,
    most_bytes: int | None = None,
    is_mapped_later: bool = False,
) -> SubscriberImport:
    """Read a file into parts and let it wait; nobody is enrolled yet. Raises TransferError, and leaves nothing then.

    is_mapped_later: take a file whose columns we do not know, because somebody will say what they hold. Memory: one
    part, whatever the size.
    """
    if not basis.strip():
        raise TransferError(_("Please say on what legal basis these readers may be written to."))
    checksum, size = checksum_of(file)
    if most_bytes is not None and size > most_bytes:
        sentence = _("The file is larger than %(size)d MB; please split it, or use the command.")
        raise TransferError(sentence % {"size": most_bytes // 1_000_000})
    layout = reading.look(file)
    try:
        product = understand(layout.heading, mapped=mapped).product
    except TransferError:
        if not is_mapped_later or not any(layout.heading) or "@" in "".join(layout.heading):
            raise
        product = ""
    with transaction.atomic():
        staged = SubscriberImport.objects.create(
            newsletter=newsletter,
            basis=_kept(basis),
            actor=actor,
            filename=mask_text(filename)[:200],
            checksum=checksum,
            size_bytes=size,
            product=product,
            heading=list(layout.heading),
            mapped=dict(mapped or {}),
            created_at=at,
        )
        lines = reading.rows(file, layout)
        number = 0
        while part := list(islice(lines, PART_ROWS)):
            SubscriberImportPart.objects.create(of=staged, number=number, rows=len(part), content=pack(part))
            staged.rows += len(part)
            number += 1
        staged.state = ImportState.WAITING
        staged.save(update_fields=["rows", "state"])
    return staged


def unfinished(checksum: str, newsletter: Newsletter) -> SubscriberImport | None:
    """The import of this very file into this newsletter that was begun and not brought to its end."""
    rows = SubscriberImport.objects.filter(
        checksum=checksum, newsletter=newsletter, state=ImportState.RUNNING
    )
    return rows.order_by("-pk").first()


def begun_otherwise(begun: SubscriberImport, *, basis: str, mapped: Mapping[str, str]) -> str:
    """What else than it began with somebody now says of an import: "basis", "mapped", or nothing. Raises TransferError.

    mapped counts by what it makes of the columns, in whatever spelling.
    """
    if begun.basis != _kept(basis):
        return "basis"
    return "mapped" if understand(begun.heading, mapped=mapped) != fields_of(begun) else ""


def _kept(basis: str) -> str:
    """A basis as it stays with each agreement, which nobody can change."""
    return mask_text(basis.strip())


def finished_before(imported: SubscriberImport) -> SubscriberImport | None:
    """The last import of the same file into the same newsletter that came to its end."""
    rows = SubscriberImport.objects.filter(
        checksum=imported.checksum, newsletter=imported.newsletter_id, state=ImportState.FINISHED
    )
    return rows.exclude(pk=imported.pk).order_by("-pk").first()


def preview(
    staged: SubscriberImport, *, at: datetime, rows: int = 20
) -> list[tuple[list[str], dict[str, str], str]]:
    """The first lines: their cells, what we understand of them, and a sentence where one cannot be taken. One query."""
    part = staged.parts.filter(number=0).first()
    if part is None or part.content is None:
        return []
    fields = fields_of(staged).fields
    shown = []
    for number, cells in islice(unpack(part.content), rows):
        row = by_field(fields, cells)
        judged = judge(number, row, newsletter=staged.newsletter.slug, at=at)
        shown.append((cells, row, judged.because if isinstance(judged, Line) else ""))
    return shown


def fields_of(staged: SubscriberImport) -> Understood:
    """What each column holds."""
    return understand(staged.heading, mapped=staged.mapped)


def remap(staged: SubscriberImport, mapped: Mapping[str, str]) -> None:
    """Say what the columns hold; a trial before it no longer counts. Raises TransferError, ImportChanged."""
    understand(staged.heading, mapped=mapped)
    _move(
        staged,
        (ImportState.WAITING, ImportState.TRIED),
        state=ImportState.WAITING,
        mapped=dict(mapped),
        tried={},
    )


def try_out(staged: SubscriberImport) -> None:
    """Let a worker say what would become of the lines, changing nothing. Raises TransferError, ImportChanged."""
    fields_of(staged)
    _move(
        staged,
        (ImportState.WAITING, ImportState.TRIED),
        state=ImportState.TRYING,
        parts_done=0,
        tried={},
    )
    queue.wake_imports()


def start(staged: SubscriberImport, *, at: datetime, are_all_confirmed: bool = False) -> None:
    """Let a worker take the readers in. Raises TransferError, ImportChanged.

    are_all_confirmed: somebody says so of a file that cannot; demanded of those.
    """
    check_all_confirmed(fields_of(staged).product, is_said=are_all_confirmed)
    _move(
        staged,
        (ImportState.WAITING, ImportState.TRIED),
        state=ImportState.RUNNING,
        parts_done=0,
        counts={},
        started_at=at,
    )
    queue.wake_imports()


def discard(staged: SubscriberImport) -> None:
    """Forget a file that nobody wants taken in. Raises ImportChanged."""
    with transaction.atomic():
        _move(
            staged,
            (ImportState.READING, ImportState.WAITING, ImportState.TRYING, ImportState.TRIED),
            state=ImportState.DISCARDED,
        )
        staged.parts.all().delete()


def end(running: SubscriberImport, *, at: datetime) -> None:
    """End an import half-way: what was taken in stays, with its counts, and the lines not yet done go. Raises ImportChanged.

    Waits for the part that is being written, which counts still; no worker finds another.
    """
    with transaction.atomic():
        _move(running, (ImportState.RUNNING,), state=ImportState.DISCARDED, finished_at=at)
        running.parts.filter(content__isnull=False).delete()
        running.refresh_from_db()


def _move(staged: SubscriberImport, allowed: Sequence[ImportState], **values: Any) -> None:
    """Compare and set: of two who decide at once, one wins."""
    if not SubscriberImport.objects.filter(pk=staged.pk, state__in=allowed).update(**values):
        raise ImportChanged(staged.pk)
    for name, value in values.items():
        setattr(staged, name, value)


def under_way() -> list[SubscriberImport]:
    """What a worker has to do, oldest first. One query."""
    rows = SubscriberImport.objects.filter(state__in=[ImportState.TRYING, ImportState.RUNNING])
    return list(rows.select_related("newsletter").order_by("pk"))


@dataclass(frozen=True, kw_only=True)
class Course:
    """What one part leaves for the next: what a trial has seen so far, and that part, which a thread judges meanwhile.

    content: that part as it was read; a reader who is erased meanwhile is no longer in it.
    """

    intake: Intake
    content: bytes | memoryview | None
    ahead: Future[Judged] | None


def work(imported: SubscriberImport, *, at: datetime, remembered: Course | None = None) -> Course | None:
    """Do the next part of an import that is being tried or runs. None: it is at its end.

    Part, counts and cursor are one transaction: safe to kill, safe to repeat, safe with two workers. remembered: what
    the last call gave for this import; only with it does a trial know what stood in earlier parts of the file, and is
    the next part judged while this one is written.
    """
    with transaction.atomic():
        rows = SubscriberImport.objects.select_for_update(of=("self",)).select_related("newsletter")
        locked = rows.get(pk=imported.pk)
        is_trial = locked.state == ImportState.TRYING
        if not is_trial and locked.state != ImportState.RUNNING:
            return None
        number = locked.parts_done
        parts = {part.number: part for part in locked.parts.filter(number__in=(number, number + 1))}
        if number not in parts:
            _finish(locked, is_trial=is_trial, at=at)
            return None
        fields, slug = fields_of(locked).fields, locked.newsletter.slug
        if (
            remembered is not None
            and remembered.ahead is not None
            and remembered.content == parts[number].content
        ):
            judged = remembered.ahead.result()
        else:
            judged = judge_part(parts[number].content or b"", fields, newsletter=slug, at=at)
        following = parts[number + 1].content if number + 1 in parts else None
        course = Course(
            intake=remembered.intake if remembered else _intake(locked, is_trial=is_trial, at=at),
            content=following,
            ahead=judge_ahead(following, fields, newsletter=slug, at=at) if following else None,
        )
        _work_part(locked, parts[number], judged, course.intake, is_trial=is_trial)
        imported.parts_done, imported.counts, imported.tried = locked.parts_done, locked.counts, locked.tried
    return course


def _intake(locked: SubscriberImport, *, is_trial: bool, at: datetime) -> Intake:
    facts: dict[str, object] = {"import": locked.pk}
    if tells_no_consent(fields_of(locked).product):
        facts["all_confirmed"] = True  # nobody starts one who did not say so
    return Intake(
        newsletter=locked.newsletter,
        basis=locked.basis,
        actor=locked.actor,
        at=at,
        facts=facts,
        is_dry_run=is_trial,
    )


def _work_part(
    locked: SubscriberImport, part: SubscriberImportPart, judged: Judged, intake: Intake, *, is_trial: bool
) -> None:
    lines = intake.take_judged(judged.lines)
    part.left_over = _left_over(lines, judged.rows)
    if not is_trial:
        part.content = None
    part.save(update_fields=["content", "left_over"])
    counts = Counter(locked.tried if is_trial else locked.counts) + Counter(
        line.result.value for line in lines
    )
    locked.parts_done += 1
    if is_trial:
        locked.tried = dict(counts)
    else:
        locked.counts = dict(counts)
    locked.save(update_fields=["parts_done", "tried", "counts"])


def _finish(locked: SubscriberImport, *, is_trial: bool, at: datetime) -> None:
    if is_trial:
        _move(locked, (ImportState.TRYING,), state=ImportState.TRIED, parts_done=0)
    else:
        _move(locked, (ImportState.RUNNING,), state=ImportState.FINISHED, finished_at=at)


def left_over(imported: SubscriberImport) -> Iterator[str]:
    """The lines that were not taken, as CSV: line, what became of it, why, and the line as it was.

    Who is not to be mailed, or reads already, stands there with a masked address alone. Memory: one part.
    """
    yield as_csv([["line", "result", "reason", *imported.heading]])
    for packed in imported.parts.order_by("number").values_list("left_over", flat=True).iterator(1):
        if packed:
            yield zlib.decompress(bytes(packed)).decode()


def left_over_lines(imported: SubscriberImport, *, most: int) -> Iterator[tuple[str, str, str, str]]:
    """At most so many of the lines that were not taken: number, what became of it, why, address."""
    fields = fields_of(imported).fields
    place = fields.index("address" if "address" in fields else "address_hash")
    pieces = islice(left_over(imported), 1, None)
    for number, result, because, *cells in islice(
        (row for piece in pieces for row in csv.reader(io.StringIO(piece, newline=""))), most
    ):
        at = place if result in _TO_CORRECT and place < len(cells) else 0
        yield number, result, restore(because), restore(cells[at]) if cells else ""


def forget_old(*, at: datetime) -> int:
    """Empty what two weeks ago was finished or never decided; the journal stays. Gives the number of imports."""
    old = SubscriberImport.objects.filter(created_at__lte=at - KEPT_FOR).exclude(state=ImportState.RUNNING)
    SubscriberImport.objects.filter(pk__in=old, state__in=_OPEN).update(state=ImportState.DISCARDED)
    parts = SubscriberImportPart.objects.filter(of__in=old)
    number = parts.values("of").distinct().count()
    parts.delete()
    return number


def _left_over(lines: Sequence[Line], rows: Sequence[reading.Row]) -> bytes | None:
    found = []
    for line, (number, cells) in zip(lines, rows, strict=True):
        if line.result in _SILENT:
            continue
        shown = cells if line.result in _TO_CORRECT else [mask(line.address)]
        found.append([str(number), line.result.value, *map(neutralise, [line.because, *shown])])
    return zlib.compress(as_csv(found).encode(), 1) if found else None
