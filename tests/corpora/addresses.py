"""Addresses: one a line in files whose names end in `_valid.txt` or `_invalid.txt`; typos of domains beside them.

Right: a valid one is taken, or refused with a sentence for a form that we do not take (quoted, without a dot, beyond
ASCII, in brackets); an invalid one is refused; a typo gets the suggestion.
"""

from pathlib import Path

from newsroom.mail.addresses import normalise, suggest
from newsroom.mail.errors import BadAddress
from tests.corpora.tally import Tally, load_lines


def run(folder: Path) -> Tally:
    tally = Tally(aim=0.90)
    parts = {"typos": [0, 0], "valid": [0, 0], "invalid": [0, 0]}
    for path in sorted(folder.glob("*valid.txt")):
        is_valid = not path.stem.endswith("_invalid")
        kind = "typos" if "typos" in path.stem else "valid" if is_valid else "invalid"
        before = tally.right, tally.cases
        for line in load_lines(path):
            if kind == "typos":
                tally.judge(f"{path.stem}: {line}", _is_suggested, line)
                continue
            address = f"{line}@example.net" if "localpart" in path.stem else line
            tally.judge(f"{path.stem}: {line}", _is_judged, address, is_valid)
        parts[kind][0] += tally.right - before[0]
        parts[kind][1] += tally.cases - before[1]
    tally.extra = ", ".join(f"{kind} {right}/{cases}" for kind, (right, cases) in parts.items())
    return tally


def _is_judged(address: str, is_valid: bool) -> bool:
    try:
        normalise(address)
    except BadAddress as refusal:
        return not is_valid or (bool(str(refusal)) and _is_policy(address))
    return is_valid


def _is_policy(address: str) -> bool:
    """Forms that are correct, and that no provider delivers to or no sign-up needs."""
    local, _at, domain = address.rpartition("@")
    has_quotes = '"' in local or "(" in address or "<" in address or " " in address
    return (
        has_quotes
        or not address.isascii()
        or "." not in domain
        or domain.startswith("[")
        or domain[-1:].isdigit()
    )


def _is_suggested(line: str) -> bool:
    typo, comma, meant = line.partition(",")
    offered = suggest(f"ann@{typo.strip()}")
    return offered == f"ann@{meant.strip()}" if comma else offered is None
