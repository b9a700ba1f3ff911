"""Migrations: none is missing, an empty database takes them all, names of constraints and indexes are unique."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from tests.rules import source
from tests.rules.source import hold

OURS = ("mail", "articles", "subscriptions", "delivery", "digests")


def beginnings(migrations: Iterable[Migration], apps: Iterable[str]) -> Iterator[str]:
    """Each app begins with one migration, says so, and everything else stands on it."""
    first = {app: [] for app in apps}  # type: dict[str, list[str]]
    for migration in migrations:
        own = [app for app, _ in migration.dependencies if app == migration.app_label]
        if migration.app_label in first and (migration.initial or not own):
            first[migration.app_label].append(migration.name)
    for app, names in first.items():
        if names != ["0001_initial"]:
            yield f"{app} begins with {', '.join(sorted(names)) or 'no migration'}, not with 0001_initial alone."


def names_of(found: Iterable[type[models.Model]]) -> list[str]:
    """The names of all constraints and indexes; PostgreSQL wants an index's unique in the whole schema."""
    return [each.name for model in found for each in (*model._meta.constraints, *model._meta.indexes)]


def twice(names: Iterable[str]) -> Iterator[str]:
    for name, number in Counter(names).items():
        if number > 1:
            yield f"{number} constraints or indexes are called {name}."


def nameless(found: Iterable[type[models.Model]]) -> Iterator[str]:
    """Django makes up a name with a checksum where we give none; nobody finds its meaning in a query plan."""
    for model in found:
        for index in model._meta.indexes:
            if index.name.startswith(f"{model._meta.db_table[:11]}_") and index.name[-4:] == "_idx":
                yield f"{model._meta.label} has an index without a name of ours."


@pytest.mark.django_db
def test_no_model_changed_without_a_migration() -> None:
    output = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=output)
    except SystemExit:
        pytest.fail(f"Run: manage.py makemigrations\n{output.getvalue()}")


@pytest.mark.django_db
def test_a_model_without_a_migration_is_seen() -> None:
    class Forgotten(models.Model):
        class Meta:
            app_label = "mail"

        def __str__(self) -> str:
            return "forgotten"

    try:
        with pytest.raises(SystemExit):
            call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    finally:
        del apps.all_models["mail"]["forgotten"]
        apps.clear_cache()


@pytest.mark.django_db
def test_each_app_begins_with_one_migration() -> None:
    hold(beginnings(MigrationLoader(connection).disk_migrations.values(), OURS))


def test_a_second_beginning_is_seen() -> None:
    class Late(Migration):
        dependencies = [("mail", "0001_initial")]

    class First(Migration):
        initial = True

    class Second(Migration):
        dependencies = [("articles", "0001_initial")]

    found = [First("0001_initial", "mail"), Second("0002_stray", "mail"), Late("0003_late", "mail")]

    assert list(beginnings(found, ["mail", "articles"])) == [
        "mail begins with 0001_initial, 0002_stray, not with 0001_initial alone.",
        "articles begins with no migration, not with 0001_initial alone.",
    ]


def _migrate(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=source.ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "DATABASE_URL": f"sqlite:///{folder}/empty.sqlite3",
            "SECRET_KEY": "s" * 64,
            "LINK_KEYS": "1:" + "l" * 64,
            "ADDRESS_KEY": "a" * 64,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_an_empty_database_takes_all_migrations(tmp_path: Path) -> None:
    done = _migrate(tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "empty.sqlite3").stat().st_size > 100_000


def test_a_migration_that_fails_is_seen(tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite3").write_bytes(b"This is no database, and no migration can change that." * 20)

    assert _migrate(tmp_path).returncode != 0


def test_names_of_constraints_and_indexes_are_unique() -> None:
    ours = [model for app in OURS for model in apps.get_app_config(app).get_models()]
    names = names_of(ours)

    assert len(names) > 20
    hold(twice(names))
    hold(nameless(ours))


def test_a_name_given_twice_is_seen() -> None:
    assert list(twice(["digest_sent_once", "pick_once", "digest_sent_once"])) == [
        "2 constraints or indexes are called digest_sent_once."
    ]
