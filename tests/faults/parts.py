"""Parts that answer late, or badly: a full or slow Redis, a beat that is gone, a database session that ends in COMMIT."""

import os
import time

import psycopg

from tests.faults.invariants import Findings
from tests.faults.runs import Bench, Case
from tests.faults.surroundings import slowly

_READERS = 1_200
_KILLS = 12
_SIZE = 25  # of a call at `slow`
_SLOW_COMMIT = """
    CREATE OR REPLACE FUNCTION faults_wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.15); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER faults_wait AFTER INSERT OR UPDATE ON delivery_attempt
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION faults_wait();
"""
_IN_COMMIT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND state = 'active' AND query = 'COMMIT'
"""


def _memory_full(bench: Bench) -> None:
    slowly(bench)
    redis = bench.rig.redis()
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", "1")
    time.sleep(5)
    redis.config_set("maxmemory", "0")


def _slow_redis(bench: Bench) -> None:
    slowly(bench)
    bench.during(
        lambda: bench.rig.redis().execute_command("CLIENT", "PAUSE", "2000", "ALL"), times=3, every=2.5
    )


def _beat_gone(bench: Bench) -> None:
    """Wake-ups are lost and nobody sends new ones, until beat is there again."""
    bench.in_calls_of(_SIZE, "slow")
    again = bench.rig.stop("beat")
    bench.send("slow")
    bench.during(lambda: bench.rig.redis().delete("mailings", "control"), times=30, every=0.1)
    again()


def _ended_in_commit(bench: Bench) -> str | None:
    ended = 0
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(_SLOW_COMMIT)
        try:
            slowly(bench)
            end = time.monotonic() + 30
            while ended < _KILLS and time.monotonic() < end and not bench.is_over():
                ended += connection.execute(_IN_COMMIT).rowcount
                time.sleep(0.05)
        finally:
            connection.execute("DROP TRIGGER faults_wait ON delivery_attempt")
    return None if ended else "no session was in COMMIT"


def _all_sent(bench: Bench, findings: Findings) -> list[str]:
    return [] if findings.accepted == _READERS else [f"{findings.accepted} of {_READERS} are accepted"]


PARTS: tuple[Case, ...] = (
    Case(name="broker full", where="for 5 s", inject=_memory_full, readers=_READERS, look=_all_sent),
    Case(name="broker slow", where="2 s, three times", inject=_slow_redis, readers=_READERS, look=_all_sent),
    Case(
        name="beat gone",
        where="for 3 s, wake-ups dropped",
        inject=_beat_gone,
        readers=_READERS,
        look=_all_sent,
    ),
    Case(
        name="database session ended",
        where=f"in COMMIT, {_KILLS} times",
        inject=_ended_in_commit,
        readers=_READERS,
        most_unknown=_KILLS * _SIZE,
    ),
)
