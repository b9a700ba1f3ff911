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


def page(
    sections: Sequence[Section],
    *,
    command: str,
    postgres: str,
    load: float,
    others: float,
    seconds: float,
) -> str:
    """The whole page."""
    now = datetime.now(UTC)
    lines = [
        "# What was measured\n",
        f"`{command}`, {now:%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes, on {os.cpu_count()} cores "
        f"({_processor()}), {_memory_gb():.0f} GB of memory, Python {platform.python_version()}, PostgreSQL {postgres} "
        "with its defaults (`fsync`, `synchronous_commit` and `full_page_writes` on, 128 MB of shared buffers). "
        f"One-minute load before the start: {load:.2f}; meanwhile other programs used {100 * others:.0f} % of the cores.\n",
        "Every figure stands beside a reference that was measured in turns with it; ratio is Newsroom divided by "
        "reference, the median of the runs. PostgreSQL, the sink and the measured process share the cores. "
        "CPU seconds count user and system time, for 1,000 of what the table counts; peak is the measured process's "
        "own resident memory, Django included.\n",
    ]
    for section in sections:
        lines += section.lines()
    return "\n".join(lines).rstrip() + "\n"


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
