"""What plans do by themselves: once per due time, late or not, and never without leave."""

import datetime as dt
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.utils import translation

from digests import curation, planning, selection, withdrawing, workflow
from digests.admin import DigestAdmin
from digests.composer.wording import put_together
from digests.delivery.models import Mailing
from digests.models import Approval, Digest, DigestMailing, Plan
from digests.reasons import why_chosen
from digests.rendering import automatic_label
from digests.states import ApprovalPolicy, Autopilot, DigestState
from newsroom.articles.models import Article
from newsroom.articles.states import Origin, Review
from newsroom.mail.models import Incident
from subscriptions.states import NewsletterState
from tests.digests.factories import (
    DAY,
    HOUR,
    MONDAY_SIX,
    make_news,
    make_planned,
    make_sent,
    make_user,
)
from tests.factories import make_article, make_pick
from tests.newsroom.articles.factories import make_picture

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
SENDS = {"autopilot": Autopilot.FILL_AND_SEND}


def _open(key: str) -> bool:
    return Incident.objects.open().filter(key__startswith=key).exists()


def test_nothing_happens_before_the_due_time() -> None:
    make_planned()

    assert planning.run_due_plans(MONDAY_SIX - MINUTE) == []


def test_a_plan_that_holds_builds_a_draft_and_tells_the_desk() -> None:
    make_planned()
    make_news(3, at=MONDAY_SIX - HOUR)

    (digest,) = planning.run_due_plans(MONDAY_SIX)

    assert (digest.state, digest.due_at, digest.window_end) == (DigestState.DRAFT, MONDAY_SIX, MONDAY_SIX)
    assert digest.picks.count() == 3
    assert _open(f"digests.waiting.{digest.pk}")
    assert not Mailing.objects.exists()


def test_a_plan_that_sends_fills_approves_and_hands_over() -> None:
    plan = make_planned(**SENDS)
    make_news(3, at=MONDAY_SIX - HOUR)

    (digest,) = planning.run_due_plans(MONDAY_SIX)

    digest.refresh_from_db()
    plan.newsletter.refresh_from_db()
    approval = Approval.objects.get()
    assert (digest.state, digest.is_automatic) == (DigestState.HANDED_OVER, True)
    assert (approval.policy, approval.proposer, approval.approver) == (ApprovalPolicy.AUTOPILOT, None, None)
    assert DigestMailing.objects.get().digest == digest
    assert plan.newsletter.latest_url == digest.get_absolute_url()
    assert plan.newsletter.latest_title == digest.subject
    assert plan.newsletter.next_at == MONDAY_SIX + DAY


def test_readers_are_promised_the_plans_own_time_and_none_while_it_rests() -> None:
    newsletter = make_planned().newsletter
    promised = []

    for change in ({}, {"time": "08:00"}, {"is_active": False}):
        Plan.objects.filter(newsletter=newsletter).update(**change)
        planning.tell_newsletter(newsletter, at=MONDAY_SIX - HOUR)
        newsletter.refresh_from_db()
        promised.append(newsletter.next_at)

    assert promised == [MONDAY_SIX, MONDAY_SIX + 2 * HOUR, None]


@pytest.mark.parametrize("by", ["somebody saves the plan", "the plan runs"])
def test_what_was_sent_early_is_not_promised_again(by: str) -> None:
    plan = make_planned()
    tomorrow = MONDAY_SIX + DAY
    make_sent(plan.newsletter, at=MONDAY_SIX - 2 * HOUR, due_at=tomorrow)

    if by == "the plan runs":
        planning.run(plan, at=MONDAY_SIX)
    else:
        planning.tell_newsletter(plan.newsletter, at=MONDAY_SIX)

    plan.newsletter.refresh_from_db()
    assert plan.newsletter.next_at == tomorrow + DAY


