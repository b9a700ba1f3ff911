"""One row at a time: a mailing, a fault, the time it takes to come to rest, and what was found."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from digests.delivery import control, freezing
from digests.delivery.models import Attempt, Mailing, ProviderState
from digests.delivery.states import TERMINAL_MAILINGS, AttemptState
from newsroom.mail.addresses import Address, address_hash
from newsroom.mail.models import ProviderEvent
from newsroom.web import clock
from subscriptions import audiences
from subscriptions.models import Subscriber
from tests.digests.delivery.factories import make_envelope, make_readers, make_rendition
from tests.factories import make_newsletter
from tests.faults import invariants, killer
from tests.faults.invariants import Findings
from tests.faults.rig import Rig

SETTLE_SECONDS = 150.0
# Rows of one case must not find another's; users, permissions and migrations stay.
_EMPTIED = (
    "delivery_attempt",
    "delivery_batch",
    "delivery_delivery",
    "delivery_mailing",
    "delivery_mailingrendition",
    "delivery_providerstate",
    "delivery_quotaday",
    "mail_providerevent",
    "mail_incident",
    "subscriptions_newsletter",
    "subscriptions_subscriber",
    "subscriptions_suppression",
)


@dataclass(kw_only=True)
class Bench:
    """What a case works with."""

    rig: Rig
    readers: int
    seed: int
    mailing: Mailing = field(init=False)
    since: int = field(init=False)

    def clear(self) -> None:
        """A clean table: no mailing, no script, no plan, nothing in the broker."""
        killer.forget()
        self.rig.script("{}")
        with connection.cursor() as cursor:
            present = set(connection.introspection.table_names(cursor))
            names = ", ".join(name for name in _EMPTIED if name in present)
            cursor.execute(f"TRUNCATE {names} CASCADE")
        self.since = self.rig.record.stat().st_size

    def script(self, *rules: dict[str, Any], **more: Any) -> None:
        self.rig.script(json.dumps({"seed": self.seed, "rules": rules, **more}))

    def in_calls_of(self, copies: int, provider: str) -> None:
        """Let the engine believe that this provider once refused more than so many copies in a call."""
        ProviderState.objects.update_or_create(name=provider, defaults={"learned_batch_size": copies})

    def send(
        self, provider: str, *, readers: int = 0, addresses: Sequence[Address] = (), **values: Any
    ) -> Mailing:
        """A mailing to this many readers, handed to the workers."""
        newsletter = make_newsletter()
        rows = make_readers(newsletter, readers or self.readers)
        for row, address in zip(rows, addresses, strict=False):
            row.subscriber.address, row.subscriber.typed_address = address.normal, address.sendable
            row.subscriber.address_hash = address_hash(address.normal)
        Subscriber.objects.bulk_update(
            [row.subscriber for row, _ in zip(rows, addresses, strict=False)],
            ["address", "typed_address", "address_hash"],
        )
        at = clock.now()
        parts: dict[str, Any] = {
            "newsletter": newsletter,
            "title": "Wirtschaft",
            "renditions": {0: make_rendition()},
            "envelope": make_envelope(),
            "audience": audiences.for_newsletter(newsletter),
            "provider": provider,
            "late_limit": 7200,
            "at": at,
        }
        with transaction.atomic():
            self.mailing = freezing.create(**parts | values)
        return self.mailing

    def during(self, act: Callable[[], object], *, times: int, every: float) -> None:
        """Do something again and again, until it was done so often or the mailing is over."""
        for _ in range(times):
            if self.is_over():
                return
            act()
            time.sleep(every)

    def wait_for_taken(self, number: int, *, seconds: float = 40.0) -> None:
        self.rig.wait(lambda: self.taken() >= number, "copies", seconds=seconds)

    def calls(self) -> int:
        """How many lines the record has gained."""
        return len(self.lines())

    def lines(self) -> list[dict[str, Any]]:
        return invariants.read(self.rig.record, since=self.since)

    def taken(self) -> int:
        return sum(len(line["taken"]) for line in self.lines())

    def wait_for_calls(self, number: int, *, seconds: float = 40.0) -> None:
        self.rig.wait(lambda: self.calls() >= number, "calls", seconds=seconds)

    def wait_for_kill(self, *, seconds: float = 40.0) -> bool:
        return self.rig.wait(lambda: killer.victim() is not None, "the kill", seconds=seconds)

    def is_over(self) -> bool:
        self.mailing.refresh_from_db()
        open_calls = Attempt.objects.filter(
            batch__mailing=self.mailing, state__in=(AttemptState.CALLING, AttemptState.UNKNOWN)
        )
        return (
            self.mailing.state in TERMINAL_MAILINGS
            and self.mailing.finished_at is not None
            and not open_calls.exists()
        )

    def come_to_rest(self, *, seconds: float = SETTLE_SECONDS) -> bool:
        """Wait until the mailing is over and every report is applied."""
        was_over = self.rig.wait(self.is_over, "the end of the mailing", seconds=seconds)
        new = ProviderEvent.objects.filter(applied_at__isnull=True)
        # Thousands of reports, one by one: a busy machine takes its time, and is not what is judged here.
        self.rig.wait(lambda: self.rig.is_quiet() and not new.exists(), "the events", seconds=180)
        return was_over

    def pause(self) -> None:
        control.pause(self.mailing, because="a test", at=clock.now())

    def resume(self) -> None:
        control.resume(self.mailing, at=clock.now(), by=None)


Inject = Callable[[Bench], str | None]
"""Puts the fault in and lets the mailing go; a sentence if what was meant to happen did not."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: what is done, and what may follow from it beyond what may never happen."""

    name: str
    where: str
    inject: Inject
    most_unknown: int = 0
    most_held: int | None = None  # None: as many as may be unknown
    wanted: dict[str, int] = field(default_factory=dict)  # counts of the ledger that must be met exactly
    look: Callable[[Bench, Findings], Sequence[str]] = field(default=lambda bench, findings: ())
    readers: int = 0
    is_fast: bool = False
    ends: bool = True  # False: the mailing is to wait for a person


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table."""

    case: Case
    findings: Findings
    seconds: float

    @property
    def is_green(self) -> bool:
        return not self.findings.problems


def run(case: Case, rig: Rig, *, readers: int, seed: int) -> Row:
    """Clear the table, inject, wait, compare."""
    bench = Bench(rig=rig, readers=case.readers or readers, seed=seed)
    began = time.monotonic()
    bench.clear()
    complaint = case.inject(bench)
    if case.ends:
        bench.come_to_rest()
    killer.forget()
    findings = invariants.check(bench.mailing, bench.lines())
    if not case.ends:
        # Stopped and waiting for a person is what is wanted here.
        findings.lost = 0
        findings.problems = [one for one in findings.problems if not one.startswith(invariants.UNFINISHED)]
    if complaint:
        findings.problems.append(complaint)
    if findings.unknown > case.most_unknown:
        findings.problems.append(f"{findings.unknown} became unknown, at most {case.most_unknown} may")
    most_held = case.most_unknown if case.most_held is None else case.most_held
    if findings.held > most_held:
        findings.problems.append(f"{findings.held} are held, at most {most_held} may be")
    for name, count in case.wanted.items():
        if getattr(findings, name) != count:
            findings.problems.append(f"{getattr(findings, name)} {name}, {count} were expected")
    findings.problems += case.look(bench, findings)
    return Row(case=case, findings=findings, seconds=time.monotonic() - began)
