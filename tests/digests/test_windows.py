"""Between two digests nothing falls: each article's first sight lies in one window, and none is offered to nobody."""

import datetime as dt
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digests import curation, selection, skipping, swapping, workflow
from digests.models import Digest, Plan
from digests.states import CUTTING, EDITABLE, DigestState
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    SATURDAY_EIGHT,
    build_best_of,
    make_planned,
    make_ready,
    make_sent,
    make_user,
    make_weekly,
    titles,
)
from tests.factories import make_article, make_pick

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)


def _send(digest: Digest, *, proofed: dt.datetime, at: dt.datetime) -> Digest:
    proof = workflow.propose(digest, by=make_user(), at=proofed)
    workflow.approve(proof, by=make_user(), at=proofed)
    workflow.send_now(proof.digest, by=None, at=at, grace_seconds=0)
    workflow.hand_over(proof.digest, at=at)
    return Digest.objects.get(pk=digest.pk)


def test_what_comes_in_between_proof_and_hand_over_is_offered_in_the_next() -> None:
    newsletter = make_planned().newsletter
    today = make_ready(newsletter, window_start=MONDAY_SIX - DAY, window_end=MONDAY_SIX, due_at=MONDAY_SIX)
    late = make_article(first_seen_at=MONDAY_SIX - 10 * MINUTE)

    today = _send(today, proofed=MONDAY_SIX - 20 * MINUTE, at=MONDAY_SIX)
    tomorrow = selection.build(newsletter, at=MONDAY_SIX + HOUR)

    assert today.window_end == tomorrow.window_start == MONDAY_SIX - 20 * MINUTE
    assert [pick.article for pick in tomorrow.picks.all()] == [late]


def test_an_exchange_is_a_later_proof_and_offers_what_came_in_until_then() -> None:
    newsletter = make_planned().newsletter
    digest = make_ready(newsletter, window_start=MONDAY_SIX - DAY, window_end=MONDAY_SIX)
    proof = workflow.propose(digest, by=make_user(), at=MONDAY_SIX - 40 * MINUTE)
    workflow.approve(proof, by=make_user(), at=MONDAY_SIX - 40 * MINUTE)
    workflow.schedule(proof.digest, when=MONDAY_SIX, by=None, at=MONDAY_SIX - 40 * MINUTE)

    exchanged_at = MONDAY_SIX - 15 * MINUTE
    pick, version = digest.picks.get(), proof.digest.version
    second = swapping.swap(pick, make_article(), expected_version=version, by=make_user(), at=exchanged_at)
    workflow.approve(second, by=make_user(), at=MONDAY_SIX - 10 * MINUTE)
    workflow.hand_over_due(MONDAY_SIX)

    digest.refresh_from_db()
    assert (digest.state, digest.window_end) == (DigestState.HANDED_OVER, exchanged_at)


def test_a_digest_that_goes_out_between_the_best_ofs_proof_and_its_hand_over_is_in_the_next_weeks() -> None:
    weekly = make_weekly()
    make_sent(weekly.newsletter, at=MONDAY_SIX, articles=[make_article(title="Fähre")])
    best_of = build_best_of(weekly)
    selection.name(best_of, at=SATURDAY_EIGHT)
    Digest.objects.filter(pk=best_of.pk).update(window_end=SATURDAY_EIGHT + 2 * HOUR)
    best_of.refresh_from_db()
    between = SATURDAY_EIGHT + HOUR
    make_sent(weekly.newsletter, at=between, articles=[make_article(title="Brücke")])

    _send(best_of, proofed=SATURDAY_EIGHT, at=SATURDAY_EIGHT + 2 * HOUR)

    following = build_best_of(weekly, at=SATURDAY_EIGHT + 7 * DAY)
    assert titles(following) == ["Brücke"]


