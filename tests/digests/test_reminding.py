"""Reminders before a digest is due: to whom, when, once, and what they say."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group
from pytest_django import DjangoAssertNumQueries

from digests import planning, reminding, swapping, workflow
from digests.models import Digest, NewsletterAccess
from digests.states import Autopilot, DigestState
from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from tests.digests.factories import (
    HOUR,
    MONDAY_SIX,
    make_approved,
    make_colleague,
    make_news,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import make_article, make_newsletter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

MINUTE = dt.timedelta(minutes=1)


def reminders() -> list[Letter]:
    return list(Letter.objects.filter(kind=LetterKind.REMINDER).order_by("pk"))


def minute_by_minute(start: dt.datetime, end: dt.datetime) -> None:
    while start < end:
        reminding.remind_due(start)
        start += MINUTE


def test_an_hour_and_a_quarter_of_an_hour_before_and_never_else() -> None:
    make_colleague("jonas", "Redaktion")
    make_ready(due_at=MONDAY_SIX)

    minute_by_minute(MONDAY_SIX - 3 * HOUR, MONDAY_SIX + HOUR)

    times = [letter.created_at for letter in reminders()]
    assert times == [MONDAY_SIX - 60 * MINUTE, MONDAY_SIX - 15 * MINUTE]


def test_whoever_is_on_duty_is_reminded_alone() -> None:
    jonas, _mia = make_colleague("jonas", "Redaktion"), make_colleague("mia", "Redaktion")
    make_ready(due_at=MONDAY_SIX, owner=jonas)

    reminding.remind_due(MONDAY_SIX - HOUR)

    assert [letter.address for letter in reminders()] == ["jonas@example.org"]


def test_without_anybody_on_duty_all_who_work_on_the_newsletter_are_reminded() -> None:
    make_colleague("jonas", "Redaktion")
    elsewhere = make_colleague("mia", "Redaktion")
    NewsletterAccess.objects.create(user=elsewhere, newsletter=make_newsletter())
    make_colleague("nobody", "Lesend")
    make_ready(due_at=MONDAY_SIX)

    reminding.remind_due(MONDAY_SIX - HOUR)

    assert [letter.address for letter in reminders()] == ["jonas@example.org"]


@pytest.mark.parametrize(
    ("autopilot", "sentence"),
    [
        (Autopilot.HOLD, "If nobody does anything, it does not go out."),
        (Autopilot.FILL_AND_SEND, "the plan fills the empty places and sends it."),
        (Autopilot.SKIP, "If nobody does anything, it does not go out."),  # the desk has curated it
    ],
)
def test_the_letter_says_how_it_stands_and_what_happens_else(autopilot: Autopilot, sentence: str) -> None:
    make_colleague("jonas", "Redaktion")
    digest = make_ready(make_planned(autopilot=autopilot).newsletter, due_at=MONDAY_SIX, subject="")

    reminding.remind_due(MONDAY_SIX - HOUR)

    (letter,) = reminders()
    for part in (letter.text, letter.html):
        words = " ".join(part.split())
        assert "The draft waits for the desk." in words
        assert "The subject is missing." in words
        assert sentence in words
        assert f"/admin/digests/digest/{digest.pk}/change/" in words
    assert letter.subject == "Due in 60 minutes: Wirtschaft & Technik"


def test_a_draft_that_came_back_is_not_said_to_be_sent_by_the_plan() -> None:
    make_colleague("jonas", "Redaktion")
    proof = make_proofed(make_planned(autopilot=Autopilot.FILL_AND_SEND).newsletter, due_at=MONDAY_SIX)
    workflow.return_proof(proof, by=make_user(), because="Falsches Bild.", at=MONDAY_SIX - 2 * HOUR)

    reminding.remind_due(MONDAY_SIX - HOUR)

    (letter,) = reminders()
    assert "If nobody does anything, it does not go out." in " ".join(letter.text.split())


def test_a_proof_and_an_approval_that_wait_are_reminded_of_and_a_scheduled_digest_is_not() -> None:
    make_colleague("jonas", "Redaktion")
    make_proofed(due_at=MONDAY_SIX)
    make_approved(due_at=MONDAY_SIX)
    make_scheduled(due_at=MONDAY_SIX)

    reminding.remind_due(MONDAY_SIX - HOUR)

    texts = " ".join(" ".join(letter.text.split()) for letter in reminders())
    assert len(reminders()) == 2
    assert "The proof waits for approval." in texts
    assert "It is approved, but not scheduled." in texts


def test_an_exchange_that_waits_is_reminded_of_by_the_time_it_is_wanted_for() -> None:
    make_colleague("jonas", "Redaktion")
    digest = make_scheduled(MONDAY_SIX + 12 * HOUR)
    at = MONDAY_SIX + 12 * HOUR - 10 * MINUTE
    swapping.swap(digest.picks.get(), make_article(), expected_version=digest.version, by=make_user(), at=at)

    reminding.remind_due(at)

    (letter,) = reminders()
    assert "Without an approval it does not go out." in " ".join(letter.text.split())


@pytest.mark.parametrize(
    ("autopilot", "sentence"),
    [
        (Autopilot.HOLD, "If nobody does anything, it does not go out."),
        (Autopilot.FILL_AND_SEND, "the plan fills the empty places and sends it."),
        (Autopilot.SKIP, "the plan skips it; its articles go into the next."),
    ],
)
def test_a_plan_is_reminded_of_before_anything_is_built_whatever_it_does_by_itself(
    autopilot: Autopilot, sentence: str
) -> None:
    make_colleague("jonas", "Redaktion")
    make_planned(autopilot=autopilot)
    make_planned(autopilot=autopilot, is_active=False)

    minute_by_minute(MONDAY_SIX - 2 * HOUR, MONDAY_SIX)

    assert [letter.created_at for letter in reminders()] == [MONDAY_SIX - HOUR, MONDAY_SIX - 15 * MINUTE]
    for letter in reminders():
        words = " ".join(letter.text.split())
        assert "Nobody has built the digest yet." in words
        assert sentence in words
        assert "/admin/digests/digest/add/" in words


def test_a_proof_that_still_waits_a_quarter_of_an_hour_before_is_told_to_who_may_approve() -> None:
    jonas = make_colleague("jonas", "Redaktion")
    make_colleague("mia", "Redaktion")
    make_colleague("aylin", "Abnahme")
    elsewhere = make_colleague("ole", "Abnahme")
    NewsletterAccess.objects.create(user=elsewhere, newsletter=make_newsletter())
    make_proofed(due_at=MONDAY_SIX, owner=jonas)
    make_ready(due_at=MONDAY_SIX, owner=jonas)  # a draft waits for the desk, not for an approval

    reminding.remind_due(MONDAY_SIX - HOUR)
    assert [letter.address for letter in reminders()] == ["jonas@example.org"] * 2
    minute_by_minute(MONDAY_SIX - 15 * MINUTE, MONDAY_SIX)

    last = [letter for letter in reminders() if letter.created_at > MONDAY_SIX - HOUR]
    assert sorted(letter.address for letter in last) == ["aylin@example.org", *["jonas@example.org"] * 2]


def test_who_may_change_and_approve_is_reminded_of_a_proof_once() -> None:
    make_colleague("aylin", "Redaktion").groups.add(Group.objects.get(name="Abnahme"))
    make_proofed(due_at=MONDAY_SIX)

    reminding.remind_due(MONDAY_SIX - 15 * MINUTE)

    assert [letter.address for letter in reminders()] == ["aylin@example.org"]


def test_nothing_due_costs_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(4):
        make_ready(due_at=MONDAY_SIX)

    # Digests due within the hour; plans.
    with django_assert_num_queries(2):
        reminding.remind_due(MONDAY_SIX - 3 * HOUR)


def test_the_plan_says_of_each_article_why_it_took_it_or_not() -> None:
    make_planned(autopilot=Autopilot.FILL_AND_SEND)
    make_news(13, at=MONDAY_SIX - HOUR)
    secret = make_article(first_seen_at=MONDAY_SIX - HOUR, embargo_until=MONDAY_SIX + HOUR)

    (digest,) = planning.run_due_plans(MONDAY_SIX)

    digest.refresh_from_db()
    taken = {line["article"]: line["slot"] for line in digest.choices if line["slot"]}
    left = {line["article"]: line["reason"] for line in digest.choices if not line["slot"]}
    assert digest.state == DigestState.HANDED_OVER
    assert taken == dict(digest.picks.values_list("article_id", "slot"))
    assert left.pop(secret.pk) == "embargo"
    assert set(left.values()) == {"slot_full"}
    assert len(taken) + len(left) == 13
    assert all(isinstance(line["score"], float) for line in digest.choices)


def test_the_choices_of_an_earlier_filling_are_kept() -> None:
    plan = make_planned(lead_minutes=120)
    first = make_news(1, at=MONDAY_SIX - 3 * HOUR)
    planning.run_due_plans(MONDAY_SIX - 2 * HOUR)
    make_news(2, at=MONDAY_SIX - HOUR)

    planning.run_due_plans(MONDAY_SIX)

    digest = Digest.objects.get(newsletter=plan.newsletter)
    taken = {line["article"] for line in digest.choices if line["slot"]}
    assert first[0].pk in taken
    assert taken == set(digest.picks.values_list("article_id", flat=True))
