"""What carries the engine gives way: broker, database, beat, processes; and a snapshot comes back."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import psycopg
from celery import current_app
from django.db import connections, transaction
from redis.exceptions import RedisError

from digests.delivery import control, freezing, steps
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from newsroom.web import clock
from tests.faults import killer
from tests.faults.invariants import Findings
from tests.faults.runs import Bench, Case

# The provider `slow` is Mailgun with a rate, so that there is time to do something to the mailing.
RATE = 200
_SIZE = 25
_MARGIN = 1.05


def slowly(bench: Bench) -> None:
    """A mailing of some seconds, in small calls."""
    bench.in_calls_of(_SIZE, "slow")
    bench.send("slow")
    bench.wait_for_taken(1)


def _flush(bench: Bench) -> None:
    slowly(bench)
    bench.during(lambda: bench.rig.redis().flushall(), times=20, every=0.3)


def _drop_wake_ups(bench: Bench) -> None:
    bench.in_calls_of(_SIZE, "slow")
    bench.send("slow")
    bench.during(lambda: bench.rig.redis().delete("mailings"), times=40, every=0.1)


def _broker_away(bench: Bench) -> None:
    slowly(bench)
    again = bench.rig.stop("broker")
    time.sleep(5)
    again()
    bench.rig.wait(lambda: _answers(bench), "the broker", seconds=10)


def _answers(bench: Bench) -> bool:
    try:
        return bool(bench.rig.redis().ping())
    except RedisError:
        return False


def _triple(bench: Bench) -> None:
    """Every wake-up many times over, at once."""
    bench.in_calls_of(_SIZE, "slow")
    mailing = bench.send("slow")

    def storm() -> None:
        for name, arguments in (("freeze", [mailing.pk]), ("pump", []), ("sweep", []), ("nudge", [])):
            for _ in range(3):
                current_app.send_task(f"delivery.{name}", args=arguments)

    bench.during(storm, times=10, every=0.4)


def _two_beats(bench: Bench) -> None:
    rig = bench.rig
    second = rig._start(
        "beat-2",
        "celery",
        *("--app", "tests.faults.celery_app", "beat", "--schedule", str(rig.folder / "beat-2")),
    )
    rig.start_worker("control-2", queues="control,mailings", processes=1)
    slowly(bench)
    bench.come_to_rest()
    rig.supervisor.stop(second)
    rig.supervisor.stop(rig.program("control-2"))


def _rate_kept(bench: Bench, findings: Findings) -> list[str]:
    """No ten seconds in which more was taken than the rate allows, with the burst of one second."""
    taken = sorted((line["time"], len(line["taken"])) for line in bench.lines())
    for place, (at, _) in enumerate(taken):
        window = sum(count for then, count in taken[place:] if then <= at + 10)
        if window > RATE * 11 * _MARGIN:
            return [f"{window} copies in ten seconds at {RATE} a second"]
    span = taken[-1][0] - taken[0][0]
    total = sum(count for _, count in taken)
    most = (span + 1) * RATE * _MARGIN + 2 * _SIZE
    return [f"{total} copies in {span:.1f} s at {RATE} a second"] if total > most else []


def _database_killed(bench: Bench) -> None:
    slowly(bench)
    bench.wait_for_taken(100)
    kill_database(bench, seconds=2)


def kill_database(bench: Bench, *, seconds: float) -> None:
    """PostgreSQL dies where it stands, and comes back after so long."""
    connections.close_all()
    again = bench.rig.stop("postgres", sign=signal.SIGQUIT)
    time.sleep(seconds)
    again()
    bench.rig.wait(_database_answers, "PostgreSQL", seconds=30)


def _database_answers() -> bool:
    try:
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _sessions_killed(bench: Bench) -> None:
    slowly(bench)

    def kill() -> None:
        connections.close_all()
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )

    bench.during(kill, times=8, every=0.4)


def _read_only(bench: Bench) -> None:
    """As on a full disk, or on a server that became a replica: it answers, and takes nothing."""
    slowly(bench)
    bench.wait_for_taken(100)
    _set_read_only("on")
    time.sleep(3)
    _set_read_only("off")


def _set_read_only(word: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}".encode())
        connection.execute("SELECT pg_reload_conf()")


def _mail_server_away(bench: Bench) -> None:
    bench.send("smtp")
    bench.wait_for_taken(120)
    again = bench.rig.stop("simulator")
    time.sleep(3)
    again()


def _provider_away(bench: Bench) -> None:
    slowly(bench)
    again = bench.rig.stop("simulator")
    time.sleep(3)
    again()


def _frozen(bench: Bench, *, step: str) -> str | None:
    killer.plan(step=step, nth=2, act=killer.FREEZE)
    bench.in_calls_of(_SIZE, "slow")
    bench.send("slow")
    if not bench.wait_for_kill():
        return f"{step!r} was never reached"
    pid = killer.victim()
    time.sleep(14)  # past deadline and grace: its batch is held by now
    if pid is not None:
        os.kill(pid, signal.SIGCONT)
    time.sleep(2)
    return None


def _snapshot(bench: Bench) -> str | None:
    """What a database of yesterday looks like to workers: a mailing in the middle, long idle."""
    before = clock.now() - timedelta(hours=3)
    with transaction.atomic():
        mailing = bench.send("mailgun", at=before)
        freezing.freeze(mailing.pk, at=before)
        control.start(Mailing.objects.get(pk=mailing.pk), at=before)
    is_paused = bench.rig.wait(
        lambda: Mailing.objects.get(pk=mailing.pk).state == MailingState.PAUSED, "the pause", seconds=20
    )
    time.sleep(3)
    return None if is_paused else "it was not stopped"


def _nothing_sent(bench: Bench, findings: Findings) -> Sequence[str]:
    return ["something was sent"] if bench.lines() else []


def _row(name: str, where: str, inject: Callable[[Bench], object], **values: object) -> Case:
    wanted = values.pop("wanted", {"unknown": 0, "held": 0, "accepted": 1_200})
    return Case(
        name=name,
        where=where,
        inject=inject,  # type: ignore[arg-type]  # None is no complaint
        readers=1_200,
        wanted=wanted,  # type: ignore[arg-type]  # counts by name
        **values,  # type: ignore[arg-type]  # as Case has them
    )


IN_FLIGHT = 2 * _SIZE  # two processes, one call each

SURROUNDINGS: tuple[Case, ...] = (
    _row(
        "broker emptied",
        "every 0.3 s",
        _flush,
        look=_rate_kept,
        is_fast=True,
    ),
    _row("wake-ups dropped", "ten times a second", _drop_wake_ups, look=_rate_kept),
    _row("broker away", "for 5 s", _broker_away, look=_rate_kept),
    _row("wake-ups thrice", "freeze, pump, sweep, nudge", _triple, look=_rate_kept),
    _row("two beats, two control workers", "all along", _two_beats, look=_rate_kept),
    _row(
        "database killed",
        "for 2 s",
        _database_killed,
        most_unknown=IN_FLIGHT,
        wanted={},
        is_fast=True,
    ),
    _row("database sessions killed", "every 0.4 s", _sessions_killed, most_unknown=8 * IN_FLIGHT, wanted={}),
    _row("database read-only", "for 3 s", _read_only, most_unknown=IN_FLIGHT, wanted={}),
    _row("provider away", "for 3 s (mailgun)", _provider_away, most_unknown=IN_FLIGHT, wanted={}),
    _row("provider away", "for 3 s (smtp)", _mail_server_away, most_unknown=2, wanted={}),
    _row(
        "process frozen for 14 s",
        "before the call",
        partial(_frozen, step=steps.CALLING),
        most_unknown=_SIZE,
        wanted={},
    ),
    _row(
        "process frozen for 14 s",
        "after the call",
        partial(_frozen, step=steps.HANDED_OVER),
        most_unknown=_SIZE,
        wanted={"accepted": 1_200, "held": 0},
    ),
    _row(
        "snapshot of hours ago", "workers started on it", _snapshot, ends=False, wanted={}, look=_nothing_sent
    ),
)
