"""What every test stands on: fixed keys, servers and folders of its own, gone when the tests are over.

The environment is written before Django's settings are read, which is why it happens while this file is imported.

    pytest                                     on SQLite, with a real Redis-protocol server
    TEST_DATABASE=postgres pytest -m postgres  on a real PostgreSQL; DATABASE_URL names one, else one is started

A worker of pytest-xdist shares the PostgreSQL server (with a database of its own) and starts its own Redis.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
import pytest
import redis
from django.conf import settings
from django.db import connection

from newsroom.demo import broker
from newsroom.demo.processes import Supervisor
from newsroom.web import clock
from tests import servers

ON_POSTGRES = os.environ.get("TEST_DATABASE", "sqlite") == "postgres"
IS_XDIST_WORKER = "PYTEST_XDIST_WORKER" in os.environ

_resources = contextlib.ExitStack()


def _prepare_environment() -> None:
    supervisor = _resources.enter_context(Supervisor())
    # Memory where there is some: SQLite commits to a file as in real life, and the disk need not follow.
    shared_memory = Path("/dev/shm")
    parent = shared_memory if os.access(shared_memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="newsroom-test-", dir=parent))
    _resources.callback(shutil.rmtree, folder, ignore_errors=True)
    given = os.environ.get("DATABASE_URL", "")
    if not ON_POSTGRES:
        database_url = f"sqlite:///{folder}/base.sqlite3"
    elif IS_XDIST_WORKER:
        database_url = given
    else:
        database_url = servers.start_postgres(supervisor, given)
    for name in ("ALLOWED_HOSTS", "DEBUG", "SECRET_KEY_FALLBACKS", "SENTRY_DSN", "TRUSTED_PROXIES"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="newsroom.settings",
        DATABASE_URL=database_url,
        REDIS_URL=broker.start(supervisor, folder),
        SITE_URL="https://news.example.org",
        SECRET_KEY="test-secret-key-" + "0" * 48,
        LINK_KEYS="1:" + "1" * 64,
        ADDRESS_KEY="2" * 64,
        # Most tests ask what a role may do, not how its people sign in; those that do switch it on.
        SECOND_FACTOR="off",
        # Tests look at a page right after they changed it; those about kept pages set it.
        PAGE_SECONDS="0",
        # Tests about it have a name server of their own.
        LOOK_UP_DOMAINS="off",
        TIME_ZONE="Europe/Berlin",
        MAIL_PROVIDERS="main=memory://",
        MEDIA_ROOT=str(folder / "media"),
    )


def _prepare_django() -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STATIC_ROOT = Path(os.environ["MEDIA_ROOT"]).with_name("static")
    settings.STATIC_ROOT.mkdir()
    # Tests quote the source, compiled catalogue or not; tests.translations and the browser look at the German.
    settings.LOCALE_PATHS = []
    if not ON_POSTGRES:
        # A file and not memory, so that two connections meet each other as they do in real life.
        base = Path(str(settings.DATABASES["default"]["NAME"]))
        settings.DATABASES["default"]["TEST"] = {"NAME": str(base.with_name("test.sqlite3"))}
    django.setup()
    # A worker of pytest-xdist inherits the environment, and must not read settings before it has its own.
    del os.environ["DJANGO_SETTINGS_MODULE"]


if settings.configured:
    raise pytest.UsageError("Run the tests without DJANGO_SETTINGS_MODULE: tests/conftest.py sets it.")
try:
    _prepare_environment()
    _prepare_django()
except servers.Missing as missing:
    _resources.close()
    raise pytest.UsageError(str(missing)) from None
except BaseException:
    _resources.close()
    raise


def pytest_unconfigure() -> None:
    _resources.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that has no place in this run is not collected: skipped would look like a gap."""
    elsewhere = [item for item in items if not _belongs_here(item)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


def _belongs_here(item: pytest.Item) -> bool:
    if item.get_closest_marker("news_page") and not os.environ.get("NEWS_PAGE"):
        return False
    on_postgres_only = (mark := item.get_closest_marker("postgres")) and mark.kwargs.get("only")
    return ON_POSTGRES or not on_postgres_only


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing is skipped: whatever a test needs is there, or the run has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and os.environ.get("CI") and reporter.stats.get("skipped"):
        reporter.write_line("A test was skipped; with CI set that is a failure.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    """No test finds another's throttles, cached pages or queued tasks."""
    yield
    with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=5) as client:
        client.flushall()


@pytest.fixture(autouse=True)
def _fresh_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's time was just asked for: whether a press asks again hangs on no test before."""
    monkeypatch.setattr(clock._Known, "answer", (datetime.now(UTC), time.monotonic()))


@pytest.fixture
def redis_url() -> str:
    """The real Redis-protocol server of this test process, empty at the start of each test."""
    return os.environ["REDIS_URL"]


@pytest.fixture
def worker_environment(transactional_db: None) -> dict[str, str]:
    """The environment for a process that a test starts: it works on the test's database, not on the real one."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return {**os.environ, "DATABASE_URL": f"sqlite:///{name}"}
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    return {**os.environ, "DATABASE_URL": f"{base}/{name}"}
