"""Mailings and their readers, as the engine meets them."""

import datetime as dt
from typing import Any

from digests.delivery import control, freezing, renditions
from digests.delivery.models import Mailing, Rendition
from newsroom.mail.addresses import address_hash
from newsroom.mail.wire import Envelope, slot
from subscriptions import audiences
from subscriptions.models import Newsletter, Subscriber, Subscription
from subscriptions.states import SubscriptionState
from tests.factories import NOON, make_newsletter

LATE_LIMIT = 7200


class Clock:
    """The database's clock for tests: it stands still until a test moves it."""

    def __init__(self, at: dt.datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> dt.datetime:
        return self.at

    def pass_by(self, **time: float) -> dt.datetime:
        self.at += dt.timedelta(**time)
        return self.at


def make_readers(newsletter: Newsletter, count: int) -> list[Subscription]:
    """Many active subscriptions, in a few statements."""
    addresses = [f"reader.{newsletter.pk}.{number}@example.org" for number in range(count)]
    subscribers = Subscriber.objects.bulk_create(
        Subscriber(address=one, typed_address=one, address_hash=address_hash(one), created_at=NOON)
        for one in addresses
    )
    month_ago = NOON - dt.timedelta(days=30)
    return Subscription.objects.bulk_create(
        Subscription(
            newsletter=newsletter,
            subscriber=subscriber,
            state=SubscriptionState.ACTIVE,
            requested_at=month_ago,
            confirmed_at=month_ago,
        )
        for subscriber in subscribers
    )


def make_rendition(**values: Any) -> Rendition:
    leave = slot("leave_url")
    parts: dict[str, Any] = {
        "subject": "Die Fähre fährt wieder",
        "preheader": "Jede halbe Stunde",
        "html": f'<p>Seit {slot("since")}. <a href="{leave}">Abmelden</a></p>',
        "text": f"Seit {slot('since')}. Abmelden: {leave} ({slot('masked_address')}, {slot('manage_url')})",
        "language": "de",
        "at": NOON,
    }
    return renditions.keep(**parts | values)


def make_envelope() -> Envelope:
    return Envelope(
        kind="digest",
        from_name="Uferblick",
        from_address="post@news.example.org",
        language="de",
        list_id="wirtschaft.news.example.org",
        list_name="Wirtschaft",
    )


def make_mailing(*, readers: int = 0, newsletter: Newsletter | None = None, **values: Any) -> Mailing:
    """A mailing that waits to be frozen."""
    newsletter = newsletter or make_newsletter()
    make_readers(newsletter, readers)
    parts: dict[str, Any] = {
        "newsletter": newsletter,
        "title": "Wirtschaft 7",
        "renditions": {0: make_rendition()},
        "envelope": make_envelope(),
        "audience": audiences.for_newsletter(newsletter),
        "at": NOON,
        "late_limit": LATE_LIMIT,
    }
    return freezing.create(**parts | values)


def make_sending(*, readers: int, at: dt.datetime = NOON, **values: Any) -> Mailing:
    """A mailing frozen and started."""
    mailing = freezing.freeze(make_mailing(readers=readers, at=at, **values).pk, at=at)
    return control.start(mailing, at=at)
