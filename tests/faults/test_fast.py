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


def test_a_worker_that_is_killed_is_told_on_every_page_within_two_minutes() -> None:
    """By the site's own timings, so it takes four minutes."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults.standstill"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-4000:]}"
    assert result.stdout.count(" s\n") == 3
