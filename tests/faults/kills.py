"""A worker ends at every named step of a batch's life, and inside the call itself."""

import contextlib
import os
import random
import signal
from functools import partial

from digests.delivery import steps
from tests.faults import killer
from tests.faults.rig import SIGNING_KEY
from tests.faults.runs import Bench, Case

# At most unknown when a process dies: all of a call to Mailgun, by SMTP the one copy that was being offered.
IN_A_CALL = {"mailgun": 1_000, "smtp": 1}

# Until the attempt is committed nothing has gone out, and after the outcome is committed nothing is open.
_HARMLESS = (
    steps.FROZE_PAGE,
    steps.PAGE_COMMITTED,
    steps.CUT,
    steps.FROZEN,
    steps.CLAIMED,
    steps.CHECKED,
    steps.CALLING_WRITTEN,
    steps.SETTLED,
    steps.COMPLETED,
)
_ONCE = (steps.FROZE_PAGE, steps.PAGE_COMMITTED, steps.CUT, steps.FROZEN, steps.COMPLETED)
_FAST = {
    (steps.CLAIMED, "smtp"),
    (steps.CALLING, "mailgun"),
    (steps.HANDED_OVER, "smtp"),
}


def _die_at(bench: Bench, *, step: str, provider: str, act: str = killer.KILL_CHILD) -> str | None:
    killer.plan(step=step, nth=1 if step in _ONCE else 2, act=act)
    bench.send(provider)
    if not bench.wait_for_kill():
        return f"{step!r} was never reached"
    if act != killer.KILL_CHILD:
        bench.rig.restart_mailings()
    return None


def _kill_in_call(bench: Bench, *, provider: str, accepted: bool) -> str | None:
    """The provider has the whole call in hand, taken or not, and says nothing; the worker dies waiting."""
    act = {"act": "cut", "accepted": accepted, "seconds": 4}
    bench.script({"dialect": provider, "first": 51 if provider == "smtp" else 2, "times": 1, **act})
    bench.send(provider)
    bench.wait_for_calls(51 if provider == "smtp" else 2)
    bench.rig.program("mailings").process.kill()
    bench.rig.restart_mailings()
    return None


def _at_steps() -> list[Case]:
    cases = []
    for provider, most in IN_A_CALL.items():
        for step in steps.ALL:
            cases.append(
                Case(
                    name="worker process killed",
                    where=f"{step} ({provider})",
                    inject=partial(_die_at, step=step, provider=provider),
                    most_unknown=0 if step in _HARMLESS else most,
                    is_fast=(step, provider) in _FAST,
                )
            )
    return cases


def _die_reported(bench: Bench, *, step: str) -> str | None:
    """The worker dies after the call, but the provider reports what it took."""
    bench.rig.start_web()
    bench.script(webhooks={"url": bench.rig.webhook_url, "key": SIGNING_KEY, "seed": bench.seed})
    return _die_at(bench, step=step, provider="mailgun")


def _die_at_random(bench: Bench) -> str | None:
    """Every second one of the mailing processes dies, wherever it is."""
    dice = random.Random(bench.seed)
    bench.in_calls_of(25, "slow")
    bench.send("slow")
    bench.wait_for_taken(1)
    killed = 0

    def kill() -> None:
        nonlocal killed
        if found := bench.rig.children("mailings"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(found), signal.SIGKILL)
                killed += 1

    bench.during(kill, times=_RANDOM_KILLS, every=0.7)
    return None if killed else "nobody was killed"


_RANDOM_KILLS = 8

KILLS: tuple[Case, ...] = (
    *_at_steps(),
    *(
        Case(
            name="worker killed inside the call",
            where=f"{'taken' if accepted else 'not taken'} ({provider})",
            inject=partial(_kill_in_call, provider=provider, accepted=accepted),
            most_unknown=2 * most,
        )
        for provider, most in IN_A_CALL.items()
        for accepted in (True, False)
    ),
    *(
        Case(
            name="all of the worker killed",
            where=f"{step} (mailgun)",
            inject=partial(_die_at, step=step, provider="mailgun", act=killer.KILL_WORKER),
            most_unknown=0 if step in _HARMLESS else 2 * IN_A_CALL["mailgun"],
        )
        for step in (steps.CLAIMED, steps.HANDED_OVER)
    ),
    *(
        Case(
            name="worker killed, calls are reported",
            where=f"{step} (mailgun)",
            inject=partial(_die_reported, step=step),
            most_unknown=IN_A_CALL["mailgun"],
            most_held=0,
        )
        for step in (steps.HANDED_OVER, steps.SETTLING)
    ),
    Case(
        name="worker processes killed",
        where="eight times, anywhere",
        inject=_die_at_random,
        most_unknown=_RANDOM_KILLS * 25,
    ),
    Case(
        name="worker told to end (SIGTERM)",
        where="calling (mailgun)",
        inject=partial(_die_at, step=steps.CALLING, provider="mailgun", act=killer.TERMINATE_WORKER),
        most_unknown=0,
        is_fast=True,
    ),
)


def _hang(bench: Bench, *, step: str, act: str) -> str | None:
    killer.plan(step=step, nth=2, act=act)
    bench.in_calls_of(25, "slow")
    bench.send("slow")
    return None if bench.wait_for_kill() else f"{step!r} was never reached"


ENDINGS: tuple[Case, ...] = (
    Case(
        name="worker told to quit (SIGQUIT)",
        where="calling (mailgun)",
        inject=partial(_die_at, step=steps.CALLING, provider="mailgun", act=killer.QUIT_WORKER),
        most_unknown=2 * IN_A_CALL["mailgun"],
    ),
    Case(
        name="task meets its soft limit",
        where="calling (mailgun)",
        inject=partial(_hang, step=steps.CALLING, act=killer.HANG),
        most_unknown=25,
    ),
    Case(
        name="task meets its hard limit",
        where="handed over (mailgun)",
        inject=partial(_hang, step=steps.HANDED_OVER, act=killer.HANG_DEAF),
        most_unknown=25,
    ),
)
