"""The last steps on the composer: a time that cannot be is refused by name, and who gets nothing is said before."""

import datetime as dt
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from digests import workflow
from digests.models import Digest, NewsletterAccess
from digests.states import DigestState
from newsroom.mail.models import Letter
from newsroom.web import clock
from subscriptions.states import Cadence
from tests.digests.factories import HOUR, make_approved, make_colleague, make_ready, make_scheduled
from tests.digests.test_sending_bar import act, browser_of
from tests.factories import make_article, make_newsletter, make_plan, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]


@pytest.fixture
def aylin() -> Client:
    return browser_of(make_colleague("aylin"))


def page_of(client: Client, digest: Digest) -> str:
    text = client.get(reverse("admin:digests_digest_change", args=[digest.pk])).text
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("2099-03-29T02:30", "02:30 does not exist on that day"),
        ("2099-10-25T02:30", "02:30 comes twice on that day"),
        ("2020-12-01T06:00", "Tue, December 1, 2020, 06:00 (UTC+1) is in the past. Choose a later time"),
        ("", "Give the day and the time to send on."),
        ("tomorrow", "Enter a valid date/time."),
    ],
)
def test_a_time_that_cannot_be_is_refused_in_a_sentence(typed: str, sentence: str, aylin: Client) -> None:
    digest = make_approved()

    assert sentence in act(aylin, digest, "schedule", when=typed)

    digest.refresh_from_db()
    assert (digest.state, digest.scheduled_at) == (DigestState.APPROVED, None)


def test_the_clock_changes_of_the_plans_zone_count_and_no_others(aylin: Client) -> None:
    digest = make_approved()
    digest.newsletter.plans.update(zone="America/New_York")

    act(aylin, digest, "schedule", when="2098-03-30T02:30")  # a night that leaves out 02:30 in Berlin

    digest.refresh_from_db()
    assert digest.scheduled_at == dt.datetime(2098, 3, 30, 6, 30, tzinfo=dt.UTC)


def test_a_scheduled_time_is_said_with_weekday_and_offset(aylin: Client) -> None:
    digest = make_approved()

    told = act(aylin, digest, "schedule", when="2098-12-01T06:00")

    assert told == "Scheduled for Mon, December 1, 2098, 06:00 (UTC+1)."
    assert "Goes out Mon, December 1, 2098, 06:00 (UTC+1)." in page_of(aylin, digest)


@pytest.mark.parametrize(
    ("is_ahead", "told"),
    [(True, "due Mon, December 1, 2098, 06:00 (UTC+1) · Europe/Berlin"), (False, "Europe/Berlin")],
)
def test_the_due_time_stands_in_words_beside_its_field(is_ahead: bool, told: str, aylin: Client) -> None:
    digest = make_approved()
    due = dt.datetime(2098 if is_ahead else 2020, 12, 1, 5, 0, tzinfo=dt.UTC)
    Digest.objects.filter(pk=digest.pk).update(due_at=due)

    page = aylin.get(reverse("admin:digests_digest_change", args=[digest.pk])).text

    beside = re.search(r'name="when".*?<span class="desk-meta">(.*?)</span>', page)
    assert beside
    assert beside[1] == told


def test_who_gets_it_and_who_does_not_is_said_before_it_is_sent(aylin: Client) -> None:
    newsletter = make_newsletter()
    make_plan(newsletter=newsletter)
    for _ in range(3):
        make_subscription(newsletter=newsletter)
    make_subscription(newsletter=newsletter, cadence=Cadence.WEEKLY)
    for _ in range(2):
        make_subscription(newsletter=newsletter, paused_until=clock.now() + HOUR)
    digest = make_approved(newsletter)

    page = page_of(aylin, digest)

    assert "It goes to 3 readers. Not among them: 2 paused, 1 who chose the weekly best-of." in page


