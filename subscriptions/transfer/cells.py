"""Cells that no spreadsheet computes: made harmless on the way out, restored on the way in."""

import re

# OWASP, "CSV Injection": what a spreadsheet takes for a formula. Quotes before it are part of the escape.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def neutralise(cell: str) -> str:
    """A cell that a spreadsheet shows instead of computing it; `restore` gives the original back."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restore(cell: str) -> str:
    """The cell as it was before `neutralise`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