def test_of_two_sent_early_neither_is_promised_again() -> None:
    newsletter = make_planned().newsletter

    make_sent(newsletter, at=MONDAY_SIX - 2 * HOUR, due_at=MONDAY_SIX + DAY)
    make_sent(newsletter, at=MONDAY_SIX - HOUR, due_at=MONDAY_SIX)

    newsletter.refresh_from_db()
    assert newsletter.next_at == MONDAY_SIX + 2 * DAY


def test_running_again_changes_nothing() -> None:
    make_planned(**SENDS)
    make_news(3, at=MONDAY_SIX - HOUR)
    planning.run_due_plans(MONDAY_SIX)

    for minutes in range(1, 5):
        assert planning.run_due_plans(MONDAY_SIX + minutes * MINUTE) == []

    assert Digest.objects.count() == Mailing.objects.count() == 1


def test_a_scheduler_that_read_the_plan_before_another_ran_it_does_nothing() -> None:
    plan = make_planned()
    seen = Plan.objects.select_related("newsletter").get(pk=plan.pk)
    make_news(3, at=MONDAY_SIX - HOUR)
    planning.run_due_plans(MONDAY_SIX)

    assert planning.run(seen, at=MONDAY_SIX) is None


def test_after_a_day_without_anything_one_digest_goes_out_once() -> None:
    """Everything stopped from Monday morning until Tuesday noon: Tuesday's digest has both days' articles."""
    plan = make_planned(**SENDS, weekdays="mo,tu,we")
    monday, tuesday = make_news(1, at=MONDAY_SIX - HOUR), make_news(1, at=MONDAY_SIX + HOUR)
    too_new = make_news(1, at=MONDAY_SIX + DAY + HOUR)

    planning.run_due_plans(MONDAY_SIX + DAY + 6 * HOUR)
    planning.run_due_plans(MONDAY_SIX + DAY + 7 * HOUR)

    digest = Digest.objects.get()
    assert digest.due_at == digest.window_end == MONDAY_SIX + DAY
    assert digest.window_start == plan.first_window_from
    assert {pick.article for pick in digest.picks.all()} == {*monday, *tuesday}
    assert not {pick.article for pick in digest.picks.all()} & set(too_new)
    assert Mailing.objects.count() == 1


def test_a_made_up_run_is_not_too_late_for_itself() -> None:
    make_planned(**SENDS)
    make_news(1, at=MONDAY_SIX - HOUR)

    planning.run_due_plans(MONDAY_SIX + 9 * HOUR)

    digest = Digest.objects.get()
    assert digest.state == DigestState.HANDED_OVER
    assert digest.handed_over_at == MONDAY_SIX + 9 * HOUR


def test_a_run_missed_for_too_long_is_told_and_its_articles_come_later() -> None:
    plan = make_planned(**SENDS, weekdays="mo,fr", make_up_hours=36)
    news = make_news(1, at=MONDAY_SIX - HOUR)

    planning.run_due_plans(MONDAY_SIX + 37 * HOUR)

    assert not Digest.objects.exists()
    assert _open(f"digests.missed.{plan.pk}")

    planning.run_due_plans(MONDAY_SIX + 4 * DAY)

    digest = Digest.objects.get()
    assert [pick.article for pick in digest.picks.all()] == news


def test_a_draft_built_ahead_and_missed_gives_its_window_to_the_latest() -> None:
    make_planned(**SENDS, lead_minutes=60, weekdays="mo,tu")
    news = make_news(1, at=MONDAY_SIX - 2 * HOUR)
    planning.run_due_plans(MONDAY_SIX - HOUR)

    planning.run_due_plans(MONDAY_SIX + DAY + HOUR)

    missed, latest = Digest.objects.order_by("window_end")
    assert (missed.state, missed.number) == (DigestState.SKIPPED, None)
    assert (latest.state, latest.window_start) == (DigestState.HANDED_OVER, missed.window_start)
    assert [pick.article for pick in latest.picks.all()] == news


