"""A supervisor for tests to end in every way: starts a program with a child of its own and says their ids.

python lonely_supervisor.py FOLDER [end | raise | wait]
"""

import sys
import time
from pathlib import Path

from newsroom.demo.processes import Supervisor, interruptible

# A program that takes its time to end, and its child that hears no polite signal at all.
PROGRAM = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
child.stdout.readline()
print(os.getpid(), child.pid, flush=True)
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), sys.exit(0)))
time.sleep(600)
"""


def main() -> None:
    folder, ending = Path(sys.argv[1]), sys.argv[2]
    with interruptible(), Supervisor() as supervisor:
        log = folder / "program.log"
        program = supervisor.start("program", [sys.executable, "-c", PROGRAM], log=log)
        supervisor.wait_until(lambda: log.read_text().endswith("\n"), what="The program", seconds=20)
        print(log.read_text().strip(), flush=True)
        match ending:
            case "end":
                return
            case "raise":
                raise RuntimeError("something went wrong")
            case _:
                supervisor.watch()
                time.sleep(0)
    assert not program.is_running


if __name__ == "__main__":
    main()
