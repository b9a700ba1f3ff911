"""What this app's tests share: a visitor who takes her time, the letters she got, and a dump of all we know."""

import datetime as dt
import re
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from newsroom.mail.addresses import counting_hash
from newsroom.mail.models import Letter
from newsroom.web.stamps import stamp
from newsroom.web.tokens import hash_secret, manage_url, secret_token
from subscriptions.models import Confirmation, Newsletter, Subscriber, Subscription
from subscriptions.states import SubscriptionState
from tests.factories import NOON, make_subscriber

LINK = re.compile(r"/confirm/([\w-]+)/")


def signup_fields(address: str, *newsletters: Newsletter, **more: Any) -> dict[str, Any]:
    """What a person's browser posts who needed a minute to type."""
    return {
        "address": address,
        "newsletter": [each.slug for each in newsletters],
        "started": stamp(time.time() - 60),
        "path": "/articles/die-faehre/",
        "language": "de",
        "website": "",
        "wording": "2026-11-box",
    } | more


def stamped_hours_ago(hours: float) -> str:
    """The stamp of a page that was shown then."""
    then = time.time() - hours * 3600
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: then)
        return stamp(then)


def confirm_token(letter: Letter) -> str:
    """The secret in a confirmation letter, as a reader finds it."""
    found = LINK.search(letter.text)
    assert found is not None, letter.text
    return found[1]


def make_confirmation(*subscriptions: Subscription, at: dt.datetime = NOON) -> tuple[Confirmation, str]:
    """An open confirmation and its secret."""
    secret, reader = secret_token(), subscriptions[0].subscriber
    confirmation = Confirmation.objects.create(
        token_hash=hash_secret(secret),
        counting_hash=counting_hash(reader.address or ""),
        subscriber=reader,
        created_at=at,
        expires_at=at + dt.timedelta(days=7),
    )
    confirmation.subscriptions.set(subscriptions)
    return confirmation, secret


def make_pending(newsletter: Newsletter, subscriber: Subscriber | None = None, **values: Any) -> Subscription:
    """A request that waits for its confirmation."""
    return Subscription.objects.create(
        **{
            "newsletter": newsletter,
            "subscriber": subscriber or make_subscriber(),
            "state": SubscriptionState.PENDING,
            "source": "/newsletters/",
            "requested_at": NOON,
        }
        | values
    )


def dump() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as it stands in the database."""
    tables = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT * FROM "{table}"')
            tables[table] = sorted(cursor.fetchall(), key=repr)
    return tables


def fresh_client(**options: Any) -> Client:
    """A browser nobody has used yet, speaking English; with enforce_csrf_checks as strict as a real one."""
    return Client(headers={"accept-language": "en"}, **options)


def path_of(url: str) -> str:
    """The path of one of our own full addresses."""
    return "/" + url.split("/", 3)[3]


def settings_path(row: Subscription) -> str:
    """Where the settings link leads that stands in a reader's mails, now that she has this address."""
    return path_of(manage_url(row.pk, row.subscriber.address_hash))
