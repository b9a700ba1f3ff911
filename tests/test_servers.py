"""The tests' own servers: fresh, closed to others, and gone afterwards."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from newsroom.demo.processes import Supervisor, is_listening
from tests import servers


@pytest.mark.postgres(only=True)
def test_a_fresh_postgres_is_closed_to_others_and_gone_with_its_supervisor() -> None:
    with Supervisor() as supervisor:
        url = servers.start_postgres(supervisor)
        port = urlsplit(url).port
        assert port is not None

        with psycopg.connect(url) as connection:
            folder = connection.execute("SHOW data_directory").fetchone()
            collation = connection.execute("SELECT lower('Ä')").fetchone()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgres://newsroom:guessed@{servers.HOST}:{port}/postgres")

    assert collation == ("ä",)
    assert folder is not None
    assert not Path(folder[0]).parent.exists()
    assert not is_listening(port)


def test_a_given_postgres_is_used() -> None:
    with Supervisor() as supervisor:
        assert servers.start_postgres(supervisor, "postgres://db.example/x") == "postgres://db.example/x"


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    servers.chromium.cache_clear()
    monkeypatch.setenv("PATH", "")

    with pytest.raises(servers.Missing, match="apt install chromium"):
        servers.chromium()