def test_a_draft_is_built_as_long_ahead_as_the_plan_wants() -> None:
    make_planned(lead_minutes=60)

    assert planning.run_due_plans(MONDAY_SIX - 61 * MINUTE) == []
    (ahead,) = planning.run_due_plans(MONDAY_SIX - 60 * MINUTE)
    assert planning.run_due_plans(MONDAY_SIX - 59 * MINUTE) == []

    make_news(1, at=MONDAY_SIX - 30 * MINUTE)
    assert planning.run_due_plans(MONDAY_SIX) == [ahead]
    assert ahead.picks.count() == 1


def test_a_digest_that_the_desk_sent_ahead_is_not_built_or_sent_again() -> None:
    plan = make_planned(**SENDS, lead_minutes=60, minimum_new=0)
    make_news(1, at=MONDAY_SIX - 6 * HOUR)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - 5 * HOUR)
    selection.name(draft, at=MONDAY_SIX - 5 * HOUR)
    proof = workflow.propose(draft, by=make_user(), at=MONDAY_SIX - 5 * HOUR)
    workflow.approve(proof, by=make_user(), at=MONDAY_SIX - 5 * HOUR)
    workflow.send_now(proof.digest, by=None, at=MONDAY_SIX - 5 * HOUR, grace_seconds=0)
    workflow.hand_over(proof.digest, at=MONDAY_SIX - 5 * HOUR)

    planning.run_due_plans(MONDAY_SIX - HOUR)
    planning.run_due_plans(MONDAY_SIX)

    assert Digest.objects.get().due_at == MONDAY_SIX
    assert Mailing.objects.count() == 1


def test_too_little_new_skips_tells_staff_and_starts_the_next_window_at_the_same_time() -> None:
    plan = make_planned(**SENDS, minimum_new=3, weekdays="mo,tu")
    few = make_news(2, at=MONDAY_SIX - HOUR)

    (skipped,) = planning.run_due_plans(MONDAY_SIX)

    assert (skipped.state, skipped.number) == (DigestState.SKIPPED, None)
    assert _open(f"digests.skipped.{skipped.pk}")
    assert not Mailing.objects.exists()

    more = make_news(1, at=MONDAY_SIX + HOUR)
    planning.run_due_plans(MONDAY_SIX + DAY)

    sent = Digest.objects.get(state=DigestState.HANDED_OVER)
    assert (sent.number, sent.window_start) == (1, plan.first_window_from)
    assert {pick.article for pick in sent.picks.all()} == {*few, *more}


def test_a_draft_built_ahead_with_too_little_new_is_skipped_unless_somebody_curated_it() -> None:
    left, curated = make_planned(minimum_new=3), make_planned(minimum_new=3)
    make_news(2, at=MONDAY_SIX - 2 * HOUR)
    drafts = [selection.build(plan.newsletter, at=MONDAY_SIX - HOUR) for plan in (left, curated)]
    curation.edit_digest(drafts[1], expected_version=1, at=MONDAY_SIX - HOUR, subject="Heute kurz")

    planning.run_due_plans(MONDAY_SIX)

    states = [Digest.objects.get(pk=draft.pk).state for draft in drafts]
    assert states == [DigestState.SKIPPED, DigestState.DRAFT]


def test_a_draft_of_the_desk_is_filled_up_and_sent_and_its_stories_stay() -> None:
    plan = make_planned(**SENDS)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - 5 * HOUR, by=make_user())
    lead, *others = make_news(3, at=MONDAY_SIX - HOUR)
    curation.add_pick(draft, lead, slot="lead", expected_version=1, by=None, at=MONDAY_SIX)

    planning.run_due_plans(MONDAY_SIX)

    sent = Digest.objects.get()
    assert (sent.pk, sent.state, sent.is_automatic) == (draft.pk, DigestState.HANDED_OVER, False)
    assert sent.picks.get(slot="lead").article == lead
    assert {pick.article for pick in sent.picks.exclude(slot="lead")} == set(others)


