"""The freeze: an audience written into the ledger, beside a bare INSERT of as many rows of the same shape."""

from django.db import connection

from bench import material
from digests.delivery import freezing
from digests.delivery.models import Mailing
from newsroom.web import clock


class Freeze:
    """All of it: pages with their cursor, verification, batches."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def prepare(self) -> None:
        material.clear()
        self._mailing = material.make_mailing(self.readers)

    def run(self) -> int:
        frozen = freezing.freeze(self._mailing.pk, at=clock.now())
        assert Mailing.objects.get(pk=frozen.pk).frozen == self.readers
        return self.readers


class BareInsert:
    """One statement, one transaction, no audience looked at: a table with the ledger's columns and indexes."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def prepare(self) -> None:
        material.clear()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bench_ledger")
            cursor.execute("CREATE TABLE bench_ledger (LIKE delivery_delivery INCLUDING ALL)")
            cursor.execute("CHECKPOINT")

    def run(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench_ledger (id, mailing_id, subscription_id, variant, state, reason)"
                " SELECT (1::bigint << 32) + n, 1, n, 0, 'waiting', '' FROM generate_series(0, %s) AS n",
                [self.readers - 1],
            )
        return self.readers
