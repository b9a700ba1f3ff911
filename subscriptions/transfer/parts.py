"""Parts of a file as they wait in the database, and the next one read ahead.

Reading and judging a line takes Python about as long as PostgreSQL takes to write it: a thread judges the next part
while this one is written. It asks the database nothing.
"""

import csv
import io
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation

from subscriptions.transfer.formats import by_field
from subscriptions.transfer.judging import Line, Reader, Stopped, judge
from subscriptions.transfer.reading import Row

# Its thread begins with the first part that is read ahead, so that a process may fork before.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="import-ahead")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A part of a file, and what each of its lines says by itself, in the same order."""

    rows: Sequence[Row]
    lines: Sequence[Reader | Stopped | Line]


def pack(rows: Sequence[Row]) -> bytes:
    """Lines with their numbers, compressed."""
    return zlib.compress(as_csv([[str(number), *cells] for number, cells in rows]).encode(), 1)


def unpack(content: bytes | memoryview) -> Iterator[Row]:
    """What `pack` packed."""
    text = zlib.decompress(bytes(content)).decode()
    for number, *cells in csv.reader(io.StringIO(text, newline="")):
        yield int(number), cells


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines of CSV; nothing is neutralised."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def judge_part(
    content: bytes | memoryview, fields: Sequence[str], *, newsletter: str, at: datetime
) -> Judged:
    """Read a packed part. fields: what each column holds; newsletter: its slug; at: the time of the import."""
    rows = list(unpack(content))
    lines = [judge(number, by_field(fields, cells), newsletter=newsletter, at=at) for number, cells in rows]
    return Judged(rows=rows, lines=lines)


def judge_ahead(
    content: bytes | memoryview, fields: Sequence[str], *, newsletter: str, at: datetime
) -> Future[Judged]:
    """The same in another thread, in the language of this one."""
    language = translation.get_language()

    def read() -> Judged:
        with translation.override(language):
            return judge_part(content, fields, newsletter=newsletter, at=at)

    return _THREAD.submit(read)
