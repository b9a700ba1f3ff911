"""The fast rows of the table, as `make check` runs them: under three minutes, on a PostgreSQL of their own."""

import os
import subprocess
import sys

import pytest

from tests.faults.rig import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


def test_no_fault_of_the_fast_table_loses_or_doubles_a_copy() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--fast", "--seed", "7"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-4000:]}"
    assert " 0 red" in result.stdout
