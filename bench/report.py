"""Figures as a page of Markdown."""

import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.measuring import Comparison, Sample, median

HEAD = (
    "",
    "Newsroom /s",
    "reference /s",
    "ratio",
    "lowest to highest",
    "CPU s per 1,000: Newsroom + PostgreSQL",
    "the reference's",
    "peak MB",
)


@dataclass(kw_only=True)
class Section:
    """A table, what its reference is, and what limits the figures."""

    title: str
    reference: str = ""
    head: Sequence[str] = HEAD
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    limit: str = ""
    measured: str = ""

    def add(self, name: str, found: Comparison) -> None:
        """A comparison as a line of the table."""
        lowest, highest = min(found.ratios), max(found.ratios)
        self.rows.append(
            (
                name,
                short(median(found.ours, lambda one: one.rate)),
                short(median(found.reference, lambda one: one.rate)),
                short(found.ratio),
                f"{short(lowest)} to {short(highest)}" if len(found.ratios) > 1 else "one run",
                _cpu(found.ours),
                _cpu(found.reference),
                f"{max(one.peak_mb for one in found.ours):.0f}",
            )
        )

    def lines(self) -> Iterator[str]:
        yield f"## {self.title}\n"
        yield f"Measured {self.measured}.\n"
        if self.reference:
            yield f"Reference: {self.reference}\n"
        if self.rows:
            yield _row(self.head)
            yield _row(["---", *["---:"] * (len(self.head) - 1)])
            yield from (_row(row) for row in self.rows)
            yield ""
        for note in self.notes:
            yield f"{note}\n"
        if self.limit:
            yield f"What limits it: {self.limit}\n"


def page(sections: Sequence[Section], *, postgres: str, before: str = "") -> str:
    """The whole page. before: a page whose other sections are kept, in its order."""
    head = (
        "# What was measured\n",
        f"`make bench` on {os.cpu_count()} cores ({_processor()}), {_memory_gb():.0f} GB of memory, Python "
        f"{platform.python_version()}, PostgreSQL {postgres} with its defaults (`fsync`, `synchronous_commit` and "
        "`full_page_writes` on, 128 MB of shared buffers).\n",
        "Every figure stands beside a reference that was measured in turns with it; ratio is Newsroom divided by "
        "reference, the median of the runs. PostgreSQL, the sink and the measured process share the cores. "
        "CPU seconds count user and system time, for 1,000 of what the table counts; peak is the measured process's "
        "own resident memory, Django included.\n",
    )
    kept = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in before.split("\n## ")[1:]}
    new = {section.title: "\n".join(section.lines()).rstrip() + "\n" for section in sections}
    return "\n".join([*head, *(kept | new).values()])


def moment(*, load: float, others: float) -> str:
    """When a section was measured, and what else the machine did: load before it, the share of the cores meanwhile."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, with a one-minute load of {load:.2f} before; meanwhile other programs "
        f"used {100 * max(others, 0.0):.0f} % of the cores"
    )


def short(number: float) -> str:
    """Three digits that mean something."""
    if not number:
        return "0"
    digits = 2 - math.floor(math.log10(abs(number)))
    return f"{round(number, digits):,.{max(digits, 0)}f}"


def _cpu(samples: Sequence[Sample]) -> str:
    own = median(samples, lambda one: one.cpu * 1000 / one.count)
    database = median(samples, lambda one: one.database_cpu * 1000 / one.count)
    return f"{short(own)} + {short(database)}" if database else short(own)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
