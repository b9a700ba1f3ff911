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
from subscriptions.states import ConsentKind, SubscriptionState
from subscriptions.transfer.judging import Reader

_TABLE: Final = "newsroom_arriving"
_COLUMNS: Final = (
    "address", "typed_address", "address_hash", "language", "source", "requested_at", "confirmed_at", "cadence",
    "paused_until", "basis", "facts",
)  # fmt: skip
_MOMENTS: Final = frozenset({"requested_at", "confirmed_at", "paused_until"})
# Whose row is as this file has it; not who confirmed at this very moment. "+ 0" keeps the newsletter from being looked
# up by an index: in a new database, which has no statistics, it was chosen, and all who read it were read for each line
# (100,000 lines in 125 s instead of 2).
_IS_TAKEN: Final = (
    "(SELECT 1 FROM subscriptions_subscription AS r WHERE r.subscriber_id = a.subscriber_id"
    " AND r.newsletter_id + 0 = %s AND r.state = 'active' AND r.basis = a.basis AND r.source = a.source"
    " AND r.confirmed_at = a.confirmed_at) = 1"
)
# What may become active by an import; whoever left stays away.
RAISED: Final = (SubscriptionState.PENDING, SubscriptionState.LAPSED)


def hold(hashes: Sequence[str]) -> bool:
    """Lock the readers with these hashes against erasure until the transaction ends; gives whether there are any.

    The weakest lock there is, and the one that rows of theirs will take: nobody waits but who erases, or would move,
    them. Where only one writes at a time there is nothing to lock.
    """
    if not hashes or connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT id FROM subscriptions_subscriber WHERE address_hash IN"
            " (SELECT jsonb_array_elements_text(%s::jsonb)) ORDER BY id FOR KEY SHARE) AS held",
            [json.dumps(list(hashes))],
        )
        (number,) = cursor.fetchone()
        return bool(number)


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
    Statements: 8, or 9, whatever their number. Whoever asked or left at this moment is left alone.
    """
    if not readers:
        return
    time = connection.ops.adapt_datetimefield_value(at)
    of_newsletter = {"newsletter_id": ("%s", newsletter.pk)}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # It takes the subqueries for dear and compiles each statement, which took a second for each ten thousand
            # lines, and what they do 0.1.
            cursor.execute("SET LOCAL jit = off")
        _load(cursor, readers, newsletter=newsletter, facts=facts, at=at)
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
            "basis": "a.basis",
            "source": "a.source",
            "requested_at": "a.requested_at",
            "confirmed_at": "a.confirmed_at",
            "cadence": "a.cadence",
            "paused_until": "a.paused_until",
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
        # The connection lives on, and may outlive a reader's erasure.
        cursor.execute(f"TRUNCATE {_TABLE}" if connection.vendor == "postgresql" else f"DELETE FROM {_TABLE}")  # noqa: S608 — our own name


def _load(
    cursor: CursorWrapper,
    readers: Sequence[Reader],
    *,
    newsletter: Newsletter,
    facts: Mapping[str, object],
    at: datetime,
) -> None:
    """Fill the table of what arrives; it belongs to this connection alone."""
    is_postgres = connection.vendor == "postgresql"
    moment = "timestamptz" if is_postgres else "text"
    kinds = ", ".join(f"{name} {moment if name in _MOMENTS else 'text'}" for name in _COLUMNS)
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {_TABLE} ({kinds}, subscriber_id bigint)")
    names = ", ".join(_COLUMNS)
    known = json.dumps(dict(facts))[1:-1]
    rows = (_cells(reader, newsletter.language, known, at) for reader in readers)
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


def _cells(reader: Reader, language: str, known: str, at: datetime) -> tuple[Any, ...]:
    """The row wants two times; where the file has none it gets the time of the import, and the event's facts none."""
    return (
        reader.normal,
        reader.typed,
        reader.address_hash,
        reader.language or language,
        reader.source,
        reader.requested_at or reader.confirmed_at or at,
        reader.confirmed_at or at,
        reader.cadence,
        reader.paused_until,
        reader.basis,
        _facts(reader, known),
    )


def _facts(reader: Reader, known: str) -> str:
    """What the file says of her agreement, as JSON; a date that it does not have stays out. known: pairs for all."""
    pairs = [f'"line": {reader.number}']
    if reader.requested_at:
        pairs.append(f'"requested_at": "{reader.requested_at.isoformat()}"')
    if reader.confirmed_at:
        pairs.append(f'"confirmed_at": "{reader.confirmed_at.isoformat()}"')
    pairs.extend(json.dumps(each)[1:-1] for each in (reader.agreed, reader.networks) if each)
    if known:
        pairs.append(known)
    return f"{{{', '.join(pairs)}}}"


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
        " WHERE subscriptions_subscription.subscriber_id = a.subscriber_id AND newsletter_id = %s"
        " AND state IN (%s, %s) AND unsubscribed_at IS NULL",
        [*parameters, newsletter.pk, *RAISED],
    )
