"""Runs the rows and prints the table; exits 1 if one is red."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from newsroom.demo.processes import Supervisor, interruptible
from tests import servers
from tests.faults.rig import Rig

_HEAD = ("fault", "where", "readers", "lost", "twice", "unknown", "held", "s", "verdict")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="only the rows that make check runs")
    parser.add_argument("--only", default="", help="rows whose name or place holds this text")
    parser.add_argument("--readers", type=int, default=1_200)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    options = parser.parse_args()
    shared_memory = Path("/dev/shm")
    parent = shared_memory if os.access(shared_memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="newsroom-faults-", dir=parent))
    try:
        with interruptible(), Supervisor() as supervisor:
            return _run(supervisor, folder, options)
    except servers.Missing as missing:
        print(f"The faults cannot be run: {missing}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(supervisor: Supervisor, folder: Path, options: argparse.Namespace) -> int:
    began = time.monotonic()
    rig = Rig(supervisor, folder)
    import django

    django.setup()
    from django.core.management import call_command

    from tests.faults import celery_app, runs  # noqa: F401 — makes our Celery the current one
    from tests.faults.cases import CASES

    call_command("migrate", verbosity=0)
    chosen = [
        case
        for case in CASES
        if (case.is_fast or not options.fast) and options.only in f"{case.name} {case.where}"
    ]
    if options.list:
        print("\n".join(f"{case.name} | {case.where}" for case in chosen))
        return 0
    rig.start_celery()
    print(
        f"Seed {options.seed}, {len(chosen)} rows; ready after {time.monotonic() - began:.0f} s.", flush=True
    )
    print(_line(_HEAD), flush=True)
    red = 0
    for case in chosen:
        row = runs.run(case, rig, readers=options.readers, seed=options.seed)
        red += not row.is_green
        print(_line(_cells(row, case.readers or options.readers)), flush=True)
        if not row.is_green:
            print("".join(f"    {problem}\n" for problem in row.findings.problems) + rig.logs(), flush=True)
    print(f"{len(chosen) - red} green, {red} red, {time.monotonic() - began:.0f} s, seed {options.seed}.")
    return 1 if red else 0


def _cells(row: "object", readers: int) -> tuple[str, ...]:
    from tests.faults.runs import Row

    assert isinstance(row, Row)
    found = row.findings
    counts = (readers, found.lost, found.duplicated, found.unknown, found.held)
    verdict = "green" if row.is_green else "RED"
    return (row.case.name, row.case.where, *map(str, counts), f"{row.seconds:.0f}", verdict)


def _line(cells: tuple[str, ...]) -> str:
    widths = (34, 34, 7, 5, 5, 7, 5, 4, 7)
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
