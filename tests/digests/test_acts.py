"""Whatever the order of acts: what is not approved or under embargo never goes out, nothing goes out twice, no edit is lost."""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digests import approving, curation, history, planning, saving, selection, swapping, withdrawing, workflow
from digests.approval_tokens import approval_url
from digests.delivery.errors import DeliveryError
from digests.delivery.models import Mailing
from digests.errors import DigestError, EditClash
from digests.merging import Sheet
from digests.models import Approval, Digest, DigestMailing, DigestVersion, Pick, Proof
from digests.states import ApprovalPolicy, Autopilot, DigestState, MailingKind
from newsroom.articles.models import Article
from tests.digests.factories import HOUR, make_colleague, make_planned, make_ready
from tests.factories import NOON, make_article

ABOUT_A_PROOF = ("approve", "approve_by_plan", "return", "approve_by_mail", "return_by_mail")


class Desk:
    """One digest and two editors. Each act may be refused; what it may never do is checked after each."""

    def __init__(self, autopilot: Autopilot, *, needs_four_eyes: bool) -> None:
        due = NOON + HOUR
        plan = make_planned(
            autopilot=autopilot,
            needs_four_eyes=needs_four_eyes,
            time=due.astimezone(ZoneInfo("Europe/Berlin")).time(),
            last_due_at=NOON,
        )
        self.digest = make_ready(plan.newsletter, stories=2, due_at=due)
        # The articles that a person took out, and did not put back.
        self.taken_out: set[int] = set()
        # What was typed and accepted, by the name of its field.
        self.accepted: list[tuple[str, str]] = []
        self.users = [make_colleague("jonas"), make_colleague("aylin")]
        self.now = NOON
        # Editors act on what they once saw: now and then on an old row, or an old proof.
        self.seen = self.digest

    def act(self, name: str, who: int, is_stale: bool, which: int = 0) -> None:
        """which: a number that says which of several, where an act has a choice."""
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
            "edit": lambda: self._edit(digest),
            "save": lambda: self._save(which),
            "restore": lambda: self._restore(digest, user, which),
            "embargo": lambda: self._embargo(which),
            "plans": lambda: planning.run_due_plans(self.now),
            "pick": lambda: curation.add_pick(
                digest, make_article(), slot="more", expected_version=digest.version, by=user, at=self.now
            ),
            "remove": lambda: self._remove(digest, user, which),
            "move": lambda: self._move(digest, user, which),
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
            "go_on": lambda: workflow.go_on(digest, mailing=self._mailing(), by=user, at=self.now),
            "end": lambda: workflow.end(
                digest, mailing=self._mailing(), because="Genug.", by=user, at=self.now
            ),
            "approve_by_mail": lambda: approving.approve(self._link(proof, user), at=self.now),
            "return_by_mail": lambda: approving.return_proof(
                self._link(proof, user), because="Noch einmal.", at=self.now
            ),
            "hand_over": lambda: workflow.hand_over(digest, at=self.now),
            "hand_over_due": lambda: workflow.hand_over_due(self.now),
        }
        before = self._places()
        with suppress(DigestError, DeliveryError):
            acts[name]()
        after = self._places()
        if name in MACHINES:
            assert not self.taken_out & (after.keys() - before.keys())
            assert after.items() >= {(article, slot) for article, slot in before.items() if article in after}
        else:
            self.taken_out = (self.taken_out | before.keys() - after.keys()) - after.keys()

    def _mailing(self) -> int:
        bound = DigestMailing.objects.filter(digest=self.digest).first()
        return bound.mailing_id if bound else 0

    def _places(self) -> dict[int, str]:
        """By article of the digest, its slot."""
        return dict(Pick.objects.filter(digest=self.digest).values_list("article_id", "slot"))

    def _remove(self, digest: Digest, user: User, which: int) -> None:
        """By its version an old row is refused."""
        picks = list(digest.picks.order_by("pk"))
        if picks:
            pick = picks[which % len(picks)]
            pick.digest = digest
            curation.remove_pick(pick, expected_version=digest.version, at=self.now, by=user)

    def _move(self, digest: Digest, user: User, which: int) -> None:
        picks = list(digest.picks.order_by("pk"))
        if picks:
            pick, slot = picks[which % len(picks)], digest.slots[which % len(digest.slots)]["key"]
            pick.digest = digest
            curation.move_pick(pick, slot=slot, expected_version=digest.version, at=self.now, by=user)

    def _swap(self, digest: Digest, user: User) -> None:
        if (pick := digest.picks.first()) is not None:
            swapping.swap(pick, make_article(), expected_version=digest.version, by=user, at=self.now)

    def _edit(self, digest: Digest) -> None:
        typed = f"Um {self.now:%H:%M}"
        curation.edit_digest(digest, expected_version=digest.version, at=self.now, subject=typed)
        self.accepted.append(("subject", typed))

    def _sheet(self) -> Sheet:
        return history.sheet(Digest.objects.get(pk=self.digest.pk), self.digest.picks.all())

    def _save(self, which: int) -> None:
        """The whole form, as somebody has it open since some version, with one field changed.

        It is saved and changes nothing else, or it is asked about, because others changed the same field.
        """
        digest, before = Digest.objects.get(pk=self.digest.pk), self._sheet()
        kept = {version.number: version for version in DigestVersion.objects.filter(digest=digest)}
        number = sorted({*kept, digest.version})[-1 - which // 3 :][0]
        base = before if number == digest.version else history.sheet_of(kept[number])
        fields = ["subject", "note", *(f"pick-{pick}-title" for pick in base.picks)]
        name, typed = fields[which % len(fields)], f"Getippt um {self.now:%H:%M}"
        words = {**base.words, **({name: typed} if name in base.words else {})}
        edits = [
            saving.PickEdit(
                pick_id=pick,
                slot=slot,
                place=place,
                own={own: base.picks[pick][own] for own in history.OVERRIDES}
                | ({"title": typed} if name == f"pick-{pick}-title" else {}),
            )
            for slot, picks in base.slots.items()
            for place, pick in enumerate(picks, 1)
        ]
        have_others = before.value(name) != base.value(name)
        clash = None
        try:
            saving.save(digest, expected_version=number, words=words, edits=edits, at=self.now)
        except EditClash as asked:
            clash = asked
        assert bool(clash) == have_others
        if clash:
            assert clash.merge.clashes
            assert _told(self._sheet()) == _told(before)
            return
        assert _told(self._sheet()) == {**_told(before), name: typed}
        self.accepted.append((name, typed))

    def _restore(self, digest: Digest, user: User, which: int) -> None:
        versions = list(DigestVersion.objects.filter(digest=digest).order_by("number"))
        if versions:
            version = versions[which % len(versions)]
            saving.restore(digest, version, expected_version=digest.version, at=self.now, by=user)
            assert _told(self._sheet()) == _told(history.sheet_of(version))

    def _embargo(self, which: int) -> None:
        """Until some time in the next hours; afterwards it could not be told from one that was broken."""
        newest = self.digest.picks.order_by("-pk").first()
        if newest is not None and not DigestMailing.objects.filter(digest=self.digest).exists():
            until = self.now + HOUR / 2 * (which + 1)
            Article.objects.filter(pk=newest.article_id).update(embargo_until=until)

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
        assert len(main) <= 1
        # The plans may send others; each of them once.
        of_all = DigestMailing.objects.filter(kind=MailingKind.MAIN)
        assert Mailing.objects.count() == of_all.count() == of_all.values("digest").distinct().count()
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
            # The plan's rule releases what the plan itself proposed, and only where the plan sends by itself.
            by_plan = approval.policy == ApprovalPolicy.AUTOPILOT
            assert by_plan == (approval.approver_id is None) == digest.is_released_by_plan
            assert not digest.picks.filter(article__embargo_until__gt=digest.handed_over_at).exists()
        if digest.state in (DigestState.APPROVED, DigestState.SCHEDULED):
            assert Approval.objects.filter(proof=digest.proofs.first()).exists()
        # A time to come back to is only kept while an exchange waits for its approval.
        if digest.wanted_at is not None:
            assert digest.state in (DigestState.DRAFT, DigestState.PROOFED)
            assert digest.scheduled_at is None

        sheets = [self._sheet(), *map(history.sheet_of, DigestVersion.objects.filter(digest=digest))]
        for name, typed in self.accepted:
            assert any(sheet.value(name) == typed for sheet in sheets), name


def _told(sheet: Sheet) -> dict[str, Any]:
    """Each field that the desk types, by its name, and where each story stands."""
    return {
        **sheet.words,
        **{
            f"pick-{pick}-{name}": own.get(name, "")
            for pick, own in sheet.picks.items()
            for name in history.OVERRIDES
        },
        **{f"slot-{slot}": list(picks) for slot, picks in sheet.slots.items() if picks},
    }


NAMES = [
    "edit",
    "save",
    "restore",
    "embargo",
    "plans",
    "pick",
    "remove",
    "move",
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
# A third of the steps goes the straight way, so that deep states are reached, a third edits; the others are anything.
EDITS = ["save", "save", "edit", "restore", "embargo", "remove", "move"]
# What runs without a person.
MACHINES = ("plans", "fill", "pull_withdrawn", "hand_over_due")
STRAIGHT = ["propose", "approve", "schedule", "swap", "approve_by_mail", "send_now", "hand_over"]
acts_of_two = given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(NAMES) | st.sampled_from(STRAIGHT) | st.sampled_from(EDITS),
            st.integers(0, 1),
            st.booleans(),
            st.integers(0, 7),
        ),
        min_size=3,
        max_size=14,
    ),
    autopilot=st.sampled_from(Autopilot),
    needs_four_eyes=st.booleans(),
)
Acts = list[tuple[str, int, bool, int]]

