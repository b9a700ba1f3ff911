"""Measures and writes the page; see the package."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import bench
from bench.measuring import PROFILE, Failed, all_cpu, busy_seconds
from bench.report import Section, moment, page
from bench.rig import ROOT, Rig
from newsroom.demo.processes import Supervisor, interruptible
from tests import servers

PAGE = ROOT / "bench" / "RESULTS.md"
ASIDE = ROOT / "var" / "bench" / "RESULTS.md"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=bench.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the readers, fewer runs")
    parser.add_argument(
        "--only",
        default="",
        help="sections whose name holds this text, comma-separated; the others stay on the page",
    )
    parser.add_argument("--sizes", default="", help="two numbers of readers instead, such as 2000,5000")
    parser.add_argument(
        "--profile", action="store_true", help="say which functions take the time (and take more)"
    )
    options = parser.parse_args()
    if options.profile:
        os.environ[PROFILE] = "1"
    folder = Path(tempfile.mkdtemp(prefix="newsroom-bench-"))
    try:
        with interruptible(), Supervisor() as supervisor:
            sections, version = _measure(supervisor, folder, options)
    except (servers.Missing, Failed) as error:
        print(f"The bench stopped: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # Fewer readers or runs than the page promises are written elsewhere.
    is_whole = not (options.quick or options.sizes or options.profile)
    target = PAGE if is_whole else ASIDE
    before = PAGE.read_text() if is_whole and options.only else ""
    text = page(sections, postgres=version, before=before)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(f"{text}\nWritten to {target.relative_to(ROOT)}.")
    return 0


def _measure(supervisor: Supervisor, folder: Path, options: argparse.Namespace) -> tuple[list[Section], str]:
    """The sections, and the version of PostgreSQL."""
    began = time.monotonic()
    rig = Rig(supervisor, folder)
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from bench import killing, material
    from bench.sections import SECTIONS, Plan

    call_command("migrate", verbosity=0)
    sizes = (10_000, 100_000) if options.quick else (100_000, 1_000_000)
    if options.sizes:
        small, _, large = options.sizes.partition(",")
        sizes = int(small), int(large)
    for size in sorted({killing.READERS, *sizes}):
        material.make_readers(size)
    plan = Plan(rig=rig, sizes=sizes, runs=3 if options.quick else 5, is_quick=options.quick)
    wanted = [name for name in SECTIONS if any(one in name for one in options.only.split(","))]
    print(f"Ready after {time.monotonic() - began:.0f} s.", flush=True)
    sections = []
    for name in wanted:
        load, since, busy, own = os.getloadavg()[0], time.monotonic(), busy_seconds(), all_cpu()
        section = SECTIONS[name](plan)
        seconds = time.monotonic() - since
        others = (busy_seconds() - busy - all_cpu() + own) / (seconds * (os.cpu_count() or 1))
        section.measured = moment(load=load, others=others)
        sections.append(section)
        print(f"{name}: {seconds:.0f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = str(cursor.fetchone()[0]).split()[0]
    return sections, version


if __name__ == "__main__":
    sys.exit(main())