@pytest.mark.parametrize(("hours", "first"), [(1, "Schedule"), (-1, "Send to 0 readers")])
def test_the_plans_time_comes_first_until_it_is_over(hours: int, first: str, aylin: Client) -> None:
    digest = make_approved()
    Digest.objects.filter(pk=digest.pk).update(due_at=clock.now() + hours * HOUR)

    page = aylin.get(reverse("admin:digests_digest_change", args=[digest.pk])).text

    status = page[page.index("sending-status") : page.index("desk-facts")]
    assert re.findall(r'<input type="submit" class="default" value="([^"]*)"', status) == [first]


def test_an_exchange_is_one_press_and_one_approval(aylin: Client) -> None:
    digest = make_scheduled(stories=2)
    when = clock.now() + dt.timedelta(minutes=10)
    Digest.objects.update(scheduled_at=when)
    jonas = browser_of(make_colleague("jonas", "Redaktion"))
    bridge = make_article(title="Die Brücke ist gesperrt", first_seen_at=digest.window_start)
    lead = digest.picks.get(slot="lead")

    page = jonas.get(reverse("admin:digests_digest_swap", args=[digest.pk])).text
    told = act(jonas, digest, "swap", pick=lead.pk, article=bridge.pk, version=digest.version)
    approved = act(aylin, digest, "approve", proof=2)

    assert f'name="article" value="{bridge.pk}"' in page
    assert told.endswith("Proof 2 waits for a fast approval.")
    assert approved.startswith("Proof 2 is approved and on the schedule again: ")
    assert Digest.objects.get().scheduled_at == when
    assert LogEntry.objects.filter(object_id=str(digest.pk)).count() == 2


def test_news_of_the_last_minute_can_come_and_what_would_block_cannot(aylin: Client) -> None:
    digest = make_scheduled()
    now = clock.now()
    Digest.objects.update(scheduled_at=now + dt.timedelta(minutes=10), window_end=now + HOUR)
    fresh = make_article(title="Die Brücke ist gesperrt", first_seen_at=now)
    secret = make_article(first_seen_at=now - HOUR, embargo_until=now + HOUR)

    page = aylin.get(reverse("admin:digests_digest_swap", args=[digest.pk])).text

    assert f'name="article" value="{fresh.pk}"' in page
    assert "came in a moment ago" in page
    assert f'name="article" value="{secret.pk}"' not in page


def test_an_exchange_without_a_choice_is_told_so(aylin: Client) -> None:
    digest = make_scheduled()

    assert act(aylin, digest, "swap") == "Choose the story that goes and the one that comes."


@pytest.mark.parametrize("name", ["continue", "end", "swap", "test"])
def test_who_works_elsewhere_may_press_none_of_them(name: str, aylin: Client) -> None:
    digest = make_scheduled()
    NewsletterAccess.objects.create(user=User.objects.get(username="aylin"), newsletter=make_newsletter())

    assert act(aylin, digest, name) == "403"


def test_what_the_plan_chose_is_shown_with_its_reasons(aylin: Client) -> None:
    digest = make_scheduled()
    taken, left = make_article(title="Genommen"), make_article(title="Gelassen")
    line = {"article": taken.pk, "title": taken.title, "slot": "lead", "reason": "", "score": 3.0}
    other = {"article": left.pk, "title": left.title, "slot": "", "reason": "same_story", "score": 1.0}
    Digest.objects.update(
        choices=[
            {**line, "details": {}, "terms": {"fresh": 2.0, "used": -1.0}},
            {**other, "details": {"title": "Genommen"}, "terms": {}},
        ]
    )

    page = aylin.get(reverse("admin:digests_digest_choices", args=[digest.pk])).text

    assert "Taken: fresh." in page
    assert "Same event as “Genommen”." in page


def test_a_return_in_the_admin_tells_the_proposer_too(aylin: Client) -> None:
    jonas = make_colleague("jonas", "Redaktion")
    proof = workflow.propose(make_ready(), by=jonas, at=clock.now())

    act(aylin, proof.digest, "return", proof=1, because="Zu lang.")

    assert Letter.objects.filter(kind="proof_returned", address="jonas@example.org").count() == 1
