"""The named points at which a worker may die, in the order of a batch's life.

`reached` does nothing. A harness that kills workers replaces it; no other code knows of tests.
"""

from typing import Final

FROZE_PAGE: Final = "froze page"  # a page of the ledger is written, not yet committed
PAGE_COMMITTED: Final = "page committed"
CUT: Final = "cut"  # the batches are written, not yet committed
FROZEN: Final = "frozen"
CLAIMED: Final = "claimed"  # the lease is committed
CHECKED: Final = "checked"  # the last look is done, the mail is built
CALLING_WRITTEN: Final = "calling written"  # the attempt is written, not yet committed
CALLING: Final = "calling"  # the attempt is committed; not one byte has gone out
HANDED_OVER: Final = "handed over"  # the provider has answered
SETTLING: Final = "settling"  # the outcome is written, not yet committed
SETTLED: Final = "settled"
COMPLETED: Final = "completed"

ALL: Final = (
    FROZE_PAGE,
    PAGE_COMMITTED,
    CUT,
    FROZEN,
    CLAIMED,
    CHECKED,
    CALLING_WRITTEN,
    CALLING,
    HANDED_OVER,
    SETTLING,
    SETTLED,
    COMPLETED,
)


def reached(name: str) -> None:
    """Called as `steps.reached(...)` at each point above."""
