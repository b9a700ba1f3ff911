"""The address of somebody who is erased, out of the files that wait to be taken in or to be corrected."""

import csv
import io
import re
import unicodedata
import zlib
from collections.abc import Callable, Collection

import idna
from django.db.models import Q

from subscriptions.models import SubscriberImport, SubscriberImportPart
from subscriptions.transfer.cells import restore
from subscriptions.transfer.parts import as_csv


def forget(addresses: Collection[str]) -> int:
    """Empty each line that holds one of these normal addresses, in whatever spelling; gives the number of lines.

    The line stays with its number, so that the counts of its import do: it is refused like any other without an
    address. Inside the caller's transaction, before it locks anything else, because an import that runs locks itself
    first and readers after. Waits for the part of it that is being written. Queries: 1, and 3 for each import with her.
    """
    holds = _finder(addresses)
    if holds is None:
        return 0
    kept = SubscriberImportPart.objects.filter(Q(content__isnull=False) | Q(left_over__isnull=False))
    theirs = {
        part.of_id
        for part in kept.order_by("pk").iterator(chunk_size=1)
        if holds(_text(part.content), _text(part.left_over))
    }
    number = 0
    for imported in SubscriberImport.objects.select_for_update().filter(pk__in=theirs).order_by("pk"):
        for part in kept.filter(of=imported).order_by("pk").iterator(chunk_size=1):
            number += _empty(part, holds)
    return number


def _finder(addresses: Collection[str]) -> Callable[..., bool] | None:
    """Whether a text holds one of them: not as the end of a longer one, and the domain in either spelling."""
    forms = {form for address in addresses if "@" in address for form in _forms(address)}
    if not forms:
        return None
    either = "|".join(map(re.escape, sorted(forms)))
    pattern = re.compile(rf"""(?:^|[\s<>",;:()\[\]|]|(?<!\w)')(?:{either})(?![\w-]|\.\w)""", re.MULTILINE)

    def holds(*texts: str) -> bool:
        return any(
            pattern.search(unicodedata.normalize("NFKC", text).lower()) for text in texts if "@" in text
        )

    return holds


def _forms(normal: str) -> list[str]:
    local, _at, domain = normal.rpartition("@")
    try:
        return [normal, f"{local}@{unicodedata.normalize('NFKC', idna.decode(domain)).lower()}"]
    except idna.IDNAError:
        return [normal]


def _text(packed: bytes | memoryview | None) -> str:
    return zlib.decompress(bytes(packed)).decode() if packed else ""


def _empty(part: SubscriberImportPart, holds: Callable[..., bool]) -> int:
    """Rewrite a part without her; gives the number of lines that held her."""
    content, waiting = _without(part.content, holds, after=1)
    # What was left over is number and result; then the reason, which may quote her, and the line, or a masked address.
    left_over, corrected = _without(part.left_over, holds, after=2)
    if waiting or corrected:
        part.content, part.left_over = content, left_over
        part.save(update_fields=["content", "left_over"])
    return waiting + corrected


def _without(
    packed: bytes | memoryview | None, holds: Callable[..., bool], *, after: int
) -> tuple[bytes | None, int]:
    text = _text(packed)
    if packed is None or not holds(text):
        return None if packed is None else bytes(packed), 0
    rows, number = [], 0
    for row in csv.reader(io.StringIO(text, newline="")):
        is_hers = any(holds(restore(cell)) for cell in row)
        number += is_hers
        rows.append([*row[:after], *[""] * (len(row) - after)] if is_hers else row)
    return zlib.compress(as_csv(rows).encode(), 1), number
