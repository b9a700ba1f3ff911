"""The rows, in the order of the table."""

from tests.faults.answers import ANSWERS, SMTP
from tests.faults.kills import KILLS
from tests.faults.people import PEOPLE
from tests.faults.rescues import RESCUES
from tests.faults.runs import Case
from tests.faults.surroundings import SURROUNDINGS

CASES: tuple[Case, ...] = (*KILLS, *ANSWERS, *SMTP, *SURROUNDINGS, *RESCUES, *PEOPLE)
