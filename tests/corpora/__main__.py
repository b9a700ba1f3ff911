"""Runs every corpus that is known and there; exit 1 if one of them stays below its aim."""

import argparse
import contextlib
import importlib
import logging
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tests import conftest
from tests.corpora.tally import Tally

READERS = {
    "address": "addresses",
    "bounce": "bounces",
    "csv": "spreadsheets",
    "exports": "exports",
    "feed": "feeds",
    "list-unsubscribe": "unsubscribing",
    "naughty": "naughty_strings",
    "sanitize": "sanitizing",
    "user-agents": "visitors",
    "webhooks": "webhooks",
}


def reader_of(folder: Path) -> str | None:
    """The module that reads a folder, by its name or the word before the first hyphen."""
    return READERS.get(folder.name) or READERS.get(folder.name.partition("-")[0])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make corpora", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="name every case that is not right")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"There is no folder {options.folder}. Name one: make corpora CORPORA=DIR", file=sys.stderr)
        return 2
    known = [(folder, reader) for folder in sorted(options.folder.iterdir()) if (reader := reader_of(folder))]
    with _stage():
        results = [_run(folder, reader, is_verbose=options.verbose) for folder, reader in known]
    if not results:
        print(f"No corpus that we know is in {options.folder}.", file=sys.stderr)
    return 0 if results and all(results) else 1


def _run(folder: Path, reader: str, *, is_verbose: bool) -> bool:
    begun = time.monotonic()
    module = importlib.import_module(f"tests.corpora.{reader}")
    try:
        tally: Tally = module.run(folder)
    except (OSError, ValueError, LookupError) as error:
        print(f"{folder.name:20} cannot be read: {type(error).__name__}: {error}")
        return False
    below = "BELOW AN AIM of a part" if tally.missed else f"BELOW ITS AIM of {tally.aim:.0%}"
    verdict = "ok" if tally.holds() else below
    print(
        f"{folder.name:20} cases {tally.cases:5}  right {tally.right:5}  wrong {tally.wrong:4}  "
        f"crashed {tally.crashed:3}  {time.monotonic() - begun:5.1f} s  {verdict}"
        + (f"  not judged {tally.unjudged}" if tally.unjudged else "")
        + (f"  ({tally.extra})" if tally.extra else "")
    )
    for note in tally.notes if is_verbose else []:
        print(f"    {note!a}")
    sys.stdout.flush()
    return tally.holds()


@contextlib.contextmanager
def _stage() -> Iterator[None]:
    """The tests' own settings, an empty database, and no way out to the network."""
    from django.db import connection
    from django.test.utils import setup_test_environment, teardown_test_environment

    logging.disable(logging.CRITICAL)
    setup_test_environment(debug=False)
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    genuine = socket.getaddrinfo

    def local(host: object, *args: object, **kwargs: object) -> object:
        if host not in {"127.0.0.1", "localhost", "::1"}:
            raise OSError("A corpus is never looked up or fetched.")
        return genuine(host, *args, **kwargs)  # type: ignore[arg-type]

    try:
        with mock.patch("socket.getaddrinfo", local):
            yield
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)
        teardown_test_environment()
        conftest.pytest_unconfigure()


if __name__ == "__main__":
    sys.exit(main())
