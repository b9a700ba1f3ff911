"""The demo's children: started in order, stopped in the opposite order, and never left behind.

Celery, gunicorn and a database server each have children of their own, so every program gets its own process
group. Three things end a group: `Supervisor.stop`, the kernel when our process dies (Linux), and a guard process
that notices even a SIGKILL of ours, because then its standard input ends. Nothing in here knows Django.
"""

import contextlib
import ctypes
import errno
import functools
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Self

PAUSE_SECONDS = 0.02
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GUARD = Path(__file__).with_name("guard.py")
_PR_SET_PDEATHSIG = 1
# Below what systems give to the near end of a connection: Linux from 32768, others from 49152.
_PORTS = range(20_000, 32_768)
# Loaded before any fork: what runs between fork and exec may neither import nor allocate much.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ProcessError(Exception):
    """A program of ours could not do its work.

    ProcessError
    ├── ProgramEnded      it ended although nobody asked it to
    └── NotReady          it did not become ready in time
    """


class ProgramEnded(ProcessError):
    """A program ended by itself; `log_tail` is the end of what it wrote."""

    def __init__(self, name: str, returncode: int, log: Path) -> None:
        self.name, self.returncode, self.log = name, returncode, log
        self.log_tail = tail(log)
        super().__init__(f"{name} ended with {returncode}; the end of {log}:\n{self.log_tail}")


class NotReady(ProcessError):
    """What was awaited did not come true in time."""


class Interrupted(SystemExit):
    """A signal asks us to end: exits with 128 + its number, as a shell would say it."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(128 + signal_number)


@dataclass(kw_only=True, eq=False)
class Program:
    """A running child and how it wants to be stopped."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    grace_seconds: float
    stop_signal: signal.Signals
    restart: Callable[[], "Program"] | None = (
        None  # starts the very same again; None: its end is the end of all
    )

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def raise_if_ended(self) -> None:
        """Raises ProgramEnded if the program is no longer there."""
        if (returncode := self.process.poll()) is not None:
            raise ProgramEnded(self.name, returncode, self.log)


