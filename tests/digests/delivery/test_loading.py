"""What a copy says to its reader alone: why she gets it, and that her break is over."""

import datetime as dt

import pytest

from digests.delivery import control, freezing, pump
from newsroom.mail import providers
from newsroom.mail.providers.memory import MemoryProvider
from newsroom.web import tokens
from subscriptions.models import Newsletter, Subscription
from tests.digests.delivery.factories import Clock, make_mailing
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def slots_of_a_mailing(newsletter: Newsletter, *, at: dt.datetime) -> dict[str, dict[str, str]]:
    """Send one; what stands in each reader's own places, by address."""
    memory = providers.provider("main")
    assert isinstance(memory, MemoryProvider)
    memory.outbox.clear()
    frozen = freezing.freeze(make_mailing(newsletter=newsletter, at=at).pk, at=at)
    control.start(frozen, at=at)
    pump.run(seconds=30, at_clock=Clock(at))
    return {kept.copy.address: {**kept.copy.shared.values, **kept.copy.slots} for kept in memory.outbox}


def test_the_first_mail_after_a_break_says_so_once_and_to_nobody_else() -> None:
    newsletter = make_newsletter()
    back = make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"))
    make_subscription(newsletter=newsletter, subscriber=make_subscriber(address="noah@example.org"))
    first = slots_of_a_mailing(newsletter, at=NOON)
    assert {one["back"] for one in first.values()} == {""}
    Subscription.objects.filter(pk=back.pk).update(paused_until=NOON + 1.5 * DAY)

    second, third, fourth = (slots_of_a_mailing(newsletter, at=NOON + day * DAY) for day in (1, 2, 3))

    assert set(second) == {"noah@example.org"}
    assert third["mia@example.org"]["back"] == "Your break is over, welcome back. "
    assert third["noah@example.org"]["back"] == ""
    assert fourth["mia@example.org"]["back"] == ""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/articles/die-faehre/", " below an article"),
        ("/newsletters/", " on our newsletter page"),
        ("/embed/wirtschaft/", " on another site"),
        ("/preferences/", " in your settings"),
        ("/", " on our site"),
        ("leserschaft-2021.csv", " at our former newsletter service"),
        ("", ""),
    ],
)
def test_a_copy_says_where_its_reader_signed_up(source: str, words: str) -> None:
    newsletter = make_newsletter()
    row = make_subscription(
        newsletter=newsletter, subscriber=make_subscriber(address="mia@example.org"), source=source
    )

    (slots,) = slots_of_a_mailing(newsletter, at=NOON).values()

    assert (slots["since"], slots["place"]) == ("4. April 2026", words)
    assert slots["masked_address"] == "m…@example.org"
    assert set(slots) == {"leave_url", "manage_url", "masked_address", "since", "place", "back"}, (
        "a mail frozen before readers had their own foot, in the newsletter's language as ever"
    )
    assert slots["manage_url"] == tokens.manage_url(row.pk, row.subscriber.address_hash)