@pytest.mark.parametrize("autopilot", [Autopilot.HOLD, Autopilot.SKIP])
def test_a_draft_that_the_desk_began_and_has_to_finish_is_not_filled_at_the_due_time(
    autopilot: Autopilot,
) -> None:
    plan = make_planned(autopilot=autopilot)
    make_news(2, at=MONDAY_SIX - 2 * HOUR)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    curation.edit_digest(draft, expected_version=1, at=MONDAY_SIX - HOUR, subject="Guten Morgen")
    make_news(3, at=MONDAY_SIX - HOUR / 2)
    before = Digest.objects.filter(pk=draft.pk).values().get(), set(draft.picks.values_list("article"))

    planning.run_due_plans(MONDAY_SIX)

    after = Digest.objects.filter(pk=draft.pk).values().get(), set(draft.picks.values_list("article"))
    assert after == before
    assert _open(f"digests.waiting.{draft.pk}")


def test_what_the_desk_took_out_is_not_sent_and_says_so() -> None:
    plan = make_planned("en", **SENDS)
    make_news(9, at=MONDAY_SIX - 2 * HOUR, language="en")
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    at = MONDAY_SIX - HOUR
    lead, *others = draft.picks.filter(slot__in=["lead", "more"]).order_by("slot")
    jonas = make_user("jonas")
    for number, pick in enumerate([lead, *others], 1):
        curation.remove_pick(pick, expected_version=number, at=at, by=jonas)
    (new,) = make_news(1, at=at, language="en")

    planning.run_due_plans(MONDAY_SIX)

    sent = Digest.objects.get(state=DigestState.HANDED_OVER)
    # The slot that was emptied is no empty slot: it gets what it needs and no more.
    assert others
    assert [pick.article for pick in sent.picks.exclude(slot="briefs")] == [new]
    left = {line["article"]: line for line in sent.choices if not line["slot"]}
    with translation.override("en"):
        assert why_chosen(left[lead.article_id]) == "The desk took it out of this digest."


def test_what_was_withdrawn_makes_room_all_the_same() -> None:
    plan = make_planned(**SENDS)
    make_news(9, at=MONDAY_SIX - 2 * HOUR)
    selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    Article.objects.update(withdrawn_at=MONDAY_SIX - HOUR)
    withdrawing.pull_withdrawn(MONDAY_SIX - HOUR)
    news = make_news(8, at=MONDAY_SIX - HOUR)

    planning.run_due_plans(MONDAY_SIX)

    sent = Digest.objects.get(state=DigestState.HANDED_OVER)
    assert {pick.article for pick in sent.picks.all()} == set(news)


SAID = {
    "nobody": "automatically; the mail says so",
    "the desk": "partly automatically; the mail says so",
}
COLUMN = {
    "nobody": "automatically",
    "the desk": "partly automatically",
    "the desk, and a person approves": "by the desk",
}
LABELS = ("Put together automatically", "Put together partly automatically")


def column_of(digest: Digest) -> str:
    """What the list of digests says of it, read with the list's own query."""
    page, request = admin.site.get_model_admin(Digest), RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("anna")
    assert isinstance(page, DigestAdmin)
    row = page.get_queryset(request).get(pk=digest.pk)
    assert "is_released_by_plan" in vars(row)  # read with the list, not for each line
    return page.made_by(row)


