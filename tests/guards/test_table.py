"""The list of guards is true: what is to be broken stands there, the tests exist, the decision says the same."""

from pathlib import Path

import pytest

from tests.guards.table import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_a_guard_stands_once_where_the_list_says_and_its_test_exists(guard: Guard) -> None:
    file, _, test = guard.test.partition("::")

    assert (ROOT / guard.file).read_text().count(guard.before) == 1
    assert f"def {test}(" in (ROOT / file).read_text()


def test_the_decision_lists_the_same_guards() -> None:
    [decision] = (ROOT / "docs/decisions").glob("0020-*.md")

    rows = [line for line in decision.read_text().splitlines() if line.startswith("| ")][2:]

    assert rows == [f"| {guard.name} | {guard.broken_by} | `{guard.test_name}` |" for guard in GUARDS]