class Supervisor:
    """Starts programs and stops them, the last one first, when its `with` block ends for whatever reason.

    Use it from a thread that lives as long as the block: Linux takes the death of the starting *thread* for the
    death of the parent.
    """

    def __init__(self) -> None:
        self._programs: list[Program] = []
        self._afterwards: list[Callable[[], object]] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        user: int | None = None,
        grace_seconds: float = 10.0,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
        restarts: int = 0,
    ) -> Program:
        """Start one program in its own session, its output appended to `log`.

        restarts: how often it is started again when it ends by itself while we watch or wait, as a service manager
        would; after that its end is reported.

        user: run as this uid and the same gid, for servers that refuse to be root; only root may ask.
        grace_seconds: how long it may take to end after `stop_signal` before it is killed.
        death_signal: what the kernel sends it if we die (Linux).
        """
        guard = self._running_guard()
        # A signal between birth and registration would leave a child that nobody stops.
        with log.open("ab") as output, _signals_held() as signals_before:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=None if environment is None else dict(environment),
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
                preexec_fn=_first_act(os.getpid(), death_signal, signals_before),
            )
            _tell(guard, f"+{process.pid}")
            program = Program(
                name=name, process=process, log=log, grace_seconds=grace_seconds, stop_signal=stop_signal
            )
            if restarts:
                program.restart = functools.partial(
                    self.start,
                    name,
                    command,
                    log=log,
                    environment=environment,
                    directory=directory,
                    user=user,
                    grace_seconds=grace_seconds,
                    stop_signal=stop_signal,
                    death_signal=death_signal,
                    restarts=restarts - 1,
                )
            self._programs.append(program)
        return program

    def stop(self, program: Program) -> None:
        """End one program and everything left in its group; after its grace it is killed."""
        group = program.process.pid
        try:
            if program.is_running:
                # Only the leader is asked: a pool worker that gets the signal as well would drop its work.
                program.process.send_signal(program.stop_signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.process.wait(program.grace_seconds)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
            program.process.wait()
            _tell(self._guard, f"-{group}")
            if program in self._programs:
                self._programs.remove(program)

    def stop_all(self) -> None:
        """Stop every program, the last one started first; an impatient second signal kills what is left."""
        try:
            with interruptible():
                while self._programs:
                    self.stop(self._programs[-1])
        finally:
            for program in reversed(self._programs[:]):
                program.grace_seconds = 0
                self.stop(program)
            self._dismiss_guard()
            while self._afterwards:
                self._afterwards.pop()()

    def on_stopped(self, act: Callable[[], object]) -> None:
        """Call `act` once everything has been stopped: the place to remove a server's folder."""
        self._afterwards.append(act)

    def watch(self, seconds: float | None = None) -> None:
        """Wait, for ever or so long. Raises ProgramEnded as soon as any program ends that is not restarted."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            self._attend()
            time.sleep(0.2)

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Wait for `ready()`. Raises NotReady after `seconds`, ProgramEnded if a program ends meanwhile."""
        end = time.monotonic() + seconds
        while not ready():
            self._attend()
            if time.monotonic() > end:
                raise NotReady(f"{what} was not ready after {seconds:g} seconds.")
            time.sleep(PAUSE_SECONDS)

    def _attend(self) -> None:
        """Start again what ended and may be; it keeps its place in the order of stopping. Raises ProgramEnded."""
        for place, program in enumerate(self._programs[:]):
            if program.is_running:
                continue
            if program.restart is None:
                program.raise_if_ended()
                continue
            self.stop(program)
            again = program.restart()
            self._programs.remove(again)
            self._programs.insert(place, again)

    def _running_guard(self) -> subprocess.Popen[bytes]:
        if self._guard is None or self._guard.poll() is not None:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_GUARD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            for program in self._programs:
                _tell(self._guard, f"+{program.process.pid}")
        return self._guard

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            with contextlib.suppress(OSError):
                _input_of(self._guard).close()
            self._guard.wait()
            self._guard = None


@contextlib.contextmanager
def interruptible(*numbers: signal.Signals) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into `Interrupted`, so that `with` blocks are left and clean up.

    A signal may come while C code calls Python back, as SQLite does: it then arrives as an error of that library.
    Such an error still leaves the block as `Interrupted`; and so does its end, if somebody took the error for their own.
    """
    heard: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        raise Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals, and only it may say what they do
        return
    numbers = numbers or ENDING_SIGNALS
    former = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, interrupt)
        yield
    except Exception as error:
        if heard:
            raise Interrupted(heard[0]) from error
        raise
    else:
        if heard:
            raise Interrupted(heard[0])
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment; whoever binds it should be ready to try another.

    From 20000 to 32767, so that no connection of anybody gets it before its server is up. Each process looks from a
    place of its own and onwards: two that look at once find different ports, and none is found twice in a row.

    Raises OSError if all are taken.
    """
    for port in itertools.islice(_ports_in_turn(os.getpid()), len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    raise OSError(errno.EADDRINUSE, f"No port from {_PORTS.start} to {_PORTS.stop - 1} is free on {host}.")


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, or nothing if it is not there."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


@functools.cache
def _ports_in_turn(process: int) -> Iterator[int]:
    """For ever; the process's number decides with which it begins, fifty beyond its neighbour's."""
    start = process * 50 % len(_PORTS)
    return itertools.cycle([*_PORTS[start:], *_PORTS[:start]])


@contextlib.contextmanager
def _signals_held() -> Iterator[set[int]]:
    """Let signals wait until the block has ended; yields what was held back before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield {int(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _first_act(parent: int, death_signal: signal.Signals, held: set[int]) -> Callable[[], None]:
    """What a child does before it becomes its program: hear signals again, ask to die with its parent."""
    libc, number = _libc, int(death_signal)

    def act() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return act


def _tell(guard: subprocess.Popen[bytes] | None, line: str) -> None:
    if guard is not None:
        with contextlib.suppress(OSError):
            _input_of(guard).write(f"{line}\n".encode())
            _input_of(guard).flush()


def _input_of(guard: subprocess.Popen[bytes]) -> BinaryIO:
    assert guard.stdin is not None
    return guard.stdin  # type: ignore[return-value]
