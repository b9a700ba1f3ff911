"""Taking readers in from a file, beside a bare COPY of as many rows of the same width."""

from tempfile import TemporaryFile

from django.db import connection

from bench import material
from newsroom.web import clock
from subscriptions.models import Newsletter, Subscription
from subscriptions.transfer import journal
from tests.factories import make_newsletter

_HEADING = "Email Address,OPTIN_TIME,CONFIRM_TIME,Language\n"
_DATES = "2021-03-04 08:00:00,2021-03-05 09:30:00,de"
_TABLES = "subscriptions_consentevent, subscriptions_subscription, subscriptions_subscriber, subscriptions_subscriberimport"


class Import:
    """All of it: read, recognised, judged line by line, compared with who is known, three rows for each reader."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def prepare(self) -> None:
        material.clear()
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {_TABLES} CASCADE")
            cursor.execute("CHECKPOINT")
        self._newsletter = Newsletter.objects.first() or make_newsletter()

    def run(self) -> int:
        with TemporaryFile() as file:
            file.write(_HEADING.encode())
            for number in range(self.readers):
                file.write(f"reader.{number}@mail{number % 500}.example.org,{_DATES}\n".encode())
            imported = journal.stage(
                file,
                newsletter=self._newsletter,
                basis="Double opt-in at the former provider",
                actor="bench",
                filename="readers.csv",
                at=clock.now(),
            )
        journal.start(imported, at=clock.now())
        remembered = None
        while (remembered := journal.work(imported, at=clock.now(), remembered=remembered)) is not None:
            pass
        assert Subscription.objects.active().count() == self.readers
        return self.readers


class BareCopy:
    """One COPY into a table without an index: what PostgreSQL takes at most from one client."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def prepare(self) -> None:
        material.clear()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bench_readers")
            cursor.execute(
                "CREATE TABLE bench_readers (address text, typed text, hash text, language text, source text,"
                " requested_at timestamptz, confirmed_at timestamptz, facts text)"
            )
            cursor.execute("CHECKPOINT")

    def run(self) -> int:
        time = clock.now()
        with connection.cursor() as cursor, cursor.copy("COPY bench_readers FROM STDIN") as copy:
            for number in range(self.readers):
                address = f"reader.{number}@mail{number % 500}.example.org"
                copy.write_row((address, address, "0" * 64, "de", "import", time, time, "{}"))
        return self.readers
