"""From the bytes of a file to the rows below its heading, in pieces: a million lines need no more memory than one."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _

from subscriptions.errors import TransferError
from subscriptions.transfer.cells import restore

_PIECE = 1 << 20
_DELIMITERS = ",;\t|"

Row = tuple[int, list[str]]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a file is written: its encoding, what parts its cells, and its first line."""

    encoding: str
    delimiter: str
    heading: tuple[str, ...]


def read_text(raw: bytes) -> str:
    """A file's text: UTF-8 with or without mark, UTF-16, else what Excel writes in western Europe. Raises TransferError."""
    encoding = encoding_of(io.BytesIO(raw))
    return raw.decode(encoding, "replace" if encoding == "cp1252" else "strict")


def encoding_of(file: BinaryIO) -> str:
    """The encoding of a file, which is read once and rewound. Raises TransferError for what is no text."""
    start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _checked(file, "utf-16")
    if b"\0" in start and len(start) == 4 and not start.startswith(b"PK"):
        # Without a mark: in western files every other byte is empty, and which says the order.
        return _checked(file, "utf-16-be" if start[0] == 0 else "utf-16-le")
    try:
        return _checked(file, "utf-8-sig")
    except UnicodeDecodeError:
        file.seek(0)
        return "cp1252"


def _checked(file: BinaryIO, encoding: str) -> str:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    is_over = False
    try:
        while not is_over:
            piece = file.read(_PIECE)
            is_over = not piece
            if "\0" in decoder.decode(piece, is_over):
                raise _no_text()
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise _no_text() from error
        file.seek(0)
        while piece := file.read(_PIECE):
            if b"\0" in piece:
                raise _no_text() from error
        raise
    file.seek(0)
    return encoding


def _no_text() -> TransferError:
    return TransferError(_("The file is not text; please export it as CSV in UTF-8."))


def look(file: BinaryIO) -> Layout:
    """How a file is written. It is left rewound. Raises TransferError."""
    encoding = encoding_of(file)
    text = _text(file, encoding)
    try:
        delimiter = _delimiter(text.readline(1 << 16))
        text.seek(0)
        heading = next(csv.reader(text, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise _torn(1) from error
    finally:
        text.detach()
        file.seek(0)
    return Layout(encoding=encoding, delimiter=delimiter, heading=tuple(name.strip() for name in heading))


def rows(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    """The rows below the heading that hold anything, with the number of their line, cells restored."""
    file.seek(0)
    text = _text(file, layout.encoding)
    reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
    try:
        next(reader, None)
        for cells in reader:
            if any(map(str.strip, cells)):
                yield reader.line_num, [restore(cell).strip() for cell in cells]
    except csv.Error as error:
        raise _torn(reader.line_num) from error
    finally:
        text.detach()


def _text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    errors = "replace" if encoding == "cp1252" else "strict"
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")


def _torn(line: int) -> TransferError:
    return TransferError(_("Line %(line)d is not valid CSV.") % {"line": line}, line=line)


def _delimiter(heading: str) -> str:
    """What parts the cells of the first line; what stands inside quotes does not count."""
    outside = "".join(heading.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)