class Weeks:
    """A plan's digests, in whatever order somebody builds, proofs, sends and skips them."""

    def __init__(self) -> None:
        self.plan: Plan = make_planned()
        self.now = self.plan.first_window_from + MINUTE
        self.proofed: dict[int, dt.datetime] = {}

    def act(self, name: str, which: int, minutes: int) -> None:
        # No two moments alike, as on a real clock.
        self.now += minutes * MINUTE + dt.timedelta(seconds=1)
        if name == "build":
            self._build(minutes)
            return
        open_ones = list(Digest.objects.filter(state__in=EDITABLE).order_by("window_end"))
        if not open_ones:
            return
        digest = open_ones[which % len(open_ones)]
        if name == "proof":
            self._proof(digest)
        elif name == "send" and digest.pk in self.proofed:
            workflow.send_now(digest, by=None, at=self.now, grace_seconds=0)
            workflow.hand_over(digest, at=self.now)
        # What a later digest that is out already did not look at, no window can give back.
        elif name == "skip" and not Digest.objects.public().filter(window_end__gt=digest.window_end).exists():
            skipping.skip(digest, because="Feiertag", at=self.now)

    def _build(self, minutes: int) -> None:
        # Longer than it takes to proof and send: most cut-offs still lie ahead.
        end = selection.last_cut_off(self.plan) + DAY + minutes * MINUTE + dt.timedelta(milliseconds=1)
        if Digest.objects.filter(window_end=end).exists():  # a skipped one
            return
        digest = selection.build(self.plan.newsletter, at=self.now, window_end=end, by=make_user())
        # Of before all windows: no machine may take it for news and fill another digest with it.
        make_pick(digest=digest, article=make_article(first_seen_at=self.plan.first_window_from - 30 * DAY))

    def _proof(self, digest: Digest) -> None:
        """Anew if there is one: an exchange and an edit come to the same."""
        subject = f"Um {self.now:%H:%M}"
        curation.edit_digest(
            digest, expected_version=digest.version, at=self.now, subject=subject, preheader="Und mehr"
        )
        proof = workflow.propose(digest, by=make_user(), at=self.now)
        workflow.approve(proof, by=make_user(), at=self.now)
        self.proofed[digest.pk] = self.now

    def check(self) -> None:
        windows = Digest.objects.filter(state__in=CUTTING).order_by("window_end")
        edges = [(digest.window_start, digest.window_end) for digest in windows]
        if edges:
            assert edges[0][0] == self.plan.first_window_from
            assert all(earlier[1] == later[0] for earlier, later in pairwise(edges))
        # Nobody looked for it after the proof: unless a later digest is out, it is another's.
        for digest in windows.filter(state=DigestState.HANDED_OVER):
            looked = max(self.proofed[digest.pk], digest.window_start + dt.datetime.resolution)
            was_overtaken = windows.public().filter(window_end__gt=digest.window_end).exists()
            assert digest.window_end <= looked or was_overtaken


# Sent later than proofed, once the next is built; the second before the first; and proofed before its window began.
IN_ORDER = [("build", 0, 60), ("proof", 0, 60), ("build", 0, 60), ("send", 0, 60)]
OUT_OF_ORDER = [
    *[("build", 0, 60), ("build", 0, 60), ("proof", 0, 60), ("proof", 1, 60)],
    *[("send", 1, 60), ("send", 0, 60)],
]


@pytest.mark.parametrize("times", [25, pytest.param(400, marks=pytest.mark.slow)])
def test_each_moment_lies_in_one_window_whatever_the_order_of_proofs_and_hand_overs(times: int) -> None:
    @settings(max_examples=times, deadline=None)
    @example(acts=IN_ORDER)
    @example(acts=[*IN_ORDER, ("skip", 0, 60), ("build", 0, 60)])
    @example(acts=OUT_OF_ORDER)
    @given(
        acts=st.lists(
            st.tuples(
                st.sampled_from(["build", "proof", "send", "skip"]), st.integers(0, 3), st.integers(1, 900)
            ),
            min_size=3,
            max_size=10,
        )
    )
    def hold(acts: list[tuple[str, int, int]]) -> None:
        with transaction.atomic():
            weeks = Weeks()
            for name, which, minutes in acts:
                weeks.act(name, which, minutes)
                weeks.check()
            transaction.set_rollback(True)

    hold()
