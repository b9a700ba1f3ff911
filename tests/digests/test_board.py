"""The board: what is due first stands first, one useful act per user, and a fixed number of queries."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import Settings

from digests import board, health, skipping, workflow
from digests.board import Card, Step
from digests.delivery import ledger
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.health import Level
from digests.models import Digest, NewsletterAccess, Pick
from digests.roles import bring_up_to_date
from digests.states import DigestState
from newsroom.articles.models import Article
from newsroom.environment import read_complaints
from newsroom.mail import heartbeats, incidents
from newsroom.mail.models import ProviderEvent
from newsroom.web import clock, tokens
from newsroom.web.tokens import TokenKind
from subscriptions.models import Newsletter
from subscriptions.states import NewsletterState
from tests.digests.factories import (
    DAY,
    HOUR,
    make_approved,
    make_handed_over,
    make_planned,
    make_proofed,
    make_ready,
    make_scheduled,
    make_user,
)
from tests.factories import NOON, make_article, make_author, make_newsletter, make_subscription
from tests.newsroom.articles.factories import make_picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


def colleague(*groups: str, **values: Any) -> User:
    bring_up_to_date(Group.objects, Permission.objects)
    user = make_user()
    for name, value in {"is_staff": True, **values}.items():
        setattr(user, name, value)
    user.save()
    user.groups.set(Group.objects.filter(name__in=groups))
    return User.objects.get(pk=user.pk)


def only_card(user: User) -> Card:
    (card,) = board.look(user, at=NOON).cards
    return card


def test_newsletter_without_a_digest_shows_when_its_plan_wants_the_next() -> None:
    plan = make_planned()

    card = only_card(colleague("Redaktion"))

    assert (card.newsletter, card.digest, card.step) == (plan.newsletter, None, Step.BUILD)
    assert card.moment == NOON + timedelta(hours=16)  # Tuesday, six in Berlin


def test_newsletter_without_a_plan_says_so_and_only_who_may_plan_is_asked_to() -> None:
    make_newsletter()

    assert only_card(colleague("Redaktion")).step == Step.NONE
    assert only_card(colleague("Betrieb")).step == Step.PLAN


def test_draft_that_came_back_is_not_said_to_be_the_plans_alone() -> None:
    proof = make_proofed(due_at=NOON + HOUR, is_automatic=True)
    user = colleague("Redaktion")
    workflow.return_proof(proof, by=make_user(), because="Falsches Bild.", at=NOON)

    assert only_card(user).says == "A draft the desk works on."


def test_newsletter_at_rest_and_one_of_others_stay_off_the_board() -> None:
    make_newsletter(state=NewsletterState.DRAFT)
    mine, _theirs = make_planned(), make_planned()
    user = colleague("Redaktion")
    NewsletterAccess.objects.create(user=user, newsletter=mine.newsletter)

    assert only_card(user).newsletter == mine.newsletter


@pytest.mark.parametrize("station", ["scheduled", "on its way"])
@pytest.mark.parametrize("state", [NewsletterState.PAUSED, NewsletterState.RETIRED])
def test_what_can_still_be_stopped_stays_on_the_board_when_its_newsletter_rests(
    station: str, state: NewsletterState
) -> None:
    digest = make_scheduled() if station == "scheduled" else make_handed_over()
    make_ready(digest.newsletter)
    make_handed_over(make_planned(language="en").newsletter)  # over, at rest, and off the board
    Mailing.objects.exclude(digest_mailing__digest=digest).update(state=MailingState.FINISHED)
    Newsletter.objects.update(state=state)

    found = board.look(colleague("Redaktion"), at=NOON)

    (card,) = found.cards
    assert (card.digest, card.step, found.past) == (digest, Step.STOP, ())
    assert ("The newsletter is not active" in card.says) == (station == "scheduled")


def test_draft_asks_to_be_mended_where_a_slot_is_empty_and_else_to_be_finished() -> None:
    whole = make_ready(due_at=NOON + HOUR, is_automatic=False)
    user = colleague("Redaktion")
    assert only_card(user).step == Step.FINISH

    whole.picks.all().delete()
    card = only_card(user)

    assert (card.step, card.blocking) == (Step.MEND, 2)
    assert card.missing == ("Lead: 1 story is missing.",)


def test_draft_past_its_due_time_says_that_nothing_went_out() -> None:
    make_ready(due_at=NOON - HOUR, window_end=NOON - HOUR)

    late, coming = board.look(colleague("Redaktion"), at=NOON).cards

    assert late.says == "A draft past its due time; nothing went out."
    assert coming.step == Step.BUILD


def test_proof_is_approved_by_a_colleague_and_only_read_by_its_proposer() -> None:
    proposer = colleague("Redaktion", "Abnahme")
    proof = make_proofed(by=proposer, due_at=NOON + HOUR)

    assert only_card(proposer).step == Step.READ_PROOF
    assert only_card(proposer).says == f"Your proof {proof.number} waits for a second person."
    assert only_card(colleague("Abnahme")).step == Step.APPROVE
    assert only_card(colleague("Redaktion")).step == Step.READ_PROOF


def test_own_proof_may_be_approved_where_the_plan_allows_one_person() -> None:
    plan, proposer = make_planned(needs_four_eyes=False), colleague("Abnahme")
    make_proofed(plan.newsletter, by=proposer, due_at=NOON + HOUR)

    assert only_card(proposer).step == Step.APPROVE


@pytest.mark.parametrize(
    ("make", "step", "of_editors"),
    [(make_approved, Step.SCHEDULE, Step.LOOK), (make_scheduled, Step.STOP, Step.STOP)],
    ids=["approved", "scheduled"],
)
def test_to_send_is_for_those_who_may_and_to_stop_for_editors_too(
    make: Any, step: Step, of_editors: Step
) -> None:
    make(due_at=NOON + HOUR)

    assert only_card(colleague("Abnahme")).step == step
    assert only_card(colleague("Redaktion")).step == of_editors
    assert only_card(colleague("Lesend")).step == Step.LOOK


def test_mailing_under_way_is_stopped_and_a_stopped_one_decided_about() -> None:
    digest = make_handed_over(due_at=NOON + HOUR)
    user = colleague("Abnahme")
    mailing = digest.mailings.get().mailing
    Mailing.objects.filter(pk=mailing.pk).update(state=MailingState.SENDING, frozen=20)

    sending, _next = board.look(user, at=NOON).cards
    Mailing.objects.filter(pk=mailing.pk).update(state=MailingState.PAUSED, paused_because="wrong lead")
    stopped, _next = board.look(user, at=NOON).cards

    assert (sending.step, sending.says) == (Step.STOP, "Being sent: 0 of 20 copies are decided.")
    assert (stopped.step, stopped.says) == (Step.DECIDE, "Stopped after 0 of 20 copies: wrong lead")


def test_what_is_due_first_stands_first() -> None:
    for hours in (5, 1, 3):
        make_ready(due_at=NOON + hours * HOUR)

    moments = [card.moment for card in board.look(colleague("Redaktion"), at=NOON).cards]

    assert moments == [NOON + hours * HOUR for hours in (1, 3, 5)]


@pytest.mark.postgres
def test_only_the_newest_open_digests_of_a_newsletter_are_shown() -> None:
    newsletter = make_planned().newsletter
    made = [make_ready(newsletter, due_at=NOON + number * HOUR) for number in range(1, 6)]

    shown = [card.digest for card in board.look(colleague("Redaktion"), at=NOON).cards]

    assert shown == made[-board.OPEN_PER_NEWSLETTER :]


def test_missed_run_is_told_on_its_newsletters_card() -> None:
    plan = make_planned()
    incidents.report(f"digests.missed.{plan.pk}", title="A digest was missed", text="It was due.", at=NOON)

    assert only_card(colleague("Redaktion")).missed == "A digest was missed. It was due."


def finish(digest: Digest, **counts: Any) -> Mailing:
    mailing = digest.mailings.get().mailing
    Mailing.objects.filter(pk=mailing.pk).update(
        **{"state": MailingState.FINISHED, "started_at": NOON, "finished_at": NOON, **counts}
    )
    return Mailing.objects.get(pk=mailing.pk)


def hear(mailing: Mailing, seq: int, kind: str, event_id: str) -> None:
    ProviderEvent.objects.create(
        provider="main",
        event_id=event_id,
        kind=kind,
        token=tokens.make(TokenKind.DELIVERY, ledger.first_id(mailing.pk) + seq),
        occurred_at=NOON,
        received_at=NOON + HOUR,
    )


@pytest.mark.postgres
def test_last_digests_tell_what_came_back_of_each_copy_once() -> None:
    first, second = (finish(make_handed_over(), accepted=100, rejected=2) for _ in range(2))
    hear(first, 7, "bounced", "a")
    hear(first, 7, "bounced", "b")
    hear(first, 8, "delivered", "c")
    hear(second, 7, "complained", "d")

    found = health.of_mailings([first, second])

    assert (found[first.pk].bounced, found[first.pk].complained) == (1, 0)
    assert (found[second.pk].bounced, found[second.pk].complained) == (0, 1)
    assert found[first.pk].level == Level.GOOD


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ({"accepted": 100}, "well"),
        ({"accepted": 100, "rejected": 6}, "many rejected"),
        ({"accepted": 100, "held": 1}, "some copies unclear"),
        ({"accepted": 100, "state": MailingState.ENDED}, "ended early"),
        ({}, "no readers"),
    ],
)
def test_health_is_one_word(counts: dict[str, Any], word: str) -> None:
    mailing = finish(make_handed_over(), **counts)

    assert health.of_mailings([mailing])[mailing.pk].word == word


@pytest.mark.parametrize(
    ("least", "accepted", "level"),
    [
        (3, 3_000, Level.STOP),
        (3, 3_001, Level.GOOD),
        (4, 3_000, Level.GOOD),
    ],
)
def test_many_complaints_are_bad_health_where_staff_are_warned_of_them(
    least: int, accepted: int, level: Level, settings: Settings
) -> None:
    settings.COMPLAINTS = read_complaints(f"warn=0.1,least={least}")
    mailing = finish(make_handed_over(), accepted=accepted)
    for seq in (1, 2, 3):
        hear(mailing, seq, "complained", str(seq))

    assert health.of_mailings([mailing])[mailing.pk].level == level


def test_skipped_digest_stands_among_the_last_with_its_reason() -> None:
    digest = make_ready()
    skipping.skip(digest, because="Nothing happened.", at=NOON)

    (past,) = board.look(colleague("Redaktion"), at=NOON).past

    assert (past.digest, past.mailing) == (digest, None)
    assert past.digest.skipped_because == "Nothing happened."


def page(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_front_page_shows_the_card_with_its_button_and_the_last_sends() -> None:
    at = clock.now()
    make_ready(due_at=at + timedelta(minutes=134, seconds=30), subject="Die Fähre fährt wieder")
    finish(make_handed_over(), accepted=99, rejected=1)

    text = page(colleague("Redaktion")).get("/admin/").content.decode()

    assert "in 2 h 14 min" in text
    assert text.count('class="board-card') == 2
    assert "Finish and make a proof" in text
    assert "Nobody is on duty" in text
    assert "<b>99</b> accepted" in text


PAGES = ("/admin/", "/admin/articles/article/", "/admin/digests/digest/", "/admin/password_change/")


@pytest.mark.parametrize("page_path", PAGES)
def test_every_page_says_what_stands_still_though_nobody_is_left_to_write_an_incident(page_path: str) -> None:
    client = page(colleague("Redaktion"))
    for queue in ("control", "letters", "mailings"):
        heartbeats.beat(f"queue:{queue}", at=clock.now())
    fine = client.get(page_path).text
    heartbeats.beat("queue:mailings", at=clock.now() - timedelta(seconds=91))

    one = client.get(page_path).text
    for queue in ("control", "letters"):
        heartbeats.beat(f"queue:{queue}", at=clock.now() - timedelta(seconds=91))
    everything = client.get(page_path).text

    assert "stands still" not in fine
    assert one.count("stands still") == one.count("The queue “mailings” stands still") == 1
    assert everything.count("stands still") == everything.count("The scheduler stands still") == 1


def test_what_an_incident_tells_already_is_not_told_twice() -> None:
    client = page(colleague("Redaktion"))
    heartbeats.beat("queue:control", at=clock.now())
    heartbeats.beat("queue:mailings", at=clock.now() - timedelta(seconds=91))
    incidents.report("machine.queue.mailings", title="Queue “mailings”: seen a while ago", at=clock.now())

    text = client.get("/admin/articles/article/").text

    assert text.count('class="incident-bar') == 1
    assert "seen a while ago" in text


def test_who_may_know_of_no_incident_hears_of_no_standstill() -> None:
    heartbeats.beat("queue:control", at=clock.now() - timedelta(seconds=91))

    assert "stands still" not in page(colleague()).get("/admin/password_change/").text


def test_front_page_without_the_right_to_see_digests_shows_no_board() -> None:
    make_planned()

    text = page(colleague()).get("/admin/").content.decode()

    assert "board-card" not in text


def test_build_button_builds_and_leads_to_the_composer() -> None:
    plan = make_planned()
    make_article(first_seen_at=clock.now() - HOUR)
    client = page(colleague("Redaktion"))

    answer = client.post(reverse("admin:digests_digest_add"), {"newsletter": plan.newsletter_id})

    digest = Digest.objects.get()
    assert answer.headers["Location"] == reverse("admin:digests_digest_change", args=[digest.pk])


def test_taking_over_puts_the_colleague_on_duty_and_leaves_the_proof_alone() -> None:
    proof, user = make_proofed(due_at=NOON + HOUR), colleague("Redaktion")
    url = reverse("admin:digests_digest_take_over", args=[proof.digest_id])

    answer = page(user).post(url, {"owner": ""})

    digest = Digest.objects.get()
    assert answer.headers["Location"] == "/admin/"
    assert (digest.owner, digest.state, digest.version) == (user, DigestState.PROOFED, proof.digest_version)
    assert LogEntry.objects.get().change_message == "Took over the duty."


def test_duty_is_not_taken_from_somebody_the_page_did_not_show() -> None:
    first = make_user()
    digest = make_ready(owner=first)
    url = reverse("admin:digests_digest_take_over", args=[digest.pk])

    page(colleague("Redaktion")).post(url, {"owner": ""})

    assert Digest.objects.get().owner == first
    assert not LogEntry.objects.exists()


def test_duty_is_not_for_those_who_only_look() -> None:
    digest = make_ready()

    answer = page(colleague("Lesend")).post(reverse("admin:digests_digest_take_over", args=[digest.pk]))

    assert answer.status_code == 403
    assert Digest.objects.get().owner is None


def test_digest_that_went_out_has_no_duty_left() -> None:
    digest = make_handed_over()

    page(colleague("Redaktion")).post(
        reverse("admin:digests_digest_take_over", args=[digest.pk]), {"owner": ""}
    )

    assert Digest.objects.get().owner is None


def fill(newsletters: int) -> None:
    """So many newsletters, each with a draft, a proof, a digest under way, one over and one skipped."""
    for _ in range(newsletters):
        newsletter = make_planned().newsletter
        make_subscription(newsletter=newsletter)
        finish(make_handed_over(newsletter), accepted=1)
        Mailing.objects.filter(
            pk=make_handed_over(newsletter, at=NOON + HOUR).mailings.get().mailing_id
        ).update(state=MailingState.SENDING)
        skipping.skip(make_ready(newsletter), because="Nothing.", at=NOON)
        make_proofed(newsletter, stories=3, due_at=NOON + DAY)
        author = make_author(portrait=make_picture())
        make_ready(newsletter, stories=3, owner=make_user(), note="Guten Morgen.", note_author=author)
    make_planned()


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(
        connection,
    ) as found:
        assert client.get("/admin/").status_code == 200
    return len(found)


@pytest.mark.postgres
def test_front_page_asks_the_database_a_fixed_number_of_times() -> None:
    client = page(colleague("Redaktion", "Abnahme", "Betrieb"))
    fill(1)
    few = queries_of(client)

    fill(4)
    many = queries_of(client)

    # The board: access, newsletters, digests, picks, proofs, missed runs, mailings, counts, those sent ahead, over,
    # their mailings, events. The rest: clock, heartbeats, session, user, permissions, incidents.
    assert few == many <= 30


@pytest.mark.slow
def test_front_page_asks_no_more_with_fifty_thousand_articles_and_two_thousand_digests() -> None:
    client = page(colleague("Redaktion", "Abnahme", "Betrieb"))
    fill(3)
    few = queries_of(client)
    newsletter = make_planned().newsletter
    Article.objects.bulk_create(
        [
            Article(
                identity=f"bulk:{number}", slug=f"bulk-{number}", language="de", title=f"Artikel {number}",
                body_html="<p>Text</p>" * 200, published_at=NOON, first_seen_at=NOON - number * timedelta(minutes=1),
            )
            for number in range(50_000)
        ],
        batch_size=2_000,
    )  # fmt: skip
    digests = Digest.objects.bulk_create(
        Digest(
            newsletter=newsletter, number=number, state=state, created_at=NOON, handed_over_at=NOON,
            window_start=NOON - number * DAY, window_end=NOON - (number - 1) * DAY, slots=[],
        )
        for number, state in enumerate([DigestState.HANDED_OVER] * 1_000 + [DigestState.DRAFT] * 1_000, 1)
    )  # fmt: skip
    articles = list(Article.objects.order_by("-pk")[:10])
    Pick.objects.bulk_create(
        Pick(digest=digest, article=article, slot="more") for digest in digests for article in articles
    )

    many = queries_of(client)

    assert few == many <= 30


def test_a_day_of_another_year_is_told_with_its_year() -> None:
    browser = page(colleague("Redaktion"))
    make_scheduled()
    this_year = clock.now().year
    shown = {}
    for year in (this_year, this_year + 3):
        Digest.objects.update(scheduled_at=clock.now().replace(year=year, month=12, day=30, hour=12))
        text = browser.get("/admin/").text
        (shown[year],) = re.findall(rf'<time datetime="{year}-12-30[^>]*>([^<]*)</time>', text)

    assert str(this_year) not in shown[this_year]
    assert f"30. Dez {this_year + 3}," in shown[this_year + 3]
