"""Whatever the order of acts: what is not approved never goes out, and nothing goes out twice."""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from digests import approving, curation, selection, swapping, withdrawing, workflow
from digests.approval_tokens import approval_url
from digests.delivery.errors import DeliveryError
from digests.delivery.models import Mailing
from digests.errors import DigestError
from digests.models import Approval, Digest, DigestMailing, Proof
from digests.states import Autopilot, DigestState
from newsroom.articles.models import Article
from tests.digests.factories import HOUR, make_colleague, make_planned, make_ready
from tests.factories import NOON, make_article

ABOUT_A_PROOF = ("approve", "approve_by_plan", "return", "approve_by_mail", "return_by_mail")


class Desk:
    """One digest and two editors. Each act may be refused; what it may never do is checked after each."""

    def __init__(self, autopilot: Autopilot, *, needs_four_eyes: bool) -> None:
        plan = make_planned(autopilot=autopilot, needs_four_eyes=needs_four_eyes)
        self.digest = make_ready(plan.newsletter)
        self.users = [make_colleague("jonas"), make_colleague("aylin")]
        self.now = NOON
        # Editors act on what they once saw: now and then on an old row, or an old proof.
        self.seen = self.digest

    def act(self, name: str, who: int, is_stale: bool) -> None:
        self.now += dt.timedelta(minutes=20)
        digest = self.seen if is_stale else Digest.objects.get(pk=self.digest.pk)
        self.seen = Digest.objects.get(pk=self.digest.pk)
        user, proof = (
            self.users[who],
            Proof.objects.filter(digest=digest).order_by("pk" if is_stale else "-pk").first(),
        )
        if name in ABOUT_A_PROOF and proof is None:
            return
        acts: dict[str, Callable[[], object]] = {
            "edit": lambda: curation.edit_digest(
                digest, expected_version=digest.version, at=self.now, subject=f"Um {self.now:%H:%M}"
            ),
            "pick": lambda: curation.add_pick(
                digest, make_article(), slot="more", expected_version=digest.version, by=user, at=self.now
            ),
            "fill": lambda: selection.fill(digest, at=self.now),
            "propose": lambda: workflow.propose(digest, by=user if who else None, at=self.now),
            "approve": lambda: workflow.approve(proof, by=user, at=self.now),  # type: ignore[arg-type]
            "approve_by_plan": lambda: workflow.approve_by_plan(proof, at=self.now),  # type: ignore[arg-type]
            "return": lambda: workflow.return_proof(proof, by=user, because="Noch einmal.", at=self.now),  # type: ignore[arg-type]
            "schedule": lambda: workflow.schedule(digest, when=self.now + HOUR, by=user, at=self.now),
            "send_now": lambda: workflow.send_now(digest, by=user, at=self.now, grace_seconds=0),
            "stop": lambda: workflow.stop(digest, by=user, at=self.now),
            "skip": lambda: workflow.skip(digest, because="Feiertag", by=user, at=self.now),
            "swap": lambda: self._swap(digest, user),
            "withdraw": self._withdraw,
            "pull_withdrawn": lambda: withdrawing.pull_withdrawn(self.now),
            "go_on": lambda: workflow.go_on(digest, by=user, at=self.now),
            "end": lambda: workflow.end(digest, because="Genug.", by=user, at=self.now),
            "approve_by_mail": lambda: approving.approve(self._link(proof, user), at=self.now),
            "return_by_mail": lambda: approving.return_proof(
                self._link(proof, user), because="Noch einmal.", at=self.now
            ),
            "hand_over": lambda: workflow.hand_over(digest, at=self.now),
            "hand_over_due": lambda: workflow.hand_over_due(self.now),
        }
        with suppress(DigestError, DeliveryError):
            acts[name]()

    def _swap(self, digest: Digest, user: User) -> None:
        if (pick := digest.picks.first()) is not None:
            swapping.swap(pick, make_article(), expected_version=digest.version, by=user, at=self.now)

    def _withdraw(self) -> None:
        """The newest story, so that a lead is left to send."""
        newest = self.digest.picks.order_by("-pk").first()
        if newest is not None and self.digest.picks.count() > 1:
            Article.objects.filter(pk=newest.article_id).update(withdrawn_at=self.now)

    def _link(self, proof: Proof | None, user: User) -> str:
        assert proof is not None
        return approval_url(proof, user).split("/")[-2]

    def check(self) -> None:
        digest = Digest.objects.get(pk=self.digest.pk)
        main = list(DigestMailing.objects.filter(digest=digest))
        assert len(main) == Mailing.objects.count() <= 1
        assert (digest.state == DigestState.HANDED_OVER) == bool(main)
        for bound in main:
            approval = Approval.objects.get(proof=bound.proof)
            assert bound.proof.digest_version == digest.version
            assert bound.proof.returned_at is None
            assert bound.proof == digest.proofs.first()
            assert approval.approved_at >= bound.proof.proposed_at
            sent, approved = bound.mailing.renditions.get(), bound.proof.renditions.get()
            assert sent.rendition_id == approved.rendition_id
            assert approval.policy != "four_eyes" or approval.proposer_id != approval.approver_id
        if digest.state in (DigestState.APPROVED, DigestState.SCHEDULED):
            assert Approval.objects.filter(proof=digest.proofs.first()).exists()
        # A time to come back to is only kept while an exchange waits for its approval.
        if digest.wanted_at is not None:
            assert digest.state in (DigestState.DRAFT, DigestState.PROOFED)
            assert digest.scheduled_at is None


