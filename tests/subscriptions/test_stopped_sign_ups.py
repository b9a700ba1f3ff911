"""Who was stopped is not promised a new sign-up that no letter could confirm, on pages that she alone sees."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from newsroom.mail.models import Letter
from newsroom.web import tokens
from newsroom.web.clock import now
from subscriptions import consent, suppression
from subscriptions.models import Confirmation, Subscription
from subscriptions.states import SuppressionReason
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import (
    fresh_client,
    make_confirmation,
    make_pending,
    path_of,
    settings_path,
    signup_fields,
)

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
ANOTHER = "Please sign up with another address, or write to us."


def stop(row: Subscription, reason: SuppressionReason, **more: Any) -> None:
    suppression.suppress(row.subscriber.address_hash, reason=reason, at=now(), **more)


def gets_a_letter(row: Subscription) -> bool:
    """Whether signing up anew leads to one."""
    Letter.objects.all().delete()
    Confirmation.objects.all().delete()
    fresh_client().post("/subscribe/", signup_fields("mia@example.org", row.newsletter))
    consent.decide_sign_ups()
    return Letter.objects.exists()


def _unconfirmed() -> tuple[Subscription, Client, str]:
    row = make_pending(make_newsletter(), make_subscriber(address="mia@example.org", language="en"))
    _confirmation, secret = make_confirmation(row, at=now())
    return row, fresh_client(), f"/confirm/{secret}/"


def _confirmed() -> tuple[Subscription, Client, str]:
    row, client, url = _unconfirmed()
    client.post(url)
    consent.unsubscribe(Subscription.objects.get(), how="/u/", network_address="", at=now())
    return row, client, url


def _expired() -> tuple[Subscription, Client, str]:
    row, client, url = _unconfirmed()
    Confirmation.objects.update(created_at=now() - 8 * DAY, expires_at=now() - DAY)
    return row, client, url


def _left() -> tuple[Subscription, Client, str]:
    mia = make_subscriber(address="mia@example.org", language="en")
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    consent.unsubscribe(row, how="/u/", network_address="", at=now() - 2 * DAY)
    return row, fresh_client(), f"{path_of(tokens.leave_url(row.pk))}/undo"


def _erased() -> tuple[Subscription, Client, str]:
    mia = make_subscriber(address="mia@example.org", language="en")
    row = make_subscription(newsletter=make_newsletter(), subscriber=mia)
    client = fresh_client()
    client.post(settings_path(row))
    return row, client, "/preferences/erase/"


@pytest.mark.parametrize(
    ("standing", "sent", "promise"),
    [
        (_unconfirmed, {}, ""),
        (_confirmed, {}, "You can sign up anew at any time."),
        (_expired, {"again": "1"}, ""),
        (_left, {}, "anew at any time."),
        (_erased, {}, "simply sign up anew."),
    ],
)
@pytest.mark.parametrize("reason", [None, SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT])
def test_a_page_promises_a_new_sign_up_only_where_a_letter_would_follow(
    standing: Callable[[], tuple[Subscription, Client, str]],
    sent: dict[str, str],
    promise: str,
    reason: SuppressionReason | None,
) -> None:
    row, client, url = standing()
    if reason:
        stop(row, reason)

    page = client.post(url, sent, follow=True).content.decode()

    assert (ANOTHER in page) == (reason is not None)
    if promise:
        assert (promise in page) == (reason is None)
    if reason:
        assert ">Write to us: imprint</a>" in page
        assert "try again later" not in page
        assert "at any time" not in page
    assert gets_a_letter(row) == (reason is None)


def test_a_stop_of_another_newsletter_is_nothing_to_this_one() -> None:
    row, client, url = _left()
    stop(row, SuppressionReason.COMPLAINT, newsletter=make_newsletter())

    page = client.post(url).content.decode()

    assert ANOTHER not in page
    assert gets_a_letter(row)


def test_what_a_stranger_can_see_is_the_same_for_a_stopped_address() -> None:
    row, _client, _url = _left()
    stop(row, SuppressionReason.COMPLAINT)
    pages = []

    for address in ("mia@example.org", "tom@example.org"):
        client = fresh_client()
        client.post("/subscribe/", signup_fields(address, row.newsletter))
        page = client.get("/subscribe/sent/").content.decode()
        assert ANOTHER not in page
        pages.append(page.partition("<main")[2].replace(address, ""))

    assert pages[0].partition("csrf")[0] == pages[1].partition("csrf")[0]