# Two forms open since one version, a different field in each; a story under embargo after the schedule; the plan's time.
PASSING: Acts = [
    ("save", 0, False, 1),
    ("save", 1, False, 4),
    ("restore", 0, False, 1),
    ("save", 0, False, 2),
]
EMBARGOED: Acts = [
    (name, who, False, 7)
    for name, who in [
        ("propose", 1),
        ("approve", 0),
        ("schedule", 0),
        ("embargo", 0),
        *[("hand_over_due", 0)] * 4,
    ]
]
AT_DUE_TIME: Acts = [
    ("save", 0, False, 0),
    ("plans", 0, False, 0),
    ("plans", 0, False, 0),
    ("hand_over_due", 0, False, 0),
]


# Everything is taken out, and the plan's time comes; or filled again at once.
EMPTIED: Acts = [
    ("remove", 0, False, 0),
    ("remove", 1, False, 0),
    ("fill", 0, False, 0),
    ("plans", 0, False, 0),
    ("plans", 0, False, 0),
]


def work(acts: Acts, autopilot: Autopilot, *, needs_four_eyes: bool) -> None:
    with transaction.atomic():
        desk = Desk(autopilot, needs_four_eyes=needs_four_eyes)
        for name, who, is_stale, which in acts:
            desk.act(name, who, is_stale, which)
            desk.check()
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=30, deadline=None)
@example(acts=PASSING, autopilot=Autopilot.HOLD, needs_four_eyes=True)
@example(acts=EMBARGOED, autopilot=Autopilot.HOLD, needs_four_eyes=True)
@example(acts=EMPTIED, autopilot=Autopilot.FILL_AND_SEND, needs_four_eyes=True)
@example(acts=AT_DUE_TIME, autopilot=Autopilot.FILL_AND_SEND, needs_four_eyes=True)
@acts_of_two
def test_no_sequence_of_acts_sends_what_it_may_not_or_loses_an_edit(
    acts: Acts, autopilot: Autopilot, needs_four_eyes: bool
) -> None:
    work(acts, autopilot, needs_four_eyes=needs_four_eyes)


@pytest.mark.slow
@pytest.mark.django_db
@settings(max_examples=600, deadline=None)
@acts_of_two
def test_no_sequence_of_acts_sends_what_it_may_not_or_loses_an_edit_however_long_one_looks(
    acts: Acts, autopilot: Autopilot, needs_four_eyes: bool
) -> None:
    work(acts, autopilot, needs_four_eyes=needs_four_eyes)


@pytest.mark.django_db
def test_two_saves_from_one_version_meet_in_a_field_and_pass_each_other_in_two() -> None:
    """Else the property above would hold for nothing."""
    desk = Desk(Autopilot.HOLD, needs_four_eyes=True)

    # The subject; the subject; the subject once more as it was before, which is asked; and the note as it was then.
    for which in (0, 0, 4, 5):
        desk.act("save", 0, False, which)
        desk.check()

    assert [name for name, _typed in desk.accepted] == ["subject", "subject", "note"]
    assert Digest.objects.get(pk=desk.digest.pk).subject == desk.accepted[1][1]


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
