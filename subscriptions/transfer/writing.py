"""Readers into the database by the thousand: one table for what arrives, and one statement for each kind of row.

PostgreSQL takes the arriving rows by COPY; the statements are the same on both databases. Who is who is looked up row
by row, in subqueries that no planner makes a join of: it would walk all readers for each part of a file, because it
knows nothing of a table that was filled a moment ago.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, models
from django.db.backends.utils import CursorWrapper

from subscriptions.models import ConsentEvent, Newsletter, Subscriber, Subscription
from subscriptions.states import ConsentKind, LegalBasis, SubscriptionState
from subscriptions.transfer.judging import Reader

_TABLE: Final = "newsroom_arriving"
_COLUMNS: Final = (
    "address", "typed_address", "address_hash", "language", "source", "requested_at", "confirmed_at", "facts",
)  # fmt: skip
_IS_TAKEN: Final = (
    "(SELECT 1 FROM subscriptions_subscription AS r WHERE r.subscriber_id = a.subscriber_id"
    " AND r.newsletter_id = %s AND r.state = 'active' AND r.basis = 'imported') = 1"
)
# What may become active by an import; whoever left stays away.
RAISED: Final = (SubscriptionState.PENDING, SubscriptionState.LAPSED)


def enrol(
    readers: Sequence[Reader],
    *,
    newsletter: Newsletter,
    basis: str,
    actor: str,
    at: datetime,
    are_some_known: bool,
    facts: Mapping[str, object],
) -> None:
    """Make these readers active in a newsletter, each with its event. Inside the caller's transaction.

    are_some_known: whether some of them wait for a confirmation or let one lapse. facts: kept with every event.
    Statements: 7, or 8, whatever their number. Whoever asked or left at this moment is left alone.
    """
    if not readers:
        return
    time = connection.ops.adapt_datetimefield_value(at)
    of_newsletter = {"newsletter_id": ("%s", newsletter.pk)}
    with connection.cursor() as cursor:
        _load(cursor, readers, newsletter=newsletter, facts=facts)
        _insert(
            cursor,
            Subscriber,
            {
                "address": "a.address",
                "typed_address": "a.typed_address",
                "address_hash": "a.address_hash",
                "language": "a.language",
                "created_at": "a.requested_at",
            },
            # In one order, so that no two of these wait for each other in a circle.
            f"FROM {_TABLE} AS a WHERE 1 = 1 ORDER BY a.address ON CONFLICT DO NOTHING",
        )
        cursor.execute(
            f"UPDATE {_TABLE} SET (subscriber_id, language) = (SELECT s.id, s.language"  # noqa: S608 — our own names
            f" FROM subscriptions_subscriber AS s WHERE s.address = {_TABLE}.address)"
        )
        agreed: dict[str, Any] = {
            "state": ("%s", SubscriptionState.ACTIVE.value),
            "basis": ("%s", LegalBasis.IMPORTED.value),
            "source": "a.source",
            "requested_at": "a.requested_at",
            "confirmed_at": "a.confirmed_at",
        }
        if are_some_known:
            _raise(cursor, agreed, newsletter)
        _insert(
            cursor,
            Subscription,
            {**agreed, **of_newsletter, "subscriber_id": "a.subscriber_id"},
            f"FROM {_TABLE} AS a WHERE 1 = 1 ORDER BY a.subscriber_id ON CONFLICT DO NOTHING",
        )
        _insert(
            cursor,
            ConsentEvent,
            {
                **of_newsletter,
                "subscriber_id": "a.subscriber_id",
                "kind": ("%s", ConsentKind.IMPORTED.value),
                "address": "a.address",
                "wording": ("%s", basis),
                "language": "a.language",
                "form": "a.source",
                "actor": ("%s", actor),
                "facts": "a.facts::jsonb" if connection.vendor == "postgresql" else "a.facts",
                "at": ("%s", time),
            },
            f"FROM {_TABLE} AS a WHERE {_IS_TAKEN} ORDER BY a.subscriber_id",
            newsletter.pk,
        )


def _load(
    cursor: CursorWrapper,
    readers: Sequence[Reader],
    *,
    newsletter: Newsletter,
    facts: Mapping[str, object],
) -> None:
    """Fill the table of what arrives; it belongs to this connection alone."""
    is_postgres = connection.vendor == "postgresql"
    moment = "timestamptz" if is_postgres else "text"
    kinds = ", ".join(f"{name} {moment if name.endswith('_at') else 'text'}" for name in _COLUMNS)
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {_TABLE} ({kinds}, subscriber_id bigint)")
    cursor.execute(f"DELETE FROM {_TABLE}" if not is_postgres else f"TRUNCATE {_TABLE}")  # noqa: S608 — our own name
    names = ", ".join(_COLUMNS)
    known = json.dumps(dict(facts))[1:-1]
    rows = (_cells(reader, newsletter.language, known) for reader in readers)
    if is_postgres:
        with cursor.copy(f"COPY {_TABLE} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    adapt = connection.ops.adapt_datetimefield_value
    slots = ", ".join(["%s"] * len(_COLUMNS))
    cursor.executemany(
        f"INSERT INTO {_TABLE} ({names}) VALUES ({slots})",  # noqa: S608 — our own names
        [[adapt(cell) if isinstance(cell, datetime) else cell for cell in row] for row in rows],
    )


def _cells(reader: Reader, language: str, known: str) -> tuple[Any, ...]:
    facts = (
        f'{{"requested_at": "{reader.requested_at.isoformat()}",'
        f' "confirmed_at": "{reader.confirmed_at.isoformat()}", "line": {reader.number}'
        f"{', ' + known if known else ''}}}"
    )
    return (
        reader.normal,
        reader.typed,
        reader.address_hash,
        reader.language or language,
        reader.source,
        reader.requested_at,
        reader.confirmed_at,
        facts,
    )


def _insert(
    cursor: CursorWrapper, model: type[models.Model], values: Mapping[str, Any], source: str, *more: Any
) -> None:
    """INSERT … SELECT; a column that is not named gets the default of its field."""
    columns = {
        field.column: ("%s", field.get_db_prep_save(field.get_default(), connection))
        for field in model._meta.concrete_fields
        if not field.primary_key
    } | dict(values)
    given = [value if isinstance(value, str) else value[0] for value in columns.values()]
    # A parameter in a SELECT list has no type of its own: PostgreSQL takes it for text, and so says the cast.
    given = [_typed(model, name) if slot == "%s" else slot for name, slot in zip(columns, given, strict=True)]
    parameters = [value[1] for value in columns.values() if not isinstance(value, str)]
    quote = connection.ops.quote_name
    names = ", ".join(map(quote, columns))
    cursor.execute(
        f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {', '.join(given)} {source}",
        [*parameters, *more],
    )


def _typed(model: type[models.Model], column: str) -> str:
    if connection.vendor != "postgresql":
        return "%s"
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    return f"%s::{(field.db_type(connection) or 'text').partition('(')[0]}"


def _raise(cursor: CursorWrapper, agreed: Mapping[str, Any], newsletter: Newsletter) -> None:
    sets = ", ".join(
        f"{name} = {value if isinstance(value, str) else value[0]}" for name, value in agreed.items()
    )
    parameters = [value[1] for value in agreed.values() if not isinstance(value, str)]
    cursor.execute(
        f"UPDATE subscriptions_subscription SET {sets}"  # noqa: S608 — our own names
        f" FROM {_TABLE} AS a"
        " WHERE subscriptions_subscription.subscriber_id = a.subscriber_id AND newsletter_id = %s AND state IN (%s, %s)",
        [*parameters, newsletter.pk, *RAISED],
    )
