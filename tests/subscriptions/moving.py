"""Readers who move to another address: asking, the links in the letters, what comes where."""

import datetime as dt
import itertools
import re

from django.test import Client

from newsroom.mail.models import Letter
from newsroom.mail.states import LetterKind
from subscriptions import consent
from subscriptions.models import Newsletter, Subscription
from tests.factories import NOON, make_newsletter, make_subscriber, make_subscription
from tests.subscriptions.factories import confirm_token, fresh_client, settings_path

OLD, NEW = "mia@example.org", "Mia.Neu@example.org"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NETWORK = "203.0.113.7"
_NETWORKS = itertools.count(1)


def reading(*, address: str = OLD, **values: object) -> Subscription:
    reader = make_subscriber(address=address, language="en")
    return make_subscription(newsletter=make_newsletter(), subscriber=reader, **values)


def ask(row: Subscription, address: str = NEW, *, at: dt.datetime = NOON) -> None:
    consent.ask_for_new_address(row.subscriber, typed_address=address, network_address=NETWORK, at=at)
    consent.decide_new_addresses(at=at)


def token_in(kind: LetterKind, **of: str) -> str:
    """The secret in the latest letter of this kind, of one to an `address` if that is said."""
    letter = Letter.objects.filter(kind=kind, **of).latest("pk")
    found = re.search(r"/address/([\w-]+)/", letter.text)
    assert found is not None, letter.text
    return found[1]


def confirm(*, at: dt.datetime = NOON + HOUR) -> consent.Moved:
    return consent.confirm_new_address(token_in(LetterKind.NEW_ADDRESS), network_address="203.0.113.8", at=at)


def undo(*, at: dt.datetime = NOON + DAY) -> consent.Moved:
    return consent.undo_new_address(
        token_in(LetterKind.ADDRESS_CHANGED), network_address="203.0.113.9", at=at
    )


def active(address: str) -> set[int]:
    """The newsletters that come to an address."""
    rows = Subscription.objects.active().filter(subscriber__address=address.casefold())
    return set(rows.values_list("newsletter_id", flat=True))


def opened(row: Subscription) -> Client:
    client = fresh_client()
    client.post(settings_path(row))
    return client


def sign_up(newsletter: Newsletter, address: str, *, at: dt.datetime, confirms: bool = True) -> None:
    """Somebody signs up at this address, from a network of her own, and confirms if a letter comes of it."""
    known = set(Letter.objects.values_list("pk", flat=True))
    consent.request_subscription(
        consent.Wish(
            typed_address=address,
            newsletters=[newsletter],
            language="en",
            form="/newsletters/",
            network_address=f"2001:db8:{next(_NETWORKS):x}::1",
        ),
        at=at,
    )
    letters = Letter.objects.filter(kind=LetterKind.CONFIRMATION).exclude(pk__in=known)
    for letter in letters if confirms else ():
        consent.confirm(confirm_token(letter), network_address=NETWORK, at=at)
