"""From the bounce mailbox to the reader: what comes back ends her mail only if the mailbox is gone or she complained."""

from collections.abc import Callable

import pytest

from digests.delivery import events, ledger, pump
from newsroom.mail import bounce_mailbox
from newsroom.mail.addresses import address_hash
from newsroom.web import tokens
from subscriptions.models import Subscription, Suppression
from subscriptions.states import SubscriptionState, SuppressionReason
from tests.digests.delivery.factories import Clock, make_sending
from tests.digests.delivery.scripted import ScriptedProvider
from tests.newsroom.mail.returned import complaint, dsn

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def token(provider: ScriptedProvider, clock: Clock) -> str:
    """The token in the first of three copies that were sent."""
    mailing = make_sending(readers=3)
    pump.run(seconds=30, at_clock=clock)
    first = ledger.of_mailing(mailing.pk).order_by("pk").first()
    assert first is not None
    return tokens.make(tokens.TokenKind.DELIVERY, first.pk)


def _apply(raw: bytes, clock: Clock) -> None:
    bounce_mailbox.take_in(raw, at=clock())
    events.apply(at=clock())


@pytest.mark.parametrize(
    ("make", "reason"), [(dsn, SuppressionReason.HARD_BOUNCE), (complaint, SuppressionReason.COMPLAINT)]
)
def test_a_mailbox_that_is_gone_and_a_complaint_end_this_readers_mail_alone(
    make: Callable[..., bytes], reason: SuppressionReason, token: str, clock: Clock
) -> None:
    for _each in range(2):
        _apply(make(token=token), clock)

    suppressed = Suppression.objects.get()
    ended = Subscription.objects.get(state=SubscriptionState.UNSUBSCRIBED)
    assert suppressed.reason == reason
    assert suppressed.address_hash == ended.subscriber.address_hash


@pytest.mark.parametrize(
    ("status", "diagnostic"),
    [("5.7.1", "smtp; 550 blocked"), ("5.2.2", "smtp; 552 mailbox full"), ("4.4.1", "smtp; no answer")],
)
def test_a_filter_or_a_full_mailbox_ends_nobodys_mail(
    status: str, diagnostic: str, token: str, clock: Clock
) -> None:
    _apply(dsn(status=status, diagnostic=diagnostic, token=token), clock)

    assert not Suppression.objects.exists()


def test_a_bounce_that_names_a_stranger_harms_no_stranger(token: str, clock: Clock) -> None:
    stranger = "rfc822; stranger@example.com"
    _apply(dsn(recipient=stranger, token="A" * 23), clock)
    assert not Suppression.objects.exists()

    # A token of ours whose copy is no longer kept: nobody is meant.
    _apply(dsn(recipient=stranger, token=tokens.make(tokens.TokenKind.DELIVERY, 1 << 50)), clock)
    assert not Suppression.objects.filter(address_hash=address_hash("stranger@example.com")).exists()
