"""A mail program's press of one-click (RFC 8058), in one statement: providers press for thousands at a time."""

from datetime import datetime
from typing import Any, Final

from django.db import connection

from subscriptions.consent.leaving import unsubscribe
from subscriptions.models import ConsentEvent, Subscriber, Subscription
from subscriptions.states import OPEN, ConsentKind, SubscriptionState

ONE_CLICK: Final = "one-click"
"""Where it happened, as the record has it."""

# As `unsubscribe` does it, and `before` as it writes it down. The row is locked before its state is looked at, so of
# two presses at once one finds it ended.
_SQL: Final = f"""
    WITH before AS (
        SELECT row.id, row.subscriber_id, row.newsletter_id, reader.address, reader.language,
               jsonb_build_object(
                   'state', row.state, 'cadence', row.cadence, 'source', row.source,
                   'paused_until', row.paused_until, 'confirmed_at', row.confirmed_at, 'requested_at', row.requested_at
               ) AS facts
        FROM {Subscription._meta.db_table} row
        JOIN {Subscriber._meta.db_table} reader ON reader.id = row.subscriber_id
        WHERE row.id = %(number)s AND row.state = ANY(%(open)s) AND row.moved_to_id IS NULL
        FOR UPDATE OF row
    ), ended AS (
        UPDATE {Subscription._meta.db_table} row
        SET state = %(ended)s, unsubscribed_at = %(at)s, paused_until = NULL
        FROM before WHERE row.id = before.id
        RETURNING before.*
    )
    INSERT INTO {ConsentEvent._meta.db_table} (
        subscriber_id, newsletter_id, kind, address, wording, wording_version, language, form, network_address, actor,
        facts, at
    )
    SELECT subscriber_id, newsletter_id, %(kind)s, coalesce(address, ''), '', '', language, %(form)s,
           %(network_address)s::inet, '', jsonb_build_object('before', facts), %(at)s
    FROM ended
    RETURNING language
"""  # noqa: S608 — our own tables' names


def press(number: int, *, network_address: str | None, at: datetime) -> str | None:
    """End the subscription of that number as `unsubscribe` does; returns its reader's language.

    None, and nothing done, if it is not there or not open: it ended before, or moved with its reader. One statement
    on PostgreSQL, four elsewhere.
    """
    if connection.vendor != "postgresql":
        row = Subscription.objects.select_related("subscriber").filter(pk=number, moved_to=None).first()
        is_done = row is not None and unsubscribe(row, how=ONE_CLICK, network_address=network_address, at=at)
        return row.subscriber.language if row is not None and is_done else None
    values: dict[str, Any] = {
        "number": number,
        "open": [state.value for state in OPEN],
        "ended": SubscriptionState.UNSUBSCRIBED.value,
        "kind": ConsentKind.UNSUBSCRIBED.value,
        "form": ONE_CLICK,
        "network_address": network_address or None,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL, values)
        pressed = cursor.fetchone()
    return str(pressed[0]) if pressed else None
