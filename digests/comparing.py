"""Two wordings, word by word: what stayed, what went, what came."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some words of a comparison; kind is `same`, `gone` or `new`."""

    kind: str
    text: str


def compare(before: str, after: str) -> list[Piece]:
    """The pieces in reading order. Those not `new` make up the one wording, those not `gone` the other."""
    first, second = _WORD.findall(before), _WORD.findall(after)
    pieces = []
    for tag, start, end, second_start, second_end in SequenceMatcher(
        None, first, second, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            pieces.append(Piece(kind="same", text="".join(first[start:end])))
            continue
        if start < end:
            pieces.append(Piece(kind="gone", text="".join(first[start:end])))
        if second_start < second_end:
            pieces.append(Piece(kind="new", text="".join(second[second_start:second_end])))
    return pieces
