"""`make translations`: every text of the source is in the German catalogue, and every entry of it is translated.

The texts are collected anew in a copy of the source, so that the checkout stays as it is. Needs GNU gettext.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = Path("locale/de/LC_MESSAGES/django.po")
COPIED = ("Makefile", "manage.py", "newsroom", "subscriptions", "digests", "templates", "locale")
NO_GETTEXT = (
    "GNU gettext is missing (Debian: apt install gettext); only this check and `make messages` need it."
)


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def untranslated(catalogue: Catalog) -> Iterator[str]:
    """Entries without a German text, those that gettext guessed, and those whose placeholders differ."""
    for message in catalogue:
        if not message.id:
            continue
        if message.fuzzy:
            yield f"guessed, not translated: {_shown(message)}"
        elif not all(_strings(message)):
            yield f"not translated: {_shown(message)}"
        else:
            yield from (f"{error}: {_shown(message)}" for error in message.check(catalogue))


def not_current(catalogue: Catalog, collected: Catalog) -> Iterator[str]:
    """Texts of the source that the catalogue lacks, and entries whose text is gone."""
    have, want = _keys(catalogue), _keys(collected)
    yield from (f"not collected: {key[1]!r}" for key in sorted(want - have, key=str))
    yield from (f"no longer in the source: {key[1]!r}" for key in sorted(have - want, key=str))


def collect() -> Catalog:
    """The catalogue as `make messages` would write it now."""
    with tempfile.TemporaryDirectory(prefix="newsroom-messages-") as folder:
        copy = Path(folder) / "newsroom"
        copy.mkdir()
        for name in COPIED:
            here, there = ROOT / name, copy / name
            if here.is_dir():
                shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
            else:
                shutil.copy(here, there)
        # Quiet: gettext sees no comment for translators that is not the last on its line, which is as it is.
        collecting = [sys.executable, "-W", "ignore", "manage.py", *recipe()]
        subprocess.run(collecting, cwd=copy, check=True, stdout=subprocess.DEVNULL)
        return read(copy / CATALOGUE)


def recipe() -> list[str]:
    """How `make messages` collects, read from the Makefile, so that there is one recipe."""
    lines = iter((ROOT / "Makefile").read_text("utf-8").splitlines())
    for line in lines:
        if "$(MANAGE) makemessages" in line:
            words = line.strip().rstrip("\\").split()[1:]
            while line.endswith("\\"):
                line = next(lines)
                words += line.strip().rstrip("\\").split()
            return [word.strip("'\"") for word in words]
    raise SystemExit("The Makefile does not say how messages are collected.")


def extensions(words: list[str]) -> set[str]:
    """The kinds of files that a recipe reads; Django's own choice without --extension."""
    following = zip(words, [*words[1:], ""], strict=True)
    named = [value for word, value in following if word in {"--extension", "-e"}]
    named += [word.partition("=")[2] for word in words if word.startswith("--extension=")]
    found = {each.strip(".") for value in named for each in value.split(",")}
    return found or {"html", "txt", "py"}


def _strings(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def _keys(catalogue: Catalog) -> set[tuple[str | None, object]]:
    return {(message.context, message.id) for message in catalogue if message.id}


def _shown(message: Message) -> str:
    return repr(message.id if isinstance(message.id, str) else message.id[0])


def main() -> int:
    if not shutil.which("xgettext") or not shutil.which("msgmerge"):
        print(NO_GETTEXT, file=sys.stderr)
        return 2
    if not (ROOT / CATALOGUE).exists():
        print(f"{CATALOGUE} is missing; `make messages` makes it.", file=sys.stderr)
        return 1
    catalogue = read(ROOT / CATALOGUE)
    found = [*untranslated(catalogue), *not_current(catalogue, collect())]
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(f"{len(found)} findings; run `make messages` and translate.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
