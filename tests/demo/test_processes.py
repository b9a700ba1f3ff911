"""Whatever ends the demo, nothing that it started stays behind."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from newsroom.demo.processes import (
    Interrupted,
    NotReady,
    ProgramEnded,
    Supervisor,
    free_port,
    interruptible,
    is_listening,
    tail,
)

ROOT = Path(__file__).parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as supervisor:
        yield supervisor


def start_supervisor(folder: Path, ending: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A process with a supervisor in it, and the ids of what that supervisor started, child's child included."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.demo.lonely_supervisor", str(folder), ending],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ids = [int(number) for number in process.stdout.readline().split()]
    assert len(ids) == 2, process.communicate()
    return process, ids


def assert_gone(ids: list[int], within_seconds: float = 5.0) -> None:
    end = time.monotonic() + within_seconds
    while left := [number for number in ids if is_alive(number)]:
        assert time.monotonic() < end, f"still running: {left}"
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/stat")
    # A zombie has ended; it only waits for whoever adopted it.
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(("ending", "returncode"), [("end", 0), ("raise", 1)])
def test_nothing_is_left_when_the_block_ends(tmp_path: Path, ending: str, returncode: int) -> None:
    process, ids = start_supervisor(tmp_path, ending)

    process.communicate(timeout=20)

    assert process.returncode == returncode
    assert_gone(ids, within_seconds=0.5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_after_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process, ids = start_supervisor(tmp_path, "wait")

    process.send_signal(number)
    process.communicate(timeout=20)

    assert process.returncode == 128 + number
    assert_gone(ids, within_seconds=0.5)


def test_nothing_is_left_after_the_supervisor_was_killed(tmp_path: Path) -> None:
    process, ids = start_supervisor(tmp_path, "wait")

    process.kill()
    process.communicate(timeout=20)

    assert_gone(ids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_a_program_asks_the_kernel_to_end_it_with_its_parent(tmp_path: Path, supervisor: Supervisor) -> None:
    script = "import ctypes; said = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(said)); print(said.value)"
    program = supervisor.start(
        "asker", [sys.executable, "-c", script], log=tmp_path / "log", death_signal=signal.SIGQUIT
    )

    program.process.wait(20)

    assert tail(tmp_path / "log") == str(int(signal.SIGQUIT))


def test_programs_stop_in_the_opposite_order(tmp_path: Path) -> None:
    script = "import signal, sys, time; signal.signal(15, lambda *_: (print(time.monotonic()), sys.exit())); print('up', flush=True); time.sleep(600)"
    names = ["broker", "web", "worker"]
    with Supervisor() as supervisor:
        for name in names:
            log = tmp_path / name
            supervisor.start(name, [sys.executable, "-c", script], log=log)
            supervisor.wait_until(lambda log=log: tail(log) == "up", what=name, seconds=20)  # type: ignore[misc]

    ended_at = {name: float(tail(tmp_path / name).splitlines()[-1]) for name in names}
    assert sorted(names, key=lambda name: ended_at[name]) == ["worker", "web", "broker"]


def test_a_deaf_program_is_killed_after_its_grace(tmp_path: Path, supervisor: Supervisor) -> None:
    log = tmp_path / "deaf"
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    program = supervisor.start("deaf", [sys.executable, "-c", deaf], log=log, grace_seconds=0.3)
    supervisor.wait_until(lambda: tail(log) == "up", what="deaf", seconds=20)

    started = time.monotonic()
    supervisor.stop(program)

    assert 0.3 <= time.monotonic() - started < 5
    assert program.process.returncode == -signal.SIGKILL


def test_a_second_signal_during_the_stop_kills_at_once(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    supervisor = Supervisor()
    programs = []
    for name in ("one", "two"):
        log = tmp_path / name
        programs.append(supervisor.start(name, [sys.executable, "-c", deaf], log=log, grace_seconds=60))
        supervisor.wait_until(lambda log=log: tail(log) == "up", what=name, seconds=20)  # type: ignore[misc]
    impatient = subprocess.Popen(
        [sys.executable, "-c", f"import os, time; time.sleep(0.5); os.kill({os.getpid()}, 15)"]
    )

    started = time.monotonic()
    with pytest.raises(Interrupted):
        supervisor.stop_all()

    assert time.monotonic() - started < 20
    assert [program.process.returncode for program in programs] == [-9, -9]
    impatient.wait()


def test_a_program_that_ends_by_itself_is_reported_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    supervisor.start("brief", [sys.executable, "-c", "print('no licence'); exit(3)"], log=tmp_path / "log")

    with pytest.raises(ProgramEnded) as caught:
        supervisor.watch(seconds=20)

    assert (caught.value.name, caught.value.returncode) == ("brief", 3)
    assert caught.value.log_tail == "no licence"


def test_waiting_ends_with_the_program_awaited(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start("brief", [sys.executable, "-c", "exit(3)"], log=tmp_path / "log")

    with pytest.raises(ProgramEnded):
        supervisor.wait_until(lambda: False, what="never", seconds=20)


def test_waiting_has_an_end(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start("sleeper", SLEEP, log=tmp_path / "log")

    with pytest.raises(NotReady, match=r"The moon was not ready after 0\.1 seconds"):
        supervisor.wait_until(lambda: False, what="The moon", seconds=0.1)


def test_a_program_hears_signals_although_they_were_held_at_its_birth(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    script = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True)"
    program = supervisor.start("listener", [sys.executable, "-c", script], log=tmp_path / "log")

    program.process.wait(20)

    assert tail(tmp_path / "log") == "set()"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_a_program_gets_the_environment_and_folder_it_was_given(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    script = "import os; print(os.environ.get('PAPER'), os.environ.get('HOME'), os.getcwd())"
    program = supervisor.start(
        "speaker",
        [sys.executable, "-c", script],
        log=tmp_path / "log",
        environment={"PAPER": "Morgen"},
        directory=tmp_path,
    )

    program.process.wait(20)

    assert tail(tmp_path / "log") == f"Morgen None {tmp_path}"


def test_the_former_signal_handlers_return() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_within_a_function_that_sqlite_calls_ends_us_as_any_other() -> None:
    database = sqlite3.connect(":memory:")
    database.create_function("ring", 0, lambda: os.kill(os.getpid(), signal.SIGTERM))

    with pytest.raises(Interrupted) as ended, interruptible():
        database.execute("SELECT ring()")

    assert ended.value.code == 128 + signal.SIGTERM


def test_a_signal_that_somebody_took_for_an_error_of_their_own_ends_the_block_all_the_same() -> None:
    with pytest.raises(Interrupted) as ended, interruptible(signal.SIGTERM), suppress(BaseException):
        signal.raise_signal(signal.SIGTERM)

    assert ended.value.code == 128 + signal.SIGTERM


def test_an_error_that_no_signal_brought_stays_itself() -> None:
    with pytest.raises(sqlite3.OperationalError), interruptible():
        sqlite3.connect(":memory:").execute("SELECT ring()")


def test_what_was_to_happen_afterwards_happens_after_the_last_program(tmp_path: Path) -> None:
    seen = []
    with Supervisor() as supervisor:
        program = supervisor.start("sleeper", SLEEP, log=tmp_path / "log")
        supervisor.on_stopped(lambda: seen.append(program.is_running))

    assert seen == [False]


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()

    assert not is_listening(port)


def test_no_port_is_found_twice_in_a_row_and_none_that_a_connection_may_get() -> None:
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    assert max(ports) < 32_768


def test_a_port_somebody_listens_on_is_passed_over() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", free_port() + 1))
        squatter.listen()
        taken = squatter.getsockname()[1]

        assert free_port() != taken


def test_two_processes_that_look_at_once_find_different_ports() -> None:
    look = "from newsroom.demo.processes import free_port; print(*[free_port() for _ in range(40)])"
    lookers = [
        subprocess.Popen([sys.executable, "-c", look], stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)
    ]
    first, second = (set(looker.communicate()[0].split()) for looker in lookers)

    assert len(first) == len(second) == 40
    assert not first & second


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(50_000)) + b"caf\xe9\n")

    assert tail(log, 2) == "line 49999\ncaf�"
    assert tail(tmp_path / "none") == ""


def test_a_killed_program_that_may_be_restarted_is_there_again_in_its_place(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    worker = supervisor.start("worker", SLEEP, log=tmp_path / "worker.log", restarts=1)
    beat = supervisor.start("beat", SLEEP, log=tmp_path / "beat.log")

    worker.process.kill()
    worker.process.wait()
    supervisor.watch(0.1)

    again = supervisor._programs[0]
    assert (again.name, again.is_running) == ("worker", True)
    assert again.process.pid != worker.process.pid
    assert supervisor._programs[1] is beat
    again.process.kill()
    again.process.wait()
    with pytest.raises(ProgramEnded):
        supervisor.watch(0.1)