NAMES = [
    "edit",
    "pick",
    "fill",
    "propose",
    "approve",
    "approve_by_plan",
    "return",
    "schedule",
    "send_now",
    "stop",
    "skip",
    "swap",
    "withdraw",
    "pull_withdrawn",
    "go_on",
    "end",
    "approve_by_mail",
    "return_by_mail",
    "hand_over",
    "hand_over_due",
]
# Half of the steps go the straight way, so that deep states are reached; the others are anything.
STRAIGHT = ["propose", "approve", "schedule", "swap", "approve_by_mail", "send_now", "hand_over"]
steps = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.sampled_from(STRAIGHT), st.integers(0, 1), st.booleans()),
    min_size=3,
    max_size=14,
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(acts=steps, autopilot=st.sampled_from(Autopilot), needs_four_eyes=st.booleans())
def test_no_sequence_of_acts_sends_what_is_not_approved_or_sends_twice(
    acts: list[tuple[str, int, bool]], autopilot: Autopilot, needs_four_eyes: bool
) -> None:
    with transaction.atomic():
        desk = Desk(autopilot, needs_four_eyes=needs_four_eyes)
        for name, who, is_stale in acts:
            desk.act(name, who, is_stale)
            desk.check()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_the_way_through_an_exchange_and_a_mailed_approval_does_send() -> None:
    desk = Desk(Autopilot.HOLD, needs_four_eyes=True)

    for name, who in [
        ("propose", 1), ("approve_by_mail", 0), ("schedule", 0), ("swap", 1), ("approve_by_mail", 0),
        ("hand_over_due", 0), ("hand_over_due", 0), ("hand_over_due", 0),
    ]:  # fmt: skip
        desk.act(name, who, False)
        desk.check()

    assert Mailing.objects.count() == 1
    assert desk.digest.proofs.count() == 2


@pytest.mark.django_db
def test_the_straight_way_does_send() -> None:
    """Else the property above would hold for nothing."""
    desk = Desk(Autopilot.HOLD, needs_four_eyes=True)

    for name, who in [("propose", 1), ("approve", 0), ("send_now", 0), ("hand_over", 0)]:
        desk.act(name, who, False)
        desk.check()

    assert Mailing.objects.count() == 1
