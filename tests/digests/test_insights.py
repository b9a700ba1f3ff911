"""Numbers of a digest: what is told, what is hidden, and what they are compared with."""

import datetime as dt
from typing import Any

import pytest

from digests import clicks, insights
from digests.delivery.models import Mailing
from digests.delivery.states import MailingState
from digests.models import Digest, Link, LinkCount
from subscriptions import consent, suppression
from subscriptions.models import Newsletter
from subscriptions.states import SubscriptionState, SuppressionReason
from tests.digests.factories import DAY, HOUR, make_handed_over, make_planned
from tests.factories import NOON, make_subscription

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

LATER = NOON + 2 * DAY


def make_counted(
    newsletter: Newsletter | None = None, *people: int, machines: int = 0, at: dt.datetime = NOON
) -> Digest:
    """A digest that went out, whose stories (a lead, then briefs) were followed by so many people."""
    digest = make_handed_over(newsletter, stories=len(people), at=at)
    links = Link.objects.filter(pick__digest=digest).order_by("pk")
    for link, number in zip(links, people, strict=True):
        # In two hours, and by a second link of the same pick, as after a further proof.
        again = Link.objects.create(
            digest=digest,
            pick=link.pick,
            url="https://example.org/neu",
            current_url="https://example.org/neu",
            created_at=at,
        )
        LinkCount.objects.create(link=link, hour=at, people=number - number // 2, machines=machines)
        LinkCount.objects.create(link=again, hour=at + HOUR, people=number // 2)
    return digest


def leave(newsletter: Newsletter, number: int, *, at: dt.datetime) -> None:
    for _ in range(number):
        subscription = make_subscription(newsletter=newsletter)
        consent.unsubscribe(subscription, how="one-click", network_address=None, at=at)


def stop(newsletter: Newsletter, number: int, reason: SuppressionReason, *, at: dt.datetime) -> None:
    for _ in range(number):
        subscription = make_subscription(newsletter=newsletter)
        suppression.suppress(subscription.subscriber.address_hash, reason=reason, at=at)


def test_stories_come_as_readers_saw_them_with_clicks_and_share() -> None:
    digest = make_counted(None, 60, 30, 10, machines=2)

    found = insights.of_digest(digest, at=LATER)

    assert [(story.number, story.slot, story.clicks) for story in found.stories] == [
        (1, "Lead", 60),
        (2, "Kurz notiert", 30),
        (3, "Kurz notiert", 10),
    ]
    assert [story.share for story in found.stories] == [0.6, 0.3, 0.1]
    assert (found.told, found.machines, found.is_counted) == (100, 6, True)


def test_few_readers_are_not_told_and_cannot_be_worked_out() -> None:
    digest = make_counted(None, 15, insights.LEAST_SHOWN, insights.LEAST_SHOWN - 1, 0)

    found = insights.of_digest(digest, at=LATER)

    assert [story.clicks for story in found.stories] == [15, 5, None, None]
    assert [story.share for story in found.stories] == [0.75, 0.25, None, None]
    assert found.told == 20


def test_a_story_is_compared_with_the_median_of_its_slot() -> None:
    newsletter = make_planned().newsletter
    for number, people in enumerate([(10, 7), (30, 9), (20, 50)], 1):
        make_counted(newsletter, *people, at=NOON + number * HOUR)
    make_counted(None, 999, 999)  # another newsletter's
    digest = make_counted(newsletter, 80, 6, at=NOON + DAY)
    make_counted(newsletter, 999, 999, at=NOON + 2 * DAY)  # a later one

    found = insights.of_digest(digest, at=NOON + 3 * DAY)

    assert found.compared == 3
    assert [story.usual for story in found.stories] == [20, 9]


def test_a_median_of_few_readers_is_not_told_either() -> None:
    newsletter = make_planned().newsletter
    make_counted(newsletter, 4, at=NOON)

    found = insights.of_digest(make_counted(newsletter, 30, at=NOON + DAY), at=LATER)

    assert (found.stories[0].is_compared, found.stories[0].usual) == (True, None)


@pytest.mark.parametrize(
    ("number", "compared", "usual"), [(1, 1, 100), (insights.COMPARED + 3, insights.COMPARED, 100 + 3 + 9)]
)
def test_no_more_than_the_last_twenty_digests_are_compared(number: int, compared: int, usual: int) -> None:
    newsletter = make_planned().newsletter
    for each in range(number):
        make_counted(newsletter, 100 + each, at=NOON + each * HOUR)

    found = insights.of_digest(make_counted(newsletter, 30, at=NOON + 5 * DAY), at=NOON + 6 * DAY)

    # Of 103 to 122 the median is 112.5, and of two equally near Python takes the even one.
    assert (found.compared, found.stories[0].usual) == (compared, usual)


def test_digests_that_nobody_counted_for_are_none_to_compare_with() -> None:
    newsletter = make_planned().newsletter
    make_counted(newsletter, 50, at=NOON - (clicks.KEPT_DAYS + 5) * DAY)
    make_handed_over(newsletter, at=NOON)

    found = insights.of_digest(make_counted(newsletter, 30, at=NOON + DAY), at=LATER)

    assert found.compared == 0
    assert not found.stories[0].is_compared


def test_a_digest_without_counts_says_so() -> None:
    found = insights.of_digest(make_handed_over(), at=LATER)

    assert not found.is_counted
    assert found.stories[0].clicks is None


@pytest.mark.parametrize("state", MailingState.values)
def test_while_a_mailing_goes_on_the_numbers_do_too(state: str) -> None:
    digest = make_counted(None, 10)
    Mailing.objects.update(state=state)

    found = insights.of_digest(digest, at=LATER)

    assert found.is_under_way is (state in ("freezing", "ready", "sending", "paused"))


def test_who_left_is_told_by_reason_from_this_digest_to_the_next() -> None:
    newsletter = make_planned().newsletter
    digest = make_counted(newsletter, 10, at=NOON)
    leave(newsletter, 1, at=NOON - HOUR)
    leave(newsletter, 5, at=NOON + HOUR)
    stop(newsletter, 2, SuppressionReason.UNSUBSCRIBED, at=NOON + HOUR)
    stop(newsletter, 6, SuppressionReason.COMPLAINT, at=NOON + HOUR)
    stop(newsletter, 3, SuppressionReason.HARD_BOUNCE, at=NOON + HOUR)
    stop(newsletter, 5, SuppressionReason.SOFT_BOUNCES, at=NOON + HOUR)
    leave(make_planned().newsletter, 9, at=NOON + HOUR)
    make_handed_over(newsletter, at=NOON + DAY)
    leave(newsletter, 20, at=NOON + DAY)

    found = insights.of_digest(digest, at=LATER).partings

    assert (found.unsubscribed, found.complained, found.bounced) == (7, 6, 8)
    assert (found.since, found.until, found.is_open) == (NOON, NOON + DAY, False)


def test_without_a_next_digest_who_left_is_told_for_a_week() -> None:
    digest = make_counted(None, 10)
    leave(digest.newsletter, 5, at=NOON + 7 * DAY - HOUR)
    leave(digest.newsletter, 9, at=NOON + 7 * DAY)

    during, afterwards = (insights.of_digest(digest, at=NOON + days * DAY).partings for days in (1, 9))

    assert (during.until, during.is_open) == (NOON + DAY, True)
    assert (afterwards.until, afterwards.is_open) == (NOON + 7 * DAY, False)
    assert afterwards.unsubscribed == 5


def test_four_who_left_are_not_told() -> None:
    digest = make_counted(None, 10)
    leave(digest.newsletter, 4, at=NOON + HOUR)

    assert insights.of_digest(digest, at=LATER).partings.unsubscribed is None


def test_who_never_confirmed_did_not_leave() -> None:
    digest = make_counted(None, 10)
    waiting: dict[str, Any] = {"state": SubscriptionState.PENDING, "confirmed_at": None}
    for _ in range(9):
        subscription = make_subscription(newsletter=digest.newsletter, **waiting)
        consent.unsubscribe(subscription, how="/u/", network_address=None, at=NOON + HOUR)
        subscription = make_subscription(newsletter=digest.newsletter, **waiting)
        suppression.suppress(
            subscription.subscriber.address_hash, reason=SuppressionReason.HARD_BOUNCE, at=NOON + HOUR
        )

    found = insights.of_digest(digest, at=LATER).partings

    assert (found.unsubscribed, found.bounced) == (None, None)


@pytest.mark.parametrize(("digests", "stories"), [(1, 1), (25, 6)])
def test_numbers_cost_the_same_at_any_size(
    digests: int, stories: int, django_assert_num_queries: Any
) -> None:
    newsletter = make_planned().newsletter
    for number in range(digests):
        make_counted(newsletter, *[9] * stories, at=NOON - number * HOUR - DAY)
    digest = make_counted(newsletter, *[9] * stories, at=NOON)

    # Its stories with their counts; those of the digests before; the links of its note; its mailing; the next digest; who left.
    with django_assert_num_queries(6):
        insights.of_digest(digest, at=LATER)