@pytest.mark.parametrize("begun_by", ["nobody", "the desk", "the desk, and a person approves"])
def test_readers_are_told_whenever_no_person_released_the_digest(begun_by: str) -> None:
    """In both parts of the mail and in the archive; one word to the subject makes nobody answer for the rest."""
    plan = make_planned("en", **SENDS)
    make_news(3, at=MONDAY_SIX - HOUR, language="en")
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    if begun_by != "nobody":
        curation.edit_digest(draft, expected_version=1, at=MONDAY_SIX - HOUR, subject="Guten Morgen")
    half_past = MONDAY_SIX - HOUR / 2
    if begun_by.endswith("approves"):
        selection.fill(draft, at=half_past)
        proof = workflow.propose(draft, by=make_user(), at=half_past)
        workflow.approve(proof, by=make_user(), at=half_past)
        workflow.schedule(proof.digest, when=MONDAY_SIX, by=None, at=half_past)
        workflow.hand_over_due(MONDAY_SIX)
    else:
        planning.run_due_plans(MONDAY_SIX)

    sent = Digest.objects.get(state=DigestState.HANDED_OVER)
    proof = sent.proofs.get()
    mail = proof.renditions.get().rendition
    expected = {"nobody": [LABELS[0]], "the desk": [LABELS[1]]}.get(begun_by, [])
    for part in (mail.html, mail.text, proof.web_html):
        assert [label for label in LABELS if label in part] == expected
    with translation.override("en"):  # whoever looks at it later sees what readers saw
        assert automatic_label(sent) == "".join(expected)
        assert put_together(sent, plan, newest=proof.number) == SAID.get(begun_by, "")
        assert column_of(sent) == COLUMN[begun_by]


def test_the_autopilot_takes_nothing_unfit() -> None:
    make_planned(**SENDS)
    fit = make_article(first_seen_at=MONDAY_SIX - HOUR)
    make_article(first_seen_at=MONDAY_SIX - HOUR, origin=Origin.USER_SUBMISSION, review=Review.UNREVIEWED)
    make_article(first_seen_at=MONDAY_SIX - HOUR, embargo_until=MONDAY_SIX + HOUR)
    make_article(first_seen_at=MONDAY_SIX - HOUR, withdrawn_at=MONDAY_SIX - MINUTE)
    make_article(first_seen_at=MONDAY_SIX - 9 * MINUTE)
    picture = make_picture(alt="Die Fähre am Steg", credit="KI-generiert (Midjourney)")
    make_article(first_seen_at=MONDAY_SIX - HOUR, picture=picture)

    planning.run_due_plans(MONDAY_SIX)

    sent = Digest.objects.get(state=DigestState.HANDED_OVER)
    assert [pick.article for pick in sent.picks.all()] == [fit]


def test_a_machines_picture_that_nobody_labelled_does_not_keep_the_digest_from_readers() -> None:
    """It is the newest, and would open the mail."""
    make_planned(**SENDS)
    older = make_news(3, at=MONDAY_SIX - 2 * HOUR)
    picture = make_picture(alt="Die Fähre am Steg", credit="KI-generiert (Midjourney)")
    newest = make_article(first_seen_at=MONDAY_SIX - HOUR, picture=picture)

    (digest,) = planning.run_due_plans(MONDAY_SIX)

    digest.refresh_from_db()
    assert digest.state == DigestState.HANDED_OVER
    assert {pick.article for pick in digest.picks.all()} == set(older)
    (left,) = [line for line in digest.choices if not line["slot"]]
    assert (left["article"], left["reason"]) == (newest.pk, "picture")
    assert not _open(f"digests.not_sent.{digest.pk}")


@pytest.mark.parametrize(
    ("is_automatic", "autopilot", "says"),
    [
        (True, Autopilot.HOLD, "unless the desk changes something"),
        (True, Autopilot.FILL_AND_SEND, "but the plan sends it"),
        (False, Autopilot.FILL_AND_SEND, "if the plan fills and sends it"),
        (False, Autopilot.HOLD, ""),
    ],
)
@pytest.mark.usefixtures("in_english")
def test_the_desk_learns_before_what_readers_will_be_told(
    is_automatic: bool, autopilot: Autopilot, says: str
) -> None:
    plan = make_planned(autopilot=autopilot)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR, by=None if is_automatic else make_user())
    draft.is_automatic = is_automatic

    told = put_together(draft, plan, newest=0)

    assert says in told
    assert bool(told) == bool(says)


