"""The end of a weekly best-of: each of its readers is told once and chooses; nobody is turned to more mail."""

import datetime as dt
from typing import Any

import pytest

from newsroom.mail.addresses import address_hash
from newsroom.mail.models import Letter
from newsroom.web.tokens import leave_url, manage_url
from subscriptions import ended_best_ofs, suppression
from subscriptions.models import Newsletter, Subscription
from subscriptions.states import Cadence, NewsletterState, SubscriptionState, SuppressionReason
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import fresh_client, path_of

pytestmark = pytest.mark.django_db

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def ended(**values: Any) -> Newsletter:
    """A newsletter whose best-of ended at noon."""
    return make_newsletter(**{"name": "Am Fluss", "has_weekly": False, "weekly_ended_at": NOON} | values)


def weekly(newsletter: Newsletter, **values: Any) -> Subscription:
    return make_subscription(newsletter=newsletter, cadence=Cadence.WEEKLY, **values)


def test_each_of_its_readers_gets_one_letter_and_goes_on_getting_no_more_than_she_ordered() -> None:
    newsletter = ended()
    rows = [weekly(newsletter) for _ in range(3)]
    make_subscription(newsletter=newsletter)

    told = [ended_best_ofs.tell_readers(at=NOON + HOUR + number * MINUTE) for number in range(3)]

    assert told == [3, 0, 0]
    assert set(Letter.objects.values_list("subscriber_id", flat=True)) == {row.subscriber_id for row in rows}
    assert Letter.objects.count() == 3
    assert set(Subscription.objects.filter(pk__in=[row.pk for row in rows]).values_list("cadence", flat=True)) == {
        Cadence.WEEKLY
    }  # fmt: skip


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_letter_says_what_is_and_offers_both_ways(language: str) -> None:
    row = weekly(ended(next_at=NOON + 18 * HOUR), subscriber=make_subscriber(language=language))

    ended_best_ofs.tell_readers(at=NOON + HOUR)

    letter = Letter.objects.get()
    assert (letter.kind, letter.language) == ("best_of_ended", language)
    assert "Am Fluss" in letter.subject
    ways = manage_url(row.pk, row.subscriber.address_hash), leave_url(row.pk)
    for part in (letter.text, letter.html):
        assert "best of the week" in part
        assert row.newsletter.cadence_text in part
        assert all(way in part for way in ways)
    assert letter.envelope["leave_url"] == leave_url(row.pk)


def test_a_newsletter_that_rests_as_well_is_not_said_to_go_on() -> None:
    row = weekly(ended(next_at=None))

    ended_best_ofs.tell_readers(at=NOON + HOUR)

    letter = Letter.objects.get()
    for part in (letter.text, letter.html):
        assert "goes on" not in part
        assert row.newsletter.cadence_text not in part
        assert manage_url(row.pk, row.subscriber.address_hash) in part


def test_by_the_letters_links_she_chooses_each_issue_or_leaves() -> None:
    newsletter = ended(slug="fluss")
    stays, leaves = weekly(newsletter), weekly(newsletter)
    ended_best_ofs.tell_readers(at=NOON + HOUR)

    client = fresh_client()
    client.post(path_of(manage_url(stays.pk, stays.subscriber.address_hash)))
    client.post("/preferences/", {"on-fluss": "1", "cadence-fluss": "each", "language": "de"})
    fresh_client().post(path_of(leave_url(leaves.pk)), {"List-Unsubscribe": "One-Click"})

    stays.refresh_from_db()
    leaves.refresh_from_db()
    assert (stays.state, stays.cadence) == (SubscriptionState.ACTIVE, Cadence.EACH)
    assert leaves.state == SubscriptionState.UNSUBSCRIBED


def test_a_plan_switched_off_by_mistake_has_an_hour_to_come_back() -> None:
    newsletter = ended()
    weekly(newsletter)

    early = ended_best_ofs.tell_readers(at=NOON + HOUR - MINUTE)
    Newsletter.objects.update(has_weekly=True, weekly_ended_at=None)
    back = ended_best_ofs.tell_readers(at=NOON + HOUR)

    assert (early, back) == (0, 0)
    assert not Letter.objects.exists()


def test_a_best_of_that_ends_a_second_time_is_told_a_second_time() -> None:
    newsletter = ended()
    weekly(newsletter)
    ended_best_ofs.tell_readers(at=NOON + HOUR)
    later = NOON + dt.timedelta(days=30)
    Newsletter.objects.update(weekly_ended_at=later)

    told = [ended_best_ofs.tell_readers(at=later + HOUR), ended_best_ofs.tell_readers(at=later + 2 * HOUR)]

    assert told == [1, 0]
    assert Letter.objects.count() == 2


def test_who_confirms_a_best_of_that_ended_meanwhile_is_told_too() -> None:
    newsletter = ended()
    row = weekly(newsletter, state=SubscriptionState.PENDING, confirmed_at=None)

    before = ended_best_ofs.tell_readers(at=NOON + HOUR)
    Subscription.objects.filter(pk=row.pk).update(
        state=SubscriptionState.ACTIVE, confirmed_at=NOON + 2 * HOUR
    )

    assert (before, ended_best_ofs.tell_readers(at=NOON + 2 * HOUR)) == (0, 1)


@pytest.mark.parametrize("why", ["left", "suppressed", "erased", "rests"])
def test_nobody_is_written_to_who_must_not_be_or_need_not(why: str) -> None:
    newsletter = ended(state=NewsletterState.PAUSED if why == "rests" else NewsletterState.ACTIVE)
    row = weekly(newsletter, subscriber=make_subscriber(address="mia@example.org"))
    if why == "left":
        Subscription.objects.update(state=SubscriptionState.UNSUBSCRIBED)
    elif why == "suppressed":
        suppression.suppress(address_hash("mia@example.org"), reason=SuppressionReason.COMPLAINT, at=NOON)
        Subscription.objects.update(state=SubscriptionState.ACTIVE)
    elif why == "erased":
        type(row.subscriber).objects.update(address=None)

    assert ended_best_ofs.tell_readers(at=NOON + HOUR) == 0
    assert not Letter.objects.exists()


def test_many_are_told_in_parts_so_that_confirmations_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended_best_ofs, "MOST", 2)
    for newsletter in (ended(), ended()):
        weekly(newsletter)
        weekly(newsletter)

    told = [ended_best_ofs.tell_readers(at=NOON + HOUR + number * MINUTE) for number in range(3)]

    assert told == [2, 2, 0]
    assert Letter.objects.values("subscriber_id").distinct().count() == 4


def test_a_second_worker_with_the_same_list_writes_nothing() -> None:
    row = weekly(ended())
    stale = Subscription.objects.select_related("subscriber", "newsletter__sender").get(pk=row.pk)
    ended_best_ofs.tell_readers(at=NOON + HOUR)

    again = ended_best_ofs._tell(stale, may_write=True, at=NOON + HOUR)

    assert not again
    assert Letter.objects.count() == 1
