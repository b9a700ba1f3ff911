"""A worker ends at every named step of a batch's life, and inside the call itself."""

from functools import partial

from digests.delivery import steps
from tests.faults import killer
from tests.faults.runs import Bench, Case

# What is in one call, and so at most unknown: Mailgun takes a thousand readers, our SMTP batches are of a hundred.
IN_A_CALL = {"mailgun": 1_000, "smtp": 100}

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
    (steps.SETTLING, "mailgun"),
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
            if step == steps.PAGE_COMMITTED:
                continue  # a ledger of one page has no step between pages; the engine's own tests have
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
    Case(
        name="worker told to end (SIGTERM)",
        where="handed over (mailgun)",
        inject=partial(_die_at, step=steps.CALLING, provider="mailgun", act=killer.TERMINATE_WORKER),
        most_unknown=0,
        is_fast=True,
    ),
)
