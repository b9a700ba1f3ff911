"""Addresses: one a line in files whose names end in `_valid.txt` or `_invalid.txt`; typos of domains beside them.

Right: a valid one is taken; an invalid one is refused; a typo gets the suggestion. Each kind has an aim of its own. A
valid one of a form that we do not take (quoted, without a dot, beyond ASCII, in brackets) is right if it is refused
with a sentence, and makes no share of the valid ones look better.
"""

from pathlib import Path
from typing import Final

from newsroom.mail.addresses import reachable, suggest
from newsroom.mail.errors import BadAddress
from tests.corpora.tally import Tally, load_lines

# Typos are an offer, never a change: of those with another sign than the common one, most are found.
AIMS: Final = {"valid": 0.99, "invalid": 1.0, "typos": 0.85}


def run(folder: Path) -> Tally:
    tally = Tally(aim=0.0)
    parts = {kind: Tally(aim=aim) for kind, aim in AIMS.items()}
    policy = Tally()
    for path in sorted(folder.glob("*valid.txt")):
        is_valid = not path.stem.endswith("_invalid")
        kind = "typos" if "typos" in path.stem else "valid" if is_valid else "invalid"
        for line in load_lines(path):
            name, part = f"{path.stem}: {line}", parts[kind]
            if kind == "typos":
                part.judge(name, _is_suggested, line)
                continue
            address = f"{line}@example.net" if "localpart" in path.stem else line
            if is_valid and _is_policy(address):
                policy.judge(name, _is_explained, address)
            else:
                part.judge(name, _is_judged, address, is_valid)
    for part in (*parts.values(), policy):
        tally.add(part)
    said = [
        f"{kind} {part.right}/{part.cases}{'' if part.holds() else f' BELOW {part.aim:.0%}'}"
        for kind, part in parts.items()
    ]
    tally.extra = ", ".join([*said, f"refused by policy {policy.right}/{policy.cases}"])
    tally.missed = not all(part.holds() for part in parts.values() if part.cases) or policy.wrong > 0
    return tally


def _is_judged(address: str, is_valid: bool) -> bool:
    try:
        reachable(address)
    except BadAddress:
        return not is_valid
    return is_valid


def _is_explained(address: str) -> bool:
    """Taken, or refused with a sentence."""
    try:
        reachable(address)
    except BadAddress as refusal:
        return bool(str(refusal))
    return True


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
