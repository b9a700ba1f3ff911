"""The acts that take a digest from draft to hand-over, one function each; admin, commands and plans call the same."""

from digests.workflow.handing_over import hand_over, hand_over_due, put_back
from digests.workflow.proofing import (
    approve,
    approve_by_plan,
    needs_another,
    proofs_of,
    propose,
    reopen,
    return_proof,
)
from digests.workflow.scheduling import GRACE_SECONDS, schedule, send_now, skip
from digests.workflow.stopping import end, go_on, stop

__all__ = [
    "GRACE_SECONDS",
    "approve",
    "approve_by_plan",
    "end",
    "go_on",
    "hand_over",
    "hand_over_due",
    "needs_another",
    "proofs_of",
    "propose",
    "put_back",
    "reopen",
    "return_proof",
    "schedule",
    "send_now",
    "skip",
    "stop",
]
