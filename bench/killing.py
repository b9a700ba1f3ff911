"""A sender killed half-way (SIGKILL) and started again: who got the mail twice, who never did, and who knows of it."""

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from bench import material, smtp
from bench.measuring import Child, Failed
from bench.rig import RECORD
from bench.sink import LINE_BYTES
from digests.delivery import auditing, pump, sweeping
from digests.delivery.models import Mailing
from newsroom.mail import wire
from newsroom.web import clock
from subscriptions.models import Subscription

READERS = 1_000
_GIVE_UP = 120.0


class Engine:
    """The engine as a worker runs it: sweep, pump, and again until the mailing is finished."""

    def prepare(self) -> None:
        """The mailing is there already, as after a crash."""

    def run(self) -> int:
        mailing = Mailing.objects.get()
        end = time.monotonic() + _GIVE_UP
        while mailing.finished_at is None and time.monotonic() < end:
            sweeping.sweep(at=clock.now())
            if not pump.run(provider="smtp", seconds=5, at_clock=clock.now):
                time.sleep(0.1)
            mailing.refresh_from_db()
        return mailing.accepted + mailing.held


class Loop:
    """What one writes first: for each reader one `send()` of Django's, and nothing written down."""

    def __init__(self, flags: bool = False) -> None:
        self.flags = flags

    def prepare(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS bench_flag (subscription_id bigint PRIMARY KEY)")

    def run(self) -> int:
        mail = wire.compile_mail(material.envelope(), material.content(material.SHORT))
        readers = Subscription.objects.filter(newsletter__slug=str(READERS)).order_by("pk")
        with connection.cursor() as cursor:
            cursor.execute("SELECT subscription_id FROM bench_flag")
            done = {row[0] for row in cursor.fetchall()}
            for number, pk in enumerate(readers.values_list("pk", flat=True)):
                if pk in done:
                    continue
                (message,) = smtp.messages(mail, range(number, number + 1))
                message.connection = smtp.django_connection()
                message.send()
                if self.flags:
                    # The better loop: a flag per reader, committed after each mail.
                    cursor.execute("INSERT INTO bench_flag VALUES (%s)", [pk])
        return READERS


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What the sink's own record says in the end."""

    taken_at_kill: int
    lost: int  # never taken, and nobody is told of them
    twice: int
    held: int = 0  # named to a person, who decides
    held_taken: int = 0  # of these the sink had taken so many
    is_accounted: bool = False


def _lines(record: Path, since: int) -> Counter[str]:
    with record.open("rb") as file:
        file.seek(since)
        return Counter(line.decode().strip() for line in file.read().splitlines())


def _kill_half_way(target: str, **options: bool) -> tuple[Counter[str], int]:
    """Start, kill after half of the readers, start again; what was taken in all, and what when it died."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.impatient"  # the children's
    record = Path(os.environ[RECORD])
    since = record.stat().st_size
    half = since + READERS // 2 * LINE_BYTES
    with Child(target, **options) as victim:
        victim.start()
        end = time.monotonic() + _GIVE_UP
        while record.stat().st_size < half:
            if time.monotonic() > end:
                raise Failed(f"{target} did not come half-way")
            time.sleep(0.0005)
        victim.kill()
    time.sleep(0.2)  # what the sink still had in its buffers
    at_kill = sum(_lines(record, since).values())
    with Child(target, **options) as second:
        second.run()
    return _lines(record, since), at_kill


def kill_engine() -> Aftermath:
    """Newsroom's worker."""
    material.clear()
    mailing = material.make_sending(READERS, provider="smtp", size=material.SHORT)
    taken, at_kill = _kill_half_way("bench.killing:Engine")
    mailing.refresh_from_db()
    held = {
        row.subscription.subscriber.address
        for row in mailing.deliveries.filter(state="held").select_related("subscription__subscriber")
    }
    return Aftermath(
        taken_at_kill=at_kill,
        lost=READERS - len(taken.keys() | held),
        twice=sum(count > 1 for count in taken.values()),
        held=len(held),
        held_taken=len(held & taken.keys()),
        is_accounted=auditing.audit(mailing).holds and mailing.accepted + mailing.held == READERS,
    )


def kill_loop(*, flags: bool) -> Aftermath:
    """Django's loop, started again by whoever notices."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_flag")
    taken, at_kill = _kill_half_way("bench.killing:Loop", flags=flags)
    return Aftermath(
        taken_at_kill=at_kill,
        lost=READERS - len(taken),
        twice=sum(count > 1 for count in taken.values()),
    )
