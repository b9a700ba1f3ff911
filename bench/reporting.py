"""Events applied and ledgers audited, each beside the least that a database would have to do for it."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from bench import material
from digests.delivery import auditing, events, ledger
from newsroom.mail.models import ProviderEvent
from newsroom.web import clock, tokens
from newsroom.web.tokens import TokenKind
from subscriptions.states import SubscriptionState

_AT_A_TIME = 1_000
# Of a thousand events so many are hard bounces: each ends a subscription and is remembered for good.
BOUNCES = 20


class Apply:
    """Reports about copies that were accepted, a few of them bounces, applied as the task does."""

    def __init__(self, readers: int, count: int, bounces: int) -> None:
        self.readers, self.count, self.bounces = readers, count, bounces

    def prepare(self) -> None:
        mailing = material.handed_over(self.readers)
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE mail_providerevent, subscriptions_suppression, subscriptions_consentevent"
            )
            cursor.execute(
                "UPDATE subscriptions_subscription SET state = %s WHERE state <> %s",
                [SubscriptionState.ACTIVE, SubscriptionState.ACTIVE],
            )
        first, at = ledger.first_id(mailing.pk), clock.now()
        named = tokens.make_many(TokenKind.DELIVERY, range(first, first + self.count))
        ProviderEvent.objects.bulk_create(
            (
                ProviderEvent(
                    provider="mailgun",
                    event_id=f"event-{number}",
                    kind="bounced" if number % 1_000 < self.bounces else "delivered",
                    reject_reason="bounced" if number % 1_000 < self.bounces else "",
                    token=token,
                    payload={"event": "delivered", "severity": "permanent", "log-level": "info"},
                    occurred_at=at - timedelta(seconds=5),
                    received_at=at,
                )
                for number, token in enumerate(named)
            ),
            batch_size=2_000,
        )
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE mail_providerevent")
            cursor.execute("CHECKPOINT")

    def run(self) -> int:
        applied = 0
        while count := events.apply(at=clock.now(), limit=_AT_A_TIME):
            applied += count
        assert applied == self.count
        return applied


class BareUpdate(Apply):
    """The same rows marked as applied, a thousand to a statement, and nothing looked at."""

    def run(self) -> int:
        keys = list(ProviderEvent.objects.order_by("pk").values_list("pk", flat=True))
        for low in range(0, len(keys), _AT_A_TIME):
            some = ProviderEvent.objects.filter(pk__in=keys[low : low + _AT_A_TIME])
            some.update(applied_at=clock.now(), outcome="noted")
        return len(keys)


class Audit:
    """A mailing recounted from its rows."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def prepare(self) -> None:
        self._mailing = material.handed_over(self.readers)

    def run(self) -> int:
        result = auditing.audit(self._mailing)
        assert result.holds, result.problems[:3]
        assert result.counts["accepted"] == self.readers
        return self.readers


class BareRead(Audit):
    """The same rows read in order with the bare driver, and thrown away."""

    def run(self) -> int:
        first, last = ledger.first_id(self._mailing.pk), ledger.first_id(self._mailing.pk + 1)
        return sum(1 for _ in self._rows(first, last))

    def _rows(self, first: int, last: int) -> Iterator[tuple[int, int, int, str]]:
        connection.ensure_connection()
        assert connection.connection is not None
        with connection.connection.transaction(), connection.connection.cursor("bench") as cursor:
            cursor.itersize = 10_000
            cursor.execute(
                "SELECT id, mailing_id, subscription_id, state FROM delivery_delivery"
                " WHERE id >= %s AND id < %s ORDER BY id",
                [first, last],
            )
            yield from cursor
