"""The rows, in the order of the table."""

from tests.faults.kills import KILLS
from tests.faults.runs import Case

CASES: tuple[Case, ...] = (*KILLS,)
