"""The rows, in the order of the table."""

from tests.faults.answers import ANSWERS, SMTP
from tests.faults.kills import ENDINGS, KILLS
from tests.faults.parts import PARTS
from tests.faults.people import PEOPLE
from tests.faults.proof import PROOF
from tests.faults.rescues import RESCUES
from tests.faults.runs import Case
from tests.faults.surroundings import SURROUNDINGS

CASES: tuple[Case, ...] = (
    *KILLS,
    *ENDINGS,
    *ANSWERS,
    *SMTP,
    *PROOF,
    *SURROUNDINGS,
    *RESCUES,
    *PARTS,
    *PEOPLE,
)
