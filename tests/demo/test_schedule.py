"""The schedule on real parts: a plan that was due while nothing ran is made up once, by beat and workers alone."""

import datetime as dt
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.house import ROOT, House, running_demo

pytestmark = pytest.mark.slow

READERS = [f"morgen{number}@example.org" for number in range(5)]
BEAT_SECONDS = 60


def query(house: House, sql: str, *values: object) -> list[tuple[object, ...]]:
    with sqlite3.connect(house.directory / "newsroom.sqlite3", timeout=20) as database:
        return list(database.execute(sql, values))


def enrol(house: House, folder: Path) -> None:
    file = folder / "readers.csv"
    file.write_text(
        "email,confirmed_at\n" + "".join(f"{reader},2026-01-05T08:00:00+00:00\n" for reader in READERS)
    )
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{house.directory}/newsroom.sqlite3",
        "SITE_URL": house.site,
        "ADDRESS_KEY": house.address_key,
    }
    subprocess.run(
        [
            *(sys.executable, "manage.py", "import_subscribers", str(file), "--newsletter", "uferblick-weekend"),
            *("--basis", "Signed up on paper at the open day; the sheets are in the archive."),
        ],
        cwd=ROOT, env=environment, check=True, capture_output=True,
    )  # fmt: skip


def test_a_plan_due_while_everything_was_stopped_sends_once_after_the_start(tmp_path: Path) -> None:
    with running_demo(tmp_path / "house") as house:
        enrol(house, tmp_path)
        # As after a day without power: yesterday's run and today's were both missed.
        due = dt.datetime.now(ZoneInfo("Europe/Berlin")) - dt.timedelta(minutes=2)
        former = dt.datetime.now(dt.UTC) - dt.timedelta(hours=49)
        query(
            house,
            "UPDATE digests_plan SET weekdays = 'mo,tu,we,th,fr,sa,su', time = ?, last_due_at = ?, minimum_new = 1 "
            "WHERE newsletter_id = (SELECT id FROM subscriptions_newsletter WHERE slug = 'uferblick-weekend')",
            f"{due:%H:%M:00}",
            f"{former:%Y-%m-%d %H:%M:%S}",
        )

        end = time.monotonic() + BEAT_SECONDS + 60
        while not sent(house) and time.monotonic() < end:
            time.sleep(1)
        assert sent(house) == [("handed_over", "finished", len(READERS))]
        time.sleep(BEAT_SECONDS + 5)  # the next look of the beat

        assert sent(house) == [("handed_over", "finished", len(READERS))]
        for reader in READERS:
            mails = httpx.get(f"{house.inbox}/messages.json", params={"to": reader}).json()
            assert len(mails) == 1


def sent(house: House) -> list[tuple[object, ...]]:
    return query(
        house,
        "SELECT d.state, m.state, m.accepted FROM digests_digest d "
        "JOIN subscriptions_newsletter n ON n.id = d.newsletter_id AND n.slug = 'uferblick-weekend' "
        "JOIN digests_digestmailing b ON b.digest_id = d.id JOIN delivery_mailing m ON m.id = b.mailing_id "
        "WHERE m.finished_at IS NOT NULL",
    )
