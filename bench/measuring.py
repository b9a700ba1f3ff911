"""A piece of work in a process of its own, done some times, with its time, processor seconds and memory."""

import cProfile
import importlib
import io
import logging
import multiprocessing
import os
import pstats
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

DATABASE_PID = "BENCH_DATABASE_PID"
SINK_PID = "BENCH_SINK_PID"
PROFILE = "BENCH_PROFILE"
_TICKS = os.sysconf("SC_CLK_TCK")
_SPAWN = multiprocessing.get_context("spawn")


class Work(Protocol):
    """What a child does: `prepare` is not timed, `run` is and says how many it did."""

    def prepare(self) -> None: ...

    def run(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One run. Processor seconds are user and system time together."""

    count: int
    seconds: float
    cpu: float  # of the working process and what it started
    database_cpu: float
    sink_cpu: float
    peak_mb: float  # of the working process since it began
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.count / self.seconds


class Failed(Exception):
    """The work could not be done; the text is the child's traceback."""


class Child:
    """A process that does one kind of work whenever it is asked to."""

    def __init__(self, target: str, **options: Any) -> None:
        """target: `bench.freezing:Freeze`, made with the options."""
        self._here, there = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(there, target, options), daemon=True)
        self._process.start()
        there.close()
        if (answer := self._here.recv()) is not None:
            raise Failed(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._here.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def run(self) -> Sample:
        """Prepare, do it once, and tell. Raises Failed."""
        self.start()
        return self.result()

    def start(self) -> None:
        """Begin without waiting for the end."""
        self._here.send(True)

    def result(self) -> Sample:
        """What the run that was started came to. Raises Failed."""
        try:
            answer = self._here.recv()
        except EOFError:
            raise Failed("the process is gone") from None
        if isinstance(answer, Sample):
            return answer
        raise Failed(answer)

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing written."""
        self._process.kill()
        self._process.join()


def _serve(orders: Connection, target: str, options: dict[str, Any]) -> None:
    import newsroom.wsgi  # Django set up as the web server does it  # noqa: F401

    logging.disable(logging.INFO)
    module, _, name = target.partition(":")
    try:
        work: Work = getattr(importlib.import_module(module), name)(**options)
        orders.send(None)  # ready
        while orders.recv():
            work.prepare()
            orders.send(_measured(work, target))
    except EOFError:
        return
    except Exception:
        orders.send(traceback.format_exc())


def _measured(work: Work, name: str) -> Sample:
    profile = cProfile.Profile() if os.environ.get(PROFILE) else None
    database, sink = (int(os.environ.get(key, "0")) for key in (DATABASE_PID, SINK_PID))
    others = tree_cpu(database), tree_cpu(sink)
    own, began = own_cpu(), time.perf_counter()
    count = profile.runcall(work.run) if profile else work.run()
    seconds, cpu = time.perf_counter() - began, own_cpu() - own
    if profile:
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
        print(name, text.getvalue(), file=sys.stderr, flush=True)
    facts: Callable[[], dict[str, float]] = getattr(work, "facts", dict)
    return Sample(
        count=count,
        seconds=seconds,
        cpu=cpu,
        database_cpu=tree_cpu(database) - others[0],
        sink_cpu=tree_cpu(sink) - others[1],
        peak_mb=peak_mb(),
        facts=facts(),
    )


def own_cpu() -> float:
    """Processor seconds of this process and of those it started that have ended, theirs included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mb() -> float:
    """The most memory this process ever had resident. Not by getrusage, which inherits its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def busy_seconds() -> float:
    """For how long the cores have not been idle, whoever used them."""
    ticks = [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS


def all_cpu() -> float:
    """Processor seconds of everything that belongs to the bench: this process, what it ended, database and sink."""
    return own_cpu() + sum(tree_cpu(int(os.environ.get(key, "0"))) for key in (DATABASE_PID, SINK_PID))


def tree_cpu(pid: int) -> float:
    """Processor seconds of a process and its children, those that have ended included."""
    if not pid:
        return 0.0
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(folder.name) == pid or int(fields[1]) == pid:
            total += sum(int(ticks) for ticks in fields[11:15])
    return total / _TICKS


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs of ours and of a reference, taken in turns."""

    ours: Sequence[Sample]
    reference: Sequence[Sample]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by the reference, run by run."""
        return [one.rate / other.rate for one, other in zip(self.ours, self.reference, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


def compare(
    ours: tuple[str, dict[str, Any]], *references: tuple[str, dict[str, Any]], runs: int
) -> list[Comparison]:
    """In turns, so that whatever else the machine does hits each side alike. One comparison per reference."""
    children = [Child(target, **options) for target, options in (ours, *references)]
    samples: list[list[Sample]] = [[] for _ in children]
    try:
        for _ in range(runs):
            for child, taken in zip(children, samples, strict=True):
                taken.append(child.run())
    finally:
        for child in children:
            child.__exit__(None, None, None)
    return [Comparison(ours=samples[0], reference=reference) for reference in samples[1:]]


def median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return statistics.median(value(one) for one in samples)
