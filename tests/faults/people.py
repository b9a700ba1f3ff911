"""What people do meanwhile: editors stop and go on, readers leave, reports come in every order."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from digests.delivery import control
from digests.delivery.models import Delivery
from digests.delivery.states import MailingState
from newsroom.mail.addresses import Address, normalise
from newsroom.mail.models import ProviderEvent
from newsroom.web import clock, tokens
from newsroom.web.tokens import TokenKind
from subscriptions import suppression
from subscriptions.consent.leaving import unsubscribe
from subscriptions.models import Subscription, Suppression
from subscriptions.states import SuppressionReason
from tests.faults.invariants import Findings
from tests.faults.rig import SIGNING_KEY
from tests.faults.runs import Bench, Case
from tests.faults.surroundings import kill_database, slowly

READERS = 1_200
_CALL_SECONDS = 1.5
_left_at: dict[int, datetime] = {}  # subscription: when its end was committed


def _stop_and_go(bench: Bench) -> None:
    slowly(bench)

    def change() -> None:
        bench.mailing.refresh_from_db()
        if bench.mailing.state == MailingState.SENDING:
            bench.pause()
        elif bench.mailing.state == MailingState.PAUSED:
            bench.resume()

    bench.during(change, times=21, every=0.3)
    bench.mailing.refresh_from_db()
    if bench.mailing.state == MailingState.PAUSED and bench.mailing.finished_at is None:
        bench.resume()


def _end(bench: Bench) -> None:
    slowly(bench)
    bench.wait_for_taken(200)
    control.end(bench.mailing, at=clock.now())


def _ended_right(bench: Bench, findings: Findings) -> Sequence[str]:
    if findings.accepted + findings.cancelled != READERS or not findings.cancelled:
        return [f"{findings.accepted} accepted and {findings.cancelled} cancelled are not {READERS}"]
    return ()


def _leave(bench: Bench) -> None:
    """Readers leave, and addresses are suppressed, while their copies wait."""
    _left_at.clear()
    slowly(bench)
    rows = list(Subscription.objects.select_related("subscriber").order_by("-pk")[:400])
    for place, row in enumerate(rows[::2]):
        if place % 2:
            unsubscribe(row, how="one-click", network_address=None, at=clock.now())
        else:
            suppression.suppress(
                row.subscriber.address_hash, reason=SuppressionReason.COMPLAINT, at=clock.now()
            )
        _left_at[row.pk] = clock.now()


def _left_alone(bench: Bench, findings: Findings) -> Sequence[str]:
    subscription_of = dict(
        Delivery.objects.filter(mailing=bench.mailing).values_list("pk", "subscription_id")
    )
    late = 0
    for line in bench.lines():
        for token in line["taken"]:
            left = _left_at.get(subscription_of[tokens.read(TokenKind.DELIVERY, token)])
            late += left is not None and line["time"] > left.timestamp() + _CALL_SECONDS
    problems = [f"{late} copies went to readers who had left"] if late else []
    if findings.skipped < 50:
        problems.append(f"only {findings.skipped} were skipped: the row proves nothing")
    return problems


def _reports(bench: Bench, *rules: dict[str, Any], size: int = 50, **how: object) -> None:
    bench.rig.start_web()
    hooks = {"url": bench.rig.webhook_url, "key": SIGNING_KEY, "seed": bench.seed, **how}
    bench.script(*rules, webhooks=hooks)
    bench.in_calls_of(size, "mailgun")
    bench.send("mailgun", readers=600)


_UNANSWERED: dict[str, Any] = {"dialect": "mailgun", "act": "cut", "calls": [3, 6]}


def _shuffled(bench: Bench) -> None:
    _reports(bench, _UNANSWERED, events=["accepted", "delivered"], copies=3, shuffle=True)


def _late_reports(bench: Bench) -> str | None:
    _reports(bench, _UNANSWERED, delay=14.0)
    if not bench.rig.wait(lambda: _is(bench, MailingState.FINISHED_WITH_HELD), "held copies", seconds=40):
        return "it did not finish with held copies first"
    bench.rig.wait(lambda: _is(bench, MailingState.FINISHED), "proof", seconds=40)
    return None


def _is(bench: Bench, state: MailingState) -> bool:
    bench.mailing.refresh_from_db()
    return bool(bench.mailing.state == state)


def _reports_meet_no_database(bench: Bench) -> None:
    """Reports that were answered 503 come again, and none is missing in the end."""
    _reports(bench, _UNANSWERED, delay=1.0)
    bench.wait_for_taken(550)
    kill_database(bench, seconds=2)


def _proved_if_reported(bench: Bench, findings: Findings) -> Sequence[str]:
    """Whatever the provider took is accepted in the end: each copy was reported."""
    return (
        [] if findings.accepted == bench.taken() else [f"{findings.accepted} of {bench.taken()} are proved"]
    )


def _forged(bench: Bench) -> str | None:
    _reports(bench, forged=True)
    bench.come_to_rest()
    statuses = [
        _post(bench, b"\xff\xfe{"),
        _post(bench, b"[" * 100_000),
        _post(bench, b"x" * 6_000_000),
        _post(bench, b"{}", secret="not-the-secret-of-anybody"),
        _post(bench, json.dumps({"event-data": {"event": "complained"}}).encode()),
    ]
    bad = [status for status in statuses if not 400 <= status < 500]
    return f"nonsense was answered {statuses}" if bad else None


def _post(bench: Bench, body: bytes, *, secret: str = "") -> int:
    url = bench.rig.webhook_url
    if secret:
        url = url.rsplit("/", 2)[0] + f"/{secret}/"
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 499  # the site hung up on a body that was too large


def _nobody_suppressed(bench: Bench, findings: Findings) -> Sequence[str]:
    problems = []
    if count := Suppression.objects.count():
        problems.append(f"{count} addresses were suppressed by forged reports")
    if ProviderEvent.objects.filter(kind="complained").exists():
        problems.append("a forged report was stored")
    return problems


def _each_event_once(bench: Bench, findings: Findings) -> Sequence[str]:
    events = ProviderEvent.objects.filter(provider="mailgun").count()
    taken = bench.taken()
    return [] if events == 2 * taken else [f"{events} events stored, {2 * taken} were meant"]


_ODD = (
    "mueller{n}@exämple.org",
    "READER{n}@Example.ORG",
    "reader+tag{n}@example.org",
    "leser{n}@bücher.example.org",
    "o'brien{n}@example.org",
    "a.very.long.local.part.that.still.is.allowed.by.the.rules{n}@example.org",
    "reader{n}@xn--bcher-kva.example.net",
    "reader{n}@faß.example.org",
    "reader{n}@ñandú.example.net",
    "{n}%percent@example.org",
    "{n}=equals/slash@example.org",
)


def _odd_addresses(bench: Bench, *, provider: str) -> None:
    """Whatever is taken at the door; what is refused there never becomes a subscriber."""
    taken: dict[str, Address] = {}
    for number in range(bench.readers):
        typed = _ODD[number % len(_ODD)].format(n=number)
        address = normalise(typed)
        taken[address.normal] = address
    bench.send(provider, addresses=list(taken.values()))


def _each_by_name(bench: Bench, findings: Findings) -> Sequence[str]:
    """Each copy with its own token, to an address in ASCII."""
    offered = [pair for line in bench.lines() for pair in line["offered"]]
    problems = []
    if strange := [address for _, address in offered if not address.isascii()]:
        problems.append(f"{len(strange)} addresses were not ASCII")
    if len({token for token, _ in offered}) != len({address for _, address in offered}):
        problems.append("two readers had one token, or one reader two")
    return problems


def _row(name: str, where: str, inject: Callable[[Bench], object], **values: Any) -> Case:
    return Case(name=name, where=where, inject=inject, readers=values.pop("readers", READERS), **values)  # type: ignore[arg-type]  # None is no complaint


PEOPLE: tuple[Case, ...] = (
    _row(
        "stopped and continued",
        "every 0.3 s",
        _stop_and_go,
        wanted={"accepted": READERS, "unknown": 0, "held": 0},
        is_fast=True,
    ),
    _row("ended", "in mid-mailing", _end, look=_ended_right),
    _row("readers leave, complaints", "200 in mid-mailing", _leave, look=_left_alone),
    _row(
        "two calls without an answer",
        "reports shuffled, three times",
        _shuffled,
        readers=600,
        most_unknown=100,
        most_held=0,
        wanted={"accepted": 600},
        look=_each_event_once,
        is_fast=True,
    ),
    _row(
        "two calls without an answer",
        "reports 14 s late",
        _late_reports,
        readers=600,
        most_unknown=100,
        most_held=0,
        wanted={"accepted": 600},
    ),
    _row(
        "forged and broken reports",
        "one for each copy",
        _forged,
        readers=600,
        wanted={"accepted": 600},
        look=_nobody_suppressed,
    ),
    _row(
        "two calls without an answer",
        "database killed while reported",
        _reports_meet_no_database,
        readers=600,
        most_unknown=200,
        most_held=100,
        look=_proved_if_reported,
    ),
    *(
        _row(
            "addresses of every kind",
            provider,
            partial(_odd_addresses, provider=provider),
            readers=300,
            wanted={"accepted": 300, "unknown": 0},
            look=_each_by_name,
        )
        for provider in ("mailgun", "postmark", "resend", "smtp")
    ),
)