def test_what_preflight_blocks_stays_a_draft_and_staff_are_told() -> None:
    plan = make_planned(**SENDS)
    make_news(2, at=MONDAY_SIX - HOUR)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    make_pick(digest=draft, slot="more", article=make_article(withdrawn_at=MONDAY_SIX))

    (digest,) = planning.run_due_plans(MONDAY_SIX)

    digest.refresh_from_db()
    assert digest.state == DigestState.DRAFT
    assert not digest.proofs.exists()
    assert _open(f"digests.not_sent.{draft.pk}")


def test_a_story_of_the_desk_under_embargo_keeps_the_plan_from_sending() -> None:
    plan = make_planned(**SENDS)
    make_news(2, at=MONDAY_SIX - HOUR)
    draft = selection.build(plan.newsletter, at=MONDAY_SIX - HOUR)
    secret = make_article(embargo_until=MONDAY_SIX + HOUR)
    make_pick(digest=draft, slot="more", article=secret)

    planning.run_due_plans(MONDAY_SIX)

    draft.refresh_from_db()
    assert (draft.state, draft.proofs.count()) == (DigestState.DRAFT, 0)
    assert secret.title in Incident.objects.get(key=f"digests.not_sent.{draft.pk}").text
    assert not Mailing.objects.exists()


def test_plans_that_rest_do_nothing() -> None:
    make_planned(is_active=False)
    paused = make_planned()
    paused.newsletter.state = NewsletterState.PAUSED
    paused.newsletter.save()

    assert planning.run_due_plans(MONDAY_SIX) == []


def test_one_plan_s_trouble_does_not_hold_up_the_others() -> None:
    broken, whole = make_planned(zone="Europe/Lindenufer"), make_planned()
    make_news(1, at=MONDAY_SIX - HOUR)

    touched = planning.run_due_plans(MONDAY_SIX)

    assert [digest.newsletter for digest in touched] == [whole.newsletter]
    assert _open(f"digests.error.{broken.pk}")


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", dt.date(2026, 3, 29)),
        ("Europe/Berlin", dt.date(2026, 10, 25)),
        ("America/New_York", dt.date(2026, 3, 8)),
        ("America/New_York", dt.date(2026, 11, 1)),
    ],
)
@pytest.mark.parametrize("time", [dt.time(1, 30), dt.time(2, 30), dt.time(6, 0)])
def test_a_night_of_clock_change_sends_once(zone: str, day: dt.date, time: dt.time) -> None:
    midnight = dt.datetime.combine(day, dt.time(0), tzinfo=dt.UTC)
    plan = make_planned(
        **SENDS, zone=zone, time=time, weekdays="su", first_window_from=midnight - DAY, minimum_new=0
    )
    make_article(first_seen_at=midnight - HOUR)

    for minutes in range(0, 36 * 60, 15):
        planning.run_due_plans(midnight + minutes * MINUTE)

    assert Mailing.objects.count() == 1
    assert Digest.objects.get(state=DigestState.HANDED_OVER).newsletter == plan.newsletter


def test_a_run_that_breaks_half_way_leaves_nothing_and_comes_again() -> None:
    plan = make_planned(**SENDS)
    make_news(1, at=MONDAY_SIX - HOUR)

    with connection.execute_wrapper(_breaking('INSERT INTO "digests_approval"')):
        planning.run_due_plans(MONDAY_SIX)

    plan.refresh_from_db()
    assert plan.last_due_at is None
    assert not Digest.objects.exists()
    assert _open(f"digests.error.{plan.pk}")

    planning.run_due_plans(MONDAY_SIX + MINUTE)

    assert Plan.objects.get().last_due_at == MONDAY_SIX
    assert Digest.objects.get().state == DigestState.HANDED_OVER


def _breaking(statement: str) -> Any:
    """A database that fails at one statement, as if the connection broke."""

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(statement):
            raise RuntimeError("The connection broke.")
        return execute(sql, params, many, context)

    return wrapper
